"""The first step of a new broadcast: from what was typed, recorded or chosen to an announcement."""

from datetime import datetime
from pathlib import PurePath

from starlette.datastructures import UploadFile

from scheduler.announcements import naming, service
from scheduler.announcements.models import Source
from scheduler.announcements.schemas import (
    AnnouncementOut,
    NewAnnouncement,
    NewUpload,
    RecordingOut,
    SoundRecording,
    TextRecording,
)
from scheduler.errors import Conflict, Invalid
from web.i18n import N_
from web.pages.compose_form import ComposeForm, missing_source
from web.pages.frame import Page
from web.pages.present import shortened
from web.telling import tell_after
from web.uploads import Received, keep

TITLE_LETTERS = 60


def opened(form: ComposeForm, made: AnnouncementOut) -> None:
    """Fill in what `made` was typed as, if it was; a title that is the first words is left to follow them."""
    if not _is_text(made):
        return
    [recording] = made.recordings
    form.source, form.text = "text", recording.text or ""
    form.voice, form.speed = recording.voice or "", str(recording.speed)
    form.title = "" if made.title == naming.title(shortened(form.text, TITLE_LETTERS)) else made.title


def announcement_for(page: Page, form: ComposeForm, file: UploadFile | None, zone_id: str) -> AnnouncementOut:
    """The announcement that the form asks for, made only where it must be; else Invalid.

    None is changed, for nothing tells what was typed for one broadcast from what is kept in the library: for another
    text another is made. It has its own transaction: what was uploaded is kept even if the rest of the form cannot be.
    """
    kept = bool(form.announcement_id) and form.source in ("file", "microphone") and file is None
    missing = missing_source(form, has_file=file is not None or kept)
    for field, message in missing.items():
        raise Invalid("missing", message, field=field)
    if form.source == "existing" or kept:
        with page.centre.store.reading() as db:
            return service.view(
                db, page.actor, page.now, form.existing if form.source == "existing" else form.announcement_id
            )
    if form.source == "text":
        return _from_text(page, form, zone_id)
    return _from_file(page, form, file, zone_id)


def _from_text(page: Page, form: ComposeForm, zone_id: str) -> AnnouncementOut:
    actor, now = page.actor, page.now
    asked = TextRecording.model_validate({"text": form.text, "voice": form.voice or "vi-north", "speed": form.speed})
    title = naming.title(form.title.strip() or shortened(form.text, TITLE_LETTERS))
    with page.centre.store.writing() as db:
        own = service.view(db, actor, now, form.announcement_id) if form.announcement_id else None
        if own is not None and _is_text(own):
            kept = own.recordings[0]
            asked = asked.model_copy(update={"language": kept.language, "recipe": kept.recipe})
            if own.title == title and _same(kept, asked):
                return own
        made = service.create(db, actor, now, NewAnnouncement(zone_id=zone_id, title=title, recordings=[asked]))
        tell_after(db, page.centre.changes, f"announcement:{made.id}")
    return made


def _from_file(page: Page, form: ComposeForm, file: UploadFile | None, zone_id: str) -> AnnouncementOut:
    producer = page.centre.producer
    if producer is None:
        raise Conflict("no_producer", "This process of the centre does not produce sound.")
    if file is None or not file.size:
        raise Invalid("empty_file", N_("The file is empty. Choose another file."), field=_field(form))
    source = Source.MICROPHONE if form.source == "microphone" else Source.FILE
    title = naming.title(form.title.strip() or _file_title(page, form, file.filename, page.now))
    with page.centre.store.reading() as db:
        service.may_create(db, page.actor, page.now, zone_id)
    sound = keep(Received({}, file), producer.originals)
    with page.centre.store.writing() as db:
        new = NewUpload(zone_id=zone_id, title=title, recording=SoundRecording(source=source))
        made = service.create_from_sound(db, page.actor, page.now, new, sound)
        tell_after(db, page.centre.changes, f"announcement:{made.id}")
    return made


def _is_text(made: AnnouncementOut) -> bool:
    return len(made.recordings) == 1 and made.recordings[0].source is Source.TEXT


def _same(recording: RecordingOut, asked: TextRecording) -> bool:
    read = recording.text, recording.voice, recording.speed
    return read == (naming.text(asked.text), asked.voice, asked.speed)


def _file_title(page: Page, form: ComposeForm, file_name: str | None, now: datetime) -> str:
    """A file's own name without its ending; a recording is called after the moment."""
    if form.source == "microphone":
        return page.say(N_("Recording, %(moment)s"), moment=page.show.moment(now))
    return PurePath(naming.file_name(file_name)).stem or page.say(N_("Sound file"))


def _field(form: ComposeForm) -> str:
    return "recording" if form.source == "microphone" else "file"
