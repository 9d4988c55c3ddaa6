"""`loa receiver stop|go|message|test`: what someone at the node can ask the daemon for, without any network."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from receivers.exit_codes import ExitCode
from receivers.hands.command import Command, Go, Say, SelfTest, Stop
from receivers.hands.control import NoAnswer, NoDaemon, ask

STATE = Path("/var/lib/loa-receiver")
EPILOG = (
    "Exit codes: 0 done; 1 no daemon runs; 2 wrong usage; 4 the daemon did not do it and says why; "
    "5 the daemon does not answer; 74 the state folder cannot be used."
)

app = typer.Typer()

State = Annotated[Path, typer.Option("--state", metavar="DIR", help="Folder of the daemon's state.")]


@app.command(epilog=EPILOG)
def stop(state: State = STATE) -> None:
    """Silence at once, emergencies too, until `go` or the end of stop_hold_minutes."""
    _give(state, Stop())


@app.command(epilog=EPILOG)
def go(state: State = STATE) -> None:
    """End a stop. What began before it does not come back."""
    _give(state, Go())


@app.command(epilog=EPILOG)
def message(
    name: Annotated[str, typer.Argument(help="A prepared message's name, as the centre has set it.")],
    state: State = STATE,
) -> None:
    """Play a prepared message on this node alone, by all its rules."""
    _give(state, Say(name))


@app.command("test", epilog=EPILOG)
def self_test(state: State = STATE) -> None:
    """Give out the self-test's chirp as soon as nothing sounds."""
    _give(state, SelfTest())


def _give(folder: Path, command: Command) -> None:
    try:
        reply = ask(folder, command)
    except NoDaemon as error:
        _end(ExitCode.NOT_RUNNING, f"{error}. Start it with: loa receiver run --state {folder}")
    except NoAnswer as error:
        _end(ExitCode.UNREACHABLE, f"{error}. See what it does with: loa receiver status --state {folder}")
    except OSError as error:
        _end(ExitCode.DISK, f"The state folder cannot be used: {error}")
    if not reply.done:
        _end(ExitCode.REFUSED, f"Not done: {reply.said}")
    typer.echo(reply.said)


def _end(code: ExitCode, said: str) -> NoReturn:
    typer.echo(said, err=True)
    raise typer.Exit(code)
