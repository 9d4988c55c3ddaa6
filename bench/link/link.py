"""A link between two network namespaces, for benches: slow, late, lossy, cut. Needs root.

Programs at its ends are begun with `near(...)` and `far(...)`; both ends have an address of their own and nothing else
but a loopback. Nothing is left behind, also where this process is killed: namespaces live as long as a process in them
does, and those end with their input.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

import msgspec

from bench.link.emulator import Command, End, Setup, Told
from bench.link.fate import Way

HOLDER = "ip link set lo up && echo ready && exec cat"
END_S = 10
_numbers = itertools.count()


def near_address() -> str:
    """Of the near end of every link of this process."""
    return f"10.213.{os.getpid() % 250}.1"


class NoLink(Exception):
    """Links cannot be emulated here; the message says why."""


class Link:
    """Context manager: the way `out` from near to far, and `back`; raises NoLink.

    With `near_here` the near end is this process's own namespace, so that what runs already is at that end.
    """

    def __init__(
        self, out: Way, back: Way | None = None, *, fades: float = 0.0, seed: str = "", near_here: bool = False
    ) -> None:
        pid, number = os.getpid(), next(_numbers)
        self._device = f"loa{pid}{number % 100:02}"
        self.near_address, self.far_address = near_address(), f"10.213.{pid % 250}.{2 + number % 250}"
        self._ways = out, back or out
        self._fades, self._seed = fades, seed
        self._near_here = near_here
        self._near_pid = self._far_pid = pid
        self._stack = ExitStack()
        self._emulator: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if not self._near_here:
                self._near_pid = _namespace(stack)
            self._far_pid = _namespace(stack)
            self._emulator = stack.enter_context(_process([sys.executable, "-m", "bench.link.emulator"]))
            setup = Setup(
                near=End(pid=self._near_pid, device=f"{self._device}n", address=self.near_address),
                far=End(pid=self._far_pid, device=f"{self._device}f", address=self.far_address),
                out=self._ways[0],
                back=self._ways[1],
                fades=self._fades,
                seed=self._seed,
            )
            said = json.loads(self._ask(msgspec.json.encode(setup)) or b'{"error": "the emulator ended"}')
            if "error" in said:
                raise NoLink(said["error"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def near(self, *command: str) -> list[str]:
        """`command`, to be run at the near end."""
        return _inside(self._near_pid, command)

    def far(self, *command: str) -> list[str]:
        return _inside(self._far_pid, command)

    def counted(self) -> Told:
        """What has gone over the link so far."""
        return self._order(Command())

    def cut(self, seconds: float) -> Told:
        """From now on nothing comes through for `seconds`; what was counted before, and when it began."""
        return self._order(Command(cut_us=round(seconds * 1_000_000)))

    def change(self, out: Way, back: Way | None = None) -> Told:
        return self._order(Command(out=out, back=back or out))

    def _order(self, order: Command) -> Told:
        return msgspec.json.decode(self._ask(msgspec.json.encode(order)), type=Told)

    def _ask(self, line: bytes) -> bytes:
        emulator = self._emulator
        if emulator is None or emulator.stdin is None or emulator.stdout is None:
            raise NoLink("the link is not up")
        emulator.stdin.write(line + b"\n")
        emulator.stdin.flush()
        return emulator.stdout.readline()


def _inside(pid: int, command: Sequence[str]) -> list[str]:
    return [*command] if pid == os.getpid() else ["nsenter", "-t", str(pid), "-n", "--", *command]


def _namespace(stack: ExitStack) -> int:
    """The process that holds a new network namespace."""
    holder = stack.enter_context(_process(["unshare", "--net", "sh", "-c", HOLDER]))
    said = holder.stdout.readline() if holder.stdout else b""
    if said != b"ready\n":
        raise NoLink(f"network namespaces cannot be made here (needs root): {said.decode().strip()}")
    return holder.pid


class _process:  # noqa: N801 - a context manager that is read as a verb
    """A child in a session of its own that ends when its input does."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise NoLink(f"{command[0]}: {error}") from error

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._child

    def __exit__(self, *_: object) -> None:
        child = self._child
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
