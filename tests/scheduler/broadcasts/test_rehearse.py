"""What a rehearsal says is what the timeline then does."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.clock import to_us
from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, QuietHours, Quota, Rules
from scheduler.broadcasts.rehearse import Link, Village, arrivals, rehearse
from scheduler.clashes import EffectKind, Plan
from scheduler.timeline import Resolution, Segment

MINUTE = 60_000_000
MONDAY = to_us(datetime(2025, 12, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")))
WEEK = MONDAY, MONDAY + 7 * 24 * 60 * MINUTE
RULES = Rules(
    quiet_hours=(QuietHours(start_minute=21 * 60, end_minute=5 * 60),),
    quota=Quota(sessions_per_day=3, session_us=60 * MINUTE, gap_us=10 * MINUTE),
)
LINK = Link("r", frozenset(), 1000)

MADE = st.builds(
    lambda name, start_min, length_min, cls, late, after_cut: Airing(
        id=f"{name}.{start_min}",
        broadcast_id=str(name),
        cls=cls,
        start_us=MONDAY + start_min * MINUTE,
        media=(Media(sha256=f"{name:064x}", size_bytes=60_000 * name, duration_us=length_min * MINUTE),),
        late=late,
        after_cut=after_cut,
        window_us=20 * MINUTE,
    ),
    st.integers(1, 9),
    st.integers(0, 3 * 24 * 60),
    st.integers(1, 90),
    st.sampled_from([BroadcastClass.NORMAL, BroadcastClass.PRIORITY]),
    st.sampled_from(Late),
    st.sampled_from(AfterCut),
)
PLANNED = st.lists(MADE, max_size=8, unique_by=lambda airing: airing.id)


def new(airings: list[Airing]) -> tuple[Airing, ...]:
    """The same under names that no planned one has."""
    return tuple(
        Airing(
            id=f"new {a.id}",
            broadcast_id="new",
            cls=a.cls,
            start_us=a.start_us,
            media=a.media,
            late=a.late,
            after_cut=a.after_cut,
            window_us=a.window_us,
        )
        for a in airings
    )


def pieces(resolution: Resolution, airing_id: str) -> list[Segment]:
    return [segment for segment in resolution.segments if segment.airing_id == airing_id]


def sounding(resolution: Resolution, airing_id: str) -> int:
    return sum(segment.sound_us for segment in pieces(resolution, airing_id))


@settings(max_examples=150, deadline=None)
@given(PLANNED, PLANNED)
def test_what_is_listed_happens_and_what_is_not_listed_sounds_as_before(old: list[Airing], more: list[Airing]) -> None:
    plan, proposed = Plan(tuple(old), RULES), new(more)
    aimed = Village("aimed", plan, proposed)
    found = rehearse([aimed, Village("beside", plan, ())], WEEK, MONDAY)
    assert [group.zone_ids for group in found.groups] == ([("aimed",)] if proposed else [])
    before, after = plan.resolve(), plan.resolve(proposed)
    listed = {effect.airing_id for group in found.groups for effect in group.effects}
    for airing in old:
        same = pieces(before, airing.id) == pieces(after, airing.id)
        assert same or airing.id in listed
        assert not (same and airing.id in listed)
    for effect in (effect for group in found.groups for effect in group.effects):
        if effect.kind is EffectKind.CUT:
            assert len(pieces(after, effect.airing_id)) > 1
            assert effect.at_us in {segment.end_us for segment in pieces(after, effect.airing_id)}
        if effect.kind in (EffectKind.DROPPED, EffectKind.QUOTA, EffectKind.QUIET_HOURS):
            dropped = {drop.airing_id for drop in after.dropped}
            assert effect.airing_id in dropped
        if effect.kind is EffectKind.DROPPED:
            assert not sounding(after, effect.airing_id)
        if not effect.proposed:
            lost_us = sounding(before, effect.airing_id) - sounding(after, effect.airing_id)
            assert effect.lost_us == max(0, lost_us)


@settings(max_examples=80, deadline=None)
@given(PLANNED, PLANNED, st.integers(1, 4))
def test_villages_alike_are_tried_once_and_all_are_named(old: list[Airing], more: list[Airing], count: int) -> None:
    plan, proposed = Plan(tuple(old), RULES), new(more)
    villages = [Village(str(number), plan, proposed, (LINK,)) for number in range(count)]
    found = rehearse(villages, WEEK, MONDAY)
    assert [group.zone_ids for group in found.groups] == ([tuple(map(str, range(count)))] if proposed else [])
    assert len(found.late) % count == 0


@settings(max_examples=80, deadline=None)
@given(PLANNED, st.integers(100, 100_000))
def test_what_arrives_late_is_fetched_one_after_the_other(planned: list[Airing], bytes_per_s: int) -> None:
    """Each recording once, and none before all that play sooner are there."""
    there = arrivals(planned, ("vi",), Link("r", frozenset(), bytes_per_s), MONDAY)
    order = sorted(planned, key=lambda airing: (airing.start_us, airing.media[0].sha256))
    first = list({airing.media[0].sha256: airing for airing in order}.values())
    moments = [there[airing.id] for airing in first]
    assert moments == sorted(moments)
    weight = sum(airing.media[0].size_bytes for airing in first)
    assert not moments or abs(moments[-1] - MONDAY - weight * 1_000_000 // bytes_per_s) <= len(first)
    having = frozenset(airing.media[0].sha256[:12] for airing in planned)
    assert set(arrivals(planned, ("vi",), Link("r", having, 1), MONDAY).values()) <= {0}


def test_what_was_late_in_any_case_is_not_held_against_the_new_one() -> None:
    def at(name: int, minute: int, size_bytes: int) -> Airing:
        media = Media(sha256=f"{name:064x}", size_bytes=size_bytes, duration_us=MINUTE)
        start_us = MONDAY + minute * MINUTE
        return Airing(id=str(name), broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=start_us, media=(media,))

    plan = Plan((at(1, 1, 120_000), at(3, 9, 120_000)), Rules())
    found = rehearse([Village("v", plan, (at(2, 3, 360_000),), (LINK,))], WEEK, MONDAY)
    told = [
        (late.airing_id, (late.due_us - MONDAY) // MINUTE, (late.there_us - MONDAY) // MINUTE) for late in found.late
    ]
    assert told == [("2", 3, 8), ("3", 9, 10)]  # the first is two minutes late without it too
