"""`loa demo`: the main job on one machine."""

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from broadcast.clock import SystemClock
from broadcast.trustroot.folder import load_or_make
from receivers.lab.horns import HornsError
from scheduler.store.engine import Store
from web.demo import cast, once
from web.demo.main_job import JobError
from web.demo.stage import Stage, StageError

EPILOG = "Exit codes: 0 done (with --once: heard by every receiver), 1 not, 2 usage."

app = typer.Typer()

clock = SystemClock()
console = Console(stderr=True)


@app.command(epilog=EPILOG)
def demo(  # noqa: PLR0917 - Typer names them on the command line
    run_once: Annotated[bool, typer.Option("--once", help="Do the main job through the API, measure, end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: the result for scripts.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget everything of earlier demos first.")] = False,
    device: Annotated[str | None, typer.Option(help="Play on this sound card instead of virtual horns.")] = None,
    port: Annotated[int, typer.Option(min=1024, max=64000, help="Of the web page.")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = Path("var/demo"),
) -> None:
    """Run a centre and three of the district's receivers, enrolled like any other, until Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    place = folder / "once" if run_once else folder
    if (run_once or fresh) and place.exists():
        shutil.rmtree(place)
    names = list(cast.RECEIVERS) if device is None else list(cast.RECEIVERS)[:1]
    try:
        with Stage(place, port, names, device) as stage:
            crew = raise_curtain(stage)
            if run_once:
                _end(once.perform(stage, crew, clock, _Bar()), as_json=as_json)
            _tell(stage, crew)
            threading.Event().wait()
    except (StageError, HornsError, JobError) as failed:
        console.print(f"[red]{failed}[/red]")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("stopping")


def raise_curtain(stage: Stage, say: Callable[[str], None] = console.print) -> cast.Cast:
    """Start the centre and the receivers of `stage`; returns when all of them run."""
    store = Store(f"sqlite:///{stage.folder / 'centre' / 'loa.sqlite3'}")
    say("district and people")
    crew = cast.gather(store, clock)
    stage.start_centre(say)
    trust = load_or_make(stage.folder / "centre" / "keys", clock.now())
    for horn in stage.horn_names:
        if not stage.is_enrolled(horn):
            say(f"enrolling the receiver at {horn}")
            receiver_id = crew.district.receivers[cast.RECEIVERS[horn]]
            stage.enrol(horn, cast.enrolment_code(store, clock, trust, receiver_id), horn)
        stage.start_receiver(horn)
    store.close()
    return crew


def _tell(stage: Stage, crew: cast.Cast) -> None:
    table = Table("login", "role", "one-time password", title=f"Loa is at {stage.url}")
    for login, _name, role, _commune in cast.PEOPLE:
        table.add_row(
            login, role.value, crew.passwords.get(login, "(chosen by the person: loa demo --fresh forgets it)")
        )
    Console().print(table)
    Console().print("Ctrl-C stops everything.")


class _Bar:
    """Progress of the main job, on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn(), console=console
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: str, fraction: float) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=1.0)
        self._progress.update(self._tasks[step], completed=fraction)


def _end(results: list[once.Result], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([result.as_dict() for result in results], ensure_ascii=False, indent=2))
    else:
        table = Table("receiver", "outcome", "on node before start", "start error", "level", "gap", "correlation")
        for result in results:
            table.add_row(*result.cells())
        Console().print(table)
    raise typer.Exit(0 if results and all(result.heard for result in results) else 1)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
