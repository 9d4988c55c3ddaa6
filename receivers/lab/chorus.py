"""Receivers without a horn in one process, `python -m receivers.lab.chorus FOLDER…`, until its input ends.

Each folder is the state of an enrolled receiver. What runs in it is the daemon itself with all that it does and says;
what it would play is noted as played and given to no sound card, of which this process opens none.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from broadcast.clock import Clock, SystemClock
from receivers import ceilings, identity
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.lab.sink import Sink
from receivers.live.buffer import Buffers
from receivers.tasks import run_until

APART_S = 0.2
"""One after the other they begin, so that the centre has time for others."""


def member(folder: Path, clock: Clock) -> Daemon:
    """The receiver of `folder`, to be run in this loop."""
    buffers = Buffers()
    config = Config(clock_kept_by_host=True, free_min_bytes=0)
    return Daemon(
        folder,
        identity.load(folder),
        config,
        clock,
        lambda played: Sink(played, clock, buffers, lambda _piece: None),
        buffers=buffers,
        memory=lambda: None,  # of one among many nobody knows
    )


async def _for_ever(folder: Path, clock: Clock, daemons: dict[Path, Daemon]) -> None:
    """As its supervisor does: what has ended, because the centre asked for it, begins again."""
    while True:
        daemons[folder] = member(folder, clock)
        await daemons[folder].run()


async def run(folders: Sequence[Path], clock: Clock) -> None:
    """The receivers of `folders`, until standard input ends; what went wrong in one of them ends all."""
    over = asyncio.Event()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            over.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read)
    daemons: dict[Path, Daemon] = {}
    tasks: list[asyncio.Task[None]] = []
    for folder in folders:
        tasks.append(asyncio.create_task(_for_ever(folder, clock, daemons)))
        await asyncio.sleep(APART_S)
    await run_until(over, tasks)


def main() -> None:
    ceilings.limit_descriptors()
    asyncio.run(run([Path(folder) for folder in sys.argv[1:]], SystemClock()))


if __name__ == "__main__":
    main()
