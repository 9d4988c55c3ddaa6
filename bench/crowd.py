"""Many receivers in one process, `python -m bench.crowd FOLDER…`, and the way to hold several such processes.

Each folder is the state of an enrolled receiver. What runs in it is the daemon itself with its link, its TLS, its
documents, orders, recordings and reports; only its horn is a `receivers.lab.sink.Sink`. A line to standard input asks
for what sounded since the last, and is answered by a line: a JSON list of `Piece`. The process ends with its input.

What the crowd takes of the processor it takes from the centre it listens to: on a machine of its own each receiver
would be quicker, and so would the centre.
"""

import asyncio
import gc
import os
import resource
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from broadcast.clock import US_PER_S, Clock, SystemClock
from receivers import identity
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.lab.sink import Sink, Sounded
from receivers.live.buffer import Buffers
from receivers.plan import key_parts
from receivers.sound.cue import Played
from receivers.tasks import end

APART_S = 0.02  # one after the other they connect: a handshake is a few ms at both ends
BUSY_US = 20_000
END_S = 60.0
OPEN_FILES = 65_536
LOG_LINES = 20
CLOCK = SystemClock()
YOUNG = 100_000  # objects made before the collector looks: a thousand daemons of old ones are a long look


class Piece(Struct, frozen=True):
    """What sounded at receiver `receiver_id`, times in UTC: see `bench.sink.Sounded`; `over` once it has ended.

    `came_us` is when the document that began it came to the receiver; once it is over, the one that ended it.
    """

    receiver_id: str
    airing_id: str
    came_us: int
    told_us: int
    due_us: int
    first_us: int
    end_us: int
    over: bool


class _Dated(Daemon):
    """A daemon that notes when `now` documents come."""

    came_us: list[int]

    def on_document(self, topic: str, raw: bytes) -> None:
        if topic.endswith("/now"):
            self.came_us.append(CLOCK.now_us())
        super().on_document(topic, raw)


class Member:
    """One receiver of the crowd; `ended` gets what has sounded."""

    def __init__(self, folder: Path, clock: Clock, ended: list[Piece]) -> None:
        me = identity.load(folder)
        self._id = me.receiver_id
        self._clock = clock
        self._ended = ended
        self._sinks: list[Sink] = []
        self._buffers = Buffers()
        config = Config(clock_kept_by_host=True, free_min_bytes=0)
        self.daemon = _Dated(folder, me, config, clock, self._horn, buffers=self._buffers)
        self.daemon.came_us = []

    def sounding(self) -> list[Piece]:
        """What has begun and not ended."""
        return [self._piece(one, over=False) for sink in self._sinks for one in sink.sounding()]

    def _horn(self, on_played: Callable[[Played], None]) -> Sink:
        self._sinks.append(Sink(on_played, self._clock, self._buffers, self._note))
        return self._sinks[-1]

    def _note(self, one: Sounded) -> None:
        self._ended.append(self._piece(one, over=True))

    def _piece(self, one: Sounded, *, over: bool) -> Piece:
        known_us, came_us = one.end_us if over else one.told_us, self.daemon.came_us
        at = bisect_right(came_us, known_us) - 1
        return Piece(
            receiver_id=self._id,
            airing_id=key_parts(one.key)[0],
            came_us=came_us[at] if at >= 0 else known_us,
            told_us=one.told_us,
            due_us=one.due_us,
            first_us=one.first_us,
            end_us=one.end_us,
            over=over,
        )


class Crowd:
    """Context manager: processes of receivers, their state in `folders`; `inside` is put before the command of each."""

    def __init__(
        self,
        folders: Sequence[Path],
        processes: int,
        log: Path,
        inside: Sequence[str] = (),
        what: Sequence[str] = ("bench.crowd",),
    ) -> None:
        self._shares = [folders[place::processes] for place in range(processes)]
        self._command = [*inside, sys.executable, "-OO", "-m", *what]
        self._log = log
        self._running: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            log = stack.enter_context(self._log.open("ab"))
            for share in self._shares:
                command = [*self._command, *map(str, share)]
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
                stack.callback(_end, process)
                self._running.append(process)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:  # all at once
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        self._stack.close()

    def pieces(self) -> list[Piece]:
        """What has sounded since last asked, and what sounds."""
        for process in self._running:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.write(b"\n")
                    process.stdin.flush()
        told: list[Piece] = []
        for process in self._running:
            line = process.stdout.readline() if process.stdout is not None else b""
            if not line:
                last = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
                raise RuntimeError("\n".join(["a crowd has ended:", *last]))
            told += msgspec.json.decode(line, type=list[Piece])
        return told


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answering(loop: asyncio.AbstractEventLoop, pieces: Callable[[], Sequence[Piece]]) -> asyncio.Event:
    """Answer each line of standard input with `pieces`; what is returned is set when there are no more lines."""
    over = asyncio.Event()

    def answer() -> None:
        if not os.read(sys.stdin.fileno(), 65_536):
            loop.remove_reader(sys.stdin.fileno())
            over.set()
            return
        sys.stdout.buffer.write(msgspec.json.encode(pieces()) + b"\n")
        sys.stdout.buffer.flush()

    loop.add_reader(sys.stdin.fileno(), answer)
    return over


async def until_idle(clock: Clock) -> None:
    """Return once this process has a moment to spare: connections that it is given faster than it can take time out."""
    late_us = BUSY_US
    while late_us >= BUSY_US:
        due_us = clock.monotonic_us() + round(APART_S * US_PER_S)
        await asyncio.sleep(APART_S)
        late_us = clock.monotonic_us() - due_us


def allow_many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))


async def run(folders: Sequence[Path], clock: Clock) -> None:
    """The receivers of `folders`, until standard input ends."""
    ended: list[Piece] = []
    members = [Member(folder, clock, ended) for folder in folders]

    def pieces() -> list[Piece]:
        told = [*ended, *(piece for member in members for piece in member.sounding())]
        ended.clear()
        return told

    over = answering(asyncio.get_running_loop(), pieces)
    tasks: list[asyncio.Task[None]] = []
    for member in members:
        tasks.append(asyncio.create_task(member.daemon.run()))
        await until_idle(clock)
        gc.freeze()  # each daemon has the garbage collected once it has settled
    gc.set_threshold(YOUNG, 50, 1_000)
    done, _ = await asyncio.wait([asyncio.create_task(over.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
    if not over.is_set():
        done.pop().result()
        raise RuntimeError("a daemon has ended by itself")
    for member in members:
        member.daemon.end()
    await asyncio.wait(tasks, timeout=END_S / 2)
    await end(tasks)


def main() -> int:
    allow_many_files()
    asyncio.run(run([Path(folder) for folder in sys.argv[1:]], SystemClock()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
