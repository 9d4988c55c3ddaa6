"""Orders: the second person's page, what is in force with who heard it, and what ends it."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from scheduler.emergency import proof, service
from scheduler.emergency.life import Event, State
from scheduler.emergency.schemas import (
    MAX_CODE,
    WORDS,
    ConfirmIn,
    CorrectIn,
    CorrectOut,
    OrderOut,
    StopAllIn,
    StopAllOut,
)
from scheduler.errors import Problem
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones.views import zone_views
from web.auth import ReadDb
from web.pages import emergency_view as view
from web.pages import emergency_words as said
from web.pages.alarms import alarms, corrections
from web.pages.emergency_acts import go, page_of, told, tried, zones_of
from web.pages.emergency_desk import TheDesk, held_where
from web.pages.emergency_form import NO_REASON, typed
from web.pages.emergency_words import DESKS, Desk
from web.pages.frame import Errors, Page, ThePage
from web.urgent import Done, Lane, TheLane

HISTORY = 30
MOST_NAMED = 20
"""So many places that were silenced are named in the address of the page that follows."""

Work = Callable[[Session, Actor, datetime], Done[OrderOut]]
First = Callable[[Session, Actor, datetime], None]

router = APIRouter(include_in_schema=False)  # under each desk's path
only_real = APIRouter(prefix="/emergency", include_in_schema=False)


class Act(Struct, frozen=True):
    """What somebody does with one order."""

    request: Request
    lane: Lane
    desk: Desk

    async def through(self, order_id: str, work: Work, said: str, *, first: First | None = None) -> Response:
        """The page of the order that came of it; or the one it was done on, with why not beside it."""
        made = await tried(self.lane, work, subject=f"order:{order_id}", first=first)
        if isinstance(made, Problem):
            return await run_in_threadpool(_refused, self.request, self.desk, order_id, made)
        return go(view.path_of(made), said)


async def act_of(request: Request, lane: TheLane, desk: TheDesk) -> Act:
    return Act(request, lane, desk)


TheAct = Annotated[Act, Depends(act_of)]


@only_real.get("/banner")
def banner(db: ReadDb, page: ThePage) -> Response:
    """The banner by itself, for pages that are open already."""
    return page.render("emergency/banner.html", alarms=alarms(db, page.actor, page.now, page.show))


@only_real.get("/history")
def history(db: ReadDb, page: ThePage, before: str = "") -> Response:
    """Everything that was asked for, real or not, the newest first."""
    found = service.index(db, page.actor, page.now, before=before or None, limit=HISTORY)
    rows = [
        {
            "order": order,
            "href": view.path_of(order),
            "mark": said.mark(page.translations, DESKS[order.purpose]),
            "title": said.title(page.show, order.parts),
            "places": said.places(page.show, order.targets),
            "look": said.look(order),
        }
        for order in found.items
    ]
    return page.render("emergency/history.html", rows=rows, next=found.next, earlier=bool(before))


@only_real.post("/stop")
async def stop_all(lane: TheLane, zone: Annotated[list[str] | None, Form()] = None) -> Response:
    """Silence everything in these places, in one act."""
    asked = StopAllIn(zone_ids=zone or [])

    def work(db: Session, actor: Actor, now: datetime) -> Done[StopAllOut]:
        done = service.stop_all(db, actor, now, asked)
        return Done(done, done.silenced_by, ["airing:", *(f"emergency:{order_id}" for order_id in done.cancelled)])

    made = await lane.act(work, subject=f"zone:{asked.zone_ids[0]}")
    said = "all-stopped" if made.delivered else "all-stopped-later"
    return go("/emergency", said, stopped=asked.zone_ids[:MOST_NAMED])


@router.get("/{order_id}")
def detail(
    page: ThePage, desk: TheDesk, order_id: str, left_out: Annotated[list[str] | None, Query()] = None
) -> Response:
    """`left_out` are the places to which a correction of just now is not said."""
    return _shown(page, desk, order_id, left_out=left_out or ())


@router.post("/{order_id}/confirm")
async def confirm(
    acting: TheAct,
    order_id: str,
    *,
    word: Annotated[str, Form(max_length=40)] = "",
    code: Annotated[str, Form(max_length=MAX_CODE)] = "",
    version: Annotated[int, Form()] = 0,
) -> Response:
    """Let it sound: another person's act, or the same one's with a code, as the places want it."""
    purpose, plain = acting.desk.purpose, "".join(code.split())
    given = ConfirmIn(word=typed(word, WORDS.get(purpose, "")), code=plain)

    def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
        return done(service.confirm(db, actor, now, order_id, given, purpose=purpose, version=version))

    def count(db: Session, actor: Actor, now: datetime) -> None:
        service.confirmable(db, actor, now, order_id, given, purpose=purpose, version=version)
        proof.count(db, actor, now)

    return await acting.through(order_id, work, "issued", first=count if plain else None)


@router.post("/{order_id}/withdraw")
async def withdraw(acting: TheAct, order_id: str) -> Response:
    """Take it back before it sounds: by who asked, or by the second person who does not agree."""

    def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
        return done(service.withdraw(db, actor, now, order_id, purpose=acting.desk.purpose))

    return await acting.through(order_id, work, "withdrawn")


@router.post("/{order_id}/stop")
async def stop(acting: TheAct, order_id: str) -> Response:
    """Silence it everywhere, in one act."""

    def work(db: Session, actor: Actor, now: datetime) -> Done[OrderOut]:
        return done(service.cancel(db, actor, now, order_id, purpose=acting.desk.purpose))

    return await acting.through(order_id, work, "stopped")


@router.post("/{order_id}/correct")
async def correct(acting: TheAct, order_id: str, message: Annotated[str, Form(max_length=48)] = "") -> Response:
    """Silence it and say so, in one act; the page of the correction is shown."""
    asked = CorrectIn(bank_id=message, reason=NO_REASON)

    def work(db: Session, actor: Actor, now: datetime) -> Done[CorrectOut]:
        made = service.correct(db, actor, now, order_id, asked, purpose=acting.desk.purpose)
        told_of = done(made.correction, made.cancelled)
        return Done(made, told_of.zone_ids, [*told_of.words, *(f"emergency:{order_id}" for order_id in made.replaced)])

    made = await tried(acting.lane, work, subject=f"order:{order_id}")
    if isinstance(made, Problem):
        return await run_in_threadpool(_refused, acting.request, acting.desk, order_id, made)
    left_out = [place.zone_id for place in made.left_out][:MOST_NAMED]
    return go(view.path_of(made.correction), "corrected", left_out=left_out)


def done(*orders: OrderOut) -> Done[OrderOut]:
    """The first of `orders`, with the zones of all of them sent."""
    return Done(orders[0], zones_of(*orders), told(*orders))


def _refused(request: Request, desk: Desk, order_id: str, problem: Problem) -> Response:
    page = page_of(request)
    with page.attempt() as errors:
        raise problem
    return _shown(page, desk, order_id, errors)


def _shown(
    page: Page, desk: Desk, order_id: str, errors: Errors | None = None, *, left_out: Collection[str] = ()
) -> Response:
    with page.centre.store.reading() as db:
        order = service.get(db, page.actor, page.now, order_id, purpose=desk.purpose)
        begun = order.state not in (State.ASKED, State.WITHDRAWN, State.EXPIRED)
        heard = service.who_heard(db, page.actor, page.now, order_id) if begun else None
        holding = held_where(db, order) if order.state is State.ASKED else None
        silenced = _silenced(db, page, order)
        untold = zone_views(db, list(zone_sql.zones(db, left_out).values()))
        offered = corrections(db, page.language, desk.purpose) if "correct" in order.possible else []
    show = page.show
    villages = view.villages(show, order, heard) if heard else []
    return page.render(
        "emergency/order.html",
        422 if errors else 200,
        desk=desk,
        mark=said.mark(page.translations, desk),
        order=order,
        href=view.path_of(order),
        look=said.look(order),
        title=said.title(show, order.parts),
        sentence=said.sentence(show, order),
        line=view.issued_line(show, order) if order.issued_at else view.asked_line(show, order),
        rhythm=said.rhythm(show, order),
        sounds=view.sounds(show, order.parts, holding),
        own=order.author_id == page.actor.user_id,
        silenced=silenced,
        untold=[", ".join((place.name, *reversed(place.place))) for place in untold],
        can={event.value: event in order.possible for event in Event},
        on_its_way=order.state is State.ISSUED and not order.delivered and any(p.kind != "live" for p in order.parts),
        in_force=order.state is State.ISSUED,
        corrections=offered,
        tallies=view.tallies(heard) if heard else [],
        villages=villages,
        unlisted=len(heard.villages) - len(villages) if heard else 0,
        calls=view.to_call(show, heard) if heard else [],
        errors=errors or {},
    )


def _silenced(db: Session, page: Page, order: OrderOut) -> list[str]:
    """Places of an order in force where who may not stop it everywhere may stop everything."""
    if order.state is not State.ISSUED or Event.CANCEL in order.possible:
        return []
    found = zone_sql.zones(db, [target.zone_id for target in order.targets if target.ended_at is None])
    return [key for key, zone in found.items() if page.actor.may(Action.BROADCAST_STOP, zone.path, page.now)]
