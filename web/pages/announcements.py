"""Everything that was typed, recorded or uploaded: to listen to, to use again, to add a language to."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.announcements import service
from scheduler.announcements.schemas import AnnouncementOut, SoundRecording
from scheduler.errors import Conflict, Invalid
from scheduler.rights import Action
from scheduler.zones import names
from web.auth import ReadDb, WriteDb
from web.pages import words
from web.pages.compose_form import NO_FILE, uploaded
from web.pages.form_data import TheForm
from web.pages.frame import Page, ThePage
from web.pages.sounds import longest_us, sound, state_of
from web.pages.voices import spoken_text, voice_names
from web.telling import tell_after
from web.uploads import Received, keep

PER_PAGE = 30
SEARCHED = 200
"""So many announcements are looked through at a time; the next ones are a page further."""

router = APIRouter(prefix="/announcements", include_in_schema=False)


@router.get("")
def listing(db: ReadDb, page: ThePage, before: str | None = None, q: str = "") -> Response:
    found = service.index(db, page.actor, page.now, before=before, limit=SEARCHED if q else PER_PAGE)
    items = [_line(item) for item in found.items if not q or _fits(item, q)]
    return page.render(
        "announcements/list.html",
        announcements=items,
        query=q,
        older=f"/announcements?{urlencode({'q': q, 'before': found.next})}" if found.next else None,
        may_compose=page.can(Action.BROADCAST_EDIT),
    )


@router.get("/{announcement_id}")
def detail(db: ReadDb, page: ThePage, announcement_id: str) -> Response:
    return _detail(db, page, announcement_id)


@router.get("/{announcement_id}/recordings")
def recordings(db: ReadDb, page: ThePage, announcement_id: str) -> Response:
    """The sounds alone, for pages that follow their production."""
    found = service.view(db, page.actor, page.now, announcement_id)
    return page.render("announcements/recordings.html", recordings=_sounds(page, found))


@router.post("/{announcement_id}/delete")
def delete(db: WriteDb, page: ThePage, announcement_id: str, version: Annotated[int, Form()]) -> Response:
    with page.attempt(db) as errors:
        service.delete(db, page.actor, page.now, announcement_id, version=version)
        tell_after(db, page.centre.changes, f"announcement:{announcement_id}")
    if errors:
        return _detail(db, page, announcement_id, errors)
    return page.go("/announcements", "deleted")


@router.post("/{announcement_id}/title")
def rename(
    db: WriteDb,
    page: ThePage,
    announcement_id: str,
    version: Annotated[int, Form()],
    title: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    with page.attempt(db) as errors:
        service.rename(db, page.actor, page.now, announcement_id, title, version=version)
    return (
        _detail(db, page, announcement_id, errors) if errors else page.go(f"/announcements/{announcement_id}", "saved")
    )


@router.post("/{announcement_id}/recordings")
def add_language(page: ThePage, announcement_id: str, data: TheForm) -> Response:
    """Another language, as a sound file; kept first, outside the transaction that names it."""
    file, producer = uploaded(data), page.centre.producer
    with page.attempt() as errors:
        if file is None or not file.size:
            raise Invalid("empty_file", NO_FILE, field="file")
        if producer is None:
            raise Conflict("no_producer", "This process of the centre does not produce sound.")
        asked = SoundRecording.model_validate({"language": str(data.get("language") or "")})
        with page.centre.store.reading() as db:
            service.may_create(
                db, page.actor, page.now, service.view(db, page.actor, page.now, announcement_id).zone_id
            )
        sound_kept = keep(Received({}, file), producer.originals)
        version = int(str(data.get("version") or "0"))
        with page.centre.store.writing() as db:
            service.add_sound(
                db, page.actor, page.now, announcement_id, version=version, recording=asked, sound=sound_kept
            )
            tell_after(db, page.centre.changes, f"announcement:{announcement_id}")
    if errors:
        with page.centre.store.reading() as db:
            return _detail(db, page, announcement_id, errors)
    return page.go(f"/announcements/{announcement_id}", "uploading")


@router.post("/recordings/{recording_id}/again")
def produce_again(db: WriteDb, page: ThePage, recording_id: str) -> Response:
    found = service.produce_again(db, page.actor, page.now, recording_id)
    tell_after(db, page.centre.changes, f"announcement:{found.id}", f"recording:{recording_id}")
    return page.go(f"/announcements/{found.id}")


def _detail(db: Session, page: Page, announcement_id: str, errors: dict[str, str] | None = None) -> Response:
    found = service.view(db, page.actor, page.now, announcement_id)
    spoken = {recording.language for recording in found.recordings}
    return page.render(
        "announcements/detail.html",
        422 if errors else 200,
        item=found,
        recordings=_sounds(page, found),
        languages_left=[code for code in words.LANGUAGE if code not in spoken],
        may_compose=page.can(Action.BROADCAST_EDIT),
        errors=errors or {},
    )


def _sounds(page: Page, found: AnnouncementOut) -> list[Any]:
    names = voice_names(page)
    return [
        sound(recording, names, spoken_text(page, recording.text, recording.voice)) for recording in found.recordings
    ]


def _fits(announcement: AnnouncementOut, typed: str) -> bool:
    """By title or text; a letter typed with a diacritic must have it, one without may have any."""
    texts = [announcement.title, *(recording.text for recording in announcement.recordings if recording.text)]
    return any(names.matches(typed, text) for text in texts)


def _line(announcement: AnnouncementOut) -> dict[str, Any]:
    return {
        "id": announcement.id,
        "title": announcement.title,
        "place": announcement.zone_name,
        "author": announcement.author_name,
        "created_at": announcement.created_at,
        "duration_us": longest_us(announcement.recordings),
        "state": state_of(announcement),
    }
