"""A feed's packets as sound in its place, what is missing made up and faded (pure, but for the decoder).

Rules
- Packet q is heard in `[q, q + 1) * PACKET_FRAMES - PRE_SKIP_FRAMES`, and nowhere else. A packet whose place is past is
  never heard.
- Packets are decoded up to AHEAD_FRAMES before they are due. One that is not there is waited for until LEAD_FRAMES
  before its place; then libopus makes it up, and from packet to packet it fades, to silence after FADE_PACKETS. What is
  missing beyond that is a gap, and the sound path says so.
- Sound that comes back after it was made up rises within a packet. A decoder that missed packets is given some of
  those before the one that is heard, where they are there, so that it has found its way by then.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from broadcast.wire.chunks import PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, RATE_HZ
from receivers.live.buffer import ChunkBuffer
from receivers.live.decoder import Decoder
from receivers.sound.mixer import Samples

AHEAD_FRAMES = RATE_HZ // 2
LEAD_FRAMES = RATE_HZ * 80 // 1000
FADE_PACKETS = 5
WARM_PACKETS = 4


class Block(NamedTuple):
    """Sound of one packet from position `start` on."""

    start: int
    sound: Samples
    made_up: bool


class Reel:
    """Turns from position `position` of `buffer`'s feed on; decoders come from `make_decoder`."""

    def __init__(self, buffer: ChunkBuffer, make_decoder: Callable[[], Decoder], position: int) -> None:
        self._buffer = buffer
        self._make_decoder = make_decoder
        self.late: set[int] = set()
        """Numbers of the chunks that were not there when their first packet was needed."""
        self.seek(position)

    def seek(self, position: int) -> None:
        """Go on at `position`."""
        self._decoder = self._make_decoder()
        self._next = packet_at(position)
        self._decoded_to: int | None = None
        self._gain = 1.0 if position <= 0 else 0.0

    @property
    def next_frame(self) -> int:
        """Where the next block begins, unless it is past by then."""
        return start_of(self._next)

    @property
    def is_over(self) -> bool:
        """Whether the feed has nothing more."""
        end_frame = self._buffer.end_frame
        return end_frame is not None and self.next_frame >= end_frame

    def rest_frames(self, wanted: int) -> int:
        """How far the place to be heard next moves on from `wanted` before a packet that is not there is given up."""
        return max(0, self.next_frame - LEAD_FRAMES - wanted)

    def turn(self, wanted: int) -> Block | None:
        """The next sound, now that position `wanted` is to be heard next; None when there is none as yet."""
        self._pass_by(wanted)
        while not self.is_over:
            packet = self._buffer.packet(self._next)
            if self.next_frame > wanted + (LEAD_FRAMES if packet is None else AHEAD_FRAMES):
                return None
            if packet is None:
                self.late.add(self._next // PACKETS)
            start, sound = self.next_frame, self._sound_of(packet) if packet else None
            made_up = sound is None
            if sound is None:
                sound = self._make_up()
            self._next += 1
            if sound is not None:
                return Block(start, sound, made_up)
        return None

    def _pass_by(self, wanted: int) -> None:
        if self.next_frame + PACKET_FRAMES <= wanted:
            self._next = packet_at(wanted)
            self._gain = 0.0

    def _sound_of(self, packet: bytes) -> Samples | None:
        self._warm()
        sound = self._decoder.decode(packet)
        if sound is None:
            return None
        self._decoded_to = self._next + 1
        return self._led(sound, 1.0)

    def _warm(self) -> None:
        """Give the decoder the packets just before the next one."""
        begin = max(0, self._next - WARM_PACKETS)
        if self._decoded_to is not None:
            begin = max(begin, self._decoded_to)
        for number in range(begin, self._next):
            packet = self._buffer.packet(number)
            if packet:
                self._decoder.decode(packet)

    def _make_up(self) -> Samples | None:
        """Something in place of the next packet; None when it is silence."""
        if self._decoded_to is None or self._gain == 0:
            return None
        self._decoded_to = self._next + 1
        return self._led(self._decoder.conceal(), max(0.0, round(self._gain - 1 / FADE_PACKETS, 3)))

    def _led(self, sound: Samples, gain: float) -> Samples:
        """`sound`, its gain led from what it was to `gain`."""
        before, self._gain = self._gain, gain
        if before == gain == 1.0:
            return sound
        return np.asarray(sound * np.linspace(before, gain, len(sound), dtype=np.float32), dtype=np.float32)


def packet_at(position: int) -> int:
    """The packet that is heard at a position."""
    return max(0, (position + PRE_SKIP_FRAMES) // PACKET_FRAMES)


def start_of(packet: int) -> int:
    return packet * PACKET_FRAMES - PRE_SKIP_FRAMES
