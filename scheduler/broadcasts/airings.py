"""From a broadcast and its recordings to airings (pure).

Rules
- Times are wall time in the broadcast's own zone time; `scheduler.recurrence` says when it repeats.
- An airing's id is `{broadcast id}.{start in µs}`, so that the same plan gives the same airing at every telling.
- Only recordings that are produced are aired. What is approved is planned before they are, by a guess at their length.
- What still runs when a window opens belongs to the window.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from msgspec.structs import replace as with_changes

from broadcast.clock import US_PER_S, from_us, to_us
from broadcast.wire.documents import AfterCut, Airing, Late, Media
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.errors import Invalid
from scheduler.policy import zone
from scheduler.recurrence import MAX_DAYS, Recurrence, expand

PROGRAMME_DAYS = 7
LEAD_S = 30  # between "now" and the first sound: receivers fetch the recording in it
UNKNOWN_LENGTH_US = 3600 * US_PER_S  # how long a recording that is still being produced is waited for
SPEECH_US_PER_CHARACTER = 65_000  # of Vietnamese text, to show a plan before the sound is produced
NO_FILE = "0" * 64
"""Instead of the SHA-256 of sound that is not there: not produced yet, or kept no more."""

Window = tuple[int, int]


def recurrence_of(broadcast: Broadcast) -> Recurrence | None:
    """When it plays; None for an immediate one whose start is not settled yet."""
    if broadcast.starts_local is None:
        return None
    return Recurrence(
        start=datetime.fromisoformat(broadcast.starts_local),
        timezone=broadcast.timezone,
        rrule=broadcast.rrule,
        until=_until(broadcast.until_local),
        exceptions=frozenset(exception_from(text) for text in broadcast.exdates),
        skip_holidays=broadcast.skip_holidays,
    )


def exception_from(text: str) -> date:
    """A local day (`2026-12-24`) or an instant (`2026-12-24T10:00:00+00:00`) as a recurrence takes it, or Invalid."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-12-24") else datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("bad_date", "%(text)s is not a day.", field="exdates", text=text[:40]) from error


def media_of(recordings: Iterable[Recording]) -> tuple[Media, ...]:
    """What can be aired of an announcement, in the order in which its recordings were made."""
    return tuple(
        Media(
            sha256=recording.sha256,
            size_bytes=recording.size_bytes or 0,
            duration_us=recording.duration_us or 0,
            language=recording.language,
        )
        for recording in sorted(recordings, key=lambda recording: (recording.created_at, recording.id))
        if recording.state is RecordingState.READY and recording.sha256 is not None
    )


def expected_media(recordings: Iterable[Recording]) -> tuple[Media, ...]:
    """As `media_of`, with a guess at the length of what is not produced yet, to show a plan by."""
    return _guessed(one for one in recordings if one.state not in (RecordingState.FAILED, RecordingState.EXPIRED))


def missing_media(recordings: Iterable[Recording]) -> tuple[Media, ...]:
    """Where none can be expected, as all have failed: what should have been, to show and to record that it is not."""
    known = tuple(recordings)
    return () if expected_media(known) else _guessed(one for one in known if one.state is RecordingState.FAILED)


def airings_of(
    broadcast: Broadcast, media: tuple[Media, ...], window: Window, holidays: Collection[date] = ()
) -> list[Airing]:
    """The airings that may sound within `window`, by time."""
    recurrence = recurrence_of(broadcast)
    if recurrence is None or not media:
        return []
    earliest_us = window[0] - _reach_us(broadcast, media) + 1
    starts = expand(recurrence, (from_us(max(0, earliest_us)), from_us(window[1])), holidays)
    return [airing_at(broadcast, media, to_us(start)) for start in starts]


def airing_at(broadcast: Broadcast, media: tuple[Media, ...], start_us: int) -> Airing:
    """The airing of a broadcast that starts then."""
    return Airing(
        id=f"{broadcast.id}.{start_us}",
        broadcast_id=broadcast.id,
        cls=broadcast.cls,
        start_us=start_us,
        media=media,
        order=broadcast.order,
        late=broadcast.late,
        after_cut=broadcast.after_cut,
        window_us=broadcast.window_s * US_PER_S,
    )


