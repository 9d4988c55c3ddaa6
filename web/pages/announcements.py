"""Everything that was typed, recorded or uploaded: to listen to, to use again, to add a language to."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from scheduler.announcements import parts, service
from scheduler.announcements.finding import MAX_TAG_LETTERS
from scheduler.announcements.models import Category
from scheduler.announcements.schemas import AnnouncementOut, SoundRecording
from scheduler.errors import Conflict, Invalid
from scheduler.library import service as library
from scheduler.library.schemas import LabelsIn, LibraryItem, Search, UseOut
from scheduler.library.using import used
from scheduler.rights import Action
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import words
from web.pages.compose_form import NO_FILE, uploaded
from web.pages.form_data import TheForm
from web.pages.frame import Page, ThePage
from web.pages.library_words import CATEGORY
from web.pages.live_words import AIRED
from web.pages.sounds import longest_us, sound, state_of
from web.pages.voices import spoken_text, voice_names
from web.telling import tell_after
from web.uploads import Received, keep, takes

PER_PAGE = 30
TAGS_SHOWN = 30

router = APIRouter(prefix="/announcements", include_in_schema=False)


@router.get("")
def listing(
    db: ReadDb,
    page: ThePage,
    *,
    before: Annotated[str | None, Query(max_length=26)] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    category: str = "",
    tag: Annotated[str, Query(max_length=MAX_TAG_LETTERS)] = "",
) -> Response:
    known = Category(category) if category in list(Category) else None
    wanted = Search(q=q, category=known, tag=tag)
    found = library.search(db, page.actor, page.now, wanted, before=before, limit=PER_PAGE)
    asked = {"q": q, "category": category, "tag": tag}
    has_use = used(db, [item.id for item in found.items], page.now)
    return page.render(
        "announcements/list.html",
        announcements=[_line(page, item) | {"tried": item.id not in has_use} for item in found.items],
        query=q,
        category=category,
        tag=tag,
        narrowed=wanted.narrows,
        categories=CATEGORY,
        tags=library.tags(db, page.actor, page.now)[:TAGS_SHOWN],
        older=f"/announcements?{urlencode(asked | {'before': found.next})}" if found.next else None,
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


@router.post("/{announcement_id}/recordings", dependencies=[takes(Action.ANNOUNCEMENT_EDIT)])
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


@router.post("/{announcement_id}/labels")
def label(
    db: WriteDb,
    page: ThePage,
    announcement_id: str,
    *,
    version: Annotated[int, Form()],
    category: Annotated[str, Form(max_length=20)] = "",
    tags: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """What it is about, and tags with commas between."""
    with page.attempt(db) as errors:
        asked = LabelsIn.model_validate({"category": category or None, "tags": [one for one in tags.split(",") if one]})
        library.label(db, page.actor, page.now, announcement_id, asked, version=version)
    if errors:
        return _detail(db, page, announcement_id, errors, tags=tags)
    return page.go(f"/announcements/{announcement_id}", "saved")


@router.post("/recordings/{recording_id}/again")
def produce_again(db: WriteDb, page: ThePage, recording_id: str) -> Response:
    found = service.produce_again(db, page.actor, page.now, recording_id)
    tell_after(db, page.centre.changes, f"announcement:{found.id}", f"recording:{recording_id}")
    return page.go(f"/announcements/{found.id}")


def _detail(
    db: Session,
    page: Page,
    announcement_id: str,
    errors: dict[str, str] | None = None,
    *,
    tags: str | None = None,
) -> Response:
    found = service.view(db, page.actor, page.now, announcement_id)
    spoken = {recording.language for recording in found.recordings}
    return page.render(
        "announcements/detail.html",
        422 if errors else 200,
        item=found,
        recordings=_sounds(page, found),
        parts=parts.of(db, [found.id])[found.id],
        uses=[_use(page, use) for use in library.history(db, page.actor, page.now, found.id).items],
        categories=CATEGORY,
        tags=", ".join(found.tags) if tags is None else tags,
        languages_left=[code for code in words.LANGUAGE if code not in spoken],
        may_compose=page.can(Action.BROADCAST_EDIT),
        errors=errors or {},
    )


def _sounds(page: Page, found: AnnouncementOut) -> list[Any]:
    names = voice_names(page)
    return [
        sound(recording, names, spoken_text(page, recording.text, recording.voice)) for recording in found.recordings
    ]


def _use(page: Page, use: UseOut) -> dict[str, Any]:
    where = ", ".join(use.zone_names)
    if use.other_zones:
        others = page.count("%(num)s other place", "%(num)s other places", use.other_zones)
        where = f"{where}, {others}" if where else others
    heard = N_("heard from %(heard)s of %(total)s loudspeakers")
    said = page.say(heard, heard=use.heard, total=use.receivers) if use.heard is not None else ""
    href = f"/broadcasts/{use.broadcast_id}" if use.broadcast_id else ""
    href = f"/live/{use.talk_id}" if use.talk_id else href
    live = page.say(AIRED[use.live]) if use.live else ""
    return {"use": use, "href": href, "live": live, "where": where, "heard": said}


def _line(page: Page, item: LibraryItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "place": ", ".join([item.zone_name, *item.place[:1]]),
        "author": item.author_name,
        "created_at": item.created_at,
        "category": CATEGORY.get(item.category) if item.category else None,
        "tags": item.tags,
        "used": page.count("broadcast %(num)s time", "broadcast %(num)s times", item.times) if item.times else "",
        "last_at": item.last_at,
        "duration_us": longest_us(item.recordings),
        "state": state_of(item),
    }
