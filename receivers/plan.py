"""From documents and media to what the horn should sound (pure); `scheduler.timeline` decides, this asks it.

Rules
- A recording that is not whole and verified on this node takes no air; what comes next by the timeline does. In a gap
  that is left at its planned start the settings' fallback sounds once. The fallback is a background airing and obeys
  every rule, but for an emergency's, which stays one and so passes quiet hours.
- An airing that has been reported is over for this node, whatever the wall clock is set to.
- An emergency is as loud as the loudest hour, at every hour: what is turned down at night is not what saves lives. Nor
  is what is turned down altogether: it is never quieter than EMERGENCY_FLOOR_PERCENT.
- Loudness: each halving of the percentage is 10 dB less, heard as half as loud; 100 is 0 dB; 0 is silence.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from broadcast.clock import from_us
from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, Programme, ReceiverSettings
from receivers.life import Hold
from receivers.sound.cue import Cue
from scheduler.policy import zone
from scheduler.timeline import Lived, Resolution, Segment, resolve

HORIZON_US = 600_000_000  # the sound path is told ten minutes ahead
STAND_IN = "fallback."
RESERVED = (STAND_IN, "local-", "self-test")  # how ids made at the node begin
EMERGENCY_FLOOR_PERCENT = 50
QUARTER_US = 900_000_000  # an hour begins with one of these, in every time zone
BEGINNING_US = 1_000_000  # how soon is looked again whether what should sound does
LAST = 2**31  # an `order` behind every other
MUTE_DB = -120.0
KEY_SEPARATOR = "~"


def by_id(programmes: Iterable[Programme]) -> dict[str, Airing]:
    """The airings of all `programmes`; of two that disagree on one, the later counts. A reserved id is no airing's."""
    told = (airing for programme in programmes for airing in programme.airings)
    return {airing.id: airing for airing in told if not airing.id.startswith(RESERVED)}


def intend(
    airings: Mapping[str, Airing],
    settings: ReceiverSettings,
    usable: Collection[str],
    ready_us: Mapping[str, int],
    *,
    broken: Collection[str] = (),
    lived: Mapping[str, Lived] | None = None,
    gone: Iterable[Airing] = (),
    unheard: Iterable[str] = (),
    came_us: Mapping[str, int] | None = None,
) -> Resolution:
    """What sounds when, for ever.

    `usable` are the SHA-256 verified here, `broken` the airings that failed to play; `ready_us` says since when an
    airing could have played, `lived` what became of it so far; `gone` sounded and is in no programme any more;
    nothing stands in for what is `unheard` as yet; `came_us` is as for `resolve`.
    """
    missing = [
        airing
        for airing in airings.values()
        if airing.id in broken or airing.media_for(settings.languages).sha256 not in usable
    ]

    def resolved(stand_ins: Iterable[Airing]) -> Resolution:
        everything = [*airings.values(), *gone, *stand_ins]
        without = frozenset((*unheard, *(airing.id for airing in missing)))
        rules, languages = settings.rules, settings.languages
        return resolve(
            everything, rules, languages, unavailable=without, ready_us=ready_us, lived=lived, came_us=came_us
        )

    fallback = settings.fallback
    resolution = resolved(())
    if not missing or fallback is None or fallback.sha256 not in usable:
        return resolution
    gaps = [airing for airing in missing if resolution.at(airing.start_us) is None]
    return resolved(_stand_in(airing, fallback) for airing in gaps) if gaps else resolution


def cues(
    resolution: Resolution,
    settings: ReceiverSettings,
    path_of: Callable[[str], Path | None],
    now_us: int,
    *,
    over: Collection[str] = (),
    hold: Hold = Hold.NOTHING,
    places: Mapping[str, int] | None = None,
    feeds: Mapping[str, str] | None = None,
    begin_by: Mapping[str, int] | None = None,
) -> tuple[Cue, ...]:
    """The sound path's plan for the coming minutes.

    `path_of` says where a recording is; `over` are airings that were reported or stopped; `places`: how many pieces one
    had before `resolution`; `feeds`: the id of the feed a recording comes by; `begin_by`: until when one may begin.
    """
    plan: list[Cue] = []
    heard: dict[str, int] = {}
    for segment in resolution.segments:
        place = heard.setdefault(segment.airing_id, (places or {}).get(segment.airing_id, 0))
        heard[segment.airing_id] += 1
        if segment.end_us <= now_us or segment.start_us > now_us + HORIZON_US:
            continue
        path = path_of(segment.media.sha256)
        if path is None or segment.airing_id in over or is_held(segment.cls, hold):
            continue
        plan.append(
            Cue(
                key=KEY_SEPARATOR.join((segment.airing_id, str(segment.anchor_us), str(place))),
                path=path,
                start_us=segment.start_us,
                offset_us=segment.offset_us,
                end_us=segment.end_us,
                gain_db=gain_db(_percent_for(segment, settings, max(now_us, segment.start_us))),
                feed_id=(feeds or {}).get(segment.media.sha256),
                begin_by_us=(begin_by or {}).get(segment.airing_id),
            )
        )
    return tuple(plan)


def changes(resolution: Resolution, now_us: int, playing: str | None) -> Iterable[int]:
    """When what `cues` says changes next, each way it can; `playing` is the airing that sounds now."""
    for segment in resolution.segments[bisect_right(resolution.segments, now_us, key=attrgetter("end_us")) :]:
        if segment.start_us > now_us + HORIZON_US:
            yield segment.start_us - HORIZON_US
            return
        if segment.start_us > now_us:
            yield segment.start_us
            continue
        yield segment.end_us
        yield now_us - now_us % QUARTER_US + QUARTER_US
        if segment.airing_id != playing:
            yield now_us + BEGINNING_US


def is_held(cls: BroadcastClass, hold: Hold) -> bool:
    """Whether `hold` keeps an airing of class `cls` from sounding."""
    if hold is Hold.ALL_BUT_EMERGENCIES:
        return cls is not BroadcastClass.EMERGENCY
    return hold is not Hold.NOTHING


def key_parts(key: str) -> tuple[str, int]:
    """The airing id and the anchor in a cue's key."""
    airing_id, anchor_us, _ = key.split(KEY_SEPARATOR)
    return airing_id, int(anchor_us)


def is_stand_in(airing_id: str) -> bool:
    return airing_id.startswith(STAND_IN)


def volume_percent(settings: ReceiverSettings, at_us: int) -> int:
    """The volume of the zone's local hour."""
    return settings.volume_by_hour[from_us(at_us).astimezone(zone(settings.rules.timezone)).hour]


def gain_db(percent: int) -> float:
    """`percent` of loudness as a gain."""
    return 10 * math.log2(percent / 100) if percent > 0 else MUTE_DB


def _percent_for(segment: Segment, settings: ReceiverSettings, at_us: int) -> int:
    if segment.cls is BroadcastClass.EMERGENCY:
        return max(EMERGENCY_FLOOR_PERCENT, *settings.volume_by_hour)
    return volume_percent(settings, at_us)


def _stand_in(airing: Airing, fallback: Media) -> Airing:
    emergency = airing.cls is BroadcastClass.EMERGENCY
    return replace(
        airing,
        id=STAND_IN + airing.id,
        cls=airing.cls if emergency else BroadcastClass.BACKGROUND,
        media=(fallback,),
        order=LAST,
        late=Late.SKIP,
        after_cut=AfterCut.DROP,
        window_us=0,
    )
