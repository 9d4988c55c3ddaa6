"""Some days with a new broadcast, tried in virtual time (pure) by the timeline that nodes play by.

Rules
- Each village is played through without and with the new airings; what differs within the window is listed, in the
  words of `scheduler.clashes`. Villages in which the same is planned and the same rules hold are tried once.
- A village that none of the new airings is for sounds as before and is in no list.
- A receiver fetches one recording after the other, what plays first first, from now on, at its link's rate; what it
  has it does not fetch. Listed is what is not whole at its start: of the new airings, and of those planned that would
  have been in time without them.
- No more than MAX_GROUPS different villages are tried; how many were left out is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from msgspec import Struct

from broadcast.clock import US_PER_S
from broadcast.wire.documents import SHORT_SHA_CHARS, Airing
from scheduler.clashes import Effect, Plan, clashes
from scheduler.policy import Interval

MAX_GROUPS = 80
"""Tried in about a second where each has twenty airings a day."""
MAX_STRETCH = timedelta(minutes=30)


class Link(Struct, frozen=True):
    """A receiver: the recordings that it has (how their SHA-256 begin), and the bytes a second that reach it."""

    receiver_id: str
    having: frozenset[str]
    bytes_per_s: int


class Village(Struct, frozen=True):
    """A zone with what is planned there, the new airings that are for it, and its receivers."""

    zone_id: str
    plan: Plan
    proposed: tuple[Airing, ...]
    links: tuple[Link, ...] = ()


class Group(Struct, frozen=True):
    """Villages that sound alike, and what would be otherwise there."""

    zone_ids: tuple[str, ...]
    plan: Plan
    proposed: tuple[Airing, ...]
    effects: tuple[Effect, ...]


class Late(Struct, frozen=True, kw_only=True):
    """A recording that would be whole on a receiver only at `there_us`, after its airing's start `due_us`."""

    zone_id: str
    receiver_id: str
    airing_id: str
    due_us: int
    there_us: int


class Rehearsal(Struct, frozen=True):
    """`left_out` villages were not tried."""

    groups: tuple[Group, ...]
    late: tuple[Late, ...]
    left_out: int


def rehearse(villages: Iterable[Village], window: Interval, now_us: int, *, at_most: int = MAX_GROUPS) -> Rehearsal:
    """What would be otherwise in `window` in `villages`, of which `at_most` different ones are tried."""
    alike: dict[tuple[object, ...], list[Village]] = defaultdict(list)
    for village in villages:
        if village.proposed:
            alike[_key(village)].append(village)
    tried = list(alike.values())
    groups = tuple(_tried(found, window) for found in tried[:at_most])
    late = [late for found in tried[:at_most] for late in _late(found, window, now_us)]
    order = sorted(late, key=lambda item: (item.due_us, item.zone_id, item.receiver_id, item.airing_id))
    return Rehearsal(groups, tuple(order), sum(len(found) for found in tried[at_most:]))


def arrivals(airings: Iterable[Airing], languages: tuple[str, ...], link: Link, now_us: int) -> dict[str, int]:
    """When the recording of each airing that is still to come is whole on a receiver, by airing id; 0 if it is."""
    coming = [(airing, airing.media_for(languages)) for airing in airings]
    coming = [(airing, media) for airing, media in coming if airing.start_us + media.duration_us > now_us]
    there_us: dict[str, int] = {}
    done_us = now_us
    for _airing, media in sorted(coming, key=lambda item: (item[0].start_us, item[1].sha256)):
        if media.sha256 in there_us:
            continue
        if media.sha256[:SHORT_SHA_CHARS] in link.having:
            there_us[media.sha256] = 0
            continue
        done_us += media.size_bytes * US_PER_S // max(link.bytes_per_s, 1)
        there_us[media.sha256] = done_us
    return {airing.id: there_us[media.sha256] for airing, media in coming}


def managed(told: Iterable[tuple[str, datetime, int]]) -> dict[str, int]:
    """The most bytes a second that each receiver moved lately, by what it told (receiver, when, bytes of its month).

    `told` has each receiver's in a row, the oldest first. A stretch longer than MAX_STRETCH says nothing of a rate.
    """
    best: dict[str, int] = {}
    for (one, since, before), (other, until, after) in pairwise(told):
        if one == other and timedelta(0) < until - since <= MAX_STRETCH and after > before:
            best[one] = max(best.get(one, 0), int((after - before) / (until - since).total_seconds()))
    return best


def _key(village: Village) -> tuple[object, ...]:
    planned = frozenset(airing.id for airing in village.plan.existing)
    proposed = frozenset(airing.id for airing in village.proposed)
    return planned, proposed, village.plan.rules, village.plan.languages


def _tried(alike: Sequence[Village], window: Interval) -> Group:
    plan, proposed = alike[0].plan, alike[0].proposed
    effects = tuple(effect for effect in clashes(plan, proposed) if window[0] <= effect.at_us < window[1])
    return Group(tuple(village.zone_id for village in alike), plan, proposed, effects)


def _late(alike: Sequence[Village], window: Interval, now_us: int) -> Iterable[Late]:
    plan, proposed = alike[0].plan, alike[0].proposed
    starts = {airing.id: airing.start_us for airing in (*plan.existing, *proposed)}
    known: dict[tuple[object, ...], list[tuple[str, int]]] = {}
    for village in alike:
        for link in village.links:
            key = link.having, link.bytes_per_s
            if key not in known:
                known[key] = _not_in_time(plan, proposed, link, now_us)
            for airing_id, there_us in known[key]:
                due_us = starts[airing_id]
                if window[0] <= due_us < window[1]:
                    yield Late(
                        zone_id=village.zone_id,
                        receiver_id=link.receiver_id,
                        airing_id=airing_id,
                        due_us=due_us,
                        there_us=there_us,
                    )


def _not_in_time(plan: Plan, proposed: Sequence[Airing], link: Link, now_us: int) -> list[tuple[str, int]]:
    """The airings that are late on this link with the new ones, but not those that are so in any case."""
    before = arrivals(plan.existing, plan.languages, link, now_us)
    after = arrivals((*plan.existing, *proposed), plan.languages, link, now_us)
    starts = {airing.id: airing.start_us for airing in (*plan.existing, *proposed)}
    return [
        (airing_id, there_us)
        for airing_id, there_us in after.items()
        if there_us > starts[airing_id] and not before.get(airing_id, 0) > starts[airing_id]
    ]
