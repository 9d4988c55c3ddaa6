"""A recording that would not play is tried again once it has been read and is right, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Outcome
from receivers.known import RETRY_US

if TYPE_CHECKING:
    from broadcast.wire.documents import Media
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S


def _read_again(rig: Rig, seconds: int) -> None:
    """As the stock does with what is doubted."""
    for _ in range(seconds):
        for sha256 in rig.node.known.take_suspects():
            assert rig.store.check(sha256, rig.now_us)
        rig.run(1)


def _unopenable(rig: Rig, media: Media) -> int:
    rig.fetch(media)
    return rig.durations_us.pop(rig.store.path(media.sha256))


@pytest.mark.parametrize("cls", [BroadcastClass.NORMAL, BroadcastClass.EMERGENCY])
@pytest.mark.parametrize("after_cut", AfterCut)
def test_what_a_moments_trouble_kept_from_opening_sounds_once_it_reads_right(
    rig: Rig, desk: Desk, cls: BroadcastClass, after_cut: AfterCut
) -> None:
    media = desk.media("a", 120)
    duration_us = _unopenable(rig, media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, cls=cls, after_cut=after_cut)]))
    rig.run(12)
    assert rig.node.known.broken
    rig.durations_us[rig.store.path(media.sha256)] = duration_us
    _read_again(rig, 140)
    assert [(name, end_us) for name, _, end_us in rig.heard] == [("a", 130 * S)]
    assert rig.heard[0][1] <= 12 * S + RETRY_US[0] + S
    assert rig.reports["a"].outcome is Outcome.CUT  # its beginning is missing


def test_what_never_plays_is_tried_twice_more_and_told(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 300)
    _unopenable(rig, media)
    airing = desk.airing("a", NOON + 10 * S, media, cls=BroadcastClass.EMERGENCY, late=Late.WHOLE, window_us=600 * S)
    rig.give(desk.programme([airing]))
    _read_again(rig, 200)
    assert len(rig.outbox.pieces["a"]) == 1 + len(RETRY_US)
    _read_again(rig, 800)
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.FAILED, "unreadable")


def test_a_recording_that_was_altered_is_played_when_it_has_come_anew(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 120)
    duration_us = _unopenable(rig, media)
    rig.store.path(media.sha256).write_bytes(b"rot")
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(15)
    assert rig.store.check(media.sha256, rig.now_us) is False
    rig.run(15)
    rig.fetch(media)
    assert rig.durations_us[rig.store.path(media.sha256)] == duration_us
    rig.run(120)
    assert rig.heard == [("a", 30 * S, 130 * S)]
