"""Pages for residents, without signing in: finding one's place, what was and will be announced there, and its sound."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from broadcast.media import MediaMissingError, MediaStore
from scheduler.announcements.rendition import RenditionFailedError, as_mp3
from scheduler.errors import NotFound
from scheduler.residents import page as residents
from scheduler.residents import places
from scheduler.residents.places import Here, PublicPlace
from scheduler.residents.publishing import Said
from web.conditional import unchanged
from web.i18n import N_
from web.pages import residents_view as view
from web.pages.residents_feeds import CALENDAR_TYPE, FEED_TYPE, Source, calendar, feed
from web.pages.residents_frame import FRESH_S, Front, Fronted, Place, ThePlace, path_of
from web.pages.residents_paths import PREFIX, public_path

LISTED_AT_MOST = 300
IN_WIDGET = 3
READ = ["GET", "HEAD"]
_MISSING = "There is no such page."
_ONE_AT_A_TIME = CapacityLimiter(1)  # an MP3 is made when it is first asked for

router = APIRouter(prefix=PREFIX, include_in_schema=False)


@router.api_route("", methods=READ)
def listing(front: Fronted, q: Annotated[str, Query(max_length=120)] = "") -> Response:
    """The places that have a page; with `q` all that it may mean."""

    def make(db: Session) -> bytes:
        show = front.show()
        known = places.directory(db, show.today)
        found, exact = places.find(known, q) if q.strip() else (places.top(known)[:LISTED_AT_MOST], True)
        shown = [_entry(place) for place in found]
        title = front.say(N_("Announcements in your village"))
        return front.html("residents/list.html", show, places=shown, typed=q, exact=exact, title=title)

    return front.answer(front.kept(("list", q), make))


@router.api_route("/{key}", methods=READ)
def place(at: ThePlace, p: Annotated[int, Query(ge=1, le=100)] = 1) -> Response:
    """What is on the air in a place, what comes and what was announced."""
    front = at.front

    def make(db: Session) -> bytes:
        here = at.here(db)
        show, path = front.show(here.timezone), path_of(here)
        seen = at.outlook(db, here)
        first = (p - 1) * view.PAST_AT_ONCE
        past = seen.past[first : first + view.PAST_AT_ONCE]
        below = places.children(places.directory(db, show.today), here.zone.id)
        return front.html(
            "residents/place.html",
            show,
            **head(front, here),
            alarms=view.alarms(show, seen.alarms),
            on_air=[view.item(show, path, notice) for notice in seen.on_air] if p == 1 else [],
            coming=view.days(show, seen.coming, path) if p == 1 else [],
            loudspeakers=seen.loudspeakers,
            left_out=max(0, len(seen.coming) - view.MAX_COMING),
            past=[view.item(show, path, notice) for notice in past],
            number=p,
            older=p + 1 if len(seen.past) > first + view.PAST_AT_ONCE else None,
            below=[_entry(child) for child in below[:LISTED_AT_MOST]],
        )

    return front.answer(at.kept("place", make, p))


@router.api_route("/{key}/feed.xml", methods=READ)
def rss(at: ThePlace) -> Response:
    """What was announced, for feed readers and podcast players."""

    def make(db: Session) -> bytes:
        here = at.here(db)
        seen = at.outlook(db, here)
        return feed(_source(at.front, here), (*seen.on_air, *seen.past))

    return at.front.answer(at.kept("feed", make), FEED_TYPE)


@router.api_route("/{key}/calendar.ics", methods=READ)
def ics(at: ThePlace) -> Response:
    """What was and will be announced, for calendars."""

    def make(db: Session) -> bytes:
        here = at.here(db)
        seen = at.outlook(db, here)
        return calendar(_source(at.front, here), (*seen.past, *seen.on_air, *seen.coming))

    return at.front.answer(at.kept("calendar", make), CALENDAR_TYPE)


@router.api_route("/{key}/widget", methods=READ)
def widget(at: ThePlace) -> Response:
    """The latest and the next in short, to be shown inside other sites' pages."""
    front = at.front

    def make(db: Session) -> bytes:
        here = at.here(db)
        show, path = front.show(here.timezone), path_of(here)
        seen = at.outlook(db, here)
        return front.html(
            "residents/widget.html",
            show,
            **head(front, here, "/widget"),
            alarms=[alarm for alarm in view.alarms(show, seen.alarms) if alarm["in_force"]],
            on_air=[view.item(show, path, notice) for notice in seen.on_air],
            coming=[view.item(show, path, notice) for notice in seen.coming[:IN_WIDGET]],
            past=[view.item(show, path, notice) for notice in seen.past[:IN_WIDGET]],
        )

    return front.answer(at.kept("widget", make), framed=True)


