"""The desks: what is to sound, where and how often; read back; asked for. One for emergencies, one for drills.

Both are the same page in another colour. Which one it is, is the address: no field of a form turns a drill into an
emergency, and neither desk knows the messages of the other.
"""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from broadcast.wire.now import Purpose
from scheduler.bank import service as bank
from scheduler.bank.naming import SIREN
from scheduler.bank.schemas import BankEntryOut, BankState
from scheduler.emergency import service
from scheduler.emergency.life import Event, State
from scheduler.emergency.schemas import MAX_TEXT, ConfirmIn, OrderOut
from scheduler.errors import Forbidden
from scheduler.rights import Action
from scheduler.zones import groups as group_service
from scheduler.zones import service as zone_service
from scheduler.zones.rules import valid_on
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import group_views, zone_views
from web.auth import ReadDb
from web.i18n import N_
from web.pages import emergency_map, emergency_view, places
from web.pages import emergency_words as said
from web.pages.emergency_acts import send_now, told_after
from web.pages.emergency_form import DRILL_MINUTES, EVERY_S, MINUTES, OrderForm, asked, from_request, missing, typed
from web.pages.emergency_words import DESKS, Desk
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.voices import voice_choices

OPEN_UP_TO = 16
"""A tree of at most so many places is shown open."""
LIVE_DESK = "/live"
CHANGED = N_("What would sound has changed since it was read to you. Read it again before you send it.")
_ISSUE = {Purpose.REAL: Action.EMERGENCY_ISSUE, Purpose.DRILL: Action.DRILL_ISSUE}
_FIELDS = {"zone_ids": "zones", "group_ids": "zones", "parts": "message"}
_DESK_AT = {desk.path.strip("/"): desk for desk in DESKS.values()}
_READ_LETTERS = 24
_SENDS = ("send", "ask")


def desk_of(request: Request) -> Desk:
    """The desk whose address was asked for."""
    return _DESK_AT[request.scope["route"].path.split("/")[1]]


TheDesk = Annotated[Desk, Depends(desk_of)]
router = APIRouter(include_in_schema=False)  # under each desk's path


class Area(Struct, frozen=True):
    """Where the reader may let something sound."""

    zones: list[ZoneView]
    groups: list[GroupView]

    def chosen(self, form: OrderForm) -> tuple[list[str], list[str]]:
        """What is ticked; a place below another ticked one is in it already."""
        picked = places.outermost(self.zones, set(form.zones))
        return [zone.id for zone in picked], [group.id for group in self.groups if group.id in form.groups]


class Choice(Struct, frozen=True, kw_only=True):
    """A prepared message; `value` names it and the siren before it, each in its revision."""

    value: str
    title: str
    text: str
    siren: str
    duration_us: int | None


class Read(Struct, frozen=True, kw_only=True):
    """What would be asked for, as it is read back."""

    order: OrderOut
    sentence: str
    mark: str

    @property
    def alone(self) -> bool:
        """Whether whoever asks may let it sound without another person."""
        return Event.CONFIRM in self.order.possible

    @property
    def fingerprint(self) -> str:
        order = self.order
        parts = [(part.kind, part.bank_id, part.text) for part in order.parts]
        whole = repr([self.sentence, parts, sorted(target.zone_id for target in order.targets)])
        return hashlib.sha256(whole.encode()).hexdigest()[:_READ_LETTERS]


@router.get("")
def desk_page(db: ReadDb, page: ThePage, desk: TheDesk) -> Response:
    return _page(db, page, desk, OrderForm())


@router.post("")
async def use(page: ThePage, desk: TheDesk, data: TheForm) -> Response:
    """Reads back what was chosen, goes back to choosing, or asks for it."""
    form, intent = from_request(data), str(data.get("intent") or "read")
    answer, issued = await run_in_threadpool(_use, page, desk, form, intent)
    if issued is not None:
        await send_now(page.centre, [target.zone_id for target in issued.targets])
    return answer


def _use(page: Page, desk: Desk, form: OrderForm, intent: str) -> tuple[Response, OrderOut | None]:
    """The answer, and the order if it sounds now."""
    with page.centre.store.reading() as db:
        area = _area(db, page, desk)
        found = {field: page.say(message) for field, message in missing(form).items()}
        if found or intent == "edit":
            return _page(db, page, desk, form, errors={} if intent == "edit" else found), None
    with page.centre.store.writing() as db:
        read, made, errors = _asked(db, page, desk, form, area, intent=intent)
        if made is not None:
            told_after(db, page.centre, made)
    if made is not None:
        path = emergency_view.path_of(made)
        return page.go(path, "asked" if made.state is State.ASKED else "issued"), made
    with page.centre.store.reading() as db:
        if read is None:
            return _page(db, page, desk, form, errors=errors), None
        return _check(page, desk, form, read, errors), None


