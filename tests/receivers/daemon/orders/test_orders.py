"""Orders and live sessions on a receiver in virtual time: documents and recordings in, sound, state and reports out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.wire.documents import Amplifier, BroadcastClass, OrderProgress, Outcome
from broadcast.wire.now import Feed, LiveSession, Made, Purpose
from receivers.hands import message
from receivers.life import Hold
from receivers.live import decide
from receivers.progress import KEEP_US

if TYPE_CHECKING:
    from broadcast.wire.documents import Media
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
FEED = Feed(id="f1", key="A" * 43, urls=("http://centre/live/f1",))


@pytest.fixture
def siren(rig: Rig, desk: Desk) -> Media:
    """Ten seconds, in the province's bank as siren.1 and on the node; flood.1, of 20 seconds, too."""
    siren, flood = desk.media("siren", 10), desk.media("flood", 20)
    rig.give(desk.bank({"siren.1": siren, "flood.1": flood}))
    rig.fetch(siren, flood)
    return siren


def _told(rig: Rig) -> dict[str, OrderProgress]:
    return {one.id: one for one in rig.node.progress.told}


def _at(at_us: int | None) -> float | None:
    return None if at_us is None else (at_us - NOON) / S


@pytest.mark.usefixtures("siren")
def test_an_order_sounds_part_by_part_and_is_told_of_and_reported(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1", "siren.1", "flood.1")))
    rig.run(0)
    assert _told(rig)["o1"] == OrderProgress(id="o1", received_us=NOON)
    rig.run(5)
    assert _told(rig)["o1"] == OrderProgress(id="o1", received_us=NOON, sounding_us=NOON + S, level_dbfs=-18.0)
    rig.run(60)
    assert rig.heard == [("o1.0.0", S, 11 * S), ("o1.0.1", 11 * S, 31 * S)]
    assert _at(_told(rig)["o1"].ended_us) == 31
    assert {key: (one.outcome, one.broadcast_id) for key, one in rig.reports.items()} == {
        "o1.0.0": (Outcome.HEARD, "o1"),
        "o1.0.1": (Outcome.HEARD, "o1"),
    }


@pytest.mark.usefixtures("siren")
def test_the_first_sample_is_looked_for_often_until_it_is_heard(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1")))
    rig.run(0)
    assert rig.node.look_us(rig.now_us) == NOON + S + S // 10
    rig.run(2)
    assert rig.node.look_us(rig.now_us) is None


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_what_is_taken_back_is_silent_at_once_and_told(rig: Rig, desk: Desk, how: str) -> None:
    order = desk.order("o1", every_us=60 * S)
    rig.give(desk.now(order, expires_us=NOON + 5 * S if how == "expired" else NOON + 3600 * S))
    rig.run(5)
    if how == "cancelled":
        rig.give(desk.now())
    rig.run(120)
    assert rig.heard == [("o1.0.0", S, 5 * S)]
    assert (rig.reports["o1.0.0"].outcome, rig.reports["o1.0.0"].reason) == (Outcome.CUT, "cancelled")
    told = _told(rig)["o1"]
    assert (_at(told.ended_us), told.reason) == (5, "cancelled")
    rig.run(KEEP_US / S)
    assert _told(rig) == {}
    assert len(rig.reports) == 1


@pytest.mark.usefixtures("siren")
def test_a_rhythm_sounds_until_it_is_over_and_ends_once(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1", every_us=60 * S, until_us=NOON + 150 * S)))
    rig.run(100)
    assert _told(rig)["o1"].ended_us is None
    rig.run(100)
    assert [start_us // S for _, start_us, _ in rig.heard] == [1, 61, 121]
    assert _at(_told(rig)["o1"].ended_us) == 131
    assert set(rig.reports) == {"o1.0.0", "o1.1.0", "o1.2.0"}


@pytest.mark.usefixtures("siren")
def test_a_later_order_has_the_air_over_every_part_of_an_earlier_one(rig: Rig, desk: Desk) -> None:
    early = desk.order("early", "flood.1", "flood.1", every_us=60 * S)
    rig.give(desk.now(early))
    rig.run(10)
    late = desk.order("late", "flood.1", "siren.1", start_us=NOON + 10 * S)
    rig.give(desk.now(early, late))
    rig.run(90)
    assert rig.heard[:3] == [("early.0.0", S, 11 * S), ("late.0.0", 11 * S, 31 * S), ("late.0.1", 31 * S, 41 * S)]
    assert rig.heard[3][:2] == ("early.1.0", 61 * S)


@pytest.mark.usefixtures("siren")
def test_what_an_order_cut_off_goes_on_as_it_says(rig: Rig, desk: Desk) -> None:
    news = desk.media("news", 60)
    rig.fetch(news)
    rig.give(desk.programme([desk.airing("news", NOON, news)]))
    rig.give(desk.now(desk.order("o1")))
    rig.run(100)
    assert rig.heard == [("news", 0, S), ("o1.0.0", S, 11 * S), ("news", 11 * S, 60 * S)]


@pytest.mark.usefixtures("siren")
def test_a_drill_is_no_emergency_and_what_came_later_does_not_part_it(rig: Rig, desk: Desk) -> None:
    words, news = desk.media("words", 10), desk.media("news", 30)
    rig.fetch(words, news)
    rig.give(desk.bank({"words.1": words, "tone.1": words}, Purpose.DRILL, zone="tra-van"))
    drill = desk.order("d1", "words.1", "tone.1", "words.1", purpose=Purpose.DRILL)
    rig.give(desk.now(drill))
    rig.give(desk.programme([desk.airing("news", NOON + 5 * S, news, cls=BroadcastClass.PRIORITY)]))
    rig.run(60)
    assert [name for name, _, _ in rig.heard] == ["d1.0.0", "d1.0.1", "d1.0.2", "news"]
    assert {rig.node.airings[f"d1.0.{part}"].cls for part in range(3)} == {BroadcastClass.PRIORITY}
    rig.node.set_hold(Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    again = desk.order("d2", "words.1", purpose=Purpose.DRILL, start_us=rig.now_us)
    rig.give(desk.now(again))
    rig.run(20)
    assert len(rig.heard) == 4
    assert _told(rig)["d2"].reason == "clock_untrusted"


@pytest.mark.usefixtures("siren")
def test_who_connects_when_all_was_over_plays_it_once_and_never_again(rig: Rig, desk: Desk) -> None:
    order = desk.order("o1", "siren.1", "flood.1")
    rig.now_us += 600 * S
    rig.give(desk.now(order))
    rig.run(60)
    begin_us = 600 * S + S // 2
    assert rig.heard == [
        ("o1.late.0", begin_us, begin_us + 10 * S),
        ("o1.late.1", begin_us + 10 * S, begin_us + 30 * S),
    ]
    rig.boot()
    rig.give(desk.now(order, desk.order("o2", start_us=rig.now_us)))
    rig.run(100)
    assert [name for name, _, _ in rig.heard] == ["o2.0.0"]
    assert set(rig.reports) == {"o1.late.0", "o1.late.1", "o2.0.0"}


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("clock_known_after_s", [0, 30])
def test_who_was_off_while_all_of_it_was_plays_it_once_and_never_again(
    rig: Rig, desk: Desk, clock_known_after_s: int
) -> None:
    """The power went as the order came: no less is known of it than where the order came later."""
    rig.give(desk.now(desk.order("o1", "siren.1", "flood.1", until_us=NOON + 900 * S)))
    rig.now_us += 180 * S
    rig.boot()
    if clock_known_after_s:
        rig.node.standing.set_clock(trusted=False, offset_us=None)
        rig.run(clock_known_after_s)
        assert rig.heard == []
        rig.node.standing.set_clock(trusted=True, offset_us=0)
    rig.run(60)
    assert [name for name, _, _ in rig.heard] == ["o1.late.0", "o1.late.1"]
    rig.boot()
    rig.run(600)
    assert rig.heard == []
    assert {key: one.outcome for key, one in rig.reports.items()} == {
        "o1.late.0": Outcome.HEARD,
        "o1.late.1": Outcome.HEARD,
    }


@pytest.mark.usefixtures("siren")
def test_what_a_stop_at_the_node_kept_from_sounding_does_not_come_back_with_the_power(rig: Rig, desk: Desk) -> None:
    rig.node.set_hold(Hold.EVERYTHING, rig.now_us)
    rig.give(desk.now(desk.order("o1", "siren.1", until_us=NOON + 900 * S)))
    rig.run(60)
    rig.boot()
    rig.run(300)
    assert rig.heard == []
    assert set(rig.reports) == {"o1.0.0"}


@pytest.mark.usefixtures("siren")
def test_what_is_learnt_after_it_was_over_does_not_begin_once_a_later_emergency_has(rig: Rig, desk: Desk) -> None:
    rig.now_us += 600 * S
    later = desk.order("o2", "siren.1", start_us=NOON + 500 * S, every_us=300 * S)
    rig.give(desk.now(desk.order("o1", "siren.1", "flood.1"), later))
    rig.run(400)  # the later one is over its first time, and silent until its second
    assert {name for name, _, _ in rig.heard} == {"o2.1.0"}


def test_a_late_play_waits_for_its_recording_and_for_the_amplifier(rig: Rig, desk: Desk) -> None:
    siren = desk.media("siren", 10)
    rig.give(desk.settings(amplifier=Amplifier(lead_us=3 * S)))
    rig.give(desk.bank({"siren.1": siren}))
    rig.now_us += 600 * S
    rig.give(desk.now(desk.order("o1")))
    rig.run(100)
    assert rig.heard == []
    assert rig.node.standing.bank_missing(rig.store.ready) == ("siren.1",)
    rig.fetch(siren)
    rig.node.lead_us = lambda: 3 * S
    rig.run(30)
    assert rig.heard == [("o1.late.0", 703 * S, 713 * S)]


@pytest.mark.usefixtures("siren")
def test_who_reboots_in_the_middle_joins_at_its_place(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1", "flood.1")))
    rig.run(5)
    rig.now_us += 5 * S
    rig.boot()
    rig.run(30)
    assert rig.heard == [("o1.0.0", 10 * S, 21 * S)]
    assert rig.reports["o1.0.0"].outcome is Outcome.CUT
    assert len(rig.reports) == 1
    assert _told(rig)["o1"].received_us == NOON


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("zone", ["province", "tra-van"])
def test_stop_all_silences_at_once_what_sounds_and_what_waits(rig: Rig, desk: Desk, zone: str) -> None:
    news, late = desk.media("news", 60), desk.media("late", 10)
    rig.fetch(news, late)
    rig.give(desk.programme([desk.airing("news", NOON + 2 * S, news), desk.airing("later", NOON + 50 * S, late)]))
    order = desk.order("o1", "flood.1", start_us=NOON + 9 * S, every_us=30 * S)
    rig.give(desk.now(order))
    rig.run(15)
    rig.give(desk.now(order, zone="tra-van", stop_us=NOON + 15 * S if zone == "tra-van" else 0))
    rig.give(desk.now(zone="province", stop_us=NOON + 15 * S if zone == "province" else 0))
    rig.run(100)
    assert rig.heard == [("news", 2 * S, 10 * S), ("o1.0.0", 10 * S, 15 * S), ("later", 50 * S, 60 * S)]
    stopped = {key: (one.outcome, one.reason) for key, one in rig.reports.items() if key != "later"}
    assert stopped == dict.fromkeys(("news", "o1.0.0"), (Outcome.CUT, "stopped_by_centre"))
    assert _told(rig)["o1"].reason == "stopped_by_centre"
    rig.boot()
    rig.run(100)
    assert rig.heard == []


@pytest.mark.usefixtures("siren")
def test_stop_all_that_takes_the_order_away_with_it_says_so(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("o1", "flood.1")))
    rig.run(10)
    rig.give(desk.now(stop_us=NOON + 10 * S))
    rig.run(30)
    assert rig.heard == [("o1.0.0", S, 10 * S)]
    assert (rig.reports["o1.0.0"].outcome, rig.reports["o1.0.0"].reason) == (Outcome.CUT, "stopped_by_centre")


def test_stop_all_silences_what_was_started_at_the_node(rig: Rig, desk: Desk) -> None:
    fire = desk.media("fire", 60)
    rig.fetch(fire)
    own = desk.airing("local-fire-1", NOON + S, fire, broadcast_id=message.BROADCAST_ID)
    assert rig.node.start_message(own, rig.now_us) is None
    rig.run(10)
    rig.give(desk.now(stop_us=NOON + 10 * S))
    rig.run(30)
    assert rig.heard == [("local-fire-1", S, 10 * S)]
    assert rig.reports["local-fire-1"].reason == "stopped_by_centre"


@pytest.mark.usefixtures("siren")
def test_the_nodes_own_stop_is_why_an_order_does_not_sound(rig: Rig, desk: Desk) -> None:
    rig.node.set_hold(Hold.EVERYTHING, rig.now_us)
    rig.give(desk.now(desk.order("o1")))
    rig.run(20)
    assert rig.heard == []
    assert _told(rig)["o1"].reason == "stopped_locally"


def test_a_live_session_takes_its_feed_and_ends_when_it_is_known_to(rig: Rig, desk: Desk) -> None:
    session = LiveSession(feed=FEED, start_us=NOON + S, until_us=NOON + 600 * S)
    rig.durations_us[Path("f1")] = 600 * S
    rig.give(desk.now(sessions=(session,)))
    (cue,) = rig.node.tick(rig.now_us, rig.player.status())
    assert (cue.path, cue.feed_id, cue.origin_us) == (Path("f1"), "f1", NOON + 3 * S)
    assert [growing.feed for growing in rig.node.feeds] == [FEED]
    assert rig.node.needs(rig.now_us) == ()
    rig.run(20)
    rig.give(desk.now(sessions=(replace(session, frames=30 * 48_000),)))
    rig.run(30)
    assert rig.heard == [("live.f1", 3 * S, 33 * S)]
    told = _told(rig)["f1"]
    assert (_at(told.sounding_us), _at(told.ended_us)) == (3, 33)
    rig.give(desk.now())
    rig.run(2)
    assert rig.node.feeds == ()


def test_a_relay_is_heard_again_after_a_talk_and_fetched_only_when_it_is_to_be_heard(rig: Rig, desk: Desk) -> None:
    relay = LiveSession(feed=FEED, start_us=NOON, until_us=NOON + 302 * S, cls=BroadcastClass.NORMAL)
    other = Feed(id="f2", key="B" * 43, urls=("http://centre/live/f2",))
    talk = LiveSession(feed=other, start_us=NOON + 60 * S, until_us=NOON + 200 * S, cls=BroadcastClass.PRIORITY)
    rig.durations_us |= {Path("f1"): 300 * S, Path("f2"): 60 * S}

    def fetched() -> list[str]:
        return [one.feed.id for one in rig.node.feeds if decide.opens_us(one) <= rig.now_us]

    rig.give(desk.now(sessions=(relay,)))
    rig.run(60)
    assert fetched() == ["f1"]
    rig.give(desk.now(sessions=(relay, talk)))
    rig.run(1)
    assert fetched() == ["f1", "f2"]  # the talk is heard in a second
    rig.run(9)
    assert fetched() == ["f2"]
    rig.run(50)
    rig.give(desk.now(sessions=(relay, replace(talk, frames=60 * 48_000))))
    rig.run(1)
    assert fetched() == ["f1", "f2"]  # known to be over in a second
    rig.run(9)
    rig.give(desk.now(sessions=(relay,)))
    rig.run(230)
    assert rig.heard == [
        ("live.f1", 2 * S, 62 * S),
        ("live.f2", 62 * S, 122 * S),
        ("live.f1", 122 * S, 302 * S),
    ]
    assert {key: one.outcome for key, one in rig.reports.items()} == {
        "live.f1": Outcome.CUT,
        "live.f2": Outcome.HEARD,
    }


def test_a_relay_is_heard_again_at_once_when_a_talk_is_silenced(rig: Rig, desk: Desk) -> None:
    relay = LiveSession(feed=FEED, start_us=NOON, until_us=NOON + 302 * S, cls=BroadcastClass.NORMAL)
    talk = LiveSession(feed=replace(FEED, id="f2"), start_us=NOON + 8 * S, until_us=NOON + 900 * S)
    rig.durations_us |= {Path("f1"): 600 * S, Path("f2"): 600 * S}
    rig.give(desk.now(sessions=(relay, talk)))
    rig.run(30)
    assert {one.feed.id: decide.opens_us(one) > rig.now_us for one in rig.node.feeds} == {"f1": True, "f2": False}
    rig.give(desk.now(sessions=(relay,)))
    rig.run(5)
    assert [decide.opens_us(one) <= rig.now_us for one in rig.node.feeds] == [True]
    rig.run(300)
    assert rig.heard == [("live.f1", 2 * S, 10 * S), ("live.f2", 10 * S, 30 * S), ("live.f1", 30 * S, 302 * S)]


@pytest.mark.usefixtures("siren")
def test_a_new_text_sounds_from_its_feed_and_begins_again_from_its_file(rig: Rig, desk: Desk) -> None:
    text = desk.media("text", 20)
    order = desk.order("o1", "siren.1", Made(media=(text,), feed=FEED), every_us=60 * S)
    rig.give(desk.now(order))
    path = rig.store.path(text.sha256)
    rig.durations_us[path] = text.duration_us
    cues = {cue.key.split("~")[0]: cue for cue in rig.node.tick(rig.now_us, rig.player.status())}
    assert (cues["o1.0.0"].feed_id, cues["o1.0.1"].feed_id, cues["o1.0.1"].path) == (None, "f1", path)
    assert {need.sha256: need.due_us for need in rig.node.needs(rig.now_us)}[text.sha256] == NOON + 11 * S
    rig.run(15)
    rig.fetch(text)
    rig.run(5)
    assert [growing.feed.id for growing in rig.node.feeds] == ["f1"]  # it sounds from there
    rig.run(65)
    assert rig.node.feeds == ()
    assert [(name, start_us // S) for name, start_us, _ in rig.heard] == [
        *(("o1.0.0", 1), ("o1.0.1", 11)),
        *(("o1.1.0", 61),),
    ]
    assert rig.reports["o1.0.1"].outcome is Outcome.HEARD


@pytest.mark.usefixtures("siren")
@pytest.mark.parametrize("every_s", [0, 60])
@pytest.mark.parametrize("came_s", [5, 30])
def test_a_text_that_comes_late_drops_no_part_and_none_that_is_over_sounds_again(
    rig: Rig, desk: Desk, every_s: int, came_s: int
) -> None:
    text = desk.media("text", 20)
    rig.fetch(text)
    order = desk.order("o1", "siren.1", every_us=every_s * S, until_us=NOON + 120 * S)
    rig.give(desk.now(replace(order, places=(1,))))
    rig.run(came_s)
    start_us = order.start_us if every_s else NOON + came_s * S
    rig.give(desk.now(replace(order, parts=(Made(media=(text,)), "siren.1"), start_us=start_us)))
    rig.run(200)
    once = [("o1.0.1", S, min(came_s, 11) * S)]
    assert rig.heard[:1] == once
    if not every_s:
        assert [name for name, _, _ in rig.heard[1:]] == ["o1.0.0", "o1.0.1"][: 2 if came_s == 5 else 1]
        assert rig.reports["o1.0.0"].outcome is Outcome.HEARD
    else:
        assert [one for one in rig.heard if one[1] >= 60 * S] == [
            ("o1.1.0", 61 * S, 81 * S),
            ("o1.1.1", 81 * S, 91 * S),
        ]
    parted = every_s and came_s == 5  # it keeps to its place, and the text is heard whole before
    assert rig.reports["o1.0.1"].outcome is (Outcome.CUT if parted else Outcome.HEARD)


@pytest.mark.parametrize(
    ("purpose", "heard"), [(Purpose.REAL, ["o1.0.1", "o1.1.1"]), (Purpose.DRILL, []), (Purpose.TEST, [])]
)
def test_a_message_that_is_not_known_is_told_of_for_as_long_as_the_others_sound(
    rig: Rig, desk: Desk, purpose: Purpose, heard: list[str]
) -> None:
    siren = desk.media("siren", 10)
    rig.give(desk.bank({"siren.1": siren}, purpose))
    rig.fetch(siren)
    rig.give(desk.now(desk.order("o1", "lost.1", "siren.1", purpose=purpose, every_us=30 * S, until_us=NOON + 50 * S)))
    reasons = set()
    for _second in range(60):
        rig.run(1)
        reasons.add(_told(rig)["o1"].reason)
    assert [name for name, _, _ in rig.heard] == heard
    assert (reasons, _told(rig)["o1"].sounding_us is not None) == ({"unknown_message"}, bool(heard))
    assert rig.node.vault.refused["unknown_message"] == 1


@pytest.mark.usefixtures("siren")
def test_a_part_whose_recording_is_not_here_is_told_of_until_it_has_sounded(rig: Rig, desk: Desk) -> None:
    words = desk.media("words", 5)
    rig.give(desk.bank({"words.1": words}, zone="tra-van"))
    rig.give(desk.now(desk.order("o1", "words.1", "siren.1", every_us=30 * S, until_us=NOON + 75 * S)))
    rig.run(25)
    assert [name for name, _, _ in rig.heard] == ["o1.0.1"]
    assert _told(rig)["o1"].reason == "media_missing"
    rig.fetch(words)
    rig.run(25)
    assert [name for name, _, _ in rig.heard] == ["o1.0.1", "o1.1.0", "o1.1.1"]
    assert _told(rig)["o1"].reason == ""


def test_the_bank_is_needed_at_all_times_and_nothing_makes_it_go(rig: Rig, desk: Desk) -> None:
    siren, week, soon = desk.media("siren", 10), desk.media("week", 10), desk.media("soon", 10)
    rig.give(desk.bank({"siren.1": siren}))
    rig.give(desk.programme([desk.airing("w", NOON + 86_400 * S, week), desk.airing("s", NOON + 60 * S, soon)]))
    rig.run(0)
    wanted = rig.node.needs(rig.now_us)
    assert [need.sha256 for need in wanted] == [soon.sha256, siren.sha256, week.sha256]
    assert [(need.kept, need.told) for need in wanted] == [(False, True), (True, False), (False, True)]


@pytest.mark.usefixtures("siren")
def test_an_airing_of_the_programme_does_not_take_an_orders_name(rig: Rig, desk: Desk) -> None:
    news = desk.media("news", 60)
    rig.fetch(news)
    rig.give(desk.now(desk.order("o1")))
    rig.give(desk.programme([desk.airing("o1.0.0", NOON + 5 * S, news)]))
    rig.run(60)
    assert rig.heard == [("o1.0.0", S, 11 * S)]
    assert rig.node.airings["o1.0.0"].cls is BroadcastClass.EMERGENCY


def test_a_bank_that_has_expired_sounds_on_over_restarts_too(rig: Rig, desk: Desk) -> None:
    siren = desk.media("siren", 10)
    rig.give(replace(desk.bank({"siren.1": siren}), expires_us=NOON + 10 * S))
    rig.fetch(siren)
    rig.now_us = later = NOON + 20 * 24 * 3600 * S
    rig.boot()
    assert rig.node.standing.bank_missing(rig.store.ready) == ()
    rig.give(desk.now(desk.order("o1", start_us=later), at_us=later))
    rig.run(20)
    assert [(key, end_us - start_us) for key, start_us, end_us in rig.heard] == [("o1.0.0", 10 * S)]
