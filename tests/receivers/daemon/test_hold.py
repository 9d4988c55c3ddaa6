"""What STOP at the node and a clock that is not trusted keep from sounding, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broadcast.wire.documents import BroadcastClass, Late, LocalMessage, Outcome
from receivers import plan
from receivers.ear.selftest import AIRING_ID
from receivers.hands.message import airing
from receivers.life import Hold

if TYPE_CHECKING:
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S


def _hold(rig: Rig, hold: Hold) -> None:
    rig.node.set_hold(hold, rig.now_us)


@pytest.mark.parametrize("cls", BroadcastClass)
def test_stop_ends_what_sounds_whatever_its_class_and_it_never_comes_back(
    rig: Rig, desk: Desk, cls: BroadcastClass
) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, cls=cls)]))
    rig.run(30)
    _hold(rig, Hold.EVERYTHING)
    rig.run(10)
    assert rig.heard == [("a", 10 * S, 30 * S)]
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.CUT, "stopped_locally")
    _hold(rig, Hold.NOTHING)
    rig.run(30)
    rig.boot()
    rig.run(30)
    assert rig.heard == []
    assert len(rig.reports) == 1


@pytest.mark.parametrize("hold", [Hold.EVERYTHING, Hold.EVERYTHING_UNTIMED])
def test_what_was_stopped_does_not_come_back_from_a_sound_path_that_hangs(rig: Rig, desk: Desk, hold: Hold) -> None:
    media = desk.media("a", 120)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, cls=BroadcastClass.EMERGENCY)]))
    rig.run(30)
    hung = rig.player.status()
    _hold(rig, hold)
    for _ in range(5):
        assert rig.node.tick(rig.now_us, hung) == ()
        rig.now_us += S
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.CUT, "stopped_locally")
    _hold(rig, Hold.NOTHING)
    assert rig.node.tick(rig.now_us, hung) == ()
    rig.run(60)
    assert rig.heard == [("a", 10 * S, 30 * S)]
    assert len(rig.reports) == 1


def test_what_should_sound_or_waits_while_stopped_is_reported_and_what_begins_later_sounds(
    rig: Rig, desk: Desk
) -> None:
    media, short = desk.media("a", 60), desk.media("b", 10)
    rig.fetch(media, short)
    waiting = desk.airing("waiting", NOON + 10 * S, short, late=Late.WHOLE, window_us=300 * S)
    rig.give(
        desk.programme(
            [
                desk.airing("high", NOON + 5 * S, media, cls=BroadcastClass.PRIORITY),
                waiting,
                desk.airing("during", NOON + 40 * S, short),
                desk.airing("after", NOON + 80 * S, short),
            ]
        )
    )
    rig.run(20)
    _hold(rig, Hold.EVERYTHING)
    rig.run(40)
    _hold(rig, Hold.NOTHING)
    rig.run(60)
    assert rig.heard == [("high", 5 * S, 20 * S), ("after", 80 * S, 90 * S)]
    assert {key: (report.outcome, report.reason) for key, report in rig.reports.items()} == {
        "high": (Outcome.CUT, "stopped_locally"),
        "waiting": (Outcome.SKIPPED, "stopped_locally"),
        "during": (Outcome.SKIPPED, "stopped_locally"),
        "after": (Outcome.HEARD, ""),
    }


def test_a_clock_that_is_doubted_lets_only_emergencies_sound(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 20)
    rig.fetch(media)
    airings = [desk.airing(cls.value, NOON + 30 * S * (4 - cls.rank), media, cls=cls) for cls in BroadcastClass]
    rig.give(desk.programme(airings))
    _hold(rig, Hold.ALL_BUT_EMERGENCIES)
    rig.run(160)
    assert rig.heard == [("emergency", 30 * S, 50 * S)]
    assert set(rig.reports) == {"emergency"}


def test_once_the_clock_is_trusted_what_still_sounds_is_joined_and_what_is_past_is_told(rig: Rig, desk: Desk) -> None:
    short, long = desk.media("short", 10), desk.media("long", 100)
    rig.fetch(short, long)
    rig.give(desk.programme([desk.airing("past", NOON + 10 * S, short), desk.airing("now", NOON + 60 * S, long)]))
    _hold(rig, Hold.ALL_BUT_EMERGENCIES)
    rig.run(100)
    assert (rig.heard, rig.reports) == ([], {})
    _hold(rig, Hold.NOTHING)
    rig.run(300)
    assert rig.heard == [("now", 100 * S, 160 * S)]
    assert (rig.reports["past"].outcome, rig.reports["past"].reason) == (Outcome.FAILED, "clock_untrusted")
    assert (rig.reports["now"].outcome, rig.reports["now"].reason) == (Outcome.CUT, "clock_untrusted")


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_years_away_for_a_minute_costs_what_it_missed_and_nothing_else(
    rig: Rig, desk: Desk, years: int
) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    airings = [desk.airing(f"a{number}", NOON + (10 + 100 * number) * S, media) for number in range(3)]
    rig.give(desk.programme(airings))
    rig.run(30)
    right_us = rig.now_us
    rig.now_us += years * 365 * 86_400 * S
    _hold(rig, Hold.ALL_BUT_EMERGENCIES)
    rig.run(60)
    assert rig.reports == {}
    rig.now_us = right_us + 60 * S
    _hold(rig, Hold.NOTHING)
    rig.run(400)
    assert {key: report.outcome for key, report in rig.reports.items()} == {
        "a0": Outcome.CUT,
        "a1": Outcome.HEARD,
        "a2": Outcome.HEARD,
    }


def test_a_message_started_at_the_node_sounds_by_its_class_and_is_reported(rig: Rig, desk: Desk) -> None:
    media, message = desk.media("a", 60), desk.media("message", 10)
    rig.fetch(media, message)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(20)
    own = desk.airing("local-fire-1", rig.now_us, message, cls=BroadcastClass.PRIORITY, broadcast_id="local")
    assert rig.node.start_message(own, rig.now_us) is None
    rig.run(120)
    assert rig.heard == [("a", 10 * S, 20 * S), ("local-fire-1", 20 * S, 30 * S), ("a", 30 * S, 70 * S)]
    assert (rig.reports["local-fire-1"].outcome, rig.reports["local-fire-1"].broadcast_id) == (Outcome.HEARD, "local")
    assert rig.reports["a"].outcome is Outcome.CUT


def test_an_emergency_is_heard_where_every_hour_is_turned_down(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 20)
    rig.fetch(media)
    rig.give(desk.settings(volume_by_hour=(0,) * 24))
    rig.give(desk.programme([desk.airing("flood", NOON + 10 * S, media, cls=BroadcastClass.EMERGENCY)]))
    rig.run(60)
    assert rig.reports["flood"].outcome is Outcome.HEARD
    assert rig.reports["flood"].rms_dbfs == pytest.approx(-28.0)


@pytest.mark.parametrize("name", ["fallback.a", "local-fire-1", "self-test", "self-test.1"])
def test_an_airing_by_a_name_of_the_nodes_own_is_none(rig: Rig, desk: Desk, name: str) -> None:
    media = desk.media("a", 20)
    rig.fetch(media)
    airings = [desk.airing(name, NOON + 10 * S, media, broadcast_id="b"), desk.airing("a", NOON + 60 * S, media)]
    rig.give(desk.programme(airings))
    rig.run(120)
    assert set(rig.reports) == {"a"}


def test_the_names_of_the_nodes_own_are_kept_for_it(desk: Desk) -> None:
    message = LocalMessage(name="fire", media=desk.media("a", 1))
    made = (airing(desk.settings(messages=(message,)), "fire", NOON, lead_us=0).id, AIRING_ID, plan.STAND_IN)
    assert all(name.startswith(plan.RESERVED) for name in made)
