"""Where a microphone's packets belong on the talk's timeline (pure).

Rules
- A packet's place is its RTP timestamp (48 kHz, RFC 7587) and one offset for all: the least that packets took to come
  in the beginning, while the opening chime sounds. So what the network adds to one packet moves no other.
- Up to WINDOW packets wait for one that is missing before them; then it is lost. One that comes later is dropped.
- Of what is lost the first CONCEALED_FRAMES are to be made up by the decoder, the rest stays a hole.
- A source whose clock stands still or runs away from the timeline by more than the bounds is placed anew.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

RATE_HZ = 48_000
PACKET_FRAMES = 960
WINDOW = 4
"""80 ms of packets: what a mobile uplink reorders."""
CONCEALED_FRAMES = 6 * PACKET_FRAMES
SETTLE_FRAMES = 3 * RATE_HZ
JUDGED_PACKETS = 100
BEHIND_FRAMES = RATE_HZ // 2
AHEAD_FRAMES = RATE_HZ
FAR_FRAMES = 10 * RATE_HZ
"""Timestamps further apart than this do not belong to one clock."""

_FIRST_HYBRID, _FIRST_CELT = 12, 16
_ANY_COUNT = 3


class RtpPacket(NamedTuple):
    """What of an RTP packet matters here: both numbers wrap."""

    sequence: int
    timestamp: int
    payload: bytes


class Placed(NamedTuple):
    """`payload` is to sound from `frame` on; None: `frames` samples were lost and are to be made up."""

    frame: int
    payload: bytes | None
    frames: int = 0


class Placing:
    """One stream of packets; made anew for each connection."""

    def __init__(self) -> None:
        self.received = 0
        self.lost = 0
        self.late = 0
        self._next = 0
        self._last: tuple[int, int] | None = None  # the newest packet's numbers, unwrapped
        self._waiting: dict[int, tuple[int, bytes]] = {}
        self._offset: int | None = None
        self._began = 0
        self._end: int | None = None  # the timestamp after what was given out last
        self._offsets: deque[int] = deque(maxlen=JUDGED_PACKETS)

    def put(self, packet: RtpPacket, arrived_frame: int) -> list[Placed]:
        """What can be decoded now, in order; `arrived_frame` is where the timeline is as the packet comes."""
        sequence, timestamp = self._unwrap(packet)
        self.received += 1
        if self._offset is None or abs(arrived_frame - timestamp - self._offset) > FAR_FRAMES:
            self._anew(sequence, timestamp, arrived_frame)
        if sequence < self._next:
            self.late += 1
            return []
        self._waiting[sequence] = (timestamp, packet.payload)
        self._settle(timestamp, arrived_frame)
        return list(self._ready())

    def _unwrap(self, packet: RtpPacket) -> tuple[int, int]:
        if self._last is None:
            found = packet.sequence, packet.timestamp
        else:
            found = (
                self._last[0] + _signed(packet.sequence - self._last[0], 16),
                self._last[1] + _signed(packet.timestamp - self._last[1], 32),
            )
        self._last = found if self._last is None or found[0] > self._last[0] else self._last
        return found

    def _anew(self, sequence: int, timestamp: int, arrived_frame: int) -> None:
        self._next, self._began, self._end = sequence, timestamp, None
        self._offset = arrived_frame - timestamp
        self._waiting.clear()
        self._offsets.clear()

    def _settle(self, timestamp: int, arrived_frame: int) -> None:
        offset = arrived_frame - timestamp
        self._offsets.append(offset)
        held = self._offset if self._offset is not None else offset
        if timestamp - self._began < SETTLE_FRAMES:
            self._offset = min(held, offset)
        elif len(self._offsets) == JUDGED_PACKETS:
            least = min(self._offsets)
            if least > held + BEHIND_FRAMES or least < held - AHEAD_FRAMES:
                self._offset = least

    def _ready(self) -> Iterator[Placed]:
        while self._waiting:
            if self._next in self._waiting:
                timestamp, payload = self._waiting.pop(self._next)
                yield from self._made_up(timestamp)
                self._end = timestamp + frames_of(payload)
                yield Placed(timestamp + (self._offset or 0), payload)
            elif max(self._waiting) - self._next < WINDOW:
                return
            else:
                self.lost += 1
            self._next += 1

    def _made_up(self, timestamp: int) -> Iterator[Placed]:
        missing = timestamp - self._end if self._end is not None else 0
        if missing > 0 and self._end is not None:
            yield Placed(self._end + (self._offset or 0), None, min(missing, CONCEALED_FRAMES))


def frames_of(payload: bytes) -> int:
    """How many samples at 48 kHz an Opus packet holds (RFC 6716, 3.1)."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 0b11
    if config < _FIRST_HYBRID:
        length = (480, 960, 1920, 2880)[config % 4]
    elif config < _FIRST_CELT:
        length = (480, 960)[config % 2]
    else:
        length = (120, 240, 480, 960)[config % 4]
    if code == _ANY_COUNT:
        return length * (payload[1] & 0b11_1111) if len(payload) > 1 else 0
    return length * (1 if code == 0 else 2)


def _signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