def _asked(
    db: Session, page: Page, desk: Desk, form: OrderForm, area: Area, *, intent: str
) -> tuple[Read | None, OrderOut | None, Errors]:
    """What is asked for and, if it is only to be read back or cannot be, taken back at once.

    `send` lets it sound if the reader may do so alone, `ask` leaves that to another person in any case.
    """
    read: Read | None = None
    made: OrderOut | None = None
    point = db.begin_nested()
    with page.attempt() as errors:
        zones, groups = area.chosen(form)
        draft = asked(form, zones=zones, groups=groups, title=page.say(desk.title))
        order = service.ask(db, page.actor, page.now, desk.purpose, draft)
        read = Read(order=order, sentence=said.sentence(page.show, order), mark=said.mark(page.translations, desk))
        if intent in _SENDS and form.read == read.fingerprint:
            made = _confirmed(db, page, form, read) if read.alone and intent == "send" else order
    if made is None:
        point.rollback()
    if intent in _SENDS and read is not None and not errors and made is None:
        errors["read"] = page.say(CHANGED)
    return read, made, {_FIELDS.get(field.split(".")[0], field): message for field, message in errors.items()}


def _confirmed(db: Session, page: Page, form: OrderForm, read: Read) -> OrderOut:
    order = read.order
    given = ConfirmIn(word=typed(form.word, order.word), code=form.code)
    return service.confirm(db, page.actor, page.now, order.id, given, purpose=order.purpose, version=order.version)


def _area(db: Session, page: Page, desk: Desk) -> Area:
    """Raises Forbidden for those who may issue nothing at this desk."""
    rows = zone_service.tree(db, page.actor, page.now, _action(desk))
    views = zone_views(db, [zone for zone in rows if valid_on(zone, page.show.today)])
    if not views:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    known = {zone.id for zone in views}
    found = group_views(db, group_service.list_groups(db, page.actor, page.now))
    return Area(views, [group for group in found if group.member_ids and known >= set(group.member_ids)])


def _action(desk: Desk) -> Action:
    if desk.purpose not in _ISSUE:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    return _ISSUE[desk.purpose]


def _page(db: Session, page: Page, desk: Desk, form: OrderForm, *, errors: Errors | None = None) -> Response:
    may_issue = page.can(_action(desk))
    stops = _stops(db, page) if desk.real else []
    if not may_issue and not stops and not page.can(Action.EMERGENCY_CONFIRM):
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    context: dict[str, Any] = {"area": None}
    if may_issue:
        context = _choices(db, page, desk, _area(db, page, desk))
    return page.render(
        "emergency/desk.html",
        422 if errors else 200,
        desk=desk,
        mark=said.mark(page.translations, desk),
        form=form,
        stops=stops,
        may_issue=may_issue,
        may_drill=page.can(Action.DRILL_ISSUE),
        errors=errors or {},
        **context,
    )


def _choices(db: Session, page: Page, desk: Desk, area: Area) -> dict[str, Any]:
    entries = bank.index(db, page.actor, page.now, purpose=desk.purpose).items
    ready = [entry for entry in entries if entry.state is BankState.READY]
    sirens = [entry for entry in ready if entry.name.startswith(SIREN)]
    return {
        "area": area,
        "zones": places.tree(area.zones),
        "zone_count": len(area.zones),
        "open_depth": 1 if len(area.zones) > OPEN_UP_TO else 9,
        "groups": [{"id": g.id, "name": g.name, "places": len(g.member_ids)} for g in area.groups],
        "map": emergency_map.drawn(area.zones),
        "messages": _messages(page, ready, sirens),
        "producing": sum(entry.state is BankState.PRODUCING for entry in entries),
        "sirens": [{"id": entry.id, "title": entry.title(page.language)} for entry in sirens],
        "voices": voice_choices(page),
        "may_speak": desk.real and _has_live_desk(page),
        "max_text": MAX_TEXT,
        "every_choices": EVERY_S,
        "minute_choices": MINUTES if desk.real else DRILL_MINUTES,
    }


def _messages(page: Page, ready: list[BankEntryOut], sirens: list[BankEntryOut]) -> list[Choice]:
    """Prepared messages by title; what takes an alarm back, and sirens by themselves, come last."""
    by_name = {entry.name: entry for entry in sirens}
    found = []
    for entry in sorted(ready, key=lambda one: (one in sirens, one.correction, one.title(page.language))):
        siren = by_name.get(entry.siren or "")
        first = entry.media[0] if entry.media else None
        lengths = (entry.duration_us, siren.duration_us if siren else 0)
        found.append(
            Choice(
                value=f"{siren.id} {entry.id}" if siren else entry.id,
                title=entry.title(page.language),
                text=(first.text or "") if first and entry not in sirens else "",
                siren=siren.title(page.language) if siren else "",
                duration_us=sum(length or 0 for length in lengths) or None,
            )
        )
    return found


def _check(page: Page, desk: Desk, form: OrderForm, read: Read, errors: Errors) -> Response:
    sounds = emergency_view.sounds(page.show, read.order.parts)
    shown = {"desk": desk, "mark": read.mark, "form": form, "read": read, "order": read.order, "sounds": sounds}
    return page.render("emergency/check.html", 422 if errors else 200, errors=errors, **shown)


def _stops(db: Session, page: Page) -> list[dict[str, str]]:
    """The highest places that the reader may silence."""
    own = page.actor.zones_for(Action.BROADCAST_STOP, page.now)
    if not own:
        return []
    views = zone_views(db, zone_service.tree(db, page.actor, page.now, Action.BROADCAST_STOP))
    top = places.outermost(views, set(own))
    return [{"id": zone.id, "name": zone.name} for zone in top]


def _has_live_desk(page: Page) -> bool:
    return any(getattr(route, "path", "") == LIVE_DESK for route in page.request.app.routes)
