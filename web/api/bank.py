"""The message bank: /api/v1/bank, and recordings for it: /api/v1/uploads/bank."""

from http import HTTPStatus
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from broadcast.media import MediaMissingError
from broadcast.wire.now import Purpose
from scheduler.announcements.rendition import RenditionFailedError, as_mp3
from scheduler.bank import completeness, service
from scheduler.bank.schemas import (
    BankChange,
    BankCompleteness,
    BankEntryOut,
    BankList,
    BankNew,
    NewBankRecording,
)
from scheduler.bank.sounds import voices
from scheduler.errors import Conflict, NotFound
from scheduler.rights import Action
from web.api.announcements import TOO_LARGE, checked, multipart, producer_of
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.conditional import IfMatch, give_etag
from web.listening import ThePlayer, sound_file
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.proving import Anew, TypedCode
from web.telling import Tell, tell_after
from web.uploads import keep, nested, receive, takes

router = APIRouter(
    prefix="/api/v1",
    tags=["bank"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
_ONE_AT_A_TIME = CapacityLimiter(1)
Spoken = Annotated[str | None, Query(max_length=16, description="The message's first language if it is not said.")]
ZoneId = Annotated[str | None, Query(max_length=26, description="Where it is to sound; anywhere if it is not said.")]


@router.get("/bank")
def list_bank(
    *, db: ReadDb, actor: CurrentActor, now: Now, zone_id: ZoneId = None, purpose: Purpose | None = None
) -> BankList:
    """What every receiver holds ahead of time, with how many bytes that are; and what is still being produced."""
    return service.index(db, actor, now, zone_id, purpose)


@router.get("/bank/receivers")
def list_bank_receivers(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    zone_id: ZoneId = None,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = completeness.MOST,
) -> BankCompleteness:
    """How many of the receivers that you see hold the whole bank, and which do not."""
    return completeness.index(db, actor, now, zone_id, after=after, limit=limit)


@router.post(
    "/bank", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
)
def create_bank_message(
    body: BankNew,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    once: CreateOnce,
    tell: Tell,
    code: TypedCode = "",
) -> BankEntryOut:
    """A new message and its drill, with a code; receivers get them once they are produced."""

    def act(db: Session) -> BankEntryOut:
        return _told(response, db, tell, once(db, now, lambda: service.create(db, actor, now, body)))

    return anew(code, act, "bank.create", f"bank:{body.name}")


@router.post("/bank/again", responses=responses(HTTPStatus.CONFLICT))
def try_bank_again(db: WriteDb, actor: CurrentActor, now: Now, tell: Tell) -> BankList:
    """Have all that failed produced again at once; by itself it is after a pause that grows. It needs no code."""
    for bank_id in service.try_again(db, actor, now):
        tell(db, f"bank:{bank_id}")
    return service.index(db, actor, now)


@router.post("/bank/voice", responses=responses(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS))
def read_bank_anew(
    *, anew: Anew, centre: TheCentre, actor: CurrentActor, now: Now, tell: Tell, code: TypedCode = ""
) -> BankList:
    """With a code, the next revision of every message that another voice reads than the centre has now."""

    def act(db: Session) -> BankList:
        for bank_id in service.read_anew(db, actor, now, voices(producer_of(centre))):
            tell(db, f"bank:{bank_id}")
        return service.index(db, actor, now)

    return anew(code, act, "bank.renew", "bank")


@router.get("/bank/{bank_id}")
def get_bank_message(bank_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> BankEntryOut:
    """One revision of a message. Its ETag is the revision."""
    found = service.view(db, actor, now, bank_id)
    give_etag(response, found.revision)
    return found


@router.post("/bank/{name}/revisions", status_code=HTTPStatus.CREATED, responses=EDIT_PROBLEMS)
def revise_bank_message(
    name: str,
    body: BankChange,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    revision: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> BankEntryOut:
    """With a code, the next revision of a message and its drill (If-Match: the last one's ETag).

    Orders keep what they name.
    """

    def act(db: Session) -> BankEntryOut:
        return _told(response, db, tell, service.revise(db, actor, now, name, revision=revision, change=body))

    return anew(code, act, "bank.revise", f"bank:{name}")


@router.get("/bank/{name}/revisions")
def list_bank_revisions(name: str, db: ReadDb, actor: CurrentActor, now: Now) -> list[BankEntryOut]:
    """All that the bank ever said under this name, the newest first."""
    return service.history(db, actor, now, name)


@router.post("/bank/{name}/retire", responses=EDIT_PROBLEMS)
def retire_bank_message(
    name: str,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    revision: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> BankEntryOut:
    """With a code, take a message and its drill out of the bank (If-Match: the last revision's ETag).

    Orders keep what they name.
    """

    def act(db: Session) -> BankEntryOut:
        return _told(response, db, tell, service.retire(db, actor, now, name, revision=revision))

    return anew(code, act, "bank.retire", f"bank:{name}")


@router.post("/bank/{name}/restore", status_code=HTTPStatus.CREATED, responses=EDIT_PROBLEMS)
def restore_bank_message(
    name: str,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    revision: IfMatch,
    tell: Tell,
    code: TypedCode = "",
) -> BankEntryOut:
    """Put a message back that was taken out, as its next revision, with a code."""

    def act(db: Session) -> BankEntryOut:
        return _told(response, db, tell, service.restore(db, actor, now, name, revision=revision))

    return anew(code, act, "bank.restore", f"bank:{name}")


@router.post(
    "/uploads/bank/{name}",
    status_code=HTTPStatus.CREATED,
    responses=TOO_LARGE | EDIT_PROBLEMS,
    dependencies=[takes(Action.BANK_EDIT)],
    openapi_extra=multipart(NewBankRecording),
)
async def upload_bank_recording(
    name: str,
    request: Request,
    response: Response,
    *,
    anew: Anew,
    centre: TheCentre,
    actor: CurrentActor,
    now: Now,
    revision: IfMatch,
    code: TypedCode = "",
) -> BankEntryOut:
    """With a code, the next revision of a message with a language that somebody spoke, up to two minutes long."""

    def refuse_early() -> None:
        with centre.store.writing() as db:
            service.may_record(db, actor, now, name, revision=revision)

    await run_in_threadpool(refuse_early)
    received = await receive(request)
    asked = checked(NewBankRecording, nested(received.fields))

    def store() -> BankEntryOut:
        stored = keep(received, producer_of(centre).originals)

        def act(db: Session) -> BankEntryOut:
            made = service.add_recording(db, actor, now, name, revision=revision, asked=asked, stored=stored)
            tell_after(db, centre.changes, f"bank:{made.id}")
            return made

        return anew(code, act, "bank.record", f"bank:{name}")

    made = await run_in_threadpool(store)
    give_etag(response, made.revision)
    return made


@router.get("/bank/{bank_id}/audio", response_class=FileResponse)
def listen_to_bank_message(
    bank_id: str,
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    player: ThePlayer,
    language: Spoken = None,
) -> Response:
    """What will be heard: Opus in Ogg; with Range."""
    sha256 = service.sound(db, actor, now, bank_id, language)
    return sound_file(player, producer_of(centre).media.path(sha256), "audio/ogg", sha256)


@router.get("/bank/{bank_id}/audio.mp3", response_class=FileResponse, responses=responses(HTTPStatus.CONFLICT))
async def listen_to_bank_message_as_mp3(
    bank_id: str, *, actor: CurrentActor, now: Now, centre: TheCentre, player: ThePlayer, language: Spoken = None
) -> Response:
    """The same as MP3, for players that know no Opus in Ogg; with Range."""

    def find() -> str:
        with centre.store.reading() as db:
            return service.sound(db, actor, now, bank_id, language)

    sha256 = await run_in_threadpool(find)
    folder = centre.settings.data_dir / "renditions"
    try:
        made = await to_thread.run_sync(as_mp3, producer_of(centre).media, sha256, folder, limiter=_ONE_AT_A_TIME)
    except MediaMissingError:
        raise NotFound("sound_missing", "The sound file is missing on the centre's disk.") from None
    except RenditionFailedError as failed:
        raise Conflict("no_mp3", "No MP3 could be made of this recording. Listen to it in another browser.") from failed
    return sound_file(player, made, "audio/mpeg", f"{sha256}-mp3")


def _told(response: Response, db: Session, tell: Tell, made: BankEntryOut) -> BankEntryOut:
    tell(db, f"bank:{made.id}")
    give_etag(response, made.revision)
    return made
