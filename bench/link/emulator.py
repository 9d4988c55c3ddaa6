"""The process that carries an emulated link's packets: `python -m bench.link.emulator`, told by lines of JSON.

The first line is a `Setup`. It makes a TUN device in each of two network namespaces, says `{"ready": pid}` and passes
packets between them as `bench.link.fate` decides, until its input ends; the devices end with it. Then a line is an
`Command`, and is answered by a line: `Told`.

A packet is taken in and given out as soon as this process is on a processor: it runs before all ordinary ones. Waiting
is done by select, to a few tens of microseconds.
"""

import fcntl
import gc
import heapq
import os
import select
import struct
import subprocess
import sys
from contextlib import suppress

import msgspec
from msgspec import Struct

from bench.link.fate import Counted, Passage, Sky, Way
from broadcast.clock import US_PER_S, Clock, SystemClock
from receivers.sound.urgency import make_urgent

PRIORITY = 20  # before whatever else asks to be urgent: it is the network
TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LARGEST_BYTES = 65_536


class End(Struct, frozen=True, kw_only=True):
    """Device `device` with `address` in the network namespace of process `pid`."""

    pid: int
    device: str
    address: str


class Setup(Struct, frozen=True, kw_only=True):
    """`out` is the way from near to far, `back` from far to near. `fades` is a share of the time."""

    near: End
    far: End
    out: Way
    back: Way
    fades: float = 0.0
    seed: str = ""


class Command(Struct, frozen=True, kw_only=True):
    """What to do: `cut_us` from now on nothing comes through; from now on it goes by `out` and `back`."""

    cut_us: int = 0
    out: Way | None = None
    back: Way | None = None


class Told(Struct, frozen=True, kw_only=True):
    """What was counted from near to far and back, and the monotonic time of it."""

    at_us: int
    out: Counted
    back: Counted


class Emulator:
    """Carries packets between two open TUN devices."""

    def __init__(self, setup: Setup, near: int, far: int, clock: Clock) -> None:
        self._clock = clock
        self._sky = Sky(setup.fades, f"{setup.seed} fades", clock.monotonic_us())
        self._ways = {
            near: (Passage(setup.out, self._sky, f"{setup.seed} out"), far),
            far: (Passage(setup.back, self._sky, f"{setup.seed} back"), near),
        }
        self._out, self._back = self._ways[near][0], self._ways[far][0]
        self._under_way: list[tuple[int, int, int, bytes]] = []
        self._number = 0

    def run(self, orders: int) -> None:
        """Until `orders`, a file descriptor, ends."""
        waiting = b""
        while True:
            readable, _, _ = select.select((*self._ways, orders), (), (), self._rest_s())
            self._deliver()
            for device in readable:
                if device != orders:
                    self._take(device)
                    continue
                block = os.read(orders, LARGEST_BYTES)
                if not block:
                    return
                *lines, waiting = (waiting + block).split(b"\n")
                for line in lines:
                    _say(self._obey(msgspec.json.decode(line, type=Command)))

    def _rest_s(self) -> float | None:
        if not self._under_way:
            return None
        return max(0, self._under_way[0][0] - self._clock.monotonic_us()) / US_PER_S

    def _take(self, device: int) -> None:
        """Everything that waits at `device`: its own queue must not become a second one of the link."""
        passage, other = self._ways[device]
        while True:
            try:
                packet = os.read(device, LARGEST_BYTES)
            except BlockingIOError:
                return
            arrives_us = passage.offer(len(packet), self._clock.monotonic_us())
            if arrives_us is not None:
                self._number += 1
                heapq.heappush(self._under_way, (arrives_us, self._number, other, packet))

    def _deliver(self) -> None:
        now_us = self._clock.monotonic_us()
        while self._under_way and self._under_way[0][0] <= now_us:
            _, _, device, packet = heapq.heappop(self._under_way)
            with suppress(BlockingIOError):  # the other end takes nothing more: as a full network card
                os.write(device, packet)

    def _obey(self, order: Command) -> Told:
        now_us = self._clock.monotonic_us()
        if order.cut_us:
            self._sky.cut(now_us, now_us + order.cut_us)
        if order.out is not None:
            self._out.change(order.out)
        if order.back is not None:
            self._back.change(order.back)
        return Told(at_us=now_us, out=self._out.counted, back=self._back.counted)


def open_tun(end: End, peer: str) -> int:
    """A TUN device, up, with its address, in the namespace of `end`; OSError where that is not allowed."""
    device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", end.device.encode(), IFF_TUN | IFF_NO_PI))
    _run("ip", "link", "set", end.device, "netns", str(end.pid))
    inside = ("nsenter", "-t", str(end.pid), "-n", "ip")
    # No address that the kernel makes: it would say so on the link, and be counted.
    _run(*inside, "link", "set", end.device, "addrgenmode", "none", "txqueuelen", "10000")
    _run(*inside, "address", "add", end.address, "peer", f"{peer}/32", "dev", end.device)
    _run(*inside, "link", "set", end.device, "up")
    return device


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _say(told: Struct | dict[str, object]) -> None:
    os.write(sys.stdout.fileno(), msgspec.json.encode(told) + b"\n")


def main() -> int:
    make_urgent(os.getpid(), PRIORITY)
    setup = msgspec.json.decode(sys.stdin.buffer.readline(), type=Setup)
    try:
        near = open_tun(setup.near, setup.far.address)
        far = open_tun(setup.far, setup.near.address)
    except OSError as error:
        _say({"error": str(error)})
        return 1
    emulator = Emulator(setup, near, far, SystemClock())
    gc.freeze()
    gc.disable()  # nothing here makes cycles
    _say({"ready": os.getpid()})
    emulator.run(sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
