"""Programmes and the library: /api/v1/library, /playlists, /bulletins, /relays."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from scheduler.announcements import parts
from scheduler.announcements.schemas import AnnouncementOut, NewPlaylist, PlaylistParts
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.schemas import CancelIn, ReturnIn
from scheduler.bulletins import service as bulletins
from scheduler.bulletins.schemas import BulletinIn, BulletinOut, BulletinPage, EditionOut, FillIn
from scheduler.bulletins.service import Which
from scheduler.days import Day
from scheduler.library import service as library
from scheduler.library.schemas import HistoryOut, LabelsIn, LibraryPage, Search
from scheduler.live.asking import Terms
from scheduler.relays import rehearsing
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayApproveIn, RelayDetail, RelayIn, RelayPage, RestoreIn
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["programmes"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
At = Annotated[str, Path(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["17:00"])]


@router.get("/library")
def search_library(
    wanted: Annotated[Search, Query()],
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
) -> LibraryPage:
    """Announcements by words, category, tag and place, newest first, with how often they were heard.

    Typed with diacritics the words are found exactly so; without any, however they are written.
    """
    return library.search(db, actor, now, wanted, before=wanted.before, limit=wanted.limit)


@router.get("/announcements/{announcement_id}/history")
def announcement_history(announcement_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> HistoryOut:
    """Where and when it was broadcast, also as a part of others, and how many loudspeakers were heard."""
    return library.history(db, actor, now, announcement_id)


@router.put("/announcements/{announcement_id}/labels", responses=EDIT_PROBLEMS)
def label_announcement(
    announcement_id: str,
    body: LabelsIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> AnnouncementOut:
    """Its category and tags; its sound stays."""
    made = library.label(db, actor, now, announcement_id, body, version=version)
    give_etag(response, made.version)
    return made


@router.post("/playlists", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def create_playlist(
    body: NewPlaylist, *, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce, tell: Tell
) -> AnnouncementOut:
    """Announcements one after the other as a new one, produced as one recording."""
    made = once(db, now, lambda: parts.create(db, actor, now, body))
    tell(db, f"announcement:{made.id}")
    return made


@router.put("/playlists/{announcement_id}", responses=EDIT_PROBLEMS)
def change_playlist(
    announcement_id: str,
    body: PlaylistParts,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> AnnouncementOut:
    """Other parts, or another order; it is produced again."""
    made = parts.change(db, actor, now, announcement_id, body, version=version)
    tell(db, f"announcement:{made.id}")
    give_etag(response, made.version)
    return made


@router.get("/bulletins")
def list_bulletins(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    after: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BulletinPage:
    """The templates of the zones that you see by place and name, each with its next edition."""
    return bulletins.index(db, actor, now, after=after, limit=limit)


@router.post("/bulletins", status_code=HTTPStatus.CREATED)
def create_bulletin(body: BulletinIn, *, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce) -> BulletinOut:
    """A template with slots, times and places."""
    return once(db, now, lambda: bulletins.create(db, actor, now, body))


@router.get("/bulletins/{bulletin_id}")
def get_bulletin(bulletin_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> BulletinOut:
    """One template."""
    found = bulletins.view(db, actor, now, bulletin_id)
    give_etag(response, found.version)
    return found


@router.put("/bulletins/{bulletin_id}", responses=EDIT_PROBLEMS)
def edit_bulletin(
    bulletin_id: str,
    body: BulletinIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> BulletinOut:
    """Other slots, times or places; what was sent already stays as it is."""
    made = bulletins.edit(db, actor, now, bulletin_id, body, version=version)
    give_etag(response, made.version)
    return made


@router.delete("/bulletins/{bulletin_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def end_bulletin(bulletin_id: str, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch) -> None:
    """No more editions; what was sent already still plays."""
    bulletins.end(db, actor, now, bulletin_id, version=version)


@router.get("/bulletins/{bulletin_id}/editions")
def list_editions(bulletin_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> list[EditionOut]:
    """The editions of the coming week, also those that nobody has begun."""
    return bulletins.editions(db, actor, now, bulletin_id)


@router.get("/bulletins/{bulletin_id}/editions/{day}/{at}")
def get_edition(
    bulletin_id: str, day: Day, at: At, *, response: Response, db: ReadDb, actor: CurrentActor, now: Now
) -> EditionOut:
    """One day and time; where nobody has begun it, its ETag is "0"."""
    found = bulletins.edition(db, actor, now, Which(bulletin_id, day, at))
    give_etag(response, found.version)
    return found


@router.put("/bulletins/{bulletin_id}/editions/{day}/{at}", responses=EDIT_PROBLEMS)
def fill_edition(
    bulletin_id: str,
    day: Day,
    at: At,
    body: FillIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> EditionOut:
    """What is heard in each slot; nothing is sent yet."""
    made = bulletins.fill(db, actor, now, Which(bulletin_id, day, at), body, version=version)
    give_etag(response, made.version)
    return made


@router.post("/bulletins/{bulletin_id}/editions/{day}/{at}/send", responses=EDIT_PROBLEMS)
def send_edition(
    bulletin_id: str,
    day: Day,
    at: At,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> EditionOut:
    """Have it put together as it is filled in now, and approved."""
    made = bulletins.send(db, actor, now, Which(bulletin_id, day, at), version=version)
    tell(db, f"announcement:{made.announcement_id}", f"broadcast:{made.broadcast_id}")
    give_etag(response, made.version)
    return made


Act = Callable[..., RelayDetail]


def _terms(centre: TheCentre) -> Terms:
    return Terms(centre.settings.relay_hosts)


@router.get("/relays")
def list_relays(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    over: Annotated[bool, Query()] = False,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RelayPage:
    """Relays that come again, of the zones that you see, newest first; `over`: those that do not come any more."""
    return relays.index(db, actor, now, _terms(centre), over=over, before=before, limit=limit)


@router.post("/relays", status_code=HTTPStatus.CREATED)
def create_relay(
    body: RelayIn, *, db: WriteDb, actor: CurrentActor, now: Now, centre: TheCentre, once: CreateOnce
) -> RelayDetail:
    """A draft: another station at fixed times, from a host that the centre's settings name."""
    return once(db, now, lambda: relays.create(db, actor, now, body, _terms(centre)))


