"""What people do with announcements. Each function is part of one transaction and checks the right to it first.

What broadcasts hold (waiting for approval, approved, on the air) keeps its sound and its title, which residents read,
as they were when it was approved: it is changed by copying it. So does what a live talk is to play, as it was listened
to. The version of an announcement counts the changes of its recordings too.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from scheduler.announcements import held, naming, queueing, repository
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.announcements.schemas import (
    AnnouncementOut,
    AnnouncementPage,
    CopyOf,
    NewAnnouncement,
    NewUpload,
    Recipe,
    RecordingOut,
    SoundRecording,
    TextRecording,
)
from scheduler.broadcasts import aiming
from scheduler.broadcasts.rights import judges
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.people.models import User
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.workflow import State
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now

MAX_RECORDINGS = 16
StoredSound = queueing.StoredSound
_NO_SUCH = "There is no such thing, or it is not in your area."


def view(db: Session, actor: Actor, now: datetime, announcement_id: str) -> AnnouncementOut:
    announcement = readable(db, actor, now, announcement_id)
    zone, author = repository.place_and_author(db, announcement)
    recordings = repository.recordings_of(db, [announcement.id])[announcement.id]
    held = repository.held(db, [announcement.id])
    return shown(announcement, zone, author, recordings, held=held, actor=actor, now=now)


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    before: str | None = None,
    limit: int = 50,
    playlists: bool = False,
) -> AnnouncementPage:
    """The announcements of the zones that the actor sees, newest first; `before` is the last page's `next`."""
    paths = zones.paths_of(db, actor.zones_for(Action.ANNOUNCEMENT_READ, now))
    rows = repository.page(db, paths, before=before, limit=limit + 1, playlists=playlists)
    first = rows[:limit]
    ids = [announcement.id for announcement, _zone, _author in first]
    recordings, held = repository.recordings_of(db, ids), repository.held(db, ids)
    items = [shown(a, zone, author, recordings[a.id], held=held, actor=actor, now=now) for a, zone, author in first]
    return AnnouncementPage(items=items, next=ids[-1] if len(rows) > limit else None)


def create(db: Session, actor: Actor, now: datetime, new: NewAnnouncement) -> AnnouncementOut:
    """An announcement read aloud from text."""
    announcement = begun(db, actor, now, new.zone_id, new.title)
    for place, recording in enumerate(new.recordings):
        made_at = now + timedelta(microseconds=place)  # the first one is heard where no language fits
        db.add(queueing.from_text(announcement.id, recording, made_at, urgent=new.urgent))
    _refuse_twice([recording.language for recording in new.recordings])
    return done(db, actor, now, announcement, "create")


def create_from_sound(db: Session, actor: Actor, now: datetime, new: NewUpload, sound: StoredSound) -> AnnouncementOut:
    """An announcement from a file or from the browser's microphone."""
    announcement = begun(db, actor, now, new.zone_id, new.title)
    db.add(queueing.from_sound(announcement.id, new.recording, sound, now, urgent=new.urgent))
    return done(db, actor, now, announcement, "create", original=sound.sha256)


