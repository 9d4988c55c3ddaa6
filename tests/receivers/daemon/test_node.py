"""The receiver's behaviour in virtual time: documents and recordings in, sound and reports out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from broadcast.wire import topics
from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Outcome, PlayReport, QuietHours, Quota, Rules
from receivers.node import STEADY_US
from receivers.rehearsal import VirtualPlayer
from receivers.sound.cue import FLOOR_DBFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
NOON_OF_DAY_MINUTE = 8 * 60  # NOON is 08:00 UTC


def test_an_airing_is_played_at_its_time_and_reported_heard(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 60 * S, media)]))
    rig.run(120)
    assert rig.heard == [("a", 60 * S, 90 * S)]
    report = rig.reports["a"]
    assert (report.number, report.outcome, report.reason) == (1, Outcome.HEARD, "")
    assert (report.start_us, report.end_us, report.played_us) == (NOON + 60 * S, NOON + 90 * S, 30 * S)
    assert report.media_sha256 == media.sha256
    assert report.media_ready_us == NOON


def test_nothing_sounds_without_settings(new_rig: Callable[[str], Rig], desk: Desk) -> None:
    media, rig = desk.media("a", 30), new_rig("fresh")
    rig.fetch(media)
    assert not rig.give(desk.programme([desk.airing("a", NOON, media)]))
    rig.run(60)
    assert rig.heard == []


def test_a_cancelled_airing_stops_and_is_reported_cut(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(30)
    rig.give(desk.programme([]))
    rig.run(30)
    assert rig.heard == [("a", 10 * S, 30 * S)]
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.CUT, "cancelled")
    assert rig.reports["a"].played_us == 20 * S


def test_an_airing_cancelled_before_it_began_is_not_reported(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 60 * S, media)]))
    rig.run(30)
    rig.give(desk.programme([]))
    rig.run(120)
    assert rig.heard == []
    assert rig.reports == {}


@pytest.mark.parametrize(
    ("after_cut", "after", "ending"),
    [
        (AfterCut.TIMELINE, [("low", 50 * S, 70 * S)], (Outcome.CUT, "higher_class")),
        (AfterCut.RESTART, [("low", 50 * S, 110 * S)], (Outcome.HEARD, "")),
        (AfterCut.DROP, [], (Outcome.CUT, "higher_class")),
    ],
)
def test_a_higher_airing_cuts_a_lower_one_that_goes_on_as_it_says(
    rig: Rig, desk: Desk, after_cut: AfterCut, after: list[tuple[str, int, int]], ending: tuple[Outcome, str]
) -> None:
    low, high = desk.media("low", 60), desk.media("high", 20)
    rig.fetch(low, high)
    first = desk.airing("low", NOON + 10 * S, low, after_cut=after_cut, window_us=300 * S)
    rig.give(desk.programme([first]))
    rig.run(25)
    second = desk.airing("high", NOON + 30 * S, high, cls=BroadcastClass.EMERGENCY)
    rig.give(desk.programme([first, second]))
    rig.run(120)
    assert rig.heard == [("low", 10 * S, 30 * S), ("high", 30 * S, 50 * S), *after]
    assert rig.reports["high"].outcome is Outcome.HEARD
    assert (rig.reports["low"].outcome, rig.reports["low"].reason) == ending
    assert len(rig.outbox.pending) == 2


def test_an_emergency_in_a_zone_above_plays_over_the_own_zones_programme(rig: Rig, desk: Desk) -> None:
    low, high = desk.media("low", 60), desk.media("high", 20)
    rig.fetch(low, high)
    rig.give(desk.programme([desk.airing("low", NOON + 10 * S, low)]))
    emergency = desk.airing("high", NOON + 30 * S, high, cls=BroadcastClass.EMERGENCY)
    rig.give(desk.programme([emergency], zone="province"))
    rig.run(100)
    assert [name for name, _, _ in rig.heard] == ["low", "high", "low"]


def test_what_is_missing_lets_the_next_play_and_is_reported_failed(rig: Rig, desk: Desk) -> None:
    missing, other = desk.media("missing", 30), desk.media("other", 30)
    rig.fetch(other)
    rig.give(
        desk.programme([desk.airing("missing", NOON + 10 * S, missing), desk.airing("other", NOON + 12 * S, other)])
    )
    rig.run(20)
    assert rig.node.missing_now(rig.now_us) == ("missing",)
    rig.run(60)
    assert rig.heard == [("other", 12 * S, 42 * S)]
    assert (rig.reports["missing"].outcome, rig.reports["missing"].reason) == (Outcome.FAILED, "media_missing")
    assert rig.node.missing_now(rig.now_us) == ()


def test_the_fallback_sounds_once_in_a_gap_and_never_over_another(rig: Rig, desk: Desk) -> None:
    missing, other, fallback = desk.media("missing", 60), desk.media("other", 30), desk.media("fallback", 5)
    rig.give(desk.settings(fallback=fallback))
    rig.fetch(other, fallback)
    airings = [
        desk.airing("missing", NOON + 10 * S, missing),
        desk.airing("other", NOON + 100 * S, other),
        desk.airing("missing-too", NOON + 110 * S, missing),
    ]
    rig.give(desk.programme(airings))
    rig.run(300)
    assert rig.heard == [("fallback.missing", 10 * S, 15 * S), ("other", 100 * S, 130 * S)]
    assert rig.reports["missing"].reason == "media_missing, fallback heard"
    assert rig.reports["missing-too"].reason == "media_missing"
    assert len(rig.reports) == 3


def test_an_emergency_whose_recording_is_missing_falls_back_in_quiet_hours_too(rig: Rig, desk: Desk) -> None:
    missing, fallback = desk.media("missing", 60), desk.media("fallback", 5)
    night = QuietHours(start_minute=0, end_minute=0)
    rig.give(desk.settings(fallback=fallback, rules=Rules(timezone="UTC", quiet_hours=(night,))))
    rig.fetch(fallback)
    airings = [
        desk.airing("normal", NOON + 10 * S, missing),
        desk.airing("flood", NOON + 100 * S, missing, cls=BroadcastClass.EMERGENCY),
    ]
    rig.give(desk.programme(airings))
    rig.run(300)
    assert rig.heard == [("fallback.flood", 100 * S, 105 * S)]


def test_a_recording_that_comes_late_is_joined_and_reported_cut(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(30)
    rig.fetch(media)
    rig.run(60)
    assert rig.heard == [("a", 30 * S, 70 * S)]
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.CUT, "media_late")


def test_a_recording_that_comes_late_plays_whole_where_the_airing_says_so(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, late=Late.WHOLE, window_us=60 * S)]))
    rig.run(30)
    rig.fetch(media)
    rig.run(90)
    assert rig.heard == [("a", 30 * S, 90 * S)]
    assert rig.reports["a"].outcome is Outcome.HEARD


def test_quiet_hours_and_quota_are_held_here_and_an_emergency_passes(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    quiet = QuietHours(start_minute=NOON_OF_DAY_MINUTE + 10, end_minute=NOON_OF_DAY_MINUTE + 20)
    rules = Rules(timezone="UTC", quiet_hours=(quiet,), quota=Quota(sessions_per_day=1, session_us=60 * S, gap_us=S))
    rig.give(desk.settings(rules=rules))
    airings = [
        desk.airing("first", NOON + 60 * S, media),
        desk.airing("second", NOON + 300 * S, media),
        desk.airing("at-night", NOON + 700 * S, media),
        desk.airing("flood", NOON + 800 * S, media, cls=BroadcastClass.EMERGENCY),
    ]
    rig.give(desk.programme(airings))
    rig.run(900)
    assert [name for name, _, _ in rig.heard] == ["first", "flood"]
    assert (rig.reports["second"].outcome, rig.reports["second"].reason) == (Outcome.SKIPPED, "quota")
    assert (rig.reports["at-night"].outcome, rig.reports["at-night"].reason) == (Outcome.SKIPPED, "quiet_hours")


def test_after_a_restart_the_quota_still_counts_what_was_played(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    quota = Quota(sessions_per_day=1, session_us=3600 * S, gap_us=60 * S)
    rig.give(desk.settings(rules=Rules(timezone="UTC", quota=quota)))
    rig.give(
        desk.programme([desk.airing("first", NOON + 10 * S, media), desk.airing("second", NOON + 3600 * S, media)])
    )
    rig.run(120)
    rig.boot()
    rig.run(3600)
    assert rig.heard == []
    assert (rig.reports["second"].outcome, rig.reports["second"].reason) == (Outcome.SKIPPED, "quota")


def test_a_piece_whose_end_is_never_told_is_given_up(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.player = VirtualPlayer(rig.durations_us, lambda _played: None, rig.now_us)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(45)
    assert rig.reports == {}
    rig.run(60)
    assert rig.reports["a"].outcome is Outcome.FAILED


def test_a_cancelled_piece_is_waited_for_and_then_given_up(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.player = VirtualPlayer(rig.durations_us, lambda _played: None, rig.now_us)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(20)
    rig.give(desk.programme([]))
    rig.run(30)
    assert rig.reports == {}
    rig.run(60)
    assert rig.reports["a"].reason == "cancelled"


def test_volume_follows_the_local_hour_and_zero_is_reported_silent(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    volume = [100] * 24
    volume[8], volume[9] = 50, 0
    rig.give(desk.settings(volume_by_hour=tuple(volume)))
    rig.give(desk.programme([desk.airing("half", NOON + 60 * S, media), desk.airing("mute", NOON + 3601 * S, media)]))
    rig.run(60)
    assert [cue.gain_db for cue in rig.node.tick(rig.now_us, rig.player.status())] == pytest.approx([-10.0])
    rig.run(3700)
    assert rig.reports["half"].outcome is Outcome.HEARD
    assert rig.reports["half"].rms_dbfs == pytest.approx(-28.0)
    assert rig.reports["mute"].outcome is Outcome.SILENT


def test_digital_silence_is_reported_as_a_number(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.player.level_dbfs = FLOOR_DBFS
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(60)
    sent = msgspec.json.decode(msgspec.json.encode(rig.reports["a"]), type=PlayReport)
    assert (sent.outcome, sent.rms_dbfs, sent.peak_dbfs) == (Outcome.SILENT, FLOOR_DBFS, FLOOR_DBFS)


def test_an_emergency_is_as_loud_as_the_loudest_hour(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.settings(volume_by_hour=(0,) * 12 + (50,) + (0,) * 11))
    rig.give(desk.programme([desk.airing("flood", NOON + 10 * S, media, cls=BroadcastClass.EMERGENCY)]))
    rig.run(60)
    assert rig.reports["flood"].outcome is Outcome.HEARD
    assert rig.reports["flood"].rms_dbfs == pytest.approx(-28.0)


def test_after_a_power_cut_in_the_middle_it_joins_and_says_so_once(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(30)
    rig.now_us += 20 * S
    rig.boot()
    rig.run(60)
    assert rig.heard == [("a", 50 * S, 70 * S)]
    report = rig.reports["a"]
    assert (report.outcome, report.reason) == (Outcome.CUT, "not_running")
    assert report.start_us == NOON + 10 * S
    assert report.end_us == NOON + 70 * S
    assert len(rig.outbox.pending) == 1


def test_an_orderly_restart_keeps_what_was_measured(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(30)
    rig.player.close()
    rig.now_us += 5 * S
    rig.boot()
    rig.run(60)
    report = rig.reports["a"]
    assert (report.start_us, report.end_us, report.played_us) == (NOON + 10 * S, NOON + 70 * S, 55 * S)


def test_what_was_missed_while_off_is_reported_once_and_not_again(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    airings = [desk.airing("heard", NOON + 10 * S, media), desk.airing("missed", NOON + 100 * S, media)]
    rig.give(desk.programme(airings))
    rig.run(60)
    rig.now_us += 600 * S
    for _ in range(3):
        rig.boot()
        rig.run(STEADY_US / S)
    assert rig.heard == []
    assert {name: (r.outcome, r.reason) for name, r in rig.reports.items()} == {
        "heard": (Outcome.HEARD, ""),
        "missed": (Outcome.FAILED, "not_running"),
    }
    assert sorted(rig.outbox.pending) == [1, 2]


def test_nothing_is_said_of_what_was_over_before_the_zone_was_ours(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("morning", NOON - 3600 * S, media)]))
    rig.run(60)
    assert rig.reports == {}


def test_an_order_that_came_after_its_time_is_reported(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([]))
    rig.run(600)
    rig.give(desk.programme([desk.airing("late", NOON + 100 * S, media)]))
    rig.run(10)
    assert rig.heard == []
    assert (rig.reports["late"].outcome, rig.reports["late"].reason) == (Outcome.FAILED, "order_late")


def test_a_clock_set_back_repeats_nothing(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(60)
    rig.now_us -= 3600 * S
    rig.player.advance(rig.now_us)
    rig.run(3700)
    assert len(rig.heard) == 1
    assert len(rig.outbox.pending) == 1


def test_a_clock_set_forward_past_an_airing_reports_it_missed(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 600 * S, media)]))
    rig.run(60)
    rig.now_us += 3600 * S
    rig.run(STEADY_US / S)
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.FAILED, "not_running")


def test_a_clock_that_is_wrong_for_a_minute_costs_no_announcement(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 600 * S, media)]))
    rig.run(60)
    rig.now_us += 3600 * S
    rig.run(60)
    rig.now_us -= 3600 * S
    rig.player.advance(rig.now_us)
    rig.run(600)
    assert rig.node.jumps == 2
    assert rig.heard == [("a", 600 * S, 630 * S)]
    assert [report.outcome for report in rig.outbox.pending.values()] == [Outcome.HEARD]


def test_what_began_while_the_disk_stood_still_is_not_begun_again(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 120)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media, late=Late.WHOLE, window_us=3600 * S)]))
    rig.run(5)
    rig.now_us += 45 * S
    rig.player.advance(rig.now_us)
    rig.run(120)
    assert rig.heard == [("a", 10 * S, 130 * S)]
    assert rig.reports["a"].outcome is Outcome.HEARD


def test_a_file_that_cannot_be_played_fails_and_the_next_plays(rig: Rig, desk: Desk) -> None:
    bad, good = desk.media("bad", 30), desk.media("good", 30)
    rig.fetch(bad, good)
    del rig.durations_us[rig.store.path(bad.sha256)]
    rig.give(desk.programme([desk.airing("bad", NOON + 10 * S, bad), desk.airing("good", NOON + 12 * S, good)]))
    rig.run(60)
    assert rig.heard == [("good", 12 * S, 42 * S)]
    assert (rig.reports["bad"].outcome, rig.reports["bad"].reason) == (Outcome.FAILED, "unreadable")
    assert rig.node.known.take_suspects() == {bad.sha256}
    rig.give(desk.programme([]))
    rig.run(1)
    assert not rig.node.known.broken


def test_a_dead_sound_card_is_reported_as_such(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.player.silent = True
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(60)
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.FAILED, "audio_device")


def test_leaving_a_zone_stops_its_programme(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(30)
    rig.give(desk.settings(zone_path=("province", "tra-tap")))
    rig.run(30)
    assert rig.heard == [("a", 10 * S, 30 * S)]
    assert rig.vault.wanted() >= {topics.programme("tra-tap"), topics.programme("province")}
    assert topics.programme("tra-van") not in rig.vault.wanted()


def test_a_time_zone_unknown_here_does_not_silence_the_node(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    rig.give(desk.settings(rules=Rules(timezone="Atlantis/Poseidonis")))
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(60)
    assert not rig.node.settings_good
    assert [name for name, _, _ in rig.heard] == ["a"]


def test_an_expired_programme_plays_no_more_but_its_rules_stay(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 30)
    rig.fetch(media)
    programme = desk.programme([desk.airing("a", NOON + 100 * S, media)])
    rig.give(replace(programme, expires_us=NOON + 50 * S))
    rig.run(200)
    assert rig.heard == []
    assert rig.node.settings is not None


def test_what_is_cancelled_in_its_first_moment_is_reported_cut(rig: Rig, desk: Desk) -> None:
    media = desk.media("a", 60)
    rig.fetch(media)
    rig.give(desk.programme([desk.airing("a", NOON + 10 * S, media)]))
    rig.run(9)
    rig.now_us += S + S // 2
    rig.player.advance(rig.now_us)
    rig.give(desk.programme([]))
    rig.run(10)
    assert rig.heard == [("a", 10 * S, 10 * S + S // 2)]
    assert (rig.reports["a"].outcome, rig.reports["a"].reason) == (Outcome.CUT, "cancelled")
