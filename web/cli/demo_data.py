"""`loa demo-data`: a year of the district, to look at full pages and to measure them."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from broadcast.clock import SystemClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from scheduler.store.engine import Store
from scheduler.zones.models import Zone
from web.cli.opened import refuse
from web.demo.year.fill import DISTRICT, Filled, NotEmptyError, Size, fill
from web.demo.year.show import show
from web.parts import CannotStart
from web.settings import Settings

CODES = "Exit codes: 0 done, 1 not (the reason is said), 2 usage."

app = typer.Typer()
clock = SystemClock()


@app.command(epilog=CODES)
def demo_data(
    *,
    folder: Annotated[Path, typer.Option(help="A centre's data folder of its own.")] = Path("var/demo-data"),
    database: Annotated[str, typer.Option(help="SQLAlchemy URL; SQLite in the folder when not given.")] = "",
    receivers: Annotated[int, typer.Option(min=DISTRICT, max=100_000, help="More than 40 are made up.")] = DISTRICT,
    reports: Annotated[int | None, typer.Option(min=1, help="So many play reports; those of a year.")] = None,
    seed: Annotated[int, typer.Option(help="Another one gives another year.")] = 1,
    sound: Annotated[bool, typer.Option(help="Speak what can be listened to.")] = True,
    look: Annotated[bool, typer.Option("--show", help="Serve the pages; fills only where nothing is.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the pages.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="What was made, for scripts.")] = False,
) -> None:
    """Fill an empty database with a year of announcements, broadcasts, reports, faults and people."""
    url = SecretStr(database) if database else None
    settings = Settings(data_dir=folder, port=port, database_url=url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (look and _is_filled(settings)):
            _tell(_fill(settings, Size(receivers, reports, seed), sound=sound), settings, as_json=as_json)
        if look:
            Console(stderr=True).print(f"Loa is at http://127.0.0.1:{port}. Ctrl-C stops it.")
            asyncio.run(show(settings, clock))
    except (NotEmptyError, CannotStart, OSError) as refused:
        refuse(str(refused))
    except SQLAlchemyError as refused:
        refuse(f"The database cannot be used: {str(refused).splitlines()[0]}")


def _is_filled(settings: Settings) -> bool:
    store = Store(settings.database)
    try:
        store.migrate()
        with store.reading() as db:
            return db.exec(select(Zone.id).limit(1)).first() is not None
    finally:
        store.close()


def _fill(settings: Settings, size: Size, *, sound: bool) -> Filled:
    media, originals = MediaStore(settings.data_dir / "media"), MediaStore(settings.data_dir / "originals")
    producer = Producer(media, originals, all_voices(settings.voice_model_dir)) if sound else None
    store = Store(settings.database)
    columns = TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            tasks: dict[str, TaskID] = {}

            def say(step: str, done: float) -> None:
                if step not in tasks:
                    tasks[step] = bar.add_task(step, total=1.0)
                bar.update(tasks[step], completed=done)

            return fill(store, clock.now(), size, producer=producer, say=say)
    finally:
        store.close()


def _tell(made: Filled, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        accounts = [{"login": one.login, "role": one.role.value, "where": one.where} for one in made.accounts]
        told = {name: getattr(made, name) for name in ("password", "receivers", "days", "reports", "lines")}
        print(json.dumps({**told, "accounts": accounts}, ensure_ascii=False))
        return
    table = Table("login", "name", "role", "where", title=f"Everybody's password: {made.password}")
    for one in made.accounts[:30]:
        table.add_row(one.login, one.name, one.role.value, one.where)
    Console().print(table)
    print(f"{made.receivers} receivers, {made.reports} reports of {made.days} days in {settings.data_dir}.")
    print(f"Look at it: loa demo-data --show --folder {settings.data_dir}")
