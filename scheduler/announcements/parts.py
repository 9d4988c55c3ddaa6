"""Announcements put together from others: playlists, and the editions of bulletins (part of one transaction).

Rules
- What is put together is an announcement of its own: it is produced as one recording, and approved as any.
- There is one recording in each language that all parts have; where they share none, one in the first part's.
- Whoever wrote a part wrote the whole: none of them approves it.
- Parts are taken as they are when it is produced; until then their sound cannot be changed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.announcements import repository
from scheduler.announcements.models import Announcement, Recording, RecordingPart, RecordingState, Source
from scheduler.announcements.schemas import AnnouncementOut, NewPlaylist, PlaylistParts, Recipe
from scheduler.announcements.service import begun, done, editable, hold, readable
from scheduler.errors import Conflict, NotFound
from scheduler.people.actor import Actor
from scheduler.store.types import new_id

Parts = Sequence[tuple[Announcement, Sequence[Recording]]]


def create(db: Session, actor: Actor, now: datetime, new: NewPlaylist) -> AnnouncementOut:
    """A new announcement of these."""
    parts = _parts(db, actor, now, new.announcement_ids)
    made = begun(db, actor, now, new.zone_id, new.title)
    _put_together(db, made, parts, new.recipe, now)
    return done(db, actor, now, made, "put_together", parts=new.announcement_ids)


def change(
    db: Session, actor: Actor, now: datetime, announcement_id: str, asked: PlaylistParts, *, version: int
) -> AnnouncementOut:
    """Other parts in an announcement that was put together; it is produced again."""
    made = editable(db, actor, now, announcement_id, version, sound=True)
    before = repository.recordings_of(db, [made.id])[made.id]
    if any(recording.source is not Source.PARTS for recording in before):
        raise Conflict("not_put_together", "This announcement was not put together from others.")
    if made.id in asked.announcement_ids:
        raise Conflict("part_of_itself", "A playlist cannot hold itself.", field="announcement_ids")
    parts = _parts(db, actor, now, asked.announcement_ids)
    for recording in before:
        db.delete(recording)
    db.flush()
    _put_together(db, made, parts, asked.recipe, now)
    return done(db, actor, now, made, "put_together", parts=asked.announcement_ids)


def of(db: Session, announcement_ids: Sequence[str]) -> dict[str, list[Announcement]]:
    """The parts of each of these announcements, in their order; none of one that is not put together."""
    recordings = repository.recordings_of(db, announcement_ids)
    first = {found[0].id: announcement_id for announcement_id, found in recordings.items() if found}
    whole: dict[str, list[Announcement]] = {announcement_id: [] for announcement_id in announcement_ids}
    for part, _recording, announcement in repository.parts_of(db, first):
        whole[first[part.recording_id]].append(announcement)
    return whole


def _parts(db: Session, actor: Actor, now: datetime, announcement_ids: Sequence[str]) -> Parts:
    """Each with its recordings, if the actor may read them all and there is sound or will be; else a Problem."""
    try:
        for announcement_id in sorted(set(announcement_ids)):
            hold(db, announcement_id)
        found = {one: readable(db, actor, now, one) for one in set(announcement_ids)}
    except NotFound:
        message = "An announcement that you chose is no longer there. Take it out, or choose another one."
        raise NotFound("not_found", message, field="announcement_ids") from None
    recordings = repository.recordings_of(db, found.keys())
    for announcement in found.values():
        if not _usable(recordings[announcement.id]):
            message = "The sound of %(title)s could not be produced. Mend it first, or leave it out."
            raise Conflict("part_failed", message, field="announcement_ids", title=announcement.title)
    return [(found[one], recordings[one]) for one in announcement_ids]


def _put_together(db: Session, made: Announcement, parts: Parts, recipe: Recipe, now: datetime) -> None:
    made.editor_ids = sorted({*made.editor_ids, *_writers(parts)})
    for place, language in enumerate(_languages(parts)):
        chosen = [_in(language, recordings) for _announcement, recordings in parts]
        recording = Recording(
            id=new_id(now),
            announcement_id=made.id,
            language=language,
            source=Source.PARTS,
            text="\n\n".join(part.text for part in chosen if part.text) or None,
            recipe=recipe.model_dump(mode="json"),
            created_at=now + timedelta(microseconds=place),
        )
        db.add(recording)
        db.flush()
        db.add_all(RecordingPart(recording_id=recording.id, place=n, part_id=part.id) for n, part in enumerate(chosen))
    db.flush()


def _writers(parts: Parts) -> set[str]:
    return {
        person for announcement, _recordings in parts for person in (announcement.author_id, *announcement.editor_ids)
    }


def _languages(parts: Parts) -> list[str]:
    spoken = [[one.language for one in _usable(recordings)] for _announcement, recordings in parts]
    return [one for one in spoken[0] if all(one in other for other in spoken)] or spoken[0][:1]


def _in(language: str, recordings: Sequence[Recording]) -> Recording:
    usable = _usable(recordings)
    return next((one for one in usable if one.language == language), usable[0])


def _usable(recordings: Sequence[Recording]) -> list[Recording]:
    return [one for one in recordings if one.state not in (RecordingState.FAILED, RecordingState.EXPIRED)]
