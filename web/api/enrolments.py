"""Where a machine becomes a receiver: POST /api/v1/enrolments, with a one-time code instead of a session."""

from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request

from broadcast.wire.enrolment import BrokerAddress, EnrolmentRequest, seal
from scheduler.errors import Conflict
from scheduler.fleet.enrolment import Door, enrol
from scheduler.fleet.schemas import EnrolmentIn, EnrolmentOut
from web.auth import Now, TheCentre, address_of
from web.centre import Centre
from web.i18n import N_
from web.problems import responses

router = APIRouter(prefix="/api/v1", tags=["receivers"])


@router.post(
    "/enrolments",
    status_code=HTTPStatus.CREATED,
    responses=responses(HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
def enrol_receiver(body: EnrolmentIn, request: Request, centre: TheCentre, now: Now) -> EnrolmentOut:
    """Give a one-time code and a certificate request; get the certificate and all that the receiver needs to know.

    A practice centre refuses everybody: a real loudspeaker would fall silent.
    """
    if centre.settings.practice:
        raise Conflict("practice", N_("This is a centre to practise at: no loudspeaker that sounds can belong to it."))
    asked = EnrolmentRequest(code=body.code, csr=body.csr, software=body.software)
    door = _door(centre, request)
    reply = enrol(centre.store, now, door, asked, address_of(request))
    centre.changes.tell([f"receiver:{reply.receiver_id}"])
    return EnrolmentOut.model_validate(msgspec.to_builtins(seal(reply, door.trust.order_key)))


def _door(centre: Centre, request: Request) -> Door:
    """Without a public URL in the settings, sound is fetched where the receiver found the centre."""
    if centre.trust is None:
        raise Conflict("no_keys", "This process of the centre has no keys: it cannot enrol receivers.")
    settings = centre.settings
    base_url = (settings.public_url or str(request.base_url)).rstrip("/")
    broker = BrokerAddress(host=settings.broker_host, port=settings.broker_port)
    return Door(centre.trust, broker, (f"{base_url}/media/",))