@router.post("/relays/rehearsal")
def rehearse_relay(
    body: RelayIn,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    replaces: Annotated[str | None, Query(max_length=26, description="The relay that this edits.")] = None,
) -> RehearsalOut | None:
    """Seven days in every village concerned, with and without this: what is cut, moved or dropped, and what forbids it.

    Nothing is saved. Null where it does not come, or no receiver is there.
    """
    return rehearsing.rehearsal(db, actor, now, body, _terms(centre), relay_id=replaces)


@router.get("/relays/{relay_id}")
def get_relay(
    relay_id: str, response: Response, *, db: ReadDb, actor: CurrentActor, now: Now, centre: TheCentre
) -> RelayDetail:
    """With what the rules of some villages do not let sound of it, and what became of the last occurrences."""
    found = relays.view(db, actor, now, relay_id, _terms(centre))
    give_etag(response, found.version)
    return found


def act_on(
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    version: IfMatch,
    tell: Tell,
) -> Act:
    """What each act on a relay has in common: it is done to the version that was read, and told."""

    def act(relay_id: str, step: Act, *asked: RelayIn | RelayApproveIn | str | datetime) -> RelayDetail:
        made = step(db, actor, now, relay_id, *asked, terms=_terms(centre), version=version)
        tell(db, f"relay:{relay_id}")
        give_etag(response, made.version)
        return made

    return act


Acting = Annotated[Act, Depends(act_on, scope="function")]


@router.put("/relays/{relay_id}", responses=EDIT_PROBLEMS)
def edit_relay(relay_id: str, body: RelayIn, act: Acting) -> RelayDetail:
    """Another time, place or station; what was approved is approved again."""
    return act(relay_id, relays.edit, body)


@router.post("/relays/{relay_id}/submit", responses=EDIT_PROBLEMS)
def submit_relay(relay_id: str, act: Acting) -> RelayDetail:
    """Have it approved."""
    return act(relay_id, relays.submit)


@router.post("/relays/{relay_id}/approve", responses=EDIT_PROBLEMS)
def approve_relay(relay_id: str, act: Acting, body: RelayApproveIn | None = None) -> RelayDetail:
    """Release all its occurrences, and what is heard while the source is silent."""
    return act(relay_id, relays.approve, body or RelayApproveIn())


@router.post("/relays/{relay_id}/return", responses=EDIT_PROBLEMS)
def return_relay(relay_id: str, body: ReturnIn, act: Acting) -> RelayDetail:
    """Give it back to its author with a reason."""
    return act(relay_id, relays.give_back, body.reason)


@router.post("/relays/{relay_id}/pause", responses=EDIT_PROBLEMS)
def pause_relay(relay_id: str, act: Acting) -> RelayDetail:
    """It does not come until it is resumed; its approval stays."""
    return act(relay_id, relays.pause)


@router.post("/relays/{relay_id}/resume", responses=EDIT_PROBLEMS)
def resume_relay(relay_id: str, act: Acting) -> RelayDetail:
    """It comes again as it was approved."""
    return act(relay_id, relays.resume)


@router.post("/relays/{relay_id}/restore", responses=EDIT_PROBLEMS)
def restore_relay(relay_id: str, body: RestoreIn, act: Acting) -> RelayDetail:
    """Have one occurrence that was left out come again, as it was approved."""
    return act(relay_id, relays.restore, body.occurrence)


@router.post("/relays/{relay_id}/cancel", responses=responses(HTTPStatus.CONFLICT))
def cancel_relay(
    relay_id: str,
    *,
    body: CancelIn | None = None,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    tell: Tell,
) -> RelayDetail:
    """It comes no more, and what is on the air of it ends; or one `occurrence` of it is left out."""
    made = relays.cancel(db, actor, now, relay_id, _terms(centre), occurrence=body.occurrence if body else None)
    tell(db, f"relay:{relay_id}")
    give_etag(response, made.version)
    return made