def may_create(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    """The zone if the actor may make announcements there; asked before an upload is received too."""
    zone = db.get(Zone, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.", field="zone_id")
    require(actor, Action.ANNOUNCEMENT_EDIT, zone.path, now)
    if not there_now(db, [zone], now, also_coming=True):
        raise Conflict("zone_ended", "This zone is no more.", field="zone_id")
    return zone


def copy(db: Session, actor: Actor, now: datetime, announcement_id: str, asked: CopyOf) -> AnnouncementOut:
    """The same announcement again, to be changed or used elsewhere; what was produced is used again."""
    source = readable(db, actor, now, announcement_id)
    made = begun(db, actor, now, asked.zone_id or source.zone_id, asked.title or source.title)
    made.copied_from_id = source.id
    made.editor_ids = sorted({*made.editor_ids, *source.editor_ids})
    for place, recording in enumerate(repository.recordings_of(db, [source.id])[source.id]):
        again = queueing.again(recording, made.id, now + timedelta(microseconds=place))
        db.add(again)
        db.flush()
        repository.copy_parts(db, recording.id, again.id)
    return done(db, actor, now, made, "copy", copied_from=source.id)


def rename(
    db: Session, actor: Actor, now: datetime, announcement_id: str, title: str, *, version: int
) -> AnnouncementOut:
    """Another title; whoever gives it is among those who do not approve it."""
    announcement = editable(db, actor, now, announcement_id, version)
    held.refuse_as_approved(db, announcement.id)
    announcement.title = naming.title(title)
    _changed(announcement, actor, now)
    return done(db, actor, now, announcement, "rename", title=announcement.title)


def add_text(
    db: Session, actor: Actor, now: datetime, announcement_id: str, recording: TextRecording, *, version: int
) -> AnnouncementOut:
    """Another language, read aloud."""
    announcement, made_at = _addable(db, actor, now, announcement_id, recording.language, version=version)
    db.add(queueing.from_text(announcement.id, recording, made_at, urgent=False))
    return done(db, actor, now, announcement, "record", language=recording.language)


def add_sound(
    db: Session,
    actor: Actor,
    now: datetime,
    announcement_id: str,
    *,
    version: int,
    recording: SoundRecording,
    sound: StoredSound,
) -> AnnouncementOut:
    """Another language, from a file or a microphone."""
    announcement, made_at = _addable(db, actor, now, announcement_id, recording.language, version=version)
    db.add(queueing.from_sound(announcement.id, recording, sound, made_at, urgent=False))
    return done(db, actor, now, announcement, "record", language=recording.language, original=sound.sha256)


def edit_text(
    db: Session, actor: Actor, now: datetime, recording_id: str, changed: TextRecording, *, version: int
) -> AnnouncementOut:
    """Another text, voice or speed; it is produced again."""
    recording = _recording(db, recording_id)
    announcement = editable(db, actor, now, recording.announcement_id, version, sound=True)
    if recording.source is not Source.TEXT:
        raise Conflict("not_text", "This recording is a sound; send another one instead.")
    recording.text = naming.text(changed.text)
    recording.voice, recording.speed = changed.voice, changed.speed
    recording.recipe = changed.recipe.model_dump(mode="json")
    others = repository.recordings_of(db, [announcement.id])[announcement.id]
    _refuse_twice([changed.language, *(other.language for other in others if other.id != recording.id)])
    recording.language = changed.language
    queueing.queue(recording)
    return done(db, actor, now, announcement, "edit", recording=recording.id)


def produce_again(db: Session, actor: Actor, now: datetime, recording_id: str) -> AnnouncementOut:
    """Give a failed recording another try, or read a text again whose sound was not kept."""
    recording = _recording(db, recording_id)
    announcement = editable(db, actor, now, recording.announcement_id)
    expired = recording.state is RecordingState.EXPIRED and recording.source is Source.TEXT
    if recording.state is not RecordingState.FAILED and not expired:
        raise Conflict("not_failed", "Only a recording that failed, or a text whose sound is gone, is made again.")
    queueing.queue(recording)
    return done(db, actor, now, announcement, "retry", recording=recording.id)


def remove_recording(db: Session, actor: Actor, now: datetime, recording_id: str, *, version: int) -> AnnouncementOut:
    recording = _recording(db, recording_id)
    announcement = editable(db, actor, now, recording.announcement_id, version, sound=True)
    if len(repository.recordings_of(db, [announcement.id])[announcement.id]) == 1:
        raise Conflict("last_recording", "An announcement has at least one recording; delete the announcement.")
    db.delete(recording)
    return done(db, actor, now, announcement, "unrecord", language=recording.language)


def delete(db: Session, actor: Actor, now: datetime, announcement_id: str, *, version: int) -> None:
    """Take it out of sight; refused while a broadcast that is not over uses it."""
    announcement = editable(db, actor, now, announcement_id, version)
    using = repository.broadcasts_using(db, announcement.id)
    if using:
        raise Conflict(
            "in_use",
            "Broadcasts still use this announcement: %(broadcasts)s. Cancel them first.",
            broadcasts=", ".join(broadcast.id for broadcast in using),
        )
    held.refuse_as_held_elsewhere(db, actor, now, announcement.id)
    held.refuse_as_part_of_bulletin(db, actor, now, announcement.id)
    announcement.deleted_at = now
    done(db, actor, now, announcement, "delete")


def listenable(db: Session, actor: Actor, now: datetime, recording_id: str, *, lock: bool = False) -> Recording:
    """The recording, for those who may read its announcement; with `lock`, as `hold` has it."""
    recording = _recording(db, recording_id)
    readable(db, actor, now, recording.announcement_id)
    if lock:
        hold(db, recording.announcement_id)
        recording = _recording(db, recording_id, anew=True)
    return recording


def readable(db: Session, actor: Actor, now: datetime, announcement_id: str) -> Announcement:
    """The announcement if it is of a zone that the actor sees, or was approved to be heard in one.

    Also where it is broadcast in the name of such a zone, or waits for what the actor may approve. What its own people
    changed since is theirs alone until it is approved again.
    """
    announcement = repository.get(db, announcement_id)
    if announcement is None:
        raise NotFound("not_found", _NO_SUCH)
    zone = db.get_one(Zone, announcement.zone_id)
    if actor.may(Action.ANNOUNCEMENT_READ, zone.path, now):
        return announcement
    if not _heard_by(db, actor, now, announcement) and not _planned_for(db, actor, now, announcement):
        require(actor, Action.ANNOUNCEMENT_READ, zone.path, now)
    return announcement


def hold(db: Session, announcement_id: str) -> Announcement:
    """The announcement, as no other transaction can change it before a broadcast that holds it is committed."""
    announcement = repository.get(db, announcement_id, lock=True)
    if announcement is None:
        raise NotFound("not_found", _NO_SUCH)
    return announcement


def writers(db: Session, announcement_id: str) -> frozenset[str]:
    """Who wrote, recorded or changed what it says."""
    announcement = hold(db, announcement_id)
    return frozenset({announcement.author_id, *announcement.editor_ids})


def hurry(db: Session, announcement_id: str) -> None:
    """Have what is not produced yet of it produced before all others: an emergency waits for it."""
    for recording in repository.recordings_of(db, [announcement_id])[announcement_id]:
        recording.urgent = True


def _heard_by(db: Session, actor: Actor, now: datetime, announcement: Announcement) -> bool:
    """Whether a broadcast of what it says reaches a zone that the actor sees: from above, at, or below it."""
    heard = repository.paths_heard(db, announcement)
    own = zones.paths_of(db, actor.zones_for(Action.ANNOUNCEMENT_READ, now))
    return any(path.startswith(seen) or seen.startswith(path) for path in heard for seen in own)


def _planned_for(db: Session, actor: Actor, now: datetime, announcement: Announcement) -> bool:
    """Whether the actor sees a broadcast of what it says that nobody has approved."""
    sent = repository.broadcasts_with_senders(db, announcement)
    if any(actor.may(Action.ANNOUNCEMENT_READ, sender, now) for _row, sender in sent):
        return True
    targets = aiming.targets(db, [row.id for row, _sender in sent])
    paths = {row.id: [path for target in targets[row.id] for path in target.paths] for row, _sender in sent}
    return any(judges(actor, State(row.state), paths[row.id], now) for row, _sender in sent)


def begun(db: Session, actor: Actor, now: datetime, zone_id: str, title: str) -> Announcement:
    """A new announcement without recordings; `done` follows."""
    zone = may_create(db, actor, now, zone_id)
    announcement = Announcement(
        id=new_id(now), zone_id=zone.id, title=naming.title(title), author_id=actor.user_id, created_at=now, version=0,
        editor_ids=[actor.user_id],
    )  # fmt: skip
    db.add(announcement)
    db.flush()
    return announcement


def editable(
    db: Session, actor: Actor, now: datetime, announcement_id: str, version: int | None = None, *, sound: bool = False
) -> Announcement:
    """The announcement, locked, if the actor may change it, saw its last version, and nothing holds its `sound`."""
    repository.get(db, announcement_id, lock=True)
    announcement = readable(db, actor, now, announcement_id)
    require(actor, Action.ANNOUNCEMENT_EDIT, db.get_one(Zone, announcement.zone_id).path, now)
    if version is not None and version != announcement.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    if sound:
        held.refuse_as_approved(db, announcement.id)
        held.refuse_as_held_elsewhere(db, actor, now, announcement.id)
        _changed(announcement, actor, now)
    return announcement


def _changed(announcement: Announcement, actor: Actor, now: datetime) -> None:
    announcement.editor_ids = sorted({*announcement.editor_ids, actor.user_id})
    announcement.changed_at = now


def _addable(
    db: Session, actor: Actor, now: datetime, announcement_id: str, language: str, *, version: int
) -> tuple[Announcement, datetime]:
    """The announcement if another language fits, and a time for that recording after those of the others."""
    announcement = editable(db, actor, now, announcement_id, version, sound=True)
    present = repository.recordings_of(db, [announcement.id])[announcement.id]
    if len(present) >= MAX_RECORDINGS:
        raise Conflict("too_many_recordings", "An announcement has at most %(limit)s recordings.", limit=MAX_RECORDINGS)
    _refuse_twice([language, *(recording.language for recording in present)])
    return announcement, max([now, *(recording.created_at + timedelta(microseconds=1) for recording in present)])


def _refuse_twice(languages: list[str]) -> None:
    lowered = [language.lower() for language in languages]
    for language in lowered:
        if lowered.count(language) > 1:
            message = "An announcement has one recording in each language; %(language)s is there twice."
            raise Invalid("language_twice", message, field="language", language=language)


def _recording(db: Session, recording_id: str, *, anew: bool = False) -> Recording:
    found = repository.get_recording(db, recording_id, anew=anew)
    if found is None:
        raise NotFound("not_found", _NO_SUCH)
    return found


def done(
    db: Session, actor: Actor, now: datetime, announcement: Announcement, what: str, **detail: Any
) -> AnnouncementOut:
    """Count the version, note it in the audit record, and show the outcome."""
    announcement.version += 1
    db.add(announcement)
    db.flush()
    zone, author = repository.place_and_author(db, announcement)
    subject = f"announcement:{announcement.id}"
    audit.record(db, actor, now, f"announcement.{what}", subject, zone_path=zone.path, **detail)
    recordings = repository.recordings_of(db, [announcement.id])[announcement.id]
    return shown(
        announcement, zone, author, recordings, held=repository.held(db, [announcement.id]), actor=actor, now=now
    )


def shown(
    announcement: Announcement,
    zone: Zone,
    author: User,
    recordings: list[Recording],
    *,
    held: Collection[str],
    actor: Actor,
    now: datetime,
) -> AnnouncementOut:
    """As `actor` sees it; `held` are those that broadcasts hold as they are."""
    return AnnouncementOut(
        **announcement.model_dump(),
        zone_name=zone.name,
        author_name=author.name,
        recordings=[RecordingOut(**r.model_dump() | {"recipe": Recipe(**r.recipe)}) for r in recordings],
        in_use=announcement.id in held,
        may_edit=actor.may(Action.ANNOUNCEMENT_EDIT, zone.path, now),
    )
