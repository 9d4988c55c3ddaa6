"""The desks: what is to sound, where and how often; read back; asked for. One for emergencies, one for drills.

Both are the same page in another colour. Which one it is, is the address: no field of a form turns a drill into an
emergency, and neither desk knows the messages of the other.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from broadcast.wire.now import Purpose
from scheduler.bank import completeness
from scheduler.bank import service as bank
from scheduler.bank.completeness import Holding
from scheduler.bank.naming import SIREN
from scheduler.bank.schemas import BankEntryOut, BankState
from scheduler.emergency import proof, service
from scheduler.emergency.above import from_above
from scheduler.emergency.life import Event, State
from scheduler.emergency.schemas import MAX_TEXT, ConfirmIn, FromAbove, OrderIn, OrderOut
from scheduler.errors import Forbidden, Problem
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import groups as group_service
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.rules import there_now
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import group_views, zone_views
from web.auth import ReadDb
from web.i18n import N_
from web.pages import emergency_map, emergency_view, picker, places
from web.pages import emergency_words as said
from web.pages.emergency_acts import go, page_of, told, tried, zones_of
from web.pages.emergency_form import DRILL_MINUTES, EVERY_S, MINUTES, OrderForm, asked, from_request, missing, typed
from web.pages.emergency_words import Desk
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.voices import voice_choices
from web.urgent import Done, Lane, TheLane

CHANGED = N_("What would sound has changed since it was read to you. Read it again before you send it.")
_ISSUE = {Purpose.REAL: Action.EMERGENCY_ISSUE, Purpose.DRILL: Action.DRILL_ISSUE}
_FIELDS = {"zone_ids": "zones", "group_ids": "zones", "parts": "message"}
_READ_LETTERS = 24
_DANGER = f"{SIREN}rise-fall"
"""First of the sirens: own words begin with it unless another is chosen, never with that for evacuation."""
_SENDS = ("send", "ask")


def at(desk: Desk) -> Callable[[Request], Awaitable[None]]:
    """What the routes under the desk's address depend on, so that they know which one it is."""

    async def remember(request: Request) -> None:
        request.state.desk = desk

    return remember


async def desk_of(request: Request) -> Desk:
    desk: Desk = request.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(desk_of)]
router = APIRouter(include_in_schema=False)  # under each desk's path


class Area(Struct, frozen=True):
    """Where the reader may let something sound; `zones` uncounted."""

    zones: list[ZoneView]
    groups: list[GroupView]
    paths: dict[str, str]

    def paths_of(self, form: OrderForm) -> list[str]:
        """Of the places chosen; of all of them while none is."""
        members = (member for group in self.groups if group.id in form.groups for member in group.member_ids)
        chosen = [self.paths[zone_id] for zone_id in {*form.zones, *members} if zone_id in self.paths]
        return chosen or [self.paths[zone.id] for zone in places.outermost(self.zones, self.paths)]


class Choice(Struct, frozen=True, kw_only=True):
    """A prepared message; `value` names it and the siren before it, each in its revision."""

    value: str
    title: str
    siren: str
    duration_us: int | None
    held: said.Held


class Asked(BaseModel):
    """What was asked for; if not `sent`, what would be, which is taken back already."""

    order: OrderOut
    sent: bool
    delivered: bool = False

    @property
    def issued(self) -> bool:
        return self.sent and self.order.state is State.ISSUED


@router.get("")
def desk_page(
    db: ReadDb, page: ThePage, desk: TheDesk, stopped: Annotated[list[str] | None, Query()] = None
) -> Response:
    """`stopped` are the places where everything was silenced just now."""
    return _page(db, page, desk, OrderForm(), stopped=stopped or ())


@router.get("/held")
def who_holds(
    db: ReadDb,
    page: ThePage,
    desk: TheDesk,
    zone: Annotated[list[str] | None, Query(max_length=500)] = None,
    group: Annotated[list[str] | None, Query(max_length=500)] = None,
) -> Response:
    """How many loudspeakers of what is chosen hold each message, by itself, for the desk that is open already."""
    form = OrderForm(zones=zone or [], groups=group or [])
    area = _area(db, page, desk)
    return page.render("emergency/held.html", **_bank(db, page, desk, area, form))


