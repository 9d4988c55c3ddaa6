"""`loa receiver run` without what reads command lines: it stays in memory as long as the daemon does (does I/O)."""

import argparse
import asyncio
import logging
import sys
import traceback
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from broadcast.clock import SystemClock
from broadcast.wholefile import write_whole
from receivers import ceilings, config, identity, status
from receivers.exit_codes import ExitCode
from receivers.live.buffer import Buffers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from receivers.horn import MakePlayer

KEPT_CRASHES = 5


def main(words: "Sequence[str]") -> None:
    """Run by `words`, the options of `loa receiver run`; SystemExit with an ExitCode, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="loa receiver run", add_help=False)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--device")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(words)
    ceilings.take_one_arena()
    run(given.state, given.device, verbose=given.verbose)


def run(state: Path, device: str | None, *, verbose: bool) -> None:
    """Play until SIGTERM or SIGINT; SystemExit where it cannot."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr
    )
    ceilings.limit_descriptors()
    clock = SystemClock()
    try:
        settings = config.load(state)
        enrolled = identity.load(state)
        buffers = Buffers()
        player = _sound(device or settings.device, clock, settings.microphone, buffers)
        with status.only_one(state):
            _run(state, enrolled, settings, clock, player, buffers=buffers)
    except config.ConfigError as error:
        _end(ExitCode.CONFIG, str(error))
    except identity.NotEnrolled as error:
        _end(ExitCode.NOT_ENROLLED, str(error))
    except status.AlreadyRunning as error:
        _end(ExitCode.ALREADY, str(error))
    except OSError as error:
        _end(ExitCode.DISK, f"The state folder cannot be used: {error}")


def _run(
    folder: Path,
    enrolled: identity.Identity,
    settings: config.Config,
    clock: SystemClock,
    player: "MakePlayer",
    *,
    buffers: Buffers,
) -> None:
    from receivers import daemon  # noqa: PLC0415 - imports what talks and listens
    from receivers.horn import SoundHangs  # noqa: PLC0415

    try:
        asyncio.run(daemon.run(folder, enrolled, settings, clock, player, buffers=buffers))
    except SoundHangs as error:
        _end(ExitCode.SOUND_HANGS, f"{error}; only a new process can use it again.")
    except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor is told to start again
        _end(ExitCode.BROKEN, f"The daemon ended on a mistake ({_innermost(error)!r}). {_keep_crash(folder, error)}")


def _sound(device: str | None, clock: SystemClock, microphone: str | None, buffers: Buffers) -> "MakePlayer":
    from receivers.horn import sound_card  # noqa: PLC0415

    try:
        from receivers.live.source import opener  # noqa: PLC0415

        return sound_card(device, clock, microphone, opener(buffers, clock))
    except ImportError as error:
        _end(
            ExitCode.NO_SOUND, f"The sound library cannot be loaded ({error}): install loa[receiver] and libportaudio2."
        )


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _keep_crash(folder: Path, error: BaseException) -> str:
    """Write where it happened into a file of its own; a sentence that names it."""
    name = SystemClock().now().astimezone(UTC).strftime("crash-%Y%m%dT%H%M%S%fZ.txt")
    try:
        write_whole(folder / name, "".join(traceback.format_exception(error)).encode())
        for old in sorted(folder.glob("crash-*.txt"))[:-KEPT_CRASHES]:
            old.unlink()
    except OSError:
        return "The place of the mistake could not be written down."
    return f"{folder / name} says where; please report it."


def _end(code: ExitCode, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(code)
