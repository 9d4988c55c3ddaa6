"""The tree of zones, what holds in each, groups and holidays, for administrators."""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from broadcast.wire.documents import BroadcastClass
from scheduler.people import proof
from scheduler.rights import Action
from scheduler.zones import calendar, groups, service
from scheduler.zones.schemas import (
    GroupChange,
    GroupNew,
    HolidayNew,
    RulesView,
    ZoneChange,
    ZoneDetail,
    ZoneNew,
    ZoneSettings,
)
from scheduler.zones.views import group_views, zone_detail, zone_views
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import picker, words
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.residents_paths import public_path

QUIET_ROWS = 2
# Which classes need approval, as the page offers it; the service knows any set.
APPROVAL = {
    "all": frozenset(BroadcastClass),
    "priority": frozenset({BroadcastClass.PRIORITY, BroadcastClass.EMERGENCY}),
    "none": frozenset[BroadcastClass](),
}
APPROVAL_SAID = {
    "all": N_("Everything needs approval"),
    "priority": N_("Only priority announcements need approval"),
    "none": N_("Nothing needs approval"),
}

router = APIRouter(include_in_schema=False)


@router.get("/zones")
def listing(db: ReadDb, page: ThePage) -> Response:
    shown = zone_views(db, service.tree(db, page.actor, page.now), counted=False)
    tree = picker.tree(db, page, Action.ZONE_READ, shown, ())
    found = group_views(db, groups.list_groups(db, page.actor, page.now))
    listed = [{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in found]
    return page.render("zones/list.html", **tree, groups=listed, may_edit=page.can(Action.ZONE_EDIT))


@router.get("/zones/{zone_id}")
def detail(db: ReadDb, page: ThePage, zone_id: str) -> Response:
    return _zone(db, page, zone_id)


@router.post("/zones/{zone_id}")
def change(page: ThePage, zone_id: str, form: TheForm) -> Response:
    """The place itself and what holds in it, in one form; with a code where it changes what protects the place."""
    version, code = _number(form, "version") or 0, str(form.get("proof") or "")
    with page.attempt() as errors:
        asked = ZoneChange.model_validate(_place_values(form))
        settings = ZoneSettings.model_validate(_settings_values(form))

        def act(db: Session) -> None:
            zone = service.change_zone(db, page.actor, page.now, zone_id, version=version, change=asked)
            service.change_settings(db, page.actor, page.now, zone_id, version=zone.version, settings=settings)

        def needed(db: Session) -> bool:
            return service.weighs(db, zone_id, asked, settings)

        page.anew(code, act, "zone.settings", f"zone:{zone_id}", needed=needed, field="proof")
        return page.go(f"/zones/{zone_id}", "saved")
    with page.centre.store.reading() as db:
        return _zone(db, page, zone_id, _own_fields(errors), form)


@router.get("/zones/{zone_id}/new")
def new(db: ReadDb, page: ThePage, zone_id: str) -> Response:
    return _new(db, page, zone_id)


@router.post("/zones/{zone_id}/new")
def add(db: WriteDb, page: ThePage, zone_id: str, form: TheForm) -> Response:
    made_id = ""
    with page.attempt(db) as errors:
        asked = ZoneNew.model_validate(_place_values(form) | {"parent_id": zone_id})
        made_id = service.create_zone(db, page.actor, page.now, asked).id
    return page.go(f"/zones/{made_id}", "saved") if made_id and not errors else _new(db, page, zone_id, errors, form)


@router.post("/zones/{zone_id}/holidays")
def add_holiday(
    db: WriteDb,
    page: ThePage,
    zone_id: str,
    day: Annotated[str, Form(max_length=10)] = "",
    name: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    with page.attempt(db) as errors:
        asked = HolidayNew.model_validate({"zone_id": zone_id, "day": day, "name": name})
        calendar.add_holiday(db, page.actor, page.now, asked)
    if not errors:
        return page.go(f"/zones/{zone_id}", "saved")
    own = {f"holiday_{field}" if field in ("day", "name") else field: message for field, message in errors.items()}
    return _zone(db, page, zone_id, own, holiday={"day": day, "name": name})


@router.post("/zones/{zone_id}/holidays/fill")
def fill_holidays(db: WriteDb, page: ThePage, zone_id: str, year: Annotated[int, Form()]) -> Response:
    calendar.fill_public_holidays(db, page.actor, page.now, zone_id, year)
    return page.go(f"/zones/{zone_id}", "saved")


@router.post("/zones/{zone_id}/holidays/delete")
def remove_holiday(db: WriteDb, page: ThePage, zone_id: str, day: Annotated[date, Form()]) -> Response:
    calendar.remove_holiday(db, page.actor, page.now, zone_id, day)
    return page.go(f"/zones/{zone_id}", "deleted")


@router.get("/groups/new")
def new_group(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.ZONE_EDIT)
    return _group(db, page, None)


@router.post("/groups/new")
def add_group(db: WriteDb, page: ThePage, form: TheForm) -> Response:
    if picker.unfolding(form):
        return _group(db, page, None, form=form)
    with page.attempt(db) as errors:
        values = {"zone_id": form.get("zone_id")} | _group_values(form)
        groups.create_group(db, page.actor, page.now, GroupNew.model_validate(values))
    return _group(db, page, None, errors, form) if errors else page.go("/zones", "saved")


@router.get("/groups/{group_id}")
def group(db: ReadDb, page: ThePage, group_id: str) -> Response:
    return _group(db, page, group_id)


@router.post("/groups/{group_id}")
def change_group(page: ThePage, group_id: str, form: TheForm) -> Response:
    """With a code where its places change."""
    version, proven = _number(form, "version") or 0, str(form.get("proof") or "")
    errors: Errors = {}
    if not picker.unfolding(form):
        with page.attempt() as errors:
            asked = GroupChange.model_validate(_group_values(form))

            def act(db: Session) -> None:
                groups.change_group(db, page.actor, page.now, group_id, version=version, change=asked)

            def needed(db: Session) -> bool:
                return groups.weighs(db, group_id, asked)

            page.anew(proven, act, "group.change", f"group:{group_id}", needed=needed, field="proof")
            return page.go("/zones", "saved")
    with page.centre.store.reading() as db:
        return _group(db, page, group_id, errors, form)


@router.post("/groups/{group_id}/delete")
def delete_group(db: WriteDb, page: ThePage, group_id: str, version: Annotated[int, Form()]) -> Response:
    with page.attempt(db) as errors:
        groups.delete_group(db, page.actor, page.now, group_id, version=version)
    return _group(db, page, group_id, errors) if errors else page.go("/zones", "deleted")


def _zone(
    db: Session,
    page: Page,
    zone_id: str,
    errors: Errors | None = None,
    form: FormData | None = None,
    *,
    holiday: dict[str, str] | None = None,
) -> Response:
    """`form` and `holiday` are what was typed and is to be put right."""
    found = zone_detail(db, service.zone_for(db, page.actor, page.now, zone_id))
    own = page.actor.may(Action.ZONE_EDIT, service.zone_for(db, page.actor, page.now, zone_id).path, page.now)
    days = calendar.list_holidays(db, page.actor, page.now, zone_id, page.show.today.year)
    days = [*days, *calendar.list_holidays(db, page.actor, page.now, zone_id, page.show.today.year + 1)]
    coming = [day for day in days if day.day >= page.show.today]
    return page.render(
        "zones/edit.html",
        422 if errors else 200,
        zone={"id": found.id, "name": found.name, "version": found.version, "place": _place(found)},
        form=_typed(form) if form is not None else _form(found),
        effective=_effective(page, found.rules),
        public_path=public_path(found.id, found.name) if found.rules.public_page else "",
        holidays=[{"day": h.day, "name": h.name, "own": own and h.zone_id == zone_id} for h in coming],
        typed_holiday=holiday or {"day": "", "name": ""},
        next_year=page.show.today.year + 1,
        action=f"/zones/{zone_id}",
        approvals=[(value, page.say(said)) for value, said in APPROVAL_SAID.items()],
        may_edit=own,
        coded=own and proof.has_one(db, page.actor),
        errors=errors or {},
    )


def _new(
    db: Session, page: Page, parent_id: str, errors: Errors | None = None, form: FormData | None = None
) -> Response:
    above = zone_detail(db, service.zone_for(db, page.actor, page.now, parent_id, Action.ZONE_EDIT))
    blank = {"name": "", "kind": "village", "code": "", "valid_from": "", "valid_until": ""}
    return page.render(
        "zones/new.html",
        422 if errors else 200,
        place=", ".join([above.name, *reversed(above.place)]),
        parent_id=parent_id,
        form={name: form.get(name, "") for name in blank} if form is not None else blank,
        errors=errors or {},
    )


def _group(
    db: Session, page: Page, group_id: str | None, errors: Errors | None = None, form: FormData | None = None
) -> Response:
    shown = zone_views(db, service.tree(db, page.actor, page.now), counted=False)
    found = group_views(db, [groups.group_for(db, page.actor, page.now, group_id)])[0] if group_id else None
    filled: dict[str, Any] = {
        "name": form.get("name", "") if form is not None else found.name if found else "",
        "zone_id": form.get("zone_id", "") if form is not None else found.zone_id if found else "",
        "zones": form.getlist("zone") if form is not None else found.member_ids if found else [],
        "valid_from": form.get("valid_from", "") if form is not None else (found and found.valid_from) or "",
        "valid_until": form.get("valid_until", "") if form is not None else (found and found.valid_until) or "",
    }
    return page.render(
        "zones/group.html",
        422 if errors else 200,
        group=found or {"id": "", "name": "", "version": 0},
        form=filled,
        **picker.tree(db, page, Action.ZONE_READ, shown, filled["zones"]),
        kept_by=picker.one_of(db, page, Action.ZONE_READ, "zone_id", filled["zone_id"]),
        groups=[],
        sets=[],
        coded=proof.has_one(db, page.actor),
        action=f"/groups/{group_id or 'new'}",
        errors=errors or {},
    )


def _group_values(form: FormData) -> dict[str, Any]:
    days = {name: form.get(name) or None for name in ("valid_from", "valid_until")}
    return {"name": form.get("name"), "member_ids": form.getlist("zone")} | days


def _place(zone: ZoneDetail) -> str:
    return ", ".join(reversed(zone.place))


def _place_values(form: FormData) -> dict[str, Any]:
    return {name: form.get(name) or None for name in ("kind", "name", "code", "valid_from", "valid_until")} | {
        "name": form.get("name") or ""
    }


def _settings_values(form: FormData) -> dict[str, Any]:
    """What is left empty is taken from the place above."""
    pairs = list(zip(form.getlist("quiet_from"), form.getlist("quiet_to"), strict=False))
    quiet = [{"start": start, "end": end} for start, end in pairs if start or end]
    sessions, minutes = form.get("quota_sessions"), form.get("quota_minutes")
    approval = APPROVAL.get(str(form.get("approval")))
    second_person = form.get("second_person")
    languages = [word for word in str(form.get("languages") or "").replace(",", " ").split() if word]
    public_page = {"on": True, "off": False}.get(str(form.get("public_page")))
    return {
        "timezone": form.get("timezone") or None,
        "quiet_hours": quiet or None,
        "quota": {"sessions_per_day": sessions, "session_minutes": minutes} if sessions or minutes else None,
        "approval_classes": None if approval is None else sorted(approval),
        "languages": languages or None,
        "second_person": None if second_person in (None, "inherit") else second_person,
        "public_page": public_page,
    }


def _own_fields(errors: Errors) -> Errors:
    """Errors under the names of this form's fields, which group what the service has apart."""
    names = {"sessions_per_day": "quota", "session_minutes": "quota"}
    found: Errors = {}
    for field, message in errors.items():
        first = field.split(".")[0]
        found.setdefault(names.get(first, first), message)
    return found


def _form(zone: ZoneDetail) -> dict[str, Any]:
    own = zone.settings
    quiet = [(times.start, times.end) for times in own.quiet_hours or ()]
    return {
        "name": zone.name,
        "kind": zone.kind.value,
        "code": zone.code or "",
        "valid_from": zone.valid_from or "",
        "valid_until": zone.valid_until or "",
        "quiet": [*quiet, *[("", "")] * max(1, QUIET_ROWS - len(quiet))],
        "quota_sessions": own.quota.sessions_per_day if own.quota else "",
        "quota_minutes": own.quota.session_minutes if own.quota else "",
        "approval": _offered(own.approval_classes) or "inherit",
        "timezone": own.timezone or "",
        "languages": ", ".join(own.languages or ()),
        "second_person": own.second_person.value if own.second_person else "inherit",
        "public_page": "inherit" if own.public_page is None else "on" if own.public_page else "off",
    }


def _offered(classes: Collection[BroadcastClass] | None) -> str:
    """Which of `APPROVAL` these classes are, the background left aside; empty if none is."""
    if classes is None:
        return ""
    said = frozenset(classes) - {BroadcastClass.BACKGROUND}
    return next((name for name, wanted in APPROVAL.items() if wanted - {BroadcastClass.BACKGROUND} == said), "")


def _typed(form: FormData) -> dict[str, Any]:
    names = ("name", "kind", "code", "valid_from", "valid_until", "quota_sessions", "quota_minutes", "approval")
    quiet = list(zip(form.getlist("quiet_from"), form.getlist("quiet_to"), strict=False))
    rest = {name: form.get(name, "") for name in (*names, "timezone", "languages", "second_person", "public_page")}
    return rest | {"quiet": quiet or [("", "")] * QUIET_ROWS}


def _effective(page: Page, rules: RulesView) -> dict[str, str]:
    """What holds here now, in words."""
    quiet = ", ".join(f"{times.start}–{times.end}" for times in rules.quiet_hours)
    limit = rules.quota
    offered = _offered(rules.approval_classes)
    classes = [page.say(words.CLASS[cls.value]) for cls in rules.approval_classes]
    sessions = N_("%(sessions)s sessions a day of %(minutes)s minutes")
    return {
        "quiet": quiet or page.say(N_("none")),
        "quota": page.say(sessions, sessions=limit.sessions_per_day, minutes=limit.session_minutes)
        if limit
        else page.say(N_("no limit")),
        "approval": page.say(APPROVAL_SAID[offered]) if offered else ", ".join(classes),
        "timezone": rules.timezone,
        "languages": ", ".join(f"{code} ({page.say(words.LANGUAGE.get(code, code))})" for code in rules.languages),
        "second_person": page.say(words.SECOND_PERSON[rules.second_person.value]),
        "public_page": page.say(N_("there is one") if rules.public_page else N_("there is none")),
    }


def _number(form: FormData, name: str) -> int | None:
    value = form.get(name)
    return int(value) if isinstance(value, str) and value.isdigit() else None
