"""Feeds in virtual time: packets that say which they are, and a decoder that reads them."""

import numpy as np

from broadcast.wire.chunks import PACKET_FRAMES
from broadcast.wire.now import Feed
from receivers.lab.trial.studio import Studio
from receivers.live.decide import Growing
from receivers.sound.mixer import Samples

NOON = 1_800_000_000_000_000
MADE_UP = -1.0
URL = "http://127.0.0.1:1/live/f1"


def packet_saying(number: int) -> bytes:
    return number.to_bytes(4)


class SayingDecoder:
    """Turns a packet that says a number into samples of that value."""

    def decode(self, packet: bytes) -> Samples | None:
        return np.full(PACKET_FRAMES, int.from_bytes(packet), dtype=np.float32)

    def conceal(self) -> Samples:
        return np.full(PACKET_FRAMES, MADE_UP, dtype=np.float32)


def saying(packets: int, feed_id: str = "f1") -> Studio:
    """A feed whose packets say 1, 2, 3 and so on."""
    return Studio(feed_id, [packet_saying(1 + number) for number in range(packets)])


def spoken_at_noon(feed: Feed, delay_us: int = 2_000_000) -> Growing:
    return Growing(feed=feed, said_us=NOON, plays_us=NOON + delay_us, until_us=NOON + 3_600_000_000)