@router.post("")
async def use(request: Request, lane: TheLane, desk: TheDesk, data: TheForm) -> Response:
    """Reads back what was chosen, goes back to choosing, or asks for it."""
    form, intent = from_request(data), str(data.get("intent") or "read")
    if picker.unfolding(data):
        intent = "edit"
    if intent == "edit" or missing(form):
        return await run_in_threadpool(_again, request, desk, form, intent)
    try:
        draft = asked(form)
    except ValidationError as wrong:
        return await run_in_threadpool(_again, request, desk, form, intent, wrong)
    done = await _through(lane, desk, form, draft, intent)
    problem = done if isinstance(done, Problem) else None
    if problem is not None and intent in _SENDS:
        done = await _through(lane, desk, form, draft, "read")
    if isinstance(done, Problem):
        return await run_in_threadpool(_again, request, desk, form, intent, done)
    if done.sent:
        return go(emergency_view.path_of(done.order), "issued" if done.issued else "")
    return await run_in_threadpool(_check, request, desk, form, done.order, problem)


async def _through(lane: Lane, desk: Desk, form: OrderForm, draft: OrderIn, intent: str) -> Asked | Problem:
    """`send` lets it sound if the reader may do so alone, `ask` leaves that to another person, `read` takes it back."""

    def work(db: Session, actor: Actor, now: datetime) -> Done[Asked]:
        point = db.begin_nested()
        order = service.ask(db, actor, now, desk.purpose, draft)
        sent = intent in _SENDS and form.read == fingerprint(order)
        if not sent:
            point.rollback()
        elif intent == "send" and Event.CONFIRM in order.possible:
            given = _given(form, order)
            order = service.confirm(db, actor, now, order.id, given, purpose=order.purpose, version=order.version)
        done = Asked(order=order, sent=sent)
        return Done(done, zones_of(order) if done.issued else (), told(order) if sent else ())

    def count(db: Session, actor: Actor, now: datetime) -> None:
        point = db.begin_nested()
        order = service.ask(db, actor, now, desk.purpose, draft)
        alone = form.read == fingerprint(order) and Event.CONFIRM in order.possible
        if alone:
            given = _given(form, order)
            service.confirmable(db, actor, now, order.id, given, purpose=order.purpose, version=order.version)
        point.rollback()
        if alone:
            proof.count(db, actor, now)

    subject = desk.path.strip("/")
    return await tried(lane, work, subject=subject, first=count if intent == "send" and form.code else None)


def _given(form: OrderForm, order: OrderOut) -> ConfirmIn:
    return ConfirmIn(word=typed(form.word, order.word), code=form.code)


def fingerprint(order: OrderOut) -> str:
    """Of what would sound, where and how often: only what was read back is sent."""
    parts = [(part.kind, part.bank_id, part.text, part.duration_us) for part in order.parts]
    targets = sorted((target.zone_id, target.receivers) for target in order.targets)
    whole = repr([order.purpose.value, parts, targets, order.every_s, order.minutes])
    return hashlib.sha256(whole.encode()).hexdigest()[:_READ_LETTERS]


def _again(
    request: Request, desk: Desk, form: OrderForm, intent: str, wrong: Problem | ValidationError | None = None
) -> Response:
    """The desk with what was chosen, and what is to be put right."""
    page = page_of(request)
    with page.attempt() as errors:
        if wrong is not None:
            raise wrong
    lacking = {} if intent == "edit" else missing(form)
    told = {field: page.say(message) for field, message in lacking.items()} | _own_fields(errors)
    with page.centre.store.reading() as db:
        return _page(db, page, desk, form, errors=told)


def _check(request: Request, desk: Desk, form: OrderForm, order: OrderOut, problem: Problem | None) -> Response:
    """What would be asked for, read back; with why it was not sent, if it should have been."""
    page = page_of(request)
    with page.attempt() as errors:
        if problem is not None:
            raise problem
    with page.centre.store.reading() as db:
        holding = held_where(db, order)
    if form.read and form.read != fingerprint(order):
        errors["read"] = page.say(CHANGED)
    return page.render(
        "emergency/check.html",
        422 if errors else 200,
        desk=desk,
        mark=said.mark(page.translations, desk),
        form=form,
        order=order,
        sentence=said.sentence(page.show, order),
        fingerprint=fingerprint(order),
        alone=Event.CONFIRM in order.possible,
        sounds=emergency_view.sounds(page.show, order.parts, holding),
        errors=_own_fields(errors),
    )


def held_where(db: Session, order: OrderOut) -> Holding:
    """Which messages the loudspeakers hold that are to hear the order."""
    return completeness.holding(db, zone_sql.paths_of(db, [target.zone_id for target in order.targets]))


def _own_fields(errors: Errors) -> Errors:
    return {_FIELDS.get(field.split(".")[0], field): message for field, message in errors.items()}


def _area(db: Session, page: Page, desk: Desk) -> Area:
    """Raises Forbidden for those who may issue nothing at this desk."""
    rows = zone_service.tree(db, page.actor, page.now, _action(desk))
    views = zone_views(db, there_now(db, rows, page.now, also_coming=True), counted=False)
    if not views:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    known = {zone.id for zone in views}
    found = group_views(db, group_service.list_groups(db, page.actor, page.now))
    groups = [group for group in found if group.member_ids and known >= set(group.member_ids)]
    return Area(views, groups, {zone.id: zone.path for zone in rows})


