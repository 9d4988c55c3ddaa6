"""Who takes nothing any more is let go, and whoever was only late is not."""

import numpy as np
import pytest

from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.live.hall import GIVE_UP_US, Hall, Send
from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US

MANY = GIVE_UP_US // CHUNK_US + 2


class Ear:
    """A listener whose connection takes what comes, or nothing."""

    def __init__(self, hall: Hall) -> None:
        self.wanted = 0
        self.takes = True
        self.is_open = True
        self.rest = b""
        self.send: Send = self._send
        self._hall = hall

    def _send(self, data: bytes) -> int:
        if not self.takes:
            raise BlockingIOError
        return len(data)

    def queued_bytes(self) -> int:
        return 0

    def resent_segments(self) -> int:
        return 0

    def stands_still(self, *, still: bool) -> None:
        raise AssertionError(still)

    def send_later(self, rest: bytes) -> None:
        self.rest = rest

    def goes_on(self) -> None:
        self.takes, self.rest = True, b""
        self._hall.go_on(self)

    def finish(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.is_open = False
        self._hall.leave(self)


@pytest.fixture
def feed(desk: LiveDesk) -> LiveFeed:
    return desk.open("talk", delay_us=2_000_000, levelled=False)


def chunks(feed: LiveFeed, count: int) -> None:
    for _ in range(count):
        feed.write(np.zeros(CHUNK_FRAMES, dtype=np.float32), feed.frames)


def test_who_was_late_once_stays_and_who_takes_nothing_any_more_goes(feed: LiveFeed) -> None:
    hall = Hall(feed)
    ear = Ear(hall)
    hall.enter(ear, b"head")
    chunks(feed, 3)
    ear.takes = False
    chunks(feed, 1)
    assert ear.rest
    ear.goes_on()  # what it had not taken was the last there was
    chunks(feed, MANY)
    assert ear.is_open
    ear.takes = False
    chunks(feed, MANY - 2)
    assert ear.is_open
    chunks(feed, 4)
    assert not ear.is_open
    assert len(hall) == 0


def test_who_takes_a_little_now_and_then_stays(feed: LiveFeed) -> None:
    hall = Hall(feed)
    ear = Ear(hall)
    hall.enter(ear, b"head")
    for _ in range(4):
        chunks(feed, 1)
        ear.takes = False
        chunks(feed, MANY // 2)
        ear.goes_on()
    assert ear.is_open
