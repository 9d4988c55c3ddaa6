from dataclasses import replace

import pytest

from broadcast.wire.documents import BroadcastClass, Media
from receivers import signs
from receivers.life import Horn
from receivers.sound.cue import PlayerStatus
from scheduler.timeline import Resolution, Segment

S = 1_000_000
IDLE = PlayerStatus(None, -120.0, 0, True, None, ())


def _segment(airing_id: str, start_s: int, end_s: int, cls: BroadcastClass = BroadcastClass.NORMAL) -> Segment:
    media = Media(sha256="a" * 64, size_bytes=1, duration_us=S)
    return Segment(
        airing_id=airing_id, broadcast_id="b", cls=cls, start_us=start_s * S, end_us=end_s * S, offset_us=0, media=media
    )


CUT_AND_BACK = Resolution((_segment("low", 0, 10), _segment("high", 10, 20), _segment("low", 20, 30)), ())
ONE_BY_ONE = Resolution((_segment("first", 0, 10), _segment("second", 10, 20)), ())
ALARM = Resolution((_segment("a", 0, 20, BroadcastClass.EMERGENCY),), ())


@pytest.mark.parametrize(
    ("playing", "resolution", "horn"),
    [
        (None, ONE_BY_ONE, Horn.IDLE),
        ("second~10~0", ONE_BY_ONE, Horn.PLAYING),
        ("high~10~0", CUT_AND_BACK, Horn.INTERRUPTED),
        ("low~0~0", CUT_AND_BACK, Horn.PLAYING),
        ("a~0~0", ALARM, Horn.EMERGENCY),
        ("fallback.second~10~0", ONE_BY_ONE, Horn.FALLBACK),
        ("self-test~10~0", ONE_BY_ONE, Horn.IDLE),
    ],
)
def test_what_sounds(playing: str | None, resolution: Resolution, horn: Horn) -> None:
    now_us = 5 * S if playing == "low~0~0" else 15 * S
    assert signs.horn(replace(IDLE, playing=playing), resolution, {}, now_us) is horn


def test_an_airing_that_was_reported_does_not_wait() -> None:
    status = replace(IDLE, playing="high~10~0")
    assert signs.horn(status, CUT_AND_BACK, {"low"}, 15 * S) is Horn.PLAYING


def test_a_device_that_hangs_is_none() -> None:
    assert signs.horn(None, ONE_BY_ONE, {}, 15 * S) is Horn.NO_DEVICE
    hung = replace(IDLE, playing="second~10~0", faults=("device-silent",))
    assert signs.horn(hung, ONE_BY_ONE, {}, 15 * S) is Horn.NO_DEVICE
