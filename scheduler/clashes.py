"""What a new broadcast would change, and when it would change nothing (pure), by the timeline that nodes play by.

Rules
- What is planned is compared as it would sound without and with the proposed airings. A proposed airing is compared
  with itself alone where nothing is forbidden: whole, at its planned start.
- An airing has one effect for each way in which it sounds otherwise: it may be cut and be shortened by that.
- `replace` gives the proposed airings an order before all planned ones of their class; a higher class is not replaced.
- `play_after` and `another_time` move all proposed airings by one span, later only, to where they sound whole and
  change nothing. The times are whole minutes (of five for another time), looked for within seven days.
- Everything is for one set of rules, that is one zone; whoever asks for several zones asks for each.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import StrEnum
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace as with_changes

from broadcast.wire.documents import Airing, Rules
from scheduler.policy import Interval, day_bounds, local_day, merged, quiet_intervals
from scheduler.timeline import Dropped, Reason, Resolution, Segment, resolve

MINUTE_US = 60_000_000
SEARCH_US = 7 * 24 * 60 * MINUTE_US
MAX_TRIES = 60


class EffectKind(StrEnum):
    CUT = "cut"  # interrupted, and goes on afterwards
    DELAYED = "delayed"  # from the beginning, but later
    JOINED_LATE = "joined_late"  # without its beginning
    SHORTENED = "shortened"  # without its end, because of others
    DROPPED = "dropped"  # not at all, because of others
    QUIET_HOURS = "quiet_hours"  # all of it or its end, because of this rule, and so on
    QUOTA = "quota"
    MAX_LENGTH = "max_length"
    MEDIA_MISSING = "media_missing"
    OTHERWISE = "otherwise"  # at other times than before, though nothing is lost, or more than before


_BY_RULE = {
    Reason.QUIET_HOURS: EffectKind.QUIET_HOURS,
    Reason.QUOTA: EffectKind.QUOTA,
    Reason.MAX_LENGTH: EffectKind.MAX_LENGTH,
    Reason.MEDIA_MISSING: EffectKind.MEDIA_MISSING,
}


class Effect(Struct, frozen=True, kw_only=True):
    """How `airing_id` sounds otherwise from `at_us` on, because of `other_id` if that is known.

    `lost_us` is how much less of it sounds in all; `proposed` tells a new airing from one that was planned already.
    """

    kind: EffectKind
    airing_id: str
    at_us: int
    lost_us: int = 0
    other_id: str | None = None
    proposed: bool = False


class Plan(Struct, frozen=True):
    """What clashes are looked for in: the airings planned in one zone, its rules and its languages."""

    existing: tuple[Airing, ...]
    rules: Rules
    languages: tuple[str, ...] = ("vi",)

    def resolve(self, proposed: Sequence[Airing] = ()) -> Resolution:
        return resolve((*self.existing, *proposed), self.rules, self.languages)


class Effort:
    """How many airings may still be gone through; several searches share one, so that all of them together end."""

    def __init__(self, airings: int) -> None:
        self._left = airings

    def spend(self, airings: int) -> bool:
        """Whether there is as much left; it is gone then."""
        self._left -= airings
        return self._left >= 0


def clashes(plan: Plan, proposed: Sequence[Airing]) -> tuple[Effect, ...]:
    """Everything that would sound otherwise than planned or wished, by time."""
    return _effects(plan, plan.resolve(), proposed)


def replace(plan: Plan, proposed: Sequence[Airing]) -> tuple[Airing, ...]:
    """`proposed` with an order before all that is planned in its class, so that it cuts what it meets."""
    classes = {airing.cls for airing in proposed}
    planned = [airing.order - 1 for airing in plan.existing if airing.cls in classes]
    order = min([*planned, *(airing.order for airing in proposed)], default=0)
    return tuple(with_changes(airing, order=order) for airing in proposed)


def play_after(plan: Plan, proposed: Sequence[Airing], effort: Effort | None = None) -> int | None:
    """The first start of the first proposed airing, from its own on, at which nothing clashes; None within 7 days.

    None also where `effort` is used up before one is found.
    """
    return _free_start(plan, proposed, MINUTE_US, effort)


def another_time(plan: Plan, proposed: Sequence[Airing], not_before_us: int, count: int = 3) -> tuple[int, ...]:
    """Up to `count` free starts of the first proposed airing, at or after `not_before_us`, an hour or more apart."""
    wished_us = _start(proposed)
    starts: list[int] = []
    earliest_us = max(not_before_us, wished_us)
    while len(starts) < count:
        rounded_us = _rounded(earliest_us, 5 * MINUTE_US)
        found_us = _free_start(plan, _moved(proposed, rounded_us - wished_us), 5 * MINUTE_US)
        if found_us is None:
            break
        starts.append(found_us)
        earliest_us = found_us + 60 * MINUTE_US
    return tuple(starts)


def _effects(plan: Plan, before: Resolution, proposed: Sequence[Airing]) -> tuple[Effect, ...]:
    after = plan.resolve(proposed)
    planned, new = _by_airing(before), _by_airing(after)
    drops = {drop.airing_id: drop for drop in after.dropped}
    found: list[Effect] = []
    for airing in plan.existing:
        pieces = planned.get(airing.id, [])
        if pieces != new.get(airing.id, []):
            found += _differences(airing.id, pieces, new.get(airing.id, []), drops.get(airing.id), after)
    for airing in proposed:
        pieces = [_whole(airing, plan.languages)]
        if pieces != new.get(airing.id, []):
            differences = _differences(airing.id, pieces, new.get(airing.id, []), drops.get(airing.id), after)
            found += [with_changes(effect, proposed=True) for effect in differences]
    return tuple(sorted(found, key=attrgetter("at_us", "airing_id", "kind")))


def _differences(
    airing_id: str, before: list[Segment], after: list[Segment], drop: Dropped | None, resolution: Resolution
) -> Iterator[Effect]:
    """What became of an airing that sounded as `before` and would sound as `after`."""
    lost_us = max(0, sum(s.sound_us for s in before) - sum(s.sound_us for s in after))

    def effect(kind: EffectKind, at_us: int, other_id: str | None = None) -> Effect:
        holder = resolution.at(at_us)
        holder_id = holder.airing_id if holder is not None and holder.airing_id != airing_id else None
        return Effect(kind=kind, airing_id=airing_id, at_us=at_us, lost_us=lost_us, other_id=other_id or holder_id)

    kinds = []
    by_rule = _BY_RULE.get(drop.reason) if drop is not None else None
    other_id = drop.other_id if drop is not None else None
    if before and not after:
        yield effect(by_rule or EffectKind.DROPPED, before[0].start_us, other_id)
        return
    if before and after[0].start_us > before[0].start_us:
        joined = after[0].offset_us > before[0].offset_us
        kinds.append(effect(EffectKind.JOINED_LATE if joined else EffectKind.DELAYED, before[0].start_us))
    if before and len(after) > len(before):
        ends = {piece.end_us for piece in before}
        cut = next((piece for piece in after[:-1] if piece.end_us not in ends), after[0])
        kinds.append(effect(EffectKind.CUT, cut.end_us))
    if before and _place(after[-1]) < _place(before[-1]):
        kinds.append(effect(by_rule or EffectKind.SHORTENED, after[-1].end_us, other_id))
    yield from kinds or [effect(EffectKind.OTHERWISE, after[0].start_us)]


def _place(segment: Segment) -> int:
    """How far into the recording it gets."""
    return segment.offset_us + segment.sound_us


def _by_airing(resolution: Resolution) -> dict[str, list[Segment]]:
    pieces: dict[str, list[Segment]] = {}
    for segment in resolution.segments:
        pieces.setdefault(segment.airing_id, []).append(segment)
    return pieces


def _whole(airing: Airing, languages: tuple[str, ...]) -> Segment:
    """The airing alone where nothing is forbidden."""
    media = airing.media_for(languages)
    return Segment(
        airing_id=airing.id,
        broadcast_id=airing.broadcast_id,
        cls=airing.cls,
        start_us=airing.start_us,
        end_us=airing.start_us + media.duration_us,
        offset_us=0,
        media=media,
    )


def _free_start(plan: Plan, proposed: Sequence[Airing], step_us: int, effort: Effort | None = None) -> int | None:
    """The first start, from the first proposed one on, from which `proposed` plays whole and changes nothing."""
    if not proposed:
        return None
    airings = len(plan.existing) + len(proposed)
    if effort is not None and not effort.spend(airings):
        return None
    before, first_us = plan.resolve(), _start(proposed)
    wishes = [_whole(airing, plan.languages) for airing in proposed]
    ends_us = max(wish.end_us for wish in wishes) + SEARCH_US
    sounding = [(segment.start_us, segment.end_us) for segment in before.segments]
    busy = merged([*sounding, *quiet_intervals(plan.rules, first_us, ends_us)])
    shift_us: int | None = 0
    for _ in range(MAX_TRIES):
        shift_us = _gap(busy, wishes, shift_us or 0, step_us)
        if shift_us is None or (effort is not None and not effort.spend(airings)):
            return None
        effects = _effects(plan, before, _moved(proposed, shift_us))
        if not effects:
            return first_us + shift_us
        at_us = first_us + shift_us
        next_us = at_us + step_us
        if any(effect.kind is EffectKind.QUOTA for effect in effects):
            next_us = _next_chance(plan.rules.timezone, busy, at_us)
        shift_us = _rounded(next_us, step_us) - first_us
    return None


def _gap(busy: tuple[Interval, ...], wishes: Sequence[Segment], shift_us: int, step_us: int) -> int | None:
    """The first shift from `shift_us` on that moves each of `wishes` clear of `busy`."""
    first_us = min(wish.start_us for wish in wishes)
    while shift_us <= SEARCH_US:
        push_us = max(_push(busy, wish.start_us + shift_us, wish.end_us + shift_us) for wish in wishes)
        if not push_us:
            return shift_us
        shift_us = _rounded(first_us + shift_us + push_us, step_us) - first_us
    return None


def _push(busy: tuple[Interval, ...], start_us: int, end_us: int) -> int:
    """How much later it must start to begin after what is in its way; 0 when nothing is."""
    index = bisect_right(busy, start_us, key=lambda interval: interval[1])
    return busy[index][1] - start_us if index < len(busy) and busy[index][0] < end_us else 0


def _next_chance(timezone: str, busy: tuple[Interval, ...], at_us: int) -> int:
    """When a used-up quota may allow more: in the session that follows next, or on the next local day."""
    _, midnight_us = day_bounds(timezone, local_day(timezone, at_us))
    index = bisect_right(busy, at_us, key=lambda interval: interval[1])
    return min(midnight_us, busy[index][1]) if index < len(busy) else midnight_us


def _moved(proposed: Sequence[Airing], shift_us: int) -> tuple[Airing, ...]:
    return tuple(with_changes(airing, start_us=airing.start_us + shift_us) for airing in proposed)


def _start(proposed: Sequence[Airing]) -> int:
    return min(airing.start_us for airing in proposed)


def _rounded(at_us: int, step_us: int) -> int:
    return -(-at_us // step_us) * step_us
