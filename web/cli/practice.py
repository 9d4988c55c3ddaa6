"""`loa practice`: a centre to practise at, beside the real one or without any."""

import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.exc import SQLAlchemyError

from broadcast.clock import SystemClock
from scheduler.store.engine import Store
from web import practice as rules
from web.cli.opened import refuse, settings
from web.demo.practice import PracticePlace
from web.demo.stage import StageError
from web.parts import CannotStart
from web.settings import Settings

EPILOG = "Exit codes: 0 stopped when asked to, 1 could not start or go on (the reason is said), 2 usage."
ANEW_AT_HOUR = 3
LOOK_S = 1.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - where the real centre's pages are to be seen by others, so are these

app = typer.Typer()

clock = SystemClock()


@app.command(epilog=EPILOG)
def practice(
    port: Annotated[int, typer.Option(min=1024, max=64000, help="Of the pages; the broker's is 883 above.")] = 8100,
    folder: Annotated[Path | None, typer.Option(help="Where all of it is; LOA_DATA_DIR-practice without it.")] = None,
    url: Annotated[str | None, typer.Option(help="How browsers reach it, with scheme.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Copy the zone tree of the real centre anew.")] = False,
) -> None:
    """Run a practice centre with a copy of the real centre's zone tree, until Ctrl-C; each night it begins anew."""
    signal.signal(signal.SIGTERM, _interrupt)
    real = settings()
    place = folder or real.data_dir.with_name(f"{real.data_dir.name}-practice")
    host = "127.0.0.1" if real.host in ("127.0.0.1", "localhost") else EVERYWHERE
    try:
        PracticePlace(place, port, clock).check_ports()  # another one may be running there
        if fresh and (place / rules.MARK).exists():
            shutil.rmtree(place)
        _prepare(PracticePlace(place, port, clock, host, url), real)
        while True:
            with PracticePlace(place, port, clock, host, url) as running:
                running.begin_anew()
                running.start(typer.echo)
                typer.echo(f"ready at {url or running.url}; password of everybody: {rules.PASSWORD}")
                _until_anew(running, ZoneInfo(real.timezone))
            typer.echo("beginning anew")
    except (StageError, CannotStart, FileExistsError) as failed:
        refuse(str(failed))
    except KeyboardInterrupt:
        typer.echo("stopping")


def _prepare(place: PracticePlace, real: Settings) -> None:
    """Where there is no real centre yet, what is practised with is the demo's district."""
    if real.database_url is None and not (real.data_dir / "loa.sqlite3").exists():
        place.prepare(None, typer.echo)
        return
    store = Store(real.database)
    try:
        place.prepare(store, typer.echo)
    except SQLAlchemyError as error:
        refuse(f"The zone tree of the real centre cannot be read: {str(error).splitlines()[0]}")
    finally:
        store.close()


def _until_anew(running: PracticePlace, zone: ZoneInfo) -> None:
    """Return when somebody asks for it, or at night; StageError where a part has ended."""
    now = clock.now().astimezone(zone)
    night = now.replace(hour=ANEW_AT_HOUR, minute=0, second=0, microsecond=0)
    night += timedelta(days=1) if night <= now else timedelta()
    asked = running.folder / rules.AGAIN
    while clock.now() < night and not asked.exists():
        running.look()
        time.sleep(LOOK_S)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
