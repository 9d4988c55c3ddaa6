"""Orders: the second person's page, what is in force with who heard it, and what ends it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from scheduler.emergency import service
from scheduler.emergency.life import Event, State
from scheduler.emergency.schemas import ConfirmIn, CorrectIn, OrderOut, StopIn
from web.auth import ReadDb
from web.i18n import N_
from web.pages import emergency_view as view
from web.pages import emergency_words as said
from web.pages import words
from web.pages.alarms import alarms, corrections
from web.pages.emergency_acts import send_now, told_after
from web.pages.emergency_desk import TheDesk
from web.pages.emergency_form import typed
from web.pages.emergency_words import DESKS, Desk
from web.pages.frame import Errors, Page, ThePage
from web.telling import tell_after

HISTORY = 30

router = APIRouter(include_in_schema=False)  # under each desk's path
only_real = APIRouter(prefix="/emergency", include_in_schema=False)

Act = Callable[[Session], OrderOut]


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
            "look": words.look(said.STATE, order.state.value),
        }
        for order in found.items
    ]
    return page.render("emergency/history.html", rows=rows, next=found.next, earlier=bool(before))


@only_real.post("/stop")
async def stop_all(page: ThePage, zone: Annotated[list[str] | None, Form()] = None) -> Response:
    """Silence everything in these places, in one act."""

    def act() -> list[str]:
        with page.centre.store.writing() as db:
            done = service.stop_all(db, page.actor, page.now, StopIn(zone_ids=zone or []))
            tell_after(db, page.centre.changes, "airing:", *(f"emergency:{order_id}" for order_id in done.cancelled))
        return done.zone_ids

    await send_now(page.centre, await run_in_threadpool(act))
    return page.go("/emergency", "all-stopped")


@router.get("/{order_id}")
def detail(page: ThePage, desk: TheDesk, order_id: str) -> Response:
    return _shown(page, desk, order_id)


@router.post("/{order_id}/confirm")
async def confirm(
    page: ThePage,
    desk: TheDesk,
    order_id: str,
    *,
    word: Annotated[str, Form(max_length=40)] = "",
    code: Annotated[str, Form(max_length=12)] = "",
    version: Annotated[int, Form()] = 0,
) -> Response:
    """Let it sound: another person's act, or the same one's with a code, as the places want it."""

    def act(db: Session) -> OrderOut:
        order = service.get(db, page.actor, page.now, order_id, purpose=desk.purpose)
        given = ConfirmIn(word=typed(word, order.word), code="".join(code.split()))
        return service.confirm(db, page.actor, page.now, order_id, given, purpose=desk.purpose, version=version)

    return await _acted(page, desk, order_id, act, "issued")


@router.post("/{order_id}/withdraw")
async def withdraw(page: ThePage, desk: TheDesk, order_id: str) -> Response:
    """Take it back before it sounds: by who asked, or by the second person who does not agree."""

    def act(db: Session) -> OrderOut:
        return service.withdraw(db, page.actor, page.now, order_id, purpose=desk.purpose)

    return await _acted(page, desk, order_id, act, "withdrawn")


@router.post("/{order_id}/stop")
async def stop(page: ThePage, desk: TheDesk, order_id: str) -> Response:
    def act(db: Session) -> OrderOut:
        return service.cancel(db, page.actor, page.now, order_id, purpose=desk.purpose)

    return await _acted(page, desk, order_id, act, "stopped")


@router.post("/{order_id}/correct")
async def correct(
    page: ThePage, desk: TheDesk, order_id: str, message: Annotated[str, Form(max_length=48)] = ""
) -> Response:
    """Silence it and say so, in one act; the page of the correction is shown."""

    def act(db: Session) -> OrderOut:
        offered = corrections(db, page.language, desk.purpose)
        title = next((one.title for one in offered if one.id == message), message)
        asked = CorrectIn(bank_id=message, reason=page.say(N_("Correction: %(title)s"), title=title))
        done = service.correct(db, page.actor, page.now, order_id, asked, purpose=desk.purpose)
        told_after(db, page.centre, done.cancelled)
        return done.correction

    return await _acted(page, desk, order_id, act, "corrected")


async def _acted(page: Page, desk: Desk, order_id: str, act: Act, told: str) -> Response:
    """Does it, has the receivers told before the answer leaves, and shows the order; or says beside it why not."""

    def work() -> tuple[OrderOut | None, Errors]:
        done: OrderOut | None = None
        with page.centre.store.writing() as db, page.attempt(db) as errors:
            done = act(db)
            told_after(db, page.centre, done)
        return done, errors

    done, errors = await run_in_threadpool(work)
    if done is None or errors:
        return await run_in_threadpool(_shown, page, desk, order_id, errors)
    await send_now(page.centre, [target.zone_id for target in done.targets])
    return page.go(view.path_of(done), told)


def _shown(page: Page, desk: Desk, order_id: str, errors: Errors | None = None) -> Response:
    with page.centre.store.reading() as db:
        order = service.get(db, page.actor, page.now, order_id, purpose=desk.purpose)
        begun = order.state not in (State.ASKED, State.WITHDRAWN, State.EXPIRED)
        heard = service.who_heard(db, page.actor, page.now, order_id) if begun else None
        offered = corrections(db, page.language, desk.purpose) if "correct" in order.possible else []
    show = page.show
    return page.render(
        "emergency/order.html",
        422 if errors else 200,
        desk=desk,
        mark=said.mark(page.translations, desk),
        order=order,
        href=view.path_of(order),
        look=words.look(said.STATE, order.state.value),
        title=said.title(show, order.parts),
        sentence=said.sentence(show, order),
        line=view.issued_line(show, order) if order.issued_at else view.asked_line(show, order),
        rhythm=said.rhythm(show, order),
        sounds=view.sounds(show, order.parts),
        own=order.author_id == page.actor.user_id,
        can={event.value: event in order.possible for event in Event},
        in_force=order.state is State.ISSUED,
        corrections=offered,
        tallies=view.tallies(heard) if heard else [],
        villages=view.villages(show, order, heard) if heard else [],
        calls=view.to_call(show, heard) if heard else [],
        errors=errors or {},
    )
