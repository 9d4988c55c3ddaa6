"""Daily bulletins: templates with slots, and what is filled in for each day."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.bulletins import rehearsing, service
from scheduler.bulletins.schemas import MAX_SLOTS, BulletinIn, BulletinOut, EditionOut, FillIn
from scheduler.bulletins.service import Which
from scheduler.rights import Action
from scheduler.workflow import State
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import choosing, picker, places, rehearsed, repeating, words
from web.pages.compose_area import area_for
from web.pages.compose_form import NO_PLACE
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.rehearsed import Rehearsed
from web.telling import tell_after

SLOT_FIELDS = 6
USUAL_SLOTS = (N_("News"), N_("Commune notices"), N_("Farming"))

router = APIRouter(prefix="/bulletins", include_in_schema=False)


@router.get("")
def listing(db: ReadDb, page: ThePage, after: Annotated[str | None, Query(max_length=26)] = None) -> Response:
    found = service.index(db, page.actor, page.now, after=after)
    items = [_line(page, item) for item in found.items]
    return page.render("bulletins/list.html", items=items, next=found.next, may_edit=page.can(Action.BROADCAST_EDIT))


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    return _form(db, page, _blank(page))


@router.post("/new")
def create(db: WriteDb, page: ThePage, data: TheForm) -> Response:
    form, made = _read(data), ""
    if picker.unfolding(data):
        return _form(db, page, form)
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        asked = _asked(db, page, form, None)
        if not empty:
            made = service.create(db, page.actor, page.now, asked).id
    errors |= empty
    return _form(db, page, form, errors=errors) if errors else page.go(f"/bulletins/{made}", "saved")


@router.post("/rehearse")
def rehearse(db: ReadDb, page: ThePage, data: TheForm) -> Response:
    """Plays the coming days through with what is typed, and shows the form again with what that changes."""
    form, tried = _read(data), None
    bulletin_id = str(data.get("bulletin") or "") or None
    item = service.view(db, page.actor, page.now, bulletin_id) if bulletin_id else None
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        asked = _asked(db, page, form, item)
        if not empty:
            found = rehearsing.template(db, page.actor, page.now, asked, bulletin_id=bulletin_id)
            tried = {"found": _told(page, found)}
    errors |= empty
    return _form(db, page, form, item=item, errors=errors, tried=tried)


@router.get("/{bulletin_id}")
def detail(db: ReadDb, page: ThePage, bulletin_id: str) -> Response:
    item = service.view(db, page.actor, page.now, bulletin_id)
    coming = service.editions(db, page.actor, page.now, bulletin_id)
    tried = rehearsing.saved(db, page.actor, page.now, bulletin_id) if item.may_edit else None
    return page.render(
        "bulletins/detail.html",
        item=_line(page, item),
        editions=[_edition(page, one) for one in coming],
        tried=_told(page, tried),
    )


@router.get("/{bulletin_id}/edit")
def edit_form(db: ReadDb, page: ThePage, bulletin_id: str) -> Response:
    item = service.view(db, page.actor, page.now, bulletin_id)
    return _form(db, page, _of(item), item=item)


@router.post("/{bulletin_id}/edit")
def edit(db: WriteDb, page: ThePage, bulletin_id: str, data: TheForm) -> Response:
    item, form = service.view(db, page.actor, page.now, bulletin_id), _read(data)
    if picker.unfolding(data):
        return _form(db, page, form, item=item)
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        asked = _asked(db, page, form, item)
        if not empty:
            service.edit(db, page.actor, page.now, bulletin_id, asked, version=_version(data))
    errors |= empty
    return _form(db, page, form, item=item, errors=errors) if errors else page.go(f"/bulletins/{bulletin_id}", "saved")


@router.post("/{bulletin_id}/end")
def end(db: WriteDb, page: ThePage, bulletin_id: str, version: Annotated[int, Form()]) -> Response:
    service.end(db, page.actor, page.now, bulletin_id, version=version)
    return page.go("/bulletins", "deleted")


@router.get("/{bulletin_id}/{day}/{at}")
def edition(db: ReadDb, page: ThePage, bulletin_id: str, day: date, at: str) -> Response:
    return _day(db, page, Which(bulletin_id, day, at))


@router.post("/{bulletin_id}/{day}/{at}")
def fill(db: WriteDb, page: ThePage, bulletin_id: str, *, day: date, at: str, data: TheForm) -> Response:
    """Keeps what is filled in, and sends it where that was asked for."""
    which = Which(bulletin_id, day, at)
    slots = {name.removeprefix("slot-"): str(value) for name, value in data.items() if name.startswith("slot-")}
    filled = {key: value for key, value in slots.items() if value}
    sent = data.get("intent") == "send"
    with page.attempt(db) as errors:
        made = service.fill(db, page.actor, page.now, which, FillIn(filled=filled), version=_version(data))
        if sent:
            made = service.send(db, page.actor, page.now, which, version=made.version)
            tell_after(
                db, page.centre.changes, f"announcement:{made.announcement_id}", f"broadcast:{made.broadcast_id}"
            )
    if errors:
        return _day(db, page, which, filled, errors)
    return page.go(f"/bulletins/{bulletin_id}/{day}/{at}", "sent" if sent else "saved")


def _day(
    db: Session, page: Page, which: Which, filled: dict[str, str] | None = None, errors: Errors | None = None
) -> Response:
    found = service.edition(db, page.actor, page.now, which)
    bulletin = service.view(db, page.actor, page.now, which.bulletin_id)
    chosen = filled
    if chosen is None:
        chosen = {slot.key: slot.announcement_id or "" for slot in found.slots if slot.source == "filled"}
    tried = rehearsing.edition(db, page.actor, page.now, which) if found.may_edit else None
    stand_ins = {slot.key for slot in bulletin.slots if slot.stand_in_id}
    return page.render(
        "bulletins/edition.html",
        422 if errors else 200,
        item=_edition(page, found),
        tried=_told(page, tried),
        chosen=chosen,
        stand_ins=stand_ins,
        choices=choosing.choices(db, page, list(chosen.values())),
        errors=errors or {},
    )


def _told(page: Page, found: RehearsalOut | None) -> Rehearsed | None:
    return rehearsed.told(page, page.show, found) if found else None


def _edition(page: Page, found: EditionOut) -> dict[str, Any]:
    state = "unaired" if found.state is State.DONE and found.day_off else found.state
    return {
        "edition": found,
        "address": f"/bulletins/{found.bulletin_id}/{found.day}/{found.at}",
        "when": page.show.moment(found.starts),
        "from_now": page.show.from_now(found.starts),
        "look": words.look(words.BROADCAST, state) if state is not None else None,
        "filled": page.say(N_("%(filled)s of %(total)s filled in"), filled=found.filled, total=len(found.slots)),
        "empty": [slot.name for slot in found.slots if slot.source == "skipped"],
    }


def _line(page: Page, item: BulletinOut) -> dict[str, Any]:
    rule = repeating.rule([repeating.WEEKDAYS[day] for day in item.weekdays])
    return {
        "bulletin": item,
        "when": f"{', '.join(item.times)}, {repeating.days_in_words(page.show, rule)}",
        "slots": ", ".join(slot.name for slot in item.slots),
        "next": _edition(page, item.next) if item.next is not None else None,
    }


Fields = dict[str, Any]


def _blank(page: Page) -> Fields:
    names = [page.say(name) for name in USUAL_SLOTS]
    return {
        "name": page.say(N_("Daily bulletin")), "slots": [{"key": "", "name": name, "stand_in": ""} for name in names],
        "times": "05:00, 17:00", "weekdays": list(repeating.WEEKDAYS), "skip_holidays": False, "opening": "normal",
        "between": "", "public": True, "zones": [], "groups": [], "version": "0",
    }  # fmt: skip


def _of(item: BulletinOut) -> Fields:
    slots = [{"key": slot.key, "name": slot.name, "stand_in": slot.stand_in_id or ""} for slot in item.slots]
    return {
        "name": item.name, "slots": slots, "times": ", ".join(item.times),
        "weekdays": [repeating.WEEKDAYS[day] for day in item.weekdays], "skip_holidays": item.skip_holidays,
        "opening": item.opening or "", "between": item.between or "", "zones": item.zone_ids, "groups": item.group_ids,
        "public": item.public, "version": str(item.version),
    }  # fmt: skip


def _read(data: FormData) -> Fields:
    rows = zip(*(map(str, data.getlist(name)) for name in ("slot_key", "slot_name", "slot_stand_in")), strict=False)
    slots = [{"key": key, "name": name, "stand_in": stand_in} for key, name, stand_in in rows][:MAX_SLOTS]
    form: Fields = {name: str(data.get(name) or "") for name in ("name", "times", "opening", "between", "version")}
    several = {name: [str(one) for one in data.getlist(field)] for name, field in _SEVERAL.items()}
    ticks = {name: bool(data.get(name)) for name in ("skip_holidays", "public")}
    return form | several | ticks | {"slots": slots}


_SEVERAL = {"weekdays": "weekday", "zones": "zone", "groups": "group"}
_FIELDS = {"zone_ids": "zones", "title": "name"}
_ORDER = ("name", "slots", "zones", "times")
_KEPT = ("cls", "closing", "pause_ms")
"""What the page has no field for; it stays."""


def _lacking(page: Page, form: Fields) -> Errors:
    """What was left empty of what is looked at only once all else is right, so that it is said in one round."""
    found = page.lacking(form, "name")
    return found if form["zones"] or form["groups"] else found | {"zones": page.say(NO_PLACE)}


def _asked(db: Session, page: Page, form: Fields, edited: BulletinOut | None) -> BulletinIn:
    area = area_for(db, page, {*form["zones"], *form["groups"]}, edited.zone_id if edited else "")
    slots = [
        {"key": slot["key"], "name": slot["name"], "stand_in_id": slot["stand_in"] or None}
        for slot in form["slots"]
        if slot["name"].strip()
    ]
    kept = {name: getattr(edited, name) for name in _KEPT} if edited else {}
    return BulletinIn.model_validate(
        kept
        | {
            "zone_id": area.home.id,
            "name": form["name"],
            "slots": slots,
            "times": [time.strip() for time in form["times"].replace(";", ",").split(",") if time.strip()],
            "weekdays": [repeating.WEEKDAYS.index(day) for day in form["weekdays"] if day in repeating.WEEKDAYS],
            "skip_holidays": form["skip_holidays"],
            "opening": form["opening"] or None,
            "between": form["between"] or None,
            "public": form["public"],
            "zone_ids": [zone.id for zone in places.outermost(area.zones, set(form["zones"]))],
            "group_ids": form["groups"],
        }
    )


def _form(
    db: Session,
    page: Page,
    form: Fields,
    *,
    item: BulletinOut | None = None,
    errors: Errors | None = None,
    tried: dict[str, Rehearsed | None] | None = None,
) -> Response:
    told = {_FIELDS.get(name, name): message for name, message in (errors or {}).items()}
    area = area_for(db, page)
    slots = [*form["slots"], *({"key": "", "name": "", "stand_in": ""} for _ in range(SLOT_FIELDS))][
        : max(SLOT_FIELDS, len(form["slots"]))
    ]
    return page.render(
        "bulletins/form.html",
        422 if errors else 200,
        form=form,
        item=item,
        tried=tried,
        slots=slots,
        choices=choosing.choices(db, page, [slot["stand_in"] for slot in form["slots"]]),
        weekdays=repeating.weekdays(page.show),
        **picker.tree(db, page, Action.BROADCAST_EDIT, area.zones, form["zones"]),
        groups=[{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in area.groups],
        sets=[],
        errors={field: told[field] for field in (*_ORDER, *told) if field in told},
    )


def _version(data: FormData) -> int:
    text = str(data.get("version") or "0")
    return int(text) if text.isdigit() else 0
