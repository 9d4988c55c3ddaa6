"""What waits for an approver: /api/v1/inbox."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from scheduler.approval import inbox
from scheduler.approval.schemas import InboxOut, WaitingOut
from scheduler.live.asking import Terms
from scheduler.relays import service as relays
from scheduler.rights import Action
from web.auth import CurrentActor, Now, ReadDb, TheCentre, needs
from web.problems import responses

router = APIRouter(
    prefix="/api/v1/inbox", tags=["approval"], responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
)


@router.get("", dependencies=[needs(Action.BROADCAST_APPROVE)])
def list_inbox(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    limit: Annotated[int, Query(ge=1, le=inbox.MOST)] = 50,
) -> InboxOut:
    """What you can decide now, yourself or as a deputy, soonest first; what is decided makes room for the rest.

    What nobody decided in time stands apart, the latest first: it is returned or, where it comes once, approved for
    another time.

    Each with its recordings, what changed since it was sent last, and what it meets by the receivers' timeline.
    """
    terms = Terms(centre.settings.relay_hosts)
    found = inbox.look(db, actor, now, limit=limit)
    stations = relays.waiting(db, actor, now, terms)
    return InboxOut(
        items=[WaitingOut.of(one) for one in found.items],
        relays=stations[:limit],
        more=found.total > limit or len(stations) > limit,
        passed=found.passed[:limit],
        relays_passed=relays.passed(db, actor, now, terms)[:limit],
    )
