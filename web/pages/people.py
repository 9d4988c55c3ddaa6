"""People, their roles and one-time passwords, for administrators."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.people import service
from scheduler.people.schemas import GrantNew, GrantView, UserChange, UserNew, UserView
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.views import zone_views
from web.auth import ReadDb, TheCentre, WriteDb
from web.i18n import N_
from web.pages import words
from web.pages.frame import Errors, Page, ThePage
from web.pages.places import Option, options

PER_PAGE = 100

router = APIRouter(prefix="/people", include_in_schema=False)

Text = Annotated[str, Form(max_length=300)]


@router.get("")
def listing(db: ReadDb, page: ThePage, after: str | None = None) -> Response:
    users = service.list_users(db, page.actor, page.now, after=after, limit=PER_PAGE)
    views = service.user_views(db, users)
    older = f"/people?after={users[-1].login}" if len(users) == PER_PAGE else None
    return page.render("people/list.html", people=[_line(page, view) for view in views], older=older)


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    return _new(db, page, {})


@router.post("/new")
def add(
    centre: TheCentre,
    page: ThePage,
    *,
    name: Text = "",
    login: Text = "",
    phone: Text = "",
    role: Text = "",
    zone_id: Text = "",
    until: Text = "",
) -> Response:
    """The person and their first role; the password is made before the transaction, since hashing takes a while."""
    password, password_hash = service.one_time()
    form = {"name": name, "login": login, "phone": phone, "role": role, "zone_id": zone_id, "until": until}
    with centre.store.writing() as db:
        with page.attempt(db) as errors:
            asked = UserNew.model_validate({"name": name, "login": login, "phone": phone, "zone_id": zone_id})
            user = service.create_user(db, page.actor, page.now, asked, password_hash)
            if role:
                service.give_role(db, page.actor, page.now, _grant(page, user.id, form))
        if errors:
            return _new(db, page, form, errors)
        return _person(db, page, user.id, password=password)


@router.get("/{user_id}")
def detail(db: ReadDb, page: ThePage, user_id: str) -> Response:
    return _person(db, page, user_id)


@router.post("/{user_id}")
def change(
    db: WriteDb,
    page: ThePage,
    user_id: str,
    *,
    version: Annotated[int, Form()],
    name: Text = "",
    phone: Text = "",
    disabled: Text = "",
) -> Response:
    with page.attempt(db) as errors:
        asked = UserChange.model_validate({"name": name, "phone": phone, "disabled": bool(disabled)})
        service.change_user(db, page.actor, page.now, user_id, version=version, change=asked)
    return _person(db, page, user_id, errors) if errors else page.go(f"/people/{user_id}", "saved")


@router.post("/{user_id}/roles")
def give_role(
    db: WriteDb, page: ThePage, user_id: str, *, role: Text = "", zone_id: Text = "", until: Text = ""
) -> Response:
    form = {"role": role, "zone_id": zone_id, "until": until}
    with page.attempt(db) as errors:
        service.give_role(db, page.actor, page.now, _grant(page, user_id, form))
    return _person(db, page, user_id, errors, form=form) if errors else page.go(f"/people/{user_id}", "saved")


@router.post("/{user_id}/roles/{grant_id}/delete")
def take_role(db: WriteDb, page: ThePage, user_id: str, grant_id: str) -> Response:
    with page.attempt(db) as errors:
        service.take_role(db, page.actor, page.now, grant_id)
    return _person(db, page, user_id, errors) if errors else page.go(f"/people/{user_id}", "saved")


@router.post("/{user_id}/password")
def reset_password(centre: TheCentre, page: ThePage, user_id: str) -> Response:
    password, password_hash = service.one_time()
    with centre.store.writing() as db:
        service.reset_password(db, page.actor, page.now, user_id, password_hash)
        db.flush()
        return _person(db, page, user_id, password=password)


def grant_line(page: Page, grant: GrantView) -> dict[str, Any]:
    """A role as people say it: `Biên tập`, in `Xã Trà Leng`, until the last day on which it holds."""
    last = page.show.local(grant.until - timedelta(microseconds=1)) if grant.until else None
    return {
        "id": grant.id,
        "role": page.say(words.ROLE[grant.role.value][0]),
        "zone": grant.zone_name,
        "until": last.date() if last else None,
    }


def zone_options(db: Session, page: Page, action: Action) -> list[Option]:
    """The zones in which the reader may do `action`, to choose one from."""
    return options(zone_views(db, zone_service.tree(db, page.actor, page.now, action)))


def _grant(page: Page, user_id: str, form: dict[str, str]) -> GrantNew:
    until = None
    if form["until"]:
        try:
            last = date.fromisoformat(form["until"])
        except ValueError:
            last = page.show.today - timedelta(days=1)
        until = datetime.combine(last + timedelta(days=1), time(), page.show.tz)
    return GrantNew.model_validate(
        {"user_id": user_id, "zone_id": form["zone_id"], "role": form["role"], "until": until}
    )


def _line(page: Page, view: UserView) -> dict[str, Any]:
    note = ""
    if view.disabled:
        note = page.say(N_("may not sign in"))
    elif view.must_change_password:
        note = page.say(N_("has not signed in yet"))
    grants = [grant_line(page, grant) for grant in view.grants]
    return {"id": view.id, "name": view.name, "login": view.login, "grants": grants, "note": note}


def _new(db: Session, page: Page, form: dict[str, str], errors: Errors | None = None) -> Response:
    shown = {"role": "editor", "zone_id": "", "until": ""} | form
    person = {"id": "", "version": 0} | {key: form.get(key, "") for key in ("name", "login", "phone")}
    return page.render(
        "people/edit.html",
        422 if errors else 200,
        person=person,
        form=shown,
        zones=zone_options(db, page, Action.USER_EDIT),
        action="/people/new",
        password=None,
        errors=errors or {},
    )


def _person(
    db: Session,
    page: Page,
    user_id: str,
    errors: Errors | None = None,
    *,
    form: dict[str, str] | None = None,
    password: str | None = None,
) -> Response:
    view = service.user_views(db, [service.user_for(db, page.actor, page.now, user_id)])[0]
    person = view.model_dump() | {"grants": [grant_line(page, grant) for grant in view.grants]}
    return page.render(
        "people/edit.html",
        422 if errors else 200,
        person=person,
        form=form or {"role": "editor", "zone_id": view.zone_id or "", "until": ""},
        zones=zone_options(db, page, Action.USER_EDIT),
        action=f"/people/{user_id}",
        password=password,
        errors=errors or {},
    )
