"""Receivers and what they measured: /api/v1/receivers, /api/v1/reports."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from scheduler.days import Moment
from scheduler.fleet import service
from scheduler.fleet.schemas import (
    CodeNew,
    EnrolmentCodeView,
    ReceiverChange,
    ReceiverDetail,
    ReceiverList,
    ReceiverMove,
    ReceiverNew,
    ReceiverVolume,
    RecordingChoice,
    ReportList,
    ReportPage,
)
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.proving import Anew, TypedCode
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["receivers"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/receivers")
def list_receivers(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    zone_id: Annotated[str | None, Query(max_length=26, description="Only those of this zone and below.")] = None,
    after: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> ReceiverList:
    """The receivers that you see, by id."""
    return service.index(db, actor, now, zone_id=zone_id, after=after, limit=limit)


@router.post("/receivers", status_code=HTTPStatus.CREATED)
def create_receiver(
    body: ReceiverNew, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce, tell: Tell
) -> ReceiverDetail:
    """A place for a speaker node; the machine itself is enrolled with a code."""
    made = once(db, now, lambda: service.create(db, actor, now, body))
    tell(db, f"receiver:{made.id}")
    return _told(response, made)


@router.get("/receivers/{receiver_id}")
def get_receiver(receiver_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> ReceiverDetail:
    """One receiver with what it said of itself last."""
    return _told(response, service.view(db, actor, now, receiver_id))


@router.patch("/receivers/{receiver_id}", responses=EDIT_PROBLEMS)
def change_receiver(
    receiver_id: str,
    body: ReceiverChange,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> ReceiverDetail:
    """Rename, describe or set it; what is not sent stays."""
    tell(db, f"receiver:{receiver_id}")
    return _told(response, service.change(db, actor, now, receiver_id, version=version, change=body))


@router.delete("/receivers/{receiver_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_receiver(
    receiver_id: str, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch, tell: Tell
) -> None:
    """Take out a receiver that no machine ever was; revoke any other."""
    tell(db, f"receiver:{receiver_id}")
    service.remove(db, actor, now, receiver_id, version=version)


@router.put("/receivers/{receiver_id}/volume", responses=EDIT_PROBLEMS)
def set_volume(
    receiver_id: str,
    body: ReceiverVolume,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> ReceiverDetail:
    """How loud it is at each hour of the local day; silent all day, which silences emergencies too, takes a code."""

    def act(db: Session) -> ReceiverDetail:
        tell(db, f"receiver:{receiver_id}")
        return service.set_volume(db, actor, now, receiver_id, version=version, volume=body)

    return _told(response, anew(code, act, "receiver.volume", f"receiver:{receiver_id}", needed=body.silent))


@router.get("/receivers/{receiver_id}/message-choices")
def list_message_choices(receiver_id: str, db: ReadDb, actor: CurrentActor, now: Now) -> list[RecordingChoice]:
    """What can be prepared on it: finished recordings of approved announcements, the newest first."""
    return service.message_choices(db, actor, now, receiver_id)


@router.post("/receivers/{receiver_id}/self-test", responses=responses(HTTPStatus.CONFLICT))
def test_receiver_now(
    receiver_id: str, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> ReceiverDetail:
    """Ask for a self-test: a short chirp, as soon as nothing sounds. `self_test` tells of it once it is done."""
    tell(db, f"receiver:{receiver_id}")
    return _told(response, service.test_now(db, actor, now, receiver_id))


@router.post("/receivers/{receiver_id}/restart", responses=responses(HTTPStatus.CONFLICT))
def restart_receiver(
    receiver_id: str, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> ReceiverDetail:
    """Ask its program to start again: once, within the hour, when nothing sounds and no emergency is in force."""
    tell(db, f"receiver:{receiver_id}")
    return _told(response, service.restart(db, actor, now, receiver_id))


@router.post("/receivers/{receiver_id}/move", responses=EDIT_PROBLEMS)
def move_receiver(
    receiver_id: str,
    body: ReceiverMove,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> ReceiverDetail:
    """Put it into another zone, with a code."""

    def act(db: Session) -> ReceiverDetail:
        tell(db, f"receiver:{receiver_id}")
        return service.move(db, actor, now, receiver_id, version=version, move=body)

    return _told(response, anew(code, act, "receiver.move", f"receiver:{receiver_id}"))


@router.post(
    "/receivers/{receiver_id}/enrolment-code",
    status_code=HTTPStatus.CREATED,
    responses=responses(HTTPStatus.CONFLICT),
)
def new_code(
    receiver_id: str,
    *,
    body: CodeNew | None = None,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    code: TypedCode = "",
) -> EnrolmentCodeView:
    """A one-time code with which a machine becomes this receiver; it is shown only now and ends an unused older one.

    Where a machine is or was this receiver already, it takes a code of the second factor.
    """

    def act(db: Session) -> EnrolmentCodeView:
        return service.new_code(db, actor, now, receiver_id, order_key=centre.order_key, asked=body or CodeNew())

    def needed(db: Session) -> bool:
        return service.taken(db, receiver_id)

    return anew(code, act, "receiver.code", f"receiver:{receiver_id}", needed=needed)


@router.post("/receivers/{receiver_id}/revoke", responses=EDIT_PROBLEMS)
def revoke_receiver(
    receiver_id: str,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> ReceiverDetail:
    """Shut out, with a code, the machine that was enrolled as this receiver: its certificate is refused from now on."""

    def act(db: Session) -> ReceiverDetail:
        tell(db, f"receiver:{receiver_id}")
        return service.revoke(db, actor, now, receiver_id, version=version)

    return _told(response, anew(code, act, "receiver.revoke", f"receiver:{receiver_id}"))


@router.get("/receivers/{receiver_id}/reports")
def list_reports_of(
    receiver_id: str,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> ReportList:
    """What the receiver measured, latest first."""
    return service.reports(db, actor, now, receiver_id, before=before, limit=limit)


@router.get("/reports", tags=["reports"])
def list_reports(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    airing_id: Annotated[str | None, Query(max_length=96)] = None,
    broadcast_id: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[Moment | None, Query(description="Planned to start then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Planned to start before.")] = None,
    after: Annotated[str | None, Query(max_length=80, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 250,
) -> ReportPage:
    """What the receivers of your zones measured, latest planned start first."""
    asked = service.ReportFilter(airing_id=airing_id, broadcast_id=broadcast_id, since=since, until=until)
    return service.all_reports(db, actor, now, asked, limit=limit, after=after)


def _told(response: Response, detail: ReceiverDetail) -> ReceiverDetail:
    give_etag(response, detail.version)
    return detail
