"""`loa receiver`: enrol, run, status, replay. What is heavy is imported by the command that needs it."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from broadcast.clock import SystemClock, from_us
from broadcast.wholefile import write_whole
from broadcast.wire.documents import DataUse, Heard
from receivers import config, identity, status
from receivers.exit_codes import ExitCode
from receivers.hands.cli import app as hands

EPILOG = (
    "Exit codes: 0 done; 1 not running; 2 wrong usage; 3 not enrolled; 4 the centre refused or cannot be trusted, or "
    "the daemon did not do it; 5 no answer, try again; 6 running or enrolled already; 7 the sound library is missing; "
    "8 replay: the log differs; 70 a mistake in Loa, start again; 71 the sound device hangs, start again; 74 the state "
    "folder cannot be used; 78 receiver.toml must be mended."
)
MB = 1_000_000

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The daemon on a speaker node.",
    epilog=EPILOG,
)
app.add_typer(hands)

State = Annotated[Path, typer.Option("--state", metavar="DIR", help="Folder of everything this receiver keeps.")]


@app.command(epilog=EPILOG)
def enrol(  # noqa: PLR0917 - Typer names them on the command line
    centre_url: Annotated[str, typer.Argument(help="Address of the centre, as in https://centre.example.")],
    code: Annotated[str, typer.Argument(help="The one-time code that the centre shows, XXXXX-XXXXX-XXXXX-XXXXX.")],
    state: State,
    device: Annotated[str | None, typer.Option(help="Sound device to write into receiver.toml.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="PEM file to check an https centre by.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Replace an enrolment that is there already.")] = False,
) -> None:
    """Make this machine a receiver of a centre, with a one-time code."""
    from broadcast.wire.enrolment_code import BadCode, parse  # noqa: PLC0415 - status and help do without cryptography
    from receivers import enrol as enrolment  # noqa: PLC0415

    if not again and (state / identity.FILE_NAME).exists():
        _end(ExitCode.ALREADY, f"{state} is enrolled already; say --again to replace that.")
    try:
        settings, asked = config.load(state), parse(code)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with status.only_one(state):
            enrolled = enrolment.enrol(centre_url, asked, state, SystemClock(), ca_file, settings.proxy)
            if device is not None:
                _write_device(state, device)
    except BadCode as error:
        _end(ExitCode.REFUSED, f"This is no enrolment code: {error}.")
    except enrolment.EnrolmentRefused as error:
        _end(ExitCode.REFUSED, f"Not enrolled: {error}")
    except status.AlreadyRunning as error:
        _end(ExitCode.ALREADY, f"Not enrolled: {error}; stop it first, as in: systemctl stop loa-receiver")
    except enrolment.CentreUnreachable as error:
        _end(ExitCode.UNREACHABLE, f"Not enrolled: {error}")
    except config.ConfigError as error:
        _end(ExitCode.CONFIG, str(error))
    except OSError as error:
        _end(ExitCode.DISK, f"Not enrolled: {error}")
    print(f"Enrolled as receiver {enrolled.receiver_id}. Start it with: loa receiver run --state {state}")


@app.command(epilog=EPILOG)
def run(
    state: State,
    device: Annotated[str | None, typer.Option(help="Sound device; else receiver.toml's, else the default.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell more on stderr.")] = False,
) -> None:
    """Play what the centre has planned, until SIGTERM or Ctrl-C."""
    words = [f"--state={state}", *([f"--device={device}"] if device else []), *(["--verbose"] if verbose else [])]
    sys.stdout.flush()
    # The same process goes on without what reads command lines, and without docstrings: 12 MB for as long as it stands.
    os.execv(sys.executable, [sys.executable, "-OO", "-m", "receivers", "run", *words])  # noqa: S606 - our own program


@app.command("status", epilog=EPILOG)
def show_status(
    state: State,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Tell how the receiver is, whether its daemon runs or not."""
    import msgspec  # noqa: PLC0415 - loaded where it is used

    try:
        enrolled = identity.load(state)
    except identity.NotEnrolled as error:
        _end(ExitCode.NOT_ENROLLED, str(error))
    running, told = status.is_running(state), status.read(state)
    if as_json:
        document = {"running": running, "receiver_id": enrolled.receiver_id, "status": told}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        print("\n".join(_lines(enrolled, running, told)))
    if not running:
        raise typer.Exit(ExitCode.NOT_RUNNING)


@app.command(epilog=EPILOG)
def replay(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="An incidents.jsonl from a receiver's state folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Go through a receiver's log of incidents again, and say where it does not follow from the rules."""
    import msgspec  # noqa: PLC0415 - loaded where it is used

    from receivers import incidents  # noqa: PLC0415

    try:
        with log.open("rb") as file:
            entries = list(incidents.replay(file.read(incidents.MAX_LOG_BYTES)))
    except OSError as error:
        _end(ExitCode.DISK, f"The log cannot be read: {error}")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(entries), indent=2).decode())
    else:
        print("\n".join(incidents.told(entry, _local) for entry in entries))
    differing = [str(entry.line) for entry in entries if not entry.agrees]
    if differing:
        _end(ExitCode.DIFFERS, f"{len(differing)} of {len(entries)} lines do not follow: {', '.join(differing[:20])}")


def _lines(enrolled: identity.Identity, running: bool, told: status.Status | None) -> list[str]:
    lines = [f"receiver    {enrolled.receiver_id}", f"daemon      {'running' if running else 'NOT RUNNING'}"]
    if told is None:
        return [*lines, "            it has not told anything yet"]
    now = told.state
    link = "connected" if told.linked else f"not connected ({told.link_error or 'the daemon has ended'})"
    lines += [
        f"as of       {_local(told.written_us)}",
        f"centre      {told.broker}, {link if running else 'not connected'}",
        f"player      {now.player}{f', {now.airing_id}' if now.airing_id else ''}",
        f"recordings  {len(now.ready)} of {len(now.ready) + len(now.media)} ready",
        f"reports     {now.pending_reports} waiting for the centre",
    ]
    if now.self_test is not None:
        lines.append(f"self-test   {_local(now.self_test.at_us)}, {_heard(now.self_test.heard)}")
    if now.data is not None:
        lines.append(f"data used   {_data(now.data)}")
    lines += [f"document    {topic} number {number}" for topic, number in now.numbers.items()]
    lines += [f"refused     {count} for being {reason}" for reason, count in now.refused.items()]
    lines += [f"FAULT       {fault.code} since {_local(fault.since_us)}: {fault.detail}" for fault in now.faults]
    lines += [f"next        {_local(coming.start_us)} {coming.airing_id}" for coming in told.coming]
    return lines


def _heard(heard: Heard | None) -> str:
    return "played, no microphone listened" if heard is None else heard.verdict.value.replace("_", " ")


def _data(use: DataUse) -> str:
    up, down, month = (size / MB for size in (use.day_up_bytes, use.day_down_bytes, use.month_bytes))
    return f"{up:.2f} MB up and {down:.2f} MB down today, {month:.2f} MB this month"


def _local(us: int) -> str:
    return from_us(us).astimezone().strftime("%a %Y-%m-%d %H:%M:%S %Z")


def _write_device(folder: Path, device: str) -> None:
    """Set `device` in receiver.toml and leave its other lines."""
    path = folder / config.FILE_NAME
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.split("=")[0].strip() != "device"]
    quoted = device.replace("\\", "\\\\").replace('"', '\\"')
    write_whole(path, "\n".join([f'device = "{quoted}"', *kept, ""]).encode(), mode=0o644)


def _end(code: ExitCode, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)
