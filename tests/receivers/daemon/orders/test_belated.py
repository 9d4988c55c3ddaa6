"""Texts of orders that come late to a receiver, in virtual time: heard whole, once, while the order is in force."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import Outcome
from broadcast.wire.now import Feed, Made, Order, Purpose
from receivers.life import Hold
from receivers.orders import SOON_US
from tests.receivers.daemon.conftest import ZONE, Desk, Rig

if TYPE_CHECKING:
    from broadcast.wire.documents import Media

S = 1_000_000
NOON = 1_800_000_000 * S
TEXT_S = 20
FEED = Feed(id="f1", key="A" * 43, urls=("http://centre/live/f1",))
DRAWN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NEVER = 10_000


@pytest.fixture
def text(desk: Desk) -> Media:
    return desk.media("text", TEXT_S)


def _order(desk: Desk, text: Media, **changes: object) -> Order:
    order = desk.order("o1", Made(media=(text,), feed=FEED), until_us=NOON + 300 * S)
    return replace(order, **changes)


def _heard(rig: Rig) -> list[tuple[str, float, float]]:
    """In seconds, what sounds now included."""
    sounding = rig.player.sounding
    now = [(sounding[0].split("~")[0], sounding[1] - NOON, rig.now_us - NOON)] if sounding else []
    return [(name, start_us / S, end_us / S) for name, start_us, end_us in [*rig.heard, *now]]


def _reason(rig: Rig) -> str:
    return next(one.reason for one in rig.node.progress.told if one.id == "o1")


@pytest.mark.parametrize("came_s", [5, 100, 270])
@pytest.mark.parametrize("by", ["file", "feed"])
@pytest.mark.parametrize("purpose", [Purpose.REAL, Purpose.DRILL])
def test_what_comes_late_is_heard_whole_and_told_so(
    rig: Rig, desk: Desk, text: Media, *, came_s: int, by: str, purpose: Purpose
) -> None:
    rig.give(desk.now(_order(desk, text, purpose=purpose)))
    rig.run(came_s)
    assert (_heard(rig), _reason(rig)) == ([], "media_missing")
    assert [need.sha256 for need in rig.node.needs(rig.now_us)] == [text.sha256]
    assert [growing.feed for growing in rig.node.feeds] == [FEED]
    if by == "file":
        rig.fetch(text)
    else:
        rig.durations_us[rig.store.path(text.sha256)] = text.duration_us
        rig.run(3)
        assert _heard(rig) == []  # a feed that is not sure could break off
        rig.node.sure_feeds = lambda: frozenset({FEED.id})
    rig.run(200)
    ((name, start_s, end_s),) = _heard(rig)
    assert (name, end_s - start_s) == ("o1.0.0", TEXT_S)
    assert came_s < start_s <= came_s + 5
    report = rig.reports["o1.0.0"]
    assert (report.outcome, report.start_us, report.planned_start_us) == (Outcome.HEARD, NOON + start_s * S, NOON + S)
    told = rig.node.progress.told[0]
    assert (told.sounding_us, told.ended_us) == (NOON + start_s * S, NOON + end_s * S)
    assert told.reason == ""


def test_a_feed_that_is_sure_no_more_begins_nothing(rig: Rig, desk: Desk, text: Media) -> None:
    rig.give(desk.now(_order(desk, text)))
    rig.run(4)
    rig.durations_us[rig.store.path(text.sha256)] = text.duration_us
    rig.node.sure_feeds = lambda: frozenset(
        {FEED.id} if rig.now_us == NOON + 6 * S or rig.now_us > NOON + 19 * S else ()
    )
    rig.run(200)
    assert _heard(rig) == [("o1.0.0", 22, 22 + TEXT_S)]


def test_what_is_there_in_time_begins_for_all_at_once(rig: Rig, desk: Desk, text: Media) -> None:
    rig.durations_us[rig.store.path(text.sha256)] = text.duration_us
    rig.give(desk.now(_order(desk, text)))
    (cue,) = rig.node.tick(rig.now_us, rig.player.status())
    assert (cue.start_us, cue.begin_by_us) == (NOON + S, NOON + S + S // 2)
    rig.run(10)
    rig.fetch(text)
    rig.run(100)
    assert _heard(rig) == [("o1.0.0", 1, 21)]


def test_what_could_not_be_whole_in_time_does_not_begin(rig: Rig, desk: Desk, text: Media) -> None:
    rig.give(desk.now(_order(desk, text)))
    rig.run(285)
    rig.fetch(text)
    rig.run(100)
    assert _heard(rig) == []
    assert rig.reports["o1.0.0"].outcome is Outcome.FAILED


@pytest.mark.parametrize(("came_s", "begins"), [(5, [6, 61]), (40, [61]), (70, [72]), (100, [])])
def test_of_a_rhythm_what_is_soon_repeated_is_waited_for(
    rig: Rig, desk: Desk, text: Media, came_s: int, begins: list[float]
) -> None:
    """Two repetitions, at 1 and at 61."""
    assert SOON_US > (61 - 40) * S
    rig.give(desk.now(_order(desk, text, every_us=60 * S, until_us=NOON + 121 * S)))
    rig.run(came_s)
    rig.fetch(text)
    rig.run(200)
    assert [start_s for _, start_s, _ in _heard(rig)] == begins
    assert all(end_s - start_s == TEXT_S for _, start_s, end_s in _heard(rig))


@pytest.mark.parametrize(
    ("came_s", "expected"), [(2, ["text", "closing"]), (15, ["text", "closing"]), (25, ["closing", "text"])]
)
def test_no_part_is_parted_by_a_late_text(rig: Rig, desk: Desk, text: Media, came_s: int, expected: list[str]) -> None:
    closing = desk.media("closing", 10)
    rig.give(desk.bank({"closing.1": closing}))
    rig.fetch(closing)
    rig.give(desk.now(desk.order("o1", Made(media=(text,), feed=FEED), "closing.1")))
    rig.run(came_s)
    rig.fetch(text)
    rig.run(100)
    names = {"o1.0.0": ("text", 20), "o1.0.1": ("closing", 10)}
    heard = [(*names[name], end_s - start_s) for name, start_s, end_s in _heard(rig)]
    assert [name for name, _, _ in heard] == expected
    assert all(length_s == sounded_s for _, length_s, sounded_s in heard)


def test_a_late_text_goes_behind_a_siren_and_says_meanwhile_what_lacks(rig: Rig, desk: Desk, text: Media) -> None:
    siren = desk.media("siren", 10)
    rig.give(desk.bank({"siren.1": siren}))
    rig.fetch(siren)
    rig.give(desk.now(desk.order("o1", "siren.1", Made(media=(text,), feed=FEED))))
    rig.run(50)
    assert (_heard(rig), _reason(rig)) == ([("o1.0.0", 1, 11)], "media_missing")
    rig.fetch(text)
    rig.run(50)
    assert (_heard(rig)[1:], _reason(rig)) == ([("o1.0.1", 52, 72)], "")


def test_who_learns_of_it_in_the_middle_or_after_its_place_hears_it_from_its_first_word(
    rig: Rig, desk: Desk, text: Media
) -> None:
    rig.fetch(text)
    rig.now_us += 9 * S
    rig.give(desk.now(_order(desk, text)))
    rig.run(100)
    ((name, start_s, end_s),) = _heard(rig)
    assert (name, end_s - start_s) == ("o1.0.0", TEXT_S)
    assert start_s == 10


def test_a_later_emergency_supersedes_what_has_not_begun(rig: Rig, desk: Desk, text: Media) -> None:
    other = desk.media("other", 10)
    rig.give(desk.bank({"other.1": other}))
    rig.fetch(other)
    order = _order(desk, text)
    rig.give(desk.now(order))
    rig.run(10)
    rig.give(desk.now(order, desk.order("o2", "other.1", start_us=NOON + 10 * S)))
    rig.run(20)
    rig.fetch(text)
    rig.run(300)
    assert _heard(rig) == [("o2.0.0", 11, 21)]


def test_nothing_stands_in_for_a_text_that_may_come_any_moment(rig: Rig, desk: Desk, text: Media) -> None:
    fallback = desk.media("fallback", 30)
    rig.fetch(fallback)
    rig.give(desk.settings(fallback=fallback))
    rig.give(desk.now(_order(desk, text)))
    rig.run(5)
    rig.fetch(text)
    rig.run(60)
    assert _heard(rig) == [("o1.0.0", 6, 26)]


def test_what_is_stopped_at_the_node_before_it_came_does_not_come_back(rig: Rig, desk: Desk, text: Media) -> None:
    rig.give(desk.now(_order(desk, text)))
    rig.run(10)
    rig.node.set_hold(Hold.EVERYTHING, rig.now_us)
    rig.run(5)
    rig.node.set_hold(Hold.NOTHING, rig.now_us)
    rig.fetch(text)
    rig.run(100)
    assert (_heard(rig), rig.reports["o1.0.0"].reason) == ([], "stopped_locally")


@DRAWN
@given(
    came_s=st.integers(0, 150),
    every_s=st.sampled_from([0, 40, 45, 90]),
    before=st.booleans(),
    after=st.booleans(),
    purpose=st.sampled_from([Purpose.REAL, Purpose.DRILL]),
    other_s=st.one_of(st.just(NEVER), st.integers(5, 150)),
)
def test_no_text_is_begun_in_the_middle_and_none_but_a_later_emergency_parts_it(
    fast_path: Path, *, came_s: int, every_s: int, before: bool, after: bool, purpose: Purpose, other_s: int
) -> None:
    desk = Desk()
    rig = Rig(Path(tempfile.mkdtemp(dir=fast_path)), desk)
    rig.give(desk.settings())
    text, siren, other = desk.media("text", TEXT_S), desk.media("siren", 8), desk.media("other", 5)
    rig.give(desk.bank({"siren.1": siren}, purpose))
    rig.give(desk.bank({"other.1": other}, zone=ZONE))
    rig.fetch(siren, other)
    made = Made(media=(text,), feed=FEED)
    parts = ("siren.1",) * before + (made,) + ("siren.1",) * after
    order = desk.order("o1", *parts, purpose=purpose, every_us=every_s * S, until_us=NOON + 200 * S)
    rig.give(desk.now(order))
    for second in range(230):
        if second == came_s:
            rig.fetch(text)
        if second == other_s:
            rig.give(desk.now(order, desk.order("o2", "other.1", start_us=rig.now_us)))
        if second == 200:
            rig.give(desk.now())
        rig.run(1)
    texts = [piece for piece in _heard(rig) if piece[0].startswith("o1.") and piece[0].endswith(f".{int(before)}")]
    names = [name for name, _, _ in texts]
    starts = {name: start_s for name, start_s, _ in reversed(texts)}
    assert all(start_s >= came_s for start_s in starts.values())
    ends_s = (200, other_s + 1)
    for name, start_s, end_s in texts:
        assert start_s == starts[name] or start_s == other_s + 6
        assert end_s - starts[name] == TEXT_S or end_s in ends_s
    if other_s == NEVER:
        assert len(names) == len(set(names))
        assert every_s or came_s > 175 or len(names) == 1
    elif not every_s and came_s > other_s + 2:
        assert not texts


@DRAWN
@given(
    came_s=st.integers(0, 80),
    cancel_s=st.one_of(st.just(NEVER), st.integers(1, 120)),
    stop_s=st.one_of(st.just(NEVER), st.integers(1, 120)),
    boots_s=st.sets(st.integers(1, 120), max_size=3),
    until_s=st.sampled_from([15, 60, 130]),
    as_feed=st.booleans(),
)
def test_it_is_heard_once_or_less_whole_where_it_can_be_and_never_when_it_is_not_in_force(
    fast_path: Path, *, came_s: int, cancel_s: int, stop_s: int, boots_s: set[int], until_s: int, as_feed: bool
) -> None:
    desk = Desk()
    rig = Rig(Path(tempfile.mkdtemp(dir=fast_path)), desk)
    rig.give(desk.settings())
    text = desk.media("text", TEXT_S)
    made = Made(media=(text,), feed=FEED if as_feed else None)
    order = replace(_order(desk, text), parts=(made,), until_us=NOON + until_s * S)
    rig.give(desk.now(order))
    heard = []
    for second in range(160):
        if second == came_s:
            rig.fetch(text)
        if second == cancel_s:
            rig.give(desk.now(at_us=NOON + second))
        if second == stop_s:
            rig.give(desk.now(stop_us=rig.now_us, at_us=NOON + second))
        if second == until_s:
            rig.give(desk.now(at_us=NOON + second))
        if second in boots_s:
            heard += _heard(rig)
            rig.boot()
        rig.run(1)
    heard += _heard(rig)
    over_s = min(cancel_s, stop_s, until_s)
    assert all(start_s <= end_s <= over_s for _, start_s, end_s in heard)
    assert sum(end_s - start_s for _, start_s, end_s in heard) <= TEXT_S
    assert len({name for name, _, _ in heard}) <= 1
    assert len([one for one in rig.outbox.pending.values() if one.airing_id == "o1.0.0"]) <= 1
    began_s = max(1, came_s)
    if began_s + TEXT_S + 3 <= over_s and not any(began_s <= boot_s <= began_s + TEXT_S + 3 for boot_s in boots_s):
        ((_, start_s, end_s),) = heard
        assert (end_s - start_s, rig.reports["o1.0.0"].outcome) == (TEXT_S, Outcome.HEARD)
        assert came_s > 1 or start_s == 1
