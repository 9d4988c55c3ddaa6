"""What the field does to a node that nobody meant, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Outcome, QuietHours, Quota, Rules
from receivers.life import Hold

if TYPE_CHECKING:
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
YEAR_US = 365 * 86_400 * S


def test_a_language_that_changes_while_its_longer_recording_sounds_leaves_the_air_to_the_next(
    rig: Rig, desk: Desk
) -> None:
    long, short, other = desk.media("vi", 60), replace(desk.media("cor", 10), language="cor"), desk.media("b", 60)
    rig.fetch(long, short, other)
    first = replace(desk.airing("a", NOON + 10 * S, long), media=(long, short))
    rig.give(desk.programme([first, desk.airing("b", NOON + 21 * S, other)]))
    rig.run(40)
    rig.give(desk.settings(languages=("cor",)))
    rig.run(100)
    assert rig.heard == [("a", 10 * S, 40 * S), ("b", 40 * S, 81 * S)]
    assert rig.reports["a"].outcome is Outcome.CUT


def test_stop_under_a_clock_that_is_years_ahead_costs_no_programme(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("tomorrow", NOON + 200 * S, media)]))
    rig.run(10)
    right_us = rig.now_us
    rig.now_us += 3600 * S
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    rig.run(5)
    rig.node.set_hold(Hold.EVERYTHING_UNTIMED, rig.now_us)
    rig.run(10)
    assert rig.reports == {}
    rig.now_us = right_us + 15 * S
    rig.node.set_hold(Hold.EVERYTHING, rig.now_us)
    rig.run(5)
    rig.node.set_hold(Hold.NOTHING, rig.now_us)
    rig.run(400)
    assert {key: report.outcome for key, report in rig.reports.items()} == {"tomorrow": Outcome.HEARD}


def test_an_emergency_stopped_under_a_clock_in_doubt_does_not_come_back(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, cls=BroadcastClass.EMERGENCY)]))
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    rig.run(20)
    rig.node.set_hold(Hold.EVERYTHING_UNTIMED, rig.now_us)
    rig.run(5)
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    rig.run(60)
    assert rig.heard == [("a", 10 * S, 20 * S)]
    assert rig.reports["a"].reason == "stopped_locally"


def test_a_button_pressed_before_the_clock_was_set_is_refused_and_works_once_it_is(rig: Rig, desk: Desk) -> None:
    message = desk.media("message", 10)
    rig.fetch(message)
    right_us, rig.now_us = rig.now_us, 1000 * S  # no clock on a battery
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    rig.run(5)
    changes = {"late": Late.WHOLE, "after_cut": AfterCut.RESTART, "window_us": 600 * S, "broadcast_id": "local"}
    against = rig.node.start_message(desk.airing("local-fire-1", rig.now_us, message, **changes), rig.now_us)
    assert against == "the time is not known here"
    assert rig.node.messages == ()
    rig.now_us = right_us
    rig.node.set_hold(Hold.NOTHING, rig.now_us)
    rig.run(5)
    assert rig.node.start_message(desk.airing("local-fire-2", rig.now_us, message, **changes), rig.now_us) is None
    rig.run(15)
    assert [name for name, _, _ in rig.heard] == ["local-fire-2"]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (Rules(timezone="UTC", quiet_hours=(QuietHours(start_minute=0, end_minute=0),)), "these are quiet hours"),
        (Rules(timezone="UTC", quota=Quota(sessions_per_day=0, session_us=S)), "what may sound in a day is used up"),
        (Rules(timezone="UTC"), "its recording is not here"),
    ],
)
def test_a_button_is_told_why_its_message_does_not_sound_and_an_emergency_passes_rules(
    rig: Rig, desk: Desk, rules: Rules, why: str
) -> None:
    message = desk.media("message", 10)
    rig.give(desk.settings(rules=rules))
    if "recording" not in why:
        rig.fetch(message)
    rig.run(1)
    own = desk.airing("local-fire-1", rig.now_us + S, message, broadcast_id="local")
    assert rig.node.start_message(own, rig.now_us) == why
    assert rig.node.messages == ()
    rig.fetch(message)
    urgent = desk.airing("local-fire-2", rig.now_us + S, message, broadcast_id="local", cls=BroadcastClass.EMERGENCY)
    assert rig.node.start_message(urgent, rig.now_us) is None
    rig.run(60)
    assert [name for name, _, _ in rig.heard] == ["local-fire-2"]
    assert set(rig.reports) == {"local-fire-2"}


def test_a_message_that_a_power_cut_ends_was_interrupted_and_not_cancelled(rig: Rig, desk: Desk) -> None:
    message = desk.media("message", 30)
    rig.fetch(message)
    rig.run(1)
    rig.node.start_message(desk.airing("local-fire-1", rig.now_us + S, message, broadcast_id="local"), rig.now_us)
    rig.run(10)
    rig.boot()
    rig.run(200)
    assert (rig.reports["local-fire-1"].outcome, rig.reports["local-fire-1"].reason) == (Outcome.CUT, "interrupted")


def test_an_acknowledgement_of_more_than_can_be_costs_no_report(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 5)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.outbox.acknowledge(2**53, rig.now_us)
    rig.run(30)
    rig.boot()
    assert rig.reports["a"].number == 1
    assert "a" in rig.outbox.over
