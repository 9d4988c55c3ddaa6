"""Orders at a node whose clock is wrong: the centre's time counts, as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broadcast.wire.documents import Outcome
from receivers.life import Hold
from receivers.reckoning import FOLLOW_US, WAIT_US, Reckoning

if TYPE_CHECKING:
    from broadcast.wire.documents import Media
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
YEAR = 365 * 86_400 * S
AWAY = [10 * YEAR, 3600 * S, -3600 * S, -NOON + 60 * S]


@pytest.fixture
def siren(rig: Rig, desk: Desk) -> Media:
    siren = desk.media("siren", 10)
    rig.give(desk.bank({"siren.1": siren}))
    rig.fetch(siren)
    return siren


def _set(rig: Rig, away_us: int, *, measured: bool) -> None:
    """The node boots with a clock that is away by `away_us`, and nobody vouches for it."""
    rig.now_us += away_us
    rig.boot()
    rig.node.standing.set_clock(trusted=False, offset_us=-away_us if measured else None)
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("away_us", AWAY)
def test_an_order_sounds_at_its_instant_by_the_centres_time(rig: Rig, desk: Desk, away_us: int) -> None:
    _set(rig, away_us, measured=True)
    assert rig.give(desk.now(desk.order("o1")))
    rig.run(30)
    assert [(name, start_us - away_us) for name, start_us, _ in rig.heard] == [("o1.0.0", S)]
    assert rig.reports["o1.0.0"].outcome is Outcome.HEARD
    (told,) = rig.node.progress.told
    assert (told.received_us, told.sounding_us, told.ended_us) == (NOON, NOON + S, NOON + 11 * S)


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("away_us", AWAY)
def test_an_order_of_hours_ago_is_over_by_the_centres_time(rig: Rig, desk: Desk, away_us: int) -> None:
    rig.now_us += 2 * 3600 * S
    _set(rig, away_us, measured=True)
    assert rig.give(desk.now(desk.order("o1")))
    rig.run(30)
    assert rig.heard == []
    assert not rig.give(desk.now(desk.order("o2"), expires_us=NOON + 3600 * S))
    assert rig.vault.refused == {"expired": 1}


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("away_us", AWAY)
def test_without_the_centres_time_what_comes_and_is_new_begins_soon(rig: Rig, desk: Desk, away_us: int) -> None:
    rig.now_us += 5 * S
    _set(rig, away_us, measured=False)
    assert rig.give(desk.now(desk.order("o1", start_us=NOON + 5 * S), at_us=NOON + 5 * S))
    came_us = rig.now_us
    rig.run(30)
    ((name, start_us, _),) = rig.heard
    assert name == "o1.0.0"
    assert 0 <= start_us + NOON - came_us <= WAIT_US + 2 * S


@pytest.mark.parametrize(("away_s", "begins_s", "sounds_s"), [(0, 5, 5), (-30, 5, 0), (30, 35, 5)])
def test_a_broadcast_that_had_begun_by_either_clock_is_stopped(
    rig: Rig, desk: Desk, away_s: int, begins_s: int, sounds_s: int
) -> None:
    """A clock that is believed and so far off: orders go by the centre's, programmes by its own."""
    rig.now_us += away_s * S
    rig.boot()
    rig.node.standing.set_clock(trusted=away_s == 0, offset_us=-away_s * S)
    news, later = desk.media("news", 60), desk.media("later", 10)
    rig.fetch(news, later)
    planned = [desk.airing("news", NOON + begins_s * S, news), desk.airing("later", NOON + 100 * S, later)]
    rig.give(desk.programme(planned))
    rig.run(10)
    rig.give(desk.now(stop_us=NOON + 10 * S, at_us=NOON + 10 * S))
    rig.run(200)
    heard_s = {name: (end_us - start_us) // S for name, start_us, end_us in rig.heard}
    assert heard_s == ({"news": sounds_s} if sounds_s else {}) | {"later": 10}
    assert rig.reports["news"].reason == "stopped_by_centre"


@pytest.mark.usefixtures("siren")
def test_an_order_that_sounds_goes_on_at_its_place_once_the_clock_is_set_right(rig: Rig, desk: Desk) -> None:
    _set(rig, -3600 * S, measured=True)
    rig.give(desk.now(desk.order("o1", every_us=60 * S)))
    rig.run(5)
    rig.now_us += 3600 * S
    rig.player.advance(rig.now_us)
    rig.node.standing.set_clock(trusted=True, offset_us=0)
    rig.node.set_hold(Hold.NOTHING, rig.now_us)
    rig.run(80)
    assert [(name, end_us // S) for name, _, end_us in rig.heard[-2:]] == [("o1.0.0", 11), ("o1.1.0", 71)]
    assert set(rig.reports) == {"o1.0.0", "o1.1.0"}


@pytest.mark.usefixtures("siren")
def test_a_clock_that_was_wrong_for_a_moment_costs_no_repetition(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1", every_us=120 * S, until_us=NOON + 7200 * S), expires_us=NOON + 86_400 * S))
    rig.run(20)
    rig.now_us += 36_000 * S
    rig.run(5)
    rig.now_us -= 36_000 * S
    rig.player.advance(rig.now_us)
    rig.run(120)
    assert [(name, start_us // S) for name, start_us, _ in rig.heard] == [("o1.0.0", 1), ("o1.1.0", 121)]


@pytest.mark.usefixtures("siren")
def test_what_is_cancelled_while_the_clock_is_doubted_is_reported_at_once(rig: Rig, desk: Desk) -> None:
    _set(rig, 10 * YEAR, measured=True)
    rig.give(desk.now(desk.order("o1")))
    rig.run(5)
    rig.give(desk.now())
    rig.run(5)
    assert (rig.reports["o1.0.0"].outcome, rig.reports["o1.0.0"].reason) == (Outcome.CUT, "cancelled")


def test_a_measurement_that_trembles_moves_nothing() -> None:
    reckoning = Reckoning(trusted=False, offset_us=100 * S)
    reckoning.see(NOON, 0)
    for offset_us in (100 * S + FOLLOW_US, 100 * S - FOLLOW_US):
        reckoning.offset_us = offset_us
        reckoning.see(NOON, 0)
        assert reckoning.shift_us == 100 * S
    reckoning.offset_us = 101 * S
    reckoning.see(NOON, 0)
    assert reckoning.shift_us == 101 * S


def test_who_hears_the_time_with_an_order_does_not_take_an_old_one_for_new() -> None:
    reckoning = Reckoning(trusted=False)
    reckoning.see(NOON, NOON - 86_400 * S)
    reckoning.arrived(NOON - 7200 * S, NOON)
    reckoning.offset_us = 0
    reckoning.see(NOON + S, NOON - 7200 * S)
    reckoning.offset_us = None
    reckoning.see(NOON + WAIT_US, NOON - 7200 * S)
    assert reckoning.shift_us == 0