@router.api_route("/{key}/embed", methods=READ)
def embed(at: ThePlace) -> Response:
    """What to paste into a site to have the widget, or a link, there."""
    front = at.front

    def make(db: Session) -> bytes:
        here = at.here(db)
        start = head(front, here, "/embed")
        return front.html("residents/embed.html", front.show(here.timezone), **start, full=front.full)

    return front.answer(at.kept("embed", make))


@router.api_route("/{key}/{notice_id}", methods=READ)
def notice(at: ThePlace, notice_id: str) -> Response:
    """One notice whole, with all its times and languages."""
    front = at.front

    def make(db: Session) -> bytes:
        here = at.here(db)
        show, path = front.show(here.timezone), path_of(here)
        found = residents.notice(db, here, front.now, notice_id)
        return front.html(
            "residents/notice.html",
            show,
            **head(front, here, f"/{found.id}", title=found.title),
            alarms=view.alarms(show, residents.alarms(db, here, front.now)),
            notice=view.item(show, path, found, whole=True),
            coming=[view.moment(show, time.start) for time in reversed(found.times) if time.start > front.now],
            past=[view.moment(show, time.start) for time in found.times if time.start <= front.now],
            languages=view.languages(show, path, found),
        )

    return front.answer(at.kept("notice", make, notice_id))


@router.api_route("/{key}/{notice_id}/{language}.ogg", methods=READ)
def ogg(at: ThePlace, notice_id: str, language: str) -> Response:
    """The sound of a notice that was on the air, as it was heard; with Range."""
    with at.front.centre.store.reading() as db:
        said = _audible(db, at, notice_id, language)
    return _sound(at, _media(at).path(said.sha256), "audio/ogg", said.sha256)


@router.api_route("/{key}/{notice_id}/{language}.mp3", methods=READ)
async def mp3(at: ThePlace, notice_id: str, language: str) -> Response:
    """The same for players that know no Opus."""

    def find() -> Said:
        with at.front.centre.store.reading() as db:
            return _audible(db, at, notice_id, language)

    said = await run_in_threadpool(find)
    folder = at.front.centre.settings.data_dir / "renditions"
    try:
        made = await to_thread.run_sync(as_mp3, _media(at), said.sha256, folder, limiter=_ONE_AT_A_TIME)
    except (MediaMissingError, RenditionFailedError):
        raise NotFound("sound_missing", _MISSING) from None
    return _sound(at, made, "audio/mpeg", f"{said.sha256}-mp3")


def _audible(db: Session, at: Place, notice_id: str, language: str) -> Said:
    return residents.audible(db, at.here(db), at.front.now, notice_id, language)


def _media(at: Place) -> MediaStore:
    media = at.front.centre.media
    if media is None:
        raise NotFound("sound_missing", _MISSING)
    return media


def _sound(at: Place, path: Path, media_type: str, tag: str) -> Response:
    if not path.is_file():
        raise NotFound("sound_missing", _MISSING)
    headers = {"etag": f'"{tag}"', "cache-control": f"public, max-age={FRESH_S}"}
    if unchanged(at.front.request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers)


def head(front: Front, here: Here, rest: str = "", *, title: str = "") -> dict[str, Any]:
    """What every page of a place begins with; `rest` is its address after that of the place's own page."""
    above = [zone.name for zone in here.lineage[:-1]]
    return {
        "title": title or f"{here.zone.name}, {above[-1]}" if above else title or here.zone.name,
        "name": here.zone.name,
        "above": ", ".join(reversed(above)),
        "path": path_of(here),
        "here": f"{path_of(here)}{rest}",
        "canonical": front.full(path_of(here)),
    }


def _entry(place: PublicPlace) -> dict[str, Any]:
    return {
        "name": place.name,
        "above": ", ".join(reversed(place.place)),
        "href": public_path(place.id, place.name),
        "depth": place.depth,
    }


def _source(front: Front, here: Here) -> Source:
    start = head(front, here)
    title = front.say(N_("Announcements in %(place)s"), place=start["title"])
    about = front.say(
        N_("What the loudspeakers of %(place)s announced, to read and to hear again."), place=start["title"]
    )
    return Source(title, about, start["canonical"], front.language)
