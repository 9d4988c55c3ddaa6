"""Counts what the receiver's connections move, by the kernel's own account of each (asks the kernel, keeps one file).

Rules
- The kernel counts payload, repeats and segments of a TCP connection, TLS included; each segment is counted with its IP
  and TCP headers. Names looked up and the clock's packets go their own way and are not in it.
- A connection is known by the kernel's cookie, so whoever holds it may have it read as often as is handy.
- The file is written seldom, as flash wears: a power cut loses what was counted since, an hour's at most.
"""

import contextlib
import logging
import socket
import struct
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from broadcast.clock import Clock
from broadcast.wholefile import write_whole
from broadcast.wire.documents import DataUse
from receivers.quarantine import put_aside
from receivers.usage import Moved, Usage, added, data_use, since

log = logging.getLogger(__name__)

FILE_NAME = "usage.json"
SAVE_US = 3600 * 1_000_000
KNOWN = 16  # connections held at once, and then some

SO_COOKIE = 57
INFO_BYTES = 256
OPTIONS_AT = 5
TIMESTAMPS = 1  # the option that adds 12 bytes to each segment
QUIET_MS_AT = 52
ACKED_RECEIVED_SEGMENTS_AT = 120
SENT_AT = 200
HEADER_BYTES = {socket.AF_INET: 20 + 20, socket.AF_INET6: 40 + 20}
TIMESTAMP_BYTES = 12


class Connection(Protocol):
    """A TCP socket, or what asyncio and ssl make of one."""

    @property
    def family(self) -> int: ...

    def getsockopt(self, level: int, option: int, buffer: int, /) -> bytes: ...


class Reading(NamedTuple):
    """What a connection has moved in all, and how long nothing has come, in milliseconds."""

    moved: Moved
    quiet_ms: int


def read(connection: Connection) -> Reading | None:
    """The kernel's account of a connection; None of one that is closed, or is not TCP."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        header = HEADER_BYTES[socket.AddressFamily(connection.family)]
        acked, received, segments_out, segments_in = struct.unpack_from("=QQII", info, ACKED_RECEIVED_SEGMENTS_AT)
    except (OSError, ValueError, KeyError, struct.error):
        return None
    # Kernels before 4.19 do not count what is sent again.
    sent = struct.unpack_from("=Q", info, SENT_AT)[0] if len(info) >= SENT_AT + 8 else acked
    if info[OPTIONS_AT] & TIMESTAMPS:
        header += TIMESTAMP_BYTES
    moved = Moved(sent + segments_out * header, received + segments_in * header)
    return Reading(moved, struct.unpack_from("=I", info, QUIET_MS_AT)[0])


class Odometer:
    """All that was moved, kept in `folder`."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock
        self._usage = self._saved = Usage()
        self._saved_us = clock.monotonic_us()
        self._waiting = Moved()
        self._known: dict[bytes, Moved] = {}

    def open(self) -> None:
        """Read what was kept; a file that cannot be used is put aside and counting begins anew."""
        try:
            self._usage = msgspec.json.decode(self._path.read_bytes(), type=Usage)
            for day in self._usage.days:
                date.fromisoformat(day)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("the count of data used begins anew: %s cannot be used: %s", self._path, error)
            put_aside(self._path, self._clock.now_us())
            self._usage = Usage()
        self._saved = self._usage

    def sample(self, connection: Connection) -> None:
        """Count what `connection` has moved since it was sampled last."""
        reading = read(connection)
        if reading is None:
            return
        cookie = _cookie(connection)
        self._waiting = self._waiting.plus(since(reading.moved, self._known.pop(cookie, None)))
        self._known[cookie] = reading.moved
        for oldest in list(self._known)[:-KNOWN]:
            del self._known[oldest]

    def use(self, today: date) -> DataUse:
        """What is told, with all that was counted until now."""
        self._usage, self._waiting = added(self._usage, today, self._waiting), Moved()
        return data_use(self._usage, today)

    def save(self, *, now: bool = False) -> None:
        """Keep the count, when it is time or `now`."""
        at_us = self._clock.monotonic_us()
        if self._usage == self._saved or not (now or at_us - self._saved_us >= SAVE_US):
            return
        self._saved_us = at_us
        with contextlib.suppress(OSError):
            write_whole(self._path, msgspec.json.encode(self._usage))
            self._saved = self._usage


def _cookie(connection: Connection) -> bytes:
    return connection.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
