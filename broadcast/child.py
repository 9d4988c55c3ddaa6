"""Running another program to its end: bounded, cancellable, never left behind.

The program gets a fixed argument list (no shell), its input from a file, and limits on processor time, memory and
silence. Whatever ends the wait (cancel, a limit, an exception in a callback) ends the program too.
"""

import contextlib
import os
import resource
import selectors
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

TICK_S = 0.1
STALL_S = 120
"""A program that neither ends nor says anything for so long is taken for hung."""
KEPT_LINES = 400
READ_BYTES = 65_536

Line = Callable[[str], None]


class ChildCancelledError(Exception):
    """The caller's cancel event was set; the program has been killed."""


class ChildMissingError(Exception):
    """There is no such program, or it may not be run."""


class ChildStalledError(Exception):
    """The program said nothing for STALL_S seconds and has been killed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a child; None leaves the system's."""

    cpu_s: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ChildResult:
    """`errors` holds the last KEPT_LINES lines of standard error."""

    returncode: int
    errors: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return self.returncode != 0

    def last_error(self) -> str:
        return self.errors[-1] if self.errors else f"exit code {self.returncode}"


def run(
    args: Sequence[str],
    *,
    stdin: bytes = b"",
    feeder: Sequence[str] | None = None,
    on_line: Line | None = None,
    limits: Limits | None = None,
    cancel: threading.Event | None = None,
) -> ChildResult:
    """Run `args`, hand each line of its standard output to `on_line`, and return when it has ended.

    Its input is `stdin`, or what a second program `feeder` writes; both then live and die together, and the result
    holds the errors of both and fails if either failed.
    Raises ChildMissingError, ChildCancelledError, ChildStalledError.
    """
    errors = _Errors()
    with tempfile.TemporaryFile() as source, contextlib.ExitStack() as running:
        source.write(stdin)
        source.seek(0)
        children = []
        if feeder:
            children.append(running.enter_context(_started(feeder, source, limits or Limits())))
        fed_by = children[0].stdout if children else source
        children.append(running.enter_context(_started(args, fed_by, limits or Limits())))
        if feeder and fed_by:
            fed_by.close()  # else the feeder would never learn that its reader is gone
        _pump(children, on_line or (lambda _line: None), errors, cancel or threading.Event())
        codes = [child.wait() for child in children]
    return ChildResult(next((code for code in codes if code), 0), tuple(errors.kept))


@contextlib.contextmanager
def _started(args: Sequence[str], stdin: IO[bytes] | None, limits: Limits) -> Iterator[subprocess.Popen[bytes]]:
    try:
        child = subprocess.Popen(args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise ChildMissingError(f"{args[0]} could not be started: {error.strerror}") from error
    try:
        _limit(child.pid, limits)
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


class _Errors:
    def __init__(self) -> None:
        self.kept: deque[str] = deque(maxlen=KEPT_LINES)

    def add(self, line: str) -> None:
        if line.strip():
            self.kept.append(line)


class _Lines:
    """Bytes in pieces to whole lines; a line without end is cut at READ_BYTES."""

    def __init__(self, emit: Line) -> None:
        self._emit = emit
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._emit(line.decode("utf-8", "replace"))
        if len(self._rest) > READ_BYTES:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._emit(self._rest.decode("utf-8", "replace"))
        self._rest = b""


def _pump(children: Sequence[subprocess.Popen[bytes]], on_line: Line, errors: _Errors, cancel: threading.Event) -> None:
    idle_s = 0.0
    with selectors.DefaultSelector() as selector:
        for stream, emit in [(children[-1].stdout, on_line), *((child.stderr, errors.add) for child in children)]:
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, _Lines(emit))
        while selector.get_map():
            ready = selector.select(TICK_S)
            if cancel.is_set():
                raise ChildCancelledError
            idle_s = 0.0 if ready else idle_s + TICK_S
            if idle_s > STALL_S:
                raise ChildStalledError
            for key, _ in ready:
                if data := os.read(key.fd, READ_BYTES):
                    key.data.feed(data)
                else:
                    key.data.end()
                    selector.unregister(key.fileobj)


def _limit(pid: int, limits: Limits) -> None:
    try:
        if limits.cpu_s is not None:
            resource.prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s))
        if limits.memory_bytes is not None:
            resource.prlimit(pid, resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except ProcessLookupError:
        return  # it has ended already: nothing left to bound
