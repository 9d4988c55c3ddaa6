"""Broadcasts, what they come to, and the day: /api/v1/broadcasts, /zones/{id}/timeline, /board."""

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from scheduler.broadcasts import board, moving, rehearsing, service
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.broadcasts.schemas import (
    AiringOut,
    ApproveIn,
    BoardOut,
    BroadcastIn,
    BroadcastOut,
    BroadcastPage,
    CancelIn,
    MoveIn,
    PreviewOut,
    ReturnIn,
    StopIn,
    TimelineOut,
)
from scheduler.workflow import State
from web.auth import CurrentActor, Now, ReadDb, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["broadcasts"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
CONFLICT = responses(HTTPStatus.CONFLICT)
AIRINGS_SINCE = timedelta(days=31)
Day = Annotated[date | None, Query(description="A local day; today when absent.", examples=["2026-11-23"])]


@router.get("/broadcasts")
def list_broadcasts(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    state: Annotated[list[State], Query(description="Only these; may be repeated.")] = [],  # noqa: B006 -- FastAPI copies
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    document: Annotated[str, Query(max_length=60, description="A part of the number of the signed paper.")] = "",
    q: Annotated[str, Query(max_length=100, description="Words of what is said; with `document`, either.")] = "",
) -> BroadcastPage:
    """Those of the zones that you see, those that you may approve, and the approved ones heard there; newest first."""
    return service.index(db, actor, now, states=state, before=before, limit=limit, document=document, q=q)


@router.post("/broadcasts", status_code=HTTPStatus.CREATED, responses=CONFLICT)
def create_broadcast(
    body: BroadcastIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    once: CreateOnce,
    tell: Tell,
) -> BroadcastOut:
    """A new draft; `submit` sends it on its way. Look at `preview` first."""
    return _told(response, db, tell, once(db, now, lambda: service.create(db, actor, now, body)))


@router.post("/broadcasts/preview")
def preview_broadcast(
    body: BroadcastIn,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    replaces: Annotated[str | None, Query(max_length=26, description="The broadcast that this edits.")] = None,
) -> PreviewOut:
    """What saving this would change, by the timeline that receivers play by, and the ways out; nothing is saved."""
    return service.preview(db, actor, now, body, broadcast_id=replaces)


@router.post("/broadcasts/rehearsal")
def rehearse_broadcast(
    body: BroadcastIn,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    replaces: Annotated[str | None, Query(max_length=26, description="The broadcast that this edits.")] = None,
) -> RehearsalOut:
    """Seven days in every village concerned, with and without this: what is cut, moved, dropped, or fetched too late.

    By the timeline that receivers play by; nothing is saved.
    """
    return rehearsing.rehearsal(db, actor, now, body, broadcast_id=replaces)


@router.get("/broadcasts/{broadcast_id}")
def get_broadcast(broadcast_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> BroadcastOut:
    """One broadcast, what may be done with it, and what should be known of it."""
    found = service.view(db, actor, now, broadcast_id)
    give_etag(response, found.version)
    return found


@router.get("/broadcasts/{broadcast_id}/preview")
def preview_saved(broadcast_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> PreviewOut:
    """The same as for a draft, for a broadcast as it is saved: what its approver should see."""
    return service.preview_saved(db, actor, now, broadcast_id)


@router.get("/broadcasts/{broadcast_id}/airings")
def list_airings(broadcast_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> list[AiringOut]:
    """Its airings of the last 31 days and the coming 8, as they were planned last, and what was reported of them."""
    service.readable(db, actor, now, broadcast_id)
    return board.airings_shown(db, broadcast_id, now - AIRINGS_SINCE)


@router.put("/broadcasts/{broadcast_id}", responses=EDIT_PROBLEMS)
def edit_broadcast(
    broadcast_id: str,
    body: BroadcastIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> BroadcastOut:
    """Say it all anew. What was approved is a draft again where its zones want approval."""
    return _told(response, db, tell, service.edit(db, actor, now, broadcast_id, body, version=version))


@router.post("/broadcasts/{broadcast_id}/move", responses=EDIT_PROBLEMS)
def move_broadcast(
    broadcast_id: str,
    body: MoveIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> BroadcastOut:
    """Another time for what comes once. What was sent is sent again: where approval is needed it waits for it anew."""
    return _told(response, db, tell, moving.move(db, actor, now, broadcast_id, body.starts_local, version=version))


@router.post("/broadcasts/{broadcast_id}/submit", responses=EDIT_PROBLEMS)
def submit_broadcast(
    broadcast_id: str, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch, tell: Tell
) -> BroadcastOut:
    """Send it for approval; it is approved at once where no zone wants approval for its class."""
    return _told(response, db, tell, service.submit(db, actor, now, broadcast_id, version=version))


@router.post("/broadcasts/{broadcast_id}/approve", responses=EDIT_PROBLEMS)
def approve_broadcast(
    broadcast_id: str,
    *,
    body: ApproveIn | None = None,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> BroadcastOut:
    """Release what another person wrote, perhaps for another time; If-Match says what you looked at."""
    return _told(response, db, tell, service.approve(db, actor, now, broadcast_id, version=version, asked=body))


@router.post("/broadcasts/{broadcast_id}/return", responses=EDIT_PROBLEMS)
def return_broadcast(
    broadcast_id: str,
    body: ReturnIn,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> BroadcastOut:
    """Give it back to its author with a reason; what was approved is withdrawn."""
    return _told(response, db, tell, service.give_back(db, actor, now, broadcast_id, body.reason, version=version))


@router.post("/broadcasts/{broadcast_id}/cancel", responses=CONFLICT)
def cancel_broadcast(
    broadcast_id: str,
    *,
    body: CancelIn | None = None,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    tell: Tell,
) -> BroadcastOut:
    """Cancel it, or one `occurrence` of a repeating one; what is on the air falls silent."""
    return _told(response, db, tell, service.cancel(db, actor, now, broadcast_id, body))


@router.post("/broadcasts/{broadcast_id}/stop", responses=CONFLICT)
def stop_broadcast(
    broadcast_id: str,
    *,
    body: StopIn | None = None,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    tell: Tell,
) -> BroadcastOut:
    """Silence what is on the air now, whoever looked at it when: no If-Match."""
    asked = body or StopIn()
    return _told(response, db, tell, service.stop(db, actor, now, broadcast_id, whole=asked.whole))


@router.post("/broadcasts/{broadcast_id}/hide")
def hide_broadcast(
    broadcast_id: str, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> BroadcastOut:
    """Take it off the pages for residents, also when it is over; on the air nothing changes."""
    return _told(response, db, tell, service.hide(db, actor, now, broadcast_id))


@router.get("/zones/{zone_id}/timeline", tags=["timeline"])
def zone_timeline(zone_id: str, *, db: ReadDb, actor: CurrentActor, now: Now, day: Day = None) -> TimelineOut:
    """What a zone plays on a day, and what it leaves out and why: its own programme and those of the zones above."""
    return board.timeline(db, actor, now, zone_id, day)


@router.get("/board", tags=["timeline"])
def day_board(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    day: Day = None,
    zone_id: Annotated[str | None, Query(max_length=26, description="Only this zone and below.")] = None,
    after: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="So many villages.")] = 100,
) -> BoardOut:
    """What plays where on a day, and what became of it, in each village that you see."""
    return board.board(db, actor, now, day, zone_id=zone_id, after=after, limit=limit)


def _told(response: Response, db: Any, tell: Any, made: BroadcastOut) -> BroadcastOut:
    tell(db, f"broadcast:{made.id}")
    give_etag(response, made.version)
    return made
