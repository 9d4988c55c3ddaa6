"""Emergencies, drills and STOP ALL: /api/v1/emergencies, /drills, /stop. All of it on the urgent lane."""

from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.emergency import proof, service
from scheduler.emergency.life import State
from scheduler.emergency.schemas import (
    ConfirmIn,
    CorrectIn,
    CorrectOut,
    OrderIn,
    OrderOut,
    OrderPage,
    StopAllIn,
    StopAllOut,
    WhoHeard,
)
from scheduler.people.actor import Actor
from web.conditional import IfMatch, give_etag
from web.problems import EDIT_PROBLEMS, responses
from web.urgent import Done, TheLane

router = APIRouter(
    prefix="/api/v1",
    responses=responses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS
    ),
)
CONFLICT = responses(HTTPStatus.CONFLICT)
States = Annotated[list[State], Query(description="Only these; may be repeated.")]
Before = Annotated[str | None, Query(max_length=26, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]


def told(*orders: OrderOut) -> Done[OrderOut]:
    """The first of `orders` as the answer, with all of their zones sent."""
    zone_ids = dict.fromkeys(target.zone_id for order in orders for target in order.targets)
    return Done(orders[0], zone_ids, [_word(order.id) for order in orders])


def _routes(purpose: Purpose, path: str) -> APIRouter:
    """The same acts for emergencies and for drills, each under an address, a right and a word of its own."""
    routes = APIRouter(prefix=path, tags=[path.strip("/")])
    for add in (_asking, _looking, _ending):
        add(routes, purpose)
    return routes


def _asking(routes: APIRouter, purpose: Purpose) -> None:
    @routes.post("", status_code=HTTPStatus.CREATED)
    async def ask(body: OrderIn, response: Response, lane: TheLane) -> OrderOut:
        """Ask for it. Nothing sounds before it is confirmed, by another person unless the zones say otherwise."""

        def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
            order = service.ask(db, actor, now, purpose, body)
            return Done(order, (), [_word(order.id)])

        return _tagged(response, await lane.act(work, once=True, subject=routes.prefix.strip("/")))

    @routes.post("/{order_id}/confirm", responses=EDIT_PROBLEMS)
    async def confirm(order_id: str, body: ConfirmIn, response: Response, lane: TheLane, version: IfMatch) -> OrderOut:
        """Let it sound. If-Match says what you looked at; receivers have it before this answers."""

        def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
            return told(service.confirm(db, actor, now, order_id, body, purpose=purpose, version=version))

        def count(db: Session, actor: Actor, now: datetime) -> None:
            service.confirmable(db, actor, now, order_id, body, purpose=purpose, version=version)
            proof.count(db, actor, now)

        made = await lane.act(work, first=count if body.code else None, subject=f"order:{order_id}")
        return _tagged(response, made)


def _looking(routes: APIRouter, purpose: Purpose) -> None:
    @routes.get("")
    async def list_orders(*, lane: TheLane, state: States = [], before: Before = None, limit: Limit = 50) -> OrderPage:  # noqa: B006 -- FastAPI copies
        """The orders that sound in what you see, and those that wait for somebody like you; newest first."""
        return await lane.read(
            lambda db, actor, now: service.index(
                db, actor, now, purpose=purpose, states=state, before=before, limit=limit
            )
        )

    @routes.get("/{order_id}")
    async def get_order(order_id: str, response: Response, lane: TheLane) -> OrderOut:
        """One order: exactly what would sound, or sounds, where, and what you may do with it."""

        def work(db: Session, actor: Actor, now: datetime) -> OrderOut:
            return service.get(db, actor, now, order_id, purpose=purpose)

        return _tagged(response, await lane.read(work))

    @routes.get("/{order_id}/heard")
    async def who_heard(order_id: str, lane: TheLane) -> WhoHeard:
        """What became of it at each receiver, by village, and whom to telephone where it was not heard."""

        def work(db: Session, actor: Actor, now: datetime) -> WhoHeard:
            service.readable(db, actor, now, order_id, purpose=purpose)
            return service.who_heard(db, actor, now, order_id)

        return await lane.read(work)


def _ending(routes: APIRouter, purpose: Purpose) -> None:
    @routes.post("/{order_id}/withdraw", responses=CONFLICT)
    async def withdraw(order_id: str, response: Response, lane: TheLane) -> OrderOut:
        """Take back what was asked for and not confirmed."""

        def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
            return told(service.withdraw(db, actor, now, order_id, purpose=purpose))

        return _tagged(response, await lane.act(work, subject=f"order:{order_id}"))

    @routes.post("/{order_id}/cancel", responses=CONFLICT)
    async def cancel(order_id: str, response: Response, lane: TheLane) -> OrderOut:
        """Silence it everywhere. One person is enough, whoever looked at it when: no If-Match."""

        def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
            return told(service.cancel(db, actor, now, order_id, purpose=purpose))

        return _tagged(response, await lane.act(work, subject=f"order:{order_id}"))

    @routes.post("/{order_id}/correct", status_code=HTTPStatus.CREATED, responses=CONFLICT)
    async def correct(order_id: str, body: CorrectIn, lane: TheLane) -> CorrectOut:
        """Silence it and say so to the same zones, in one act of one person."""

        def work(db: Session, actor: Actor, now: datetime) -> Done[CorrectOut]:
            made = service.correct(db, actor, now, order_id, body, purpose=purpose)
            done = told(made.correction, made.cancelled)
            return Done(made, done.zone_ids, [*done.words, *map(_word, made.replaced)])

        return await lane.act(work, once=True, subject=f"order:{order_id}")


router.include_router(_routes(Purpose.REAL, "/emergencies"))
router.include_router(_routes(Purpose.DRILL, "/drills"))


@router.post("/stop", tags=["emergencies"])
async def stop_all(body: StopAllIn, lane: TheLane) -> StopAllOut:
    """STOP ALL: whatever sounds in these zones and below falls silent, in one act of one person."""

    def work(db: Session, actor: Actor, now: datetime) -> Done[StopAllOut]:
        made = service.stop_all(db, actor, now, body)
        return Done(made, made.silenced_by, _stopped(made.cancelled))

    return await lane.act(work, subject=f"zone:{body.zone_ids[0]}")


def _stopped(order_ids: Collection[str]) -> list[str]:
    return ["airing:", *map(_word, order_ids)]


def _word(order_id: str) -> str:
    """What open pages are told."""
    return f"emergency:{order_id}"


def _tagged(response: Response, order: OrderOut) -> OrderOut:
    give_etag(response, order.version)
    return order