def _action(desk: Desk) -> Action:
    if desk.purpose not in _ISSUE:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    return _ISSUE[desk.purpose]


def _page(
    db: Session,
    page: Page,
    desk: Desk,
    form: OrderForm,
    *,
    errors: Errors | None = None,
    stopped: Collection[str] = (),
) -> Response:
    may_issue = page.can(_action(desk))
    stops, above = _stops(db, page, stopped) if desk.real else ([], [])
    if not may_issue and not stops and not page.can(Action.EMERGENCY_CONFIRM):
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    context: dict[str, Any] = {"area": None}
    if may_issue:
        context = _choices(db, page, desk, _area(db, page, desk), form)
    return page.render(
        "emergency/desk.html",
        422 if errors else 200,
        desk=desk,
        mark=said.mark(page.translations, desk),
        form=form,
        stops=stops,
        above=above,
        may_issue=may_issue,
        may_drill=page.can(Action.DRILL_ISSUE),
        stop_in=picker.one_of(db, page, Action.BROADCAST_STOP, "stop-zone", "") if stops else None,
        errors=errors or {},
        **context,
    )


def _choices(db: Session, page: Page, desk: Desk, area: Area, form: OrderForm) -> dict[str, Any]:
    drawn = emergency_map.drawn(area.zones)
    there = {*form.zones, *(dot.id for dot in (drawn.dots if drawn else ()))}
    return {
        "area": area,
        **picker.tree(db, page, _action(desk), area.zones, there),
        **_bank(db, page, desk, area, form),
        "groups": [{"id": g.id, "name": g.name, "places": len(g.member_ids)} for g in area.groups],
        "map": drawn,
        "voices": voice_choices(page),
        "may_speak": desk.real and page.can(Action.LIVE_SPEAK),
        "max_text": MAX_TEXT,
        "every_choices": EVERY_S,
        "minute_choices": MINUTES if desk.real else DRILL_MINUTES,
    }


def _bank(db: Session, page: Page, desk: Desk, area: Area, form: OrderForm) -> dict[str, Any]:
    """What can be sent by itself, with how many of the chosen places hold it."""
    entries = bank.index(db, page.actor, page.now, purpose=desk.purpose).items
    ready = [entry for entry in entries if entry.state is BankState.READY]
    sirens = sorted((one for one in ready if one.name.startswith(SIREN)), key=lambda one: one.name != _DANGER)
    holding = completeness.holding(db, area.paths_of(form))
    messages = _messages(page, ready, sirens, holding)
    together = said.held_alike(page.show, holding, [one.value for one in messages])
    if together.text:
        messages = [replace(one, held=said.Held(one.value, "", whole=True)) for one in messages]
    return {
        "messages": messages,
        "held_alike": together,
        "producing": sum(entry.state is BankState.PRODUCING for entry in entries),
        "sirens": [{"id": entry.id, "title": entry.title(page.language)} for entry in sirens],
    }


def _messages(page: Page, ready: list[BankEntryOut], sirens: list[BankEntryOut], holding: Holding) -> list[Choice]:
    """Prepared messages by title; what takes an alarm back, and sirens by themselves, come last."""
    by_name = {entry.name: entry for entry in sirens}
    found = []
    for entry in sorted(ready, key=lambda one: (one in sirens, one.correction, one.title(page.language))):
        siren = by_name.get(entry.siren or "")
        lengths = (entry.duration_us, siren.duration_us if siren else 0)
        value = f"{siren.id} {entry.id}" if siren else entry.id
        found.append(
            Choice(
                value=value,
                title=entry.title(page.language),
                siren=siren.title(page.language) if siren else "",
                duration_us=sum(length or 0 for length in lengths) or None,
                held=said.held(page.show, holding, value),
            )
        )
    return found


def _stops(db: Session, page: Page, stopped: Collection[str]) -> tuple[list[ZoneView], list[FromAbove]]:
    """The highest places that the reader may silence; what goes on from above in those `stopped`, or in all of them."""
    own = page.actor.zones_for(Action.BROADCAST_STOP, page.now)
    if not own:
        return [], []
    rows = zone_service.tree(db, page.actor, page.now, Action.BROADCAST_STOP)
    top = places.outermost(zone_views(db, rows, counted=False), set(own))
    looked_at = set(stopped) or {zone.id for zone in top}
    return top, from_above(db, page.actor, page.now, [zone.path for zone in rows if zone.id in looked_at])