def airing_as_it_was(row: PlannedAiring, broadcast: Broadcast, media: tuple[Media, ...]) -> Airing:
    """An airing that was to be over by its end, or was stopped: whatever was changed since, it does not sound later.

    Where none of its sound is kept it has one of that length without a file.
    """
    start_us = to_us(row.start_at)
    whole = airing_at(broadcast, media or (Media(sha256=NO_FILE, size_bytes=0, duration_us=0),), start_us)
    most_us = max(1, to_us(row.withdrawn_at or row.end_at) - start_us)
    lengths_us = [min(one.duration_us, most_us) if media else most_us - room_us(whole) for one in whole.media]
    cut = tuple(with_changes(one, duration_us=max(1, us)) for one, us in zip(whole.media, lengths_us, strict=True))
    return with_changes(whole, media=cut, window_us=min(whole.window_us, most_us - max(one.duration_us for one in cut)))


def has_sound(airing: Airing) -> bool:
    """Whether there is a file of it."""
    return is_there(airing.media[0])


def is_there(media: Media) -> bool:
    """Whether it has a file."""
    return (media.sha256, media.size_bytes) != (NO_FILE, 0)


def start_of(airing_id: str) -> datetime:
    """The planned start in an airing's id."""
    return from_us(int(airing_id.rpartition(".")[2]))


def end_us(airing: Airing) -> int:
    """When the last of it can have sounded, with the room that its policies give it."""
    return airing.start_us + max(media.duration_us for media in airing.media) + room_us(airing)


def room_us(airing: Airing) -> int:
    """How much later than planned its policies let it sound."""
    moved = airing.late is Late.WHOLE or airing.after_cut is AfterCut.RESTART
    return airing.window_us if moved else 0


def next_start(broadcast: Broadcast, now: datetime, holidays: Collection[date] = ()) -> datetime | None:
    """The first occurrence at or after `now`."""
    recurrence = recurrence_of(broadcast)
    if recurrence is None:
        return None
    return next(expand(recurrence, (now, now + timedelta(days=2 * MAX_DAYS)), holidays), None)


def over(broadcast: Broadcast, media: tuple[Media, ...], now: datetime) -> bool:
    """Whether nothing of it can sound at or after `now` any more, holidays left aside."""
    if broadcast.starts_local is None:
        approved_at = broadcast.approved_at or now
        return to_us(now) - to_us(approved_at) > UNKNOWN_LENGTH_US
    waits_us = 0 if broadcast.immediate else UNKNOWN_LENGTH_US  # the start of an immediate one waited for the sound
    reach_us = _reach_us(broadcast, media) if media else waits_us
    return next_start(broadcast, now - timedelta(microseconds=reach_us - 1)) is None


def local_text(moment: datetime, timezone: str) -> str:
    """Wall time in `timezone` as `2026-11-23T17:00:00`, a part of a second rounded up."""
    wall = moment.astimezone(zone(timezone))
    whole = wall if wall.microsecond == 0 else wall + timedelta(microseconds=1_000_000 - wall.microsecond)
    return whole.replace(tzinfo=None).isoformat(timespec="seconds")


def _until(text: str | None) -> date | None:
    if text is None:
        return None
    return date.fromisoformat(text) if len(text) == len("2026-12-24") else datetime.fromisoformat(text)


def _reach_us(broadcast: Broadcast, media: tuple[Media, ...]) -> int:
    """How long after its start an airing may still sound."""
    return max(item.duration_us for item in media) + broadcast.window_s * US_PER_S


def _guessed(recordings: Iterable[Recording]) -> tuple[Media, ...]:
    return tuple(
        Media(
            sha256=recording.sha256 or NO_FILE,
            size_bytes=recording.size_bytes or 0,
            duration_us=recording.duration_us or _expected_us(recording),
            language=recording.language,
        )
        for recording in sorted(recordings, key=lambda recording: (recording.created_at, recording.id))
    )


def _expected_us(recording: Recording) -> int:
    if recording.text is None:
        return 180 * US_PER_S
    return round(len(recording.text) * SPEECH_US_PER_CHARACTER / recording.speed) + 5 * US_PER_S
