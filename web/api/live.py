"""Who speaks live, and the microphone's and the listener's ways: /api/v1/live, /zones/{id}/whep.

The microphone comes by WHIP (RFC 9725) at `…/live/{id}/whip`, with a bearer token or from our own pages; listening in
goes by WHEP. Candidates may be trickled to us (PATCH); ICE restarts are not supported (422), a new POST does the same.
"""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from scheduler.errors import Conflict, NotFound, Stale
from scheduler.live import asking, service
from scheduler.live.models import LiveEnd, LiveState, LiveTalk
from scheduler.live.schemas import LiveAdvice, LiveIn, LiveOut, LivePage
from scheduler.live.standing import Standing
from scheduler.live.views import is_own
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zones
from web import i18n
from web.auth import AnyKnown, CurrentActor, Now, ReadDb, TheCentre
from web.centre import Centre
from web.conditional import PreconditionRequired, give_etag
from web.live.line import Line
from web.live.listening import ListeningLine
from web.live.studio import Studio
from web.once import CreateOnce
from web.problems import responses
from web.proving import Anew, TypedCode
from web.telling import Tell

router = APIRouter(
    prefix="/api/v1",
    tags=["live"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
CONFLICT = responses(HTTPStatus.CONFLICT)
WEBRTC = responses(
    HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.TOO_MANY_REQUESTS,
)  # fmt: skip
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
MAX_SDP_BYTES = 64 * 1024
# No cookie is ever taken from another site: what `*` opens is of use only with a token.
CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Location, ETag, Accept-Patch",
}
PREFLIGHT = CORS | {
    "access-control-allow-methods": "POST, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "Authorization, Content-Type, If-Match",
    "accept-post": SDP,
}
_NOT_HERE = "There is no such connection."


@router.get("/live")
def list_talks(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> LivePage:
    """The talks that are heard where you see, newest first."""
    return service.index(db, actor, now, before=before, limit=limit)


@router.post("/live", status_code=HTTPStatus.CREATED, responses=CONFLICT | responses(HTTPStatus.TOO_MANY_REQUESTS))
def ask_to_speak(
    body: LiveIn,
    *,
    response: Response,
    anew: Anew,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    once: CreateOnce,
    tell: Tell,
    code: TypedCode = "",
) -> LiveOut:
    """Ask for a talk, with a code once for all of it; what is spoken for an emergency's order has that behind it.

    Where `may_begin` says so it is your turn: connect the microphone (WHIP) within a minute.
    """
    terms = asking.Terms(centre.settings.relay_hosts)

    def act(db: Session) -> LiveOut:
        talk = once(db, now, lambda: asking.ask(db, actor, now, body, terms))
        tell(db, f"live:{talk.id}")
        return talk

    made = anew(code, act, "live.ask", f"zone:{body.zone_id}", needed=asking.takes_code(body))
    give_etag(response, made.version)
    return made


@router.get("/live/advice")
def advise(
    *, db: ReadDb, actor: CurrentActor, now: Now, zone_id: Annotated[list[str], Query(max_length=500)]
) -> LiveAdvice:
    """The delay and bit rate that suit these zones, by what their receivers reported of the last talks."""
    found = zones.zones(db, zone_id)
    for zone in found.values():
        require(actor, Action.BROADCAST_READ, zone.path, now)
    return asking.advice(db, now, [zone.path for zone in found.values()])


@router.get("/live/{talk_id}")
def get_talk(talk_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> LiveOut:
    """One talk: whether it is its turn and who is ahead of it, since when it is on the air, why it ended."""
    found = service.view(db, actor, now, talk_id)
    give_etag(response, found.version)
    return found


@router.post("/live/{talk_id}/end", responses=CONFLICT)
async def end_talk(talk_id: str, actor: CurrentActor, centre: TheCentre) -> LiveOut:
    """End it: what you speak with its last words and the closing chime, a recording and another's at once."""
    own = await run_in_threadpool(_may_end, centre, actor, talk_id)
    studio = studio_of(centre)
    carried = await studio.end(talk_id, LiveEnd.SPEAKER if own else LiveEnd.STOPPED)
    if not (carried and own):
        await studio.tell(await run_in_threadpool(_stop, centre, actor, talk_id))
    return await run_in_threadpool(_view, centre, actor, talk_id)


def preflight() -> Response:
    """What browsers of other sites ask before they send a token."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=PREFLIGHT)


for _path in ("/live/{talk_id}/whip", "/zones/{zone_id}/whep"):
    for _whole in (_path, f"{_path}/{{line_id}}"):
        router.add_api_route(_whole, preflight, methods=["OPTIONS"], include_in_schema=False)


async def offered(request: Request) -> str:
    """The body, if it is an offer of a bearable size."""
    return await _text(request, SDP)


async def fragment(request: Request) -> str:
    return await _text(request, FRAGMENT)


Offer = Annotated[str, Depends(offered)]
Fragment = Annotated[str, Depends(fragment)]
_SDP_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
_FRAGMENT_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}}
}


@router.post(
    "/live/{talk_id}/whip",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=WEBRTC,
    openapi_extra=_SDP_BODY,
)
async def connect_microphone(
    talk_id: str, offer: Offer, *, actor: CurrentActor, known: AnyKnown, centre: TheCentre
) -> Response:
    """WHIP: the microphone's offer; the talk begins with the first packet. A second POST takes the first's place.

    The talk ends where the right to speak is taken away meanwhile, and where this sign-in or token is over.
    """
    talk = await run_in_threadpool(to_speak, centre, actor, talk_id)
    line, answer = await studio_of(centre).connect(talk, offer, known.token_sha256)
    return _created(answer, f"/api/v1/live/{talk_id}/whip/{line.id}", line.etag)


@router.patch(
    "/live/{talk_id}/whip/{line_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=WEBRTC,
    openapi_extra=_FRAGMENT_BODY,
)
async def trickle(
    talk_id: str,
    line_id: str,
    candidates: Fragment,
    *,
    actor: CurrentActor,
    centre: TheCentre,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """WHIP: more of the microphone's own addresses."""
    line = await _line(centre, actor, talk_id, line_id)
    if if_match is None:
        raise PreconditionRequired("if_match_needed", i18n.N_("Send If-Match with the ETag of this connection."))
    if if_match.strip().strip('"') != line.etag:
        raise Stale("stale", i18n.N_("This connection is another one by now."))
    if "a=ice-ufrag" in candidates and "a=candidate" not in candidates:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "ICE restarts are not supported.")
    await line.add_candidates(candidates)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=CORS)


@router.delete("/live/{talk_id}/whip/{line_id}", response_class=Response, responses=responses(HTTPStatus.CONFLICT))
async def disconnect_microphone(talk_id: str, line_id: str, actor: CurrentActor, centre: TheCentre) -> Response:
    """WHIP: the end of the connection, and with it of the talk."""
    line = await _line(centre, actor, talk_id, line_id)
    studio = studio_of(centre)
    await studio.end(talk_id, LiveEnd.SPEAKER)
    await studio.hang_up(line.id)
    return Response(headers=CORS)


@router.post(
    "/zones/{zone_id}/whep",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=WEBRTC,
    openapi_extra=_SDP_BODY,
)
async def listen_in(zone_id: str, offer: Offer, actor: CurrentActor, centre: TheCentre) -> Response:
    """WHEP: what the zone hears of a live talk, when it hears it. Recordings are listened to by their own address."""
    talk_id = await run_in_threadpool(_heard_in, centre, actor, zone_id)
    line, answer = await studio_of(centre).listen(talk_id, offer)
    return _created(answer, f"/api/v1/zones/{zone_id}/whep/{line.id}", line.etag)


@router.delete("/zones/{zone_id}/whep/{line_id}", response_class=Response, responses=responses(HTTPStatus.CONFLICT))
async def stop_listening(zone_id: str, line_id: str, actor: CurrentActor, centre: TheCentre) -> Response:  # noqa: ARG001
    """WHEP: the end of listening in; the address of the connection is known to nobody else."""
    if not isinstance(studio_of(centre).lines.get(line_id), ListeningLine):
        raise NotFound("not_found", _NOT_HERE)
    await studio_of(centre).hang_up(line_id)
    return Response(headers=CORS)


def studio_of(centre: Centre) -> Studio:
    if centre.studio is None:
        raise Conflict("no_studio", "This process of the centre carries no live talks.")
    return centre.studio


async def _text(request: Request, kind: str) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {kind}.", {"accept-post": SDP})
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_SDP_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body.decode(errors="replace")


def _created(answer: str, location: str, etag: str) -> Response:
    headers = CORS | {"location": location, "etag": f'"{etag}"', "accept-patch": FRAGMENT}
    return Response(answer, HTTPStatus.CREATED, headers, SDP)


async def _line(centre: Centre, actor: Actor, talk_id: str, line_id: str) -> Line:
    studio = studio_of(centre)
    line, stage = studio.lines.get(line_id), studio.stage(talk_id)
    if not isinstance(line, Line) or stage is None or stage.line is not line or not is_own(actor, stage.talk):
        raise NotFound("not_found", _NOT_HERE)
    return line


def to_speak(centre: Centre, actor: Actor, talk_id: str) -> LiveTalk:
    """The talk if the actor may connect the microphone now."""
    with centre.store.reading() as db:
        now = centre.clock.now()
        talk = service.speakable(db, actor, now, talk_id)
        if talk.state is LiveState.WAITING and Standing(db, now).waits_for(talk):
            raise Conflict("not_your_turn", "Others speak there. Wait until it is your turn.")
        return talk


def _may_end(centre: Centre, actor: Actor, talk_id: str) -> bool:
    with centre.store.reading() as db:
        return service.may_end(db, actor, centre.clock.now(), talk_id).speaker_id == actor.user_id


def _stop(centre: Centre, actor: Actor, talk_id: str) -> service.Change:
    with centre.store.writing() as db:
        return service.stop(db, actor, centre.clock.now(), talk_id)


def _view(centre: Centre, actor: Actor, talk_id: str) -> LiveOut:
    with centre.store.reading() as db:
        return service.view(db, actor, centre.clock.now(), talk_id)


def _heard_in(centre: Centre, actor: Actor, zone_id: str) -> str:
    """The id of the talk that is heard in the zone now, the highest and latest."""
    with centre.store.reading() as db:
        return service.heard_in(db, actor, centre.clock.now(), zone_id).id
