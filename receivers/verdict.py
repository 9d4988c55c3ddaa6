"""When an airing is over on this node, and what to say of what did not sound (pure).

Rules
- Over is when the timeline gives it no more: after its last segment, or when it was dropped. One whose recording is
  missing may still be saved until it would have ended.
- Sound itself speaks first (`ledger`); the ending is used for what is missing. The node's own lateness (it was off, the
  order came late, the recording came late) is a failure; what rules and other airings took away is not.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from broadcast.wire.documents import Airing, Late, Media, Outcome
from receivers import ledger
from receivers.known import Known
from receivers.ledger import Ending
from scheduler.timeline import Dropped, Reason, Resolution, Segment

HIGHER_CLASS = "higher_class"
DEVICE = "audio_device"
_TAKEN_AWAY = {Reason.CUT: HIGHER_CLASS, Reason.COVERED: HIGHER_CLASS, Reason.LATE: HIGHER_CLASS}


class Story(Struct, frozen=True, kw_only=True):
    """All that the plan knows of one airing in force.

    `boot_us`, `seen_us`, `able_us`: since when the daemon runs, holds the order, and could play it (None: it cannot).
    `clock_doubted`: it ran before `boot_us` too, but did not know the time.
    """

    airing: Airing
    media: Media
    segments: tuple[Segment, ...]
    dropped: Dropped | None
    boot_us: int
    seen_us: int
    able_us: int | None
    clock_doubted: bool = False
    device_faulty: bool = False
    stood_in: bool = False

    @property
    def end_us(self) -> int:
        """When the recording would end that begins as planned."""
        return self.airing.start_us + self.media.duration_us

    @property
    def gone_us(self) -> int:
        """From when on whoever learns of it has nothing to play."""
        window_us = self.airing.window_us if self.airing.late is Late.WHOLE else 0
        return self.airing.start_us + max(self.media.duration_us, window_us)


def stories(
    airings: Iterable[Airing],
    languages: tuple[str, ...],
    resolution: Resolution,
    known: Known,
    since_us: Callable[[str], int],
) -> dict[str, Story]:
    """All that `resolution` tells of `airings`, by id; one that was over by its `since_us` was never ours to play."""
    segments: dict[str, list[Segment]] = {}
    for segment in resolution.segments:
        segments.setdefault(segment.airing_id, []).append(segment)
    dropped = {drop.airing_id: drop for drop in resolution.dropped}
    found: dict[str, Story] = {}
    for airing in airings:
        story = Story(
            airing=airing,
            media=airing.media_for(languages),
            segments=tuple(segments.get(airing.id, ())),
            dropped=dropped.get(airing.id),
            boot_us=known.boot_us,
            clock_doubted=known.clock_doubted,
            seen_us=known.seen_us[airing.id],
            able_us=known.able_us.get(airing.id),
        )
        if story.gone_us > since_us(airing.id):
            found[airing.id] = story
    return found


def missing(held: Iterable[Story], now_us: int) -> tuple[str, ...]:
    """The airings that should be sounding and have no recording."""
    late = (story for story in held if story.able_us is None)
    return tuple(story.airing.id for story in late if story.airing.start_us <= now_us < story.end_us)


def over_us(story: Story) -> int:
    """From when on nothing more of the airing can come, as things stand."""
    ends = [segment.end_us for segment in story.segments]
    if story.dropped is None:
        return max(ends, default=story.end_us)
    if story.dropped.reason is not Reason.MEDIA_MISSING:
        return max([*ends, story.dropped.at_us])
    if story.airing.late is Late.SKIP:
        return story.airing.start_us
    return story.airing.start_us + max(story.media.duration_us, story.airing.window_us)


def ending(story: Story) -> Ending:
    """What to say of the part that did not sound."""
    if story.dropped is None:
        return Ending(Outcome.FAILED, _unplanned(story))
    if story.dropped.reason is Reason.MEDIA_MISSING:
        reason = _away(story) if story.boot_us >= story.end_us else ledger.MEDIA_MISSING
        return Ending(Outcome.FAILED, f"{reason}, fallback heard" if story.stood_in else reason)
    own = _own_lateness(story)
    if own and story.dropped.reason in (Reason.LATE, Reason.COVERED) and not story.segments:
        return Ending(Outcome.FAILED, own)
    return Ending(Outcome.SKIPPED, _TAKEN_AWAY.get(story.dropped.reason, story.dropped.reason.value))


def _unplanned(story: Story) -> str:
    """Why something is missing that the timeline had given the air."""
    own = _own_lateness(story)
    if own:
        return own
    if _interrupted(story.segments):
        return HIGHER_CLASS
    return DEVICE if story.device_faulty else ledger.UNKNOWN


def _own_lateness(story: Story) -> str | None:
    start_us = story.airing.start_us
    if story.boot_us > start_us:
        return _away(story)
    if story.seen_us > start_us:
        return ledger.ORDER_LATE
    if story.able_us is not None and story.able_us > start_us:
        return ledger.MEDIA_LATE
    return None


def _away(story: Story) -> str:
    return ledger.CLOCK if story.clock_doubted else ledger.NOT_RUNNING


def _interrupted(segments: Sequence[Segment]) -> bool:
    return len(segments) > 1
