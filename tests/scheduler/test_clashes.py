"""What the page says of a clash is what the timeline then does."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_changes

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, QuietHours, Quota, Rules
from scheduler.clashes import Effect, Effort, Plan, another_time, clashes, play_after, replace

MINUTE = 60_000_000
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
MONDAY = to_us(datetime(2025, 12, 1, tzinfo=HANOI))
NIGHT = Rules(quiet_hours=(QuietHours(start_minute=21 * 60, end_minute=5 * 60),))


def airing(name: str, start_min: int, length_min: int, **more: object) -> Airing:
    """Minutes after midnight of Monday 1 December 2025 in Hanoi."""
    media = Media(sha256="0" * 64, size_bytes=1, duration_us=length_min * MINUTE)
    start_us = MONDAY + start_min * MINUTE
    plain = Airing(id=name, broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=start_us, media=(media,))
    return with_changes(plain, **more)


def told(effects: tuple[Effect, ...]) -> list[tuple[str, str, int, int, str | None, bool]]:
    """Kind, airing, minute, minutes lost, other, proposed."""
    return [
        (e.kind.value, e.airing_id, (e.at_us - MONDAY) // MINUTE, e.lost_us // MINUTE, e.other_id, e.proposed)
        for e in effects
    ]


def minute(start_us: int | None) -> int | None:
    return None if start_us is None else (start_us - MONDAY) // MINUTE


def test_what_meets_nothing_has_no_effect() -> None:
    plan = Plan((airing("old", 300, 10),), NIGHT)
    assert clashes(plan, [airing("new", 310, 10), airing("newer", 320, 10)]) == ()


def test_an_equal_that_comes_second_joins_late() -> None:
    plan = Plan((airing("old", 300, 10),), NIGHT)
    assert told(clashes(plan, [airing("new", 305, 10)])) == [("joined_late", "new", 305, 5, "old", True)]


def test_an_equal_that_comes_second_waits_or_is_left_out() -> None:
    plan = Plan((airing("old", 300, 10),), NIGHT)
    waits = airing("new", 305, 10, late=Late.WHOLE, window_us=10 * MINUTE)
    assert told(clashes(plan, [waits])) == [("delayed", "new", 305, 0, "old", True)]
    skips = airing("new", 305, 10, late=Late.SKIP)
    assert told(clashes(plan, [skips])) == [("dropped", "new", 305, 10, "old", True)]


def test_a_priority_item_cuts_what_is_planned() -> None:
    plan = Plan((airing("old", 300, 30),), NIGHT)
    priority = airing("new", 310, 5, cls=BroadcastClass.PRIORITY)
    assert told(clashes(plan, [priority])) == [("cut", "old", 310, 5, "new", False)]
    dropping = Plan((airing("old", 300, 30, after_cut=AfterCut.DROP),), NIGHT)
    assert told(clashes(dropping, [priority])) == [("shortened", "old", 310, 20, "new", False)]


def test_a_start_in_quiet_hours_is_said_and_one_that_runs_into_them_too() -> None:
    plan = Plan((), NIGHT)
    assert told(clashes(plan, [airing("new", 195, 10)])) == [("quiet_hours", "new", 195, 10, None, True)]
    assert told(clashes(plan, [airing("new", 1250, 30)])) == [("quiet_hours", "new", 1260, 20, None, True)]


def test_a_quota_that_the_new_one_uses_up_is_said_of_the_one_that_loses() -> None:
    rules = Rules(quota=Quota(sessions_per_day=1, session_us=60 * MINUTE))
    plan = Plan((airing("evening", 1020, 10),), rules)
    assert told(clashes(plan, [airing("new", 300, 10)])) == [("quota", "evening", 1020, 10, None, False)]
    assert told(clashes(plan, [airing("new", 1080, 10)])) == [("quota", "new", 1080, 10, None, True)]


def test_replace_puts_the_new_one_first_and_says_who_is_cut() -> None:
    plan = Plan((airing("old", 300, 30, order=-3),), NIGHT)
    first = replace(plan, [airing("new", 310, 10)])
    assert [a.order for a in first] == [-4]
    assert told(clashes(plan, first)) == [("cut", "old", 310, 10, "new", False)]


def test_replace_does_not_touch_a_higher_class() -> None:
    plan = Plan((airing("old", 300, 30, cls=BroadcastClass.PRIORITY),), NIGHT)
    assert [e.airing_id for e in clashes(plan, replace(plan, [airing("new", 310, 10)]))] == ["new"]


def test_play_after_is_right_after_what_is_in_the_way() -> None:
    plan = Plan((airing("one", 300, 10), airing("two", 312, 10)), NIGHT)
    assert minute(play_after(plan, [airing("new", 305, 2)])) == 310
    assert minute(play_after(plan, [airing("new", 305, 3)])) == 322
    assert minute(play_after(plan, [airing("new", 400, 3)])) == 400


def test_play_after_passes_the_night() -> None:
    plan = Plan((airing("one", 1250, 10), airing("dawn", 24 * 60 + 300, 15)), NIGHT)
    assert minute(play_after(plan, [airing("new", 1255, 10)])) == 24 * 60 + 315


def test_play_after_moves_all_occurrences_alike() -> None:
    plan = Plan((airing("one", 300, 10), airing("tuesday", 24 * 60 + 310, 10)), NIGHT)
    proposed = [airing("new1", 300, 10), airing("new2", 24 * 60 + 300, 10)]
    assert minute(play_after(plan, proposed)) == 320


def test_with_the_quota_used_up_the_next_chance_is_a_session_that_is_there_or_tomorrow() -> None:
    rules = Rules(quota=Quota(sessions_per_day=1, session_us=30 * MINUTE), quiet_hours=NIGHT.quiet_hours)
    evening = airing("evening", 1020, 10)
    assert minute(play_after(Plan((evening,), rules), [airing("new", 600, 10)])) == 1030
    full = Plan((airing("evening", 1020, 30),), rules)
    assert minute(play_after(full, [airing("new", 600, 10)])) == 24 * 60 + 300


def test_where_nothing_may_ever_sound_there_is_no_time() -> None:
    silent = Plan((), Rules(quota=Quota(sessions_per_day=0, session_us=0)))
    assert play_after(silent, [airing("new", 600, 10)]) is None
    assert another_time(silent, [airing("new", 600, 10)], 0) == ()
    always = Plan((), Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=0),)))
    assert play_after(always, [airing("new", 600, 10)]) is None
    assert play_after(always, []) is None


def test_another_time_offers_three_free_starts_an_hour_apart() -> None:
    plan = Plan((airing("one", 300, 12), airing("two", 372, 60)), NIGHT)
    found = another_time(plan, [airing("new", 301, 10)], not_before_us=0)
    assert [minute(start) for start in found] == [315, 435, 495]


def test_another_time_is_never_in_the_past() -> None:
    found = another_time(Plan((), NIGHT), [airing("new", 300, 10)], not_before_us=MONDAY + 601 * MINUTE)
    assert minute(found[0]) == 605


starts = st.integers(60, 400)
some = st.lists(
    st.tuples(starts, st.integers(1, 40), st.sampled_from(Late), st.sampled_from(AfterCut), st.integers(0, 30)),
    max_size=8,
)
quotas = st.none() | st.builds(
    Quota, sessions_per_day=st.integers(1, 3), session_us=st.integers(10, 90).map(lambda minutes: minutes * MINUTE)
)


def planned(drawn: list[tuple[int, int, Late, AfterCut, int]]) -> tuple[Airing, ...]:
    return tuple(
        airing(f"old{index}", start, length, late=late, after_cut=after_cut, window_us=window * MINUTE)
        for index, (start, length, late, after_cut, window) in enumerate(drawn)
    )


@settings(max_examples=60)
@given(some, quotas, starts, st.integers(1, 20))
def test_what_is_offered_clashes_with_nothing(
    drawn: list[tuple[int, int, Late, AfterCut, int]], quota: Quota | None, start: int, length: int
) -> None:
    plan = Plan(planned(drawn), Rules(quota=quota, quiet_hours=NIGHT.quiet_hours))
    new = airing("new", start, length)
    after_us = play_after(plan, [new])
    offers = another_time(plan, [new], new.start_us)
    assert all(clashes(plan, [with_changes(new, start_us=offer)]) == () for offer in offers)
    if after_us is None:
        assert not offers
        return
    assert clashes(plan, [with_changes(new, start_us=after_us)]) == ()
    assert all(after_us <= offer for offer in offers)
    if quota is None:
        earlier = range(new.start_us, after_us, MINUTE)
        assert all(clashes(plan, [with_changes(new, start_us=at_us)]) for at_us in earlier if on_day(at_us, start))


def on_day(at_us: int, start: int) -> bool:
    """Near the wish, so that the search stays short."""
    return from_us(at_us) - from_us(MONDAY) < timedelta(minutes=start + 120)


@settings(max_examples=60)
@given(some, quotas, some)
def test_no_effect_means_the_same_timeline_with_the_new_in_it(
    drawn: list[tuple[int, int, Late, AfterCut, int]],
    quota: Quota | None,
    more: list[tuple[int, int, Late, AfterCut, int]],
) -> None:
    plan = Plan(planned(drawn), Rules(quota=quota, quiet_hours=NIGHT.quiet_hours))
    proposed = [with_changes(old, id=old.id.replace("old", "new")) for old in planned(more)]
    touched = {effect.airing_id for effect in clashes(plan, proposed)}
    before, after = plan.resolve(), plan.resolve(proposed)
    for old in plan.existing:
        same = [s for s in before.segments if s.airing_id == old.id] == [
            s for s in after.segments if s.airing_id == old.id
        ]
        assert same == (old.id not in touched)
    for new in proposed:
        whole = [(s.start_us, s.sound_us) for s in after.segments if s.airing_id == new.id] == [
            (new.start_us, new.media[0].duration_us)
        ]
        assert whole == (new.id not in touched)


def test_a_search_ends_where_its_effort_is_used_up() -> None:
    plan = Plan(tuple(airing(f"old{number}", 300 + 20 * number, 19) for number in range(30)), NIGHT)
    wished = [airing("new", 300, 10)]
    assert minute(play_after(plan, wished)) == minute(play_after(plan, wished, Effort(1000))) == 899
    shared = Effort(70)
    assert [play_after(plan, wished, shared), play_after(plan, wished, shared)][1] is None
