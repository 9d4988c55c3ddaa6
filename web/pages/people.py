"""People, their roles and one-time passwords, for administrators."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.days import checked
from scheduler.errors import Invalid
from scheduler.people import invitations, proof, service, sessions
from scheduler.people.schemas import GrantNew, InvitationNew, InvitationView, UserChange, UserNew, UserView
from scheduler.rights import Action
from web.auth import ReadDb, TheCentre, WriteDb
from web.i18n import N_
from web.pages import picker, sent_once
from web.pages.audit import guessed
from web.pages.devices import device
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.grants import SOON, grant_line

PER_PAGE = 100
router = APIRouter(prefix="/people", include_in_schema=False)

Text = Annotated[str, Form(max_length=300)]


@router.get("")
def listing(db: ReadDb, page: ThePage, after: str | None = None) -> Response:
    page.needs(Action.USER_READ)
    return _listing(db, page, after)


@router.get("/invite")
def invitation(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.USER_EDIT)
    return _invite(db, page, {})


@router.post("/invite")
def invite(
    centre: TheCentre,
    page: ThePage,
    data: TheForm,
    *,
    name: Text = "",
    phone: Text = "",
    role: Text = "",
    zone_id: Text = "",
    until: Text = "",
    code: Text = "",
) -> Response:
    """Makes the code, shown once: who sends the same form again comes to the list, where a new one can be made."""
    invited = invitations.new_code()
    form = {"name": name, "phone": phone, "role": role, "zone_id": zone_id, "until": until}
    made: InvitationView | None = None
    if picker.unfolding(data):
        with centre.store.reading() as db:
            return _invite(db, page, form)
    with page.attempt() as errors:
        roles = [{"zone_id": zone_id, "role": role, "until": _until(page, until)}] if role else []
        asked = InvitationNew.model_validate({"name": name, "phone": phone, "zone_id": zone_id, "roles": roles})

        def act(db: Session) -> InvitationView:
            sent_once.first(db, page, data)
            made = invitations.invite(db, page.actor, page.now, asked, invited)
            sent_once.remember(db, page, data, "/people")
            return made

        try:
            made = page.anew(code, act, "invitation.make", f"zone:{zone_id}")
        except sent_once.Repeated as before:
            return before.answer
    if made is not None:
        return _invited(page, made, invited.typed)
    with centre.store.reading() as db:
        return _invite(db, page, form, {key.rpartition(".")[2]: message for key, message in errors.items()})


@router.post("/invite/{invitation_id}/code")
def renew_invitation(centre: TheCentre, page: ThePage, invitation_id: str, code: Text = "") -> Response:
    invited = invitations.new_code()

    def act(db: Session) -> InvitationView:
        return invitations.renew(db, page.actor, page.now, invitation_id, invited)

    with page.attempt() as errors:
        made = page.anew(code, act, "invitation.renew", f"invitation:{invitation_id}")
        return _invited(page, made, invited.typed)
    with centre.store.reading() as db:
        return _listing(db, page, errors=_renamed(errors, invitation_id))


@router.post("/invite/{invitation_id}/withdraw")
def withdraw_invitation(db: WriteDb, page: ThePage, invitation_id: str) -> Response:
    invitations.withdraw(db, page.actor, page.now, invitation_id)
    return page.go("/people", "invitation-withdrawn")


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.USER_EDIT)
    return _new(db, page, {})


@router.post("/new")
def add(
    centre: TheCentre,
    page: ThePage,
    data: TheForm,
    *,
    name: Text = "",
    login: Text = "",
    phone: Text = "",
    role: Text = "",
    zone_id: Text = "",
    until: Text = "",
    code: Text = "",
) -> Response:
    """The person and their first role; the password is made before the transaction, since hashing takes a while."""
    form = {"name": name, "login": login, "phone": phone, "role": role, "zone_id": zone_id, "until": until}
    if picker.unfolding(data):
        with centre.store.reading() as db:
            return _new(db, page, form)
    password, password_hash = service.one_time()
    user_id = ""
    with page.attempt() as errors:
        asked = UserNew.model_validate({"name": name, "login": login, "phone": phone, "zone_id": zone_id})

        def act(db: Session) -> str:
            user = service.create_user(db, page.actor, page.now, asked, password_hash)
            if role:
                service.give_role(db, page.actor, page.now, _grant(page, user.id, form))
            return user.id

        user_id = page.anew(code, act, "user.create", f"login:{asked.login}")
    with centre.store.reading() as db:
        return _new(db, page, form, errors) if errors else _person(db, page, user_id, password=password)


@router.get("/{user_id}")
def detail(db: ReadDb, page: ThePage, user_id: str) -> Response:
    return _person(db, page, user_id)


@router.post("/{user_id}")
def change(
    centre: TheCentre,
    page: ThePage,
    user_id: str,
    *,
    version: Annotated[int, Form()],
    name: Text = "",
    phone: Text = "",
    disabled: Text = "",
    code: Text = "",
) -> Response:
    """With a code where an account is enabled by it."""
    with page.attempt() as errors:
        asked = UserChange.model_validate({"name": name, "phone": phone, "disabled": bool(disabled)})
        page.anew(
            code,
            lambda db: service.change_user(db, page.actor, page.now, user_id, version=version, change=asked),
            "user.enable",
            f"user:{user_id}",
            needed=lambda db: service.enables(db, user_id, asked),
        )
        return page.go(f"/people/{user_id}", "saved")
    with centre.store.reading() as db:
        return _person(db, page, user_id, errors, typed={"name": name, "phone": phone, "disabled": disabled})


@router.post("/{user_id}/roles")
def give_role(
    centre: TheCentre,
    page: ThePage,
    user_id: str,
    data: TheForm,
    *,
    role: Text = "",
    zone_id: Text = "",
    until: Text = "",
    code: Text = "",
) -> Response:
    form = {"role": role, "zone_id": zone_id, "until": until}
    if not picker.unfolding(data):
        with page.attempt() as errors:
            new = _grant(page, user_id, form)
            page.anew(code, lambda db: service.give_role(db, page.actor, page.now, new), "role.give", f"user:{user_id}")
            return page.go(f"/people/{user_id}", "saved")
    else:
        errors = {}
    with centre.store.reading() as db:
        return _person(db, page, user_id, _renamed(errors, "role"), form=form)


@router.post("/{user_id}/roles/{grant_id}/delete")
def take_role(db: WriteDb, page: ThePage, user_id: str, grant_id: str) -> Response:
    with page.attempt(db) as errors:
        service.take_role(db, page.actor, page.now, grant_id)
    return _person(db, page, user_id, errors) if errors else page.go(f"/people/{user_id}", "saved")


@router.post("/{user_id}/roles/{grant_id}/until")
def change_end(
    centre: TheCentre, page: ThePage, user_id: str, grant_id: str, *, until: Text = "", code: Text = ""
) -> Response:
    def act(db: Session) -> None:
        service.change_role_end(db, page.actor, page.now, grant_id, _until(page, until))

    with page.attempt() as errors:
        page.anew(code, act, "role.until", f"user:{user_id}")
        return page.go(f"/people/{user_id}", "saved")
    told = {f"{'code' if field == 'code' else 'until'}-{grant_id}": message for field, message in errors.items()}
    with centre.store.reading() as db:
        return _person(db, page, user_id, told, ends={grant_id: until})


@router.post("/{user_id}/sessions/end")
def end_sessions(db: WriteDb, page: ThePage, user_id: str) -> Response:
    sessions.end_all(db, page.actor, page.now, user_id)
    return page.go(f"/people/{user_id}", "sessions-ended")


@router.post("/{user_id}/sessions/{session_id}/end")
def end_session(db: WriteDb, page: ThePage, user_id: str, session_id: str) -> Response:
    sessions.end(db, page.actor, page.now, user_id, session_id)
    return page.go(f"/people/{user_id}", "session-ended")


@router.post("/{user_id}/tokens/{token_id}/end")
def end_token(db: WriteDb, page: ThePage, user_id: str, token_id: str) -> Response:
    sessions.end_token(db, page.actor, page.now, user_id, token_id)
    return page.go(f"/people/{user_id}", "deleted")


@router.post("/{user_id}/password")
def reset_password(centre: TheCentre, page: ThePage, user_id: str, code: Text = "") -> Response:
    password, password_hash = service.one_time()

    def act(db: Session) -> None:
        service.reset_password(db, page.actor, page.now, user_id, password_hash)

    with page.attempt() as errors:
        page.anew(code, act, "user.reset_password", f"user:{user_id}")
    with centre.store.reading() as db:
        return _person(db, page, user_id, _renamed(errors, "password"), password=None if errors else password)


def _grant(page: Page, user_id: str, form: dict[str, str]) -> GrantNew:
    asked = {"user_id": user_id, "zone_id": form["zone_id"], "role": form["role"]}
    return GrantNew.model_validate(asked | {"until": _until(page, form["until"])})


def _renamed(errors: Errors, form: str) -> Errors:
    """With the code's field named for the form, of several on the page, in which it stands."""
    return {f"code-{form}" if field == "code" else field: message for field, message in errors.items()}


def _until(page: Page, typed: str) -> datetime | None:
    """The end of the last day that was typed; what is no day counts as one that is over."""
    if not typed:
        return None
    try:
        last = checked(date.fromisoformat(typed))
    except (ValueError, Invalid):
        last = page.show.today - timedelta(days=1)
    return datetime.combine(last + timedelta(days=1), time(), page.show.tz)


def _invite(db: Session, page: Page, form: dict[str, str], errors: Errors | None = None) -> Response:
    shown = {"name": "", "phone": "", "role": "editor", "zone_id": "", "until": ""} | form
    zones = picker.one_of(db, page, Action.USER_EDIT, "zone_id", shown["zone_id"])
    return page.render(
        "people/invite.html",
        422 if errors else 200,
        form=shown,
        zones=zones,
        coded=proof.has_one(db, page.actor),
        errors=errors or {},
    )


def _invited(page: Page, made: InvitationView, code: str) -> Response:
    """The code, which is shown once."""
    address = f"{page.centre.settings.base_url}/join"
    shown = page.render("people/invited.html", made=made, code=code, address=address)
    shown.headers["cache-control"] = "no-store"
    return shown


def _listing(db: Session, page: Page, after: str | None = None, errors: Errors | None = None) -> Response:
    users = service.list_users(db, page.actor, page.now, after=after, limit=PER_PAGE)
    views = service.user_views(db, users)
    older = f"/people?after={users[-1].login}" if len(users) == PER_PAGE else None
    ending = [
        {"name": name, "user_id": view.user_id} | grant_line(page, view)
        for name, view in service.ending_soon(db, page.actor, page.now, SOON)
    ]
    return page.render(
        "people/list.html",
        422 if errors else 200,
        people=[_line(page, view) for view in views],
        older=older,
        ending=ending,
        invitations=invitations.listed(db, page.actor, page.now),
        coded=proof.has_one(db, page.actor),
        guessed=guessed(db, page) if page.can(Action.AUDIT_READ) else [],
        errors=errors or {},
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
        filled=person,
        form=shown,
        role_open=False,
        zones=picker.one_of(db, page, Action.USER_EDIT, "zone_id", shown["zone_id"]),
        action="/people/new",
        coded=proof.has_one(db, page.actor),
        ends={},
        password=None,
        managed=False,
        sessions=[],
        tokens=[],
        device=device,
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
    ends: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """`ends` is what was typed as the end of a role that did not change, `typed` what of the account."""
    view = service.user_views(db, [service.user_for(db, page.actor, page.now, user_id)])[0]
    person = view.model_dump() | {"grants": [grant_line(page, grant) for grant in view.grants]}
    shown = form or {"role": "editor", "zone_id": view.zone_id or "", "until": ""}
    managed = view.id != page.actor.user_id and service.manages(db, page.actor, page.now, view)
    signed_in, tokens = sessions.shown(db, view.id, page.now) if managed else ([], [])
    return page.render(
        "people/edit.html",
        422 if errors else 200,
        person=person,
        filled=typed or person,
        form=shown,
        role_open=form is not None,
        zones=picker.one_of(db, page, Action.USER_EDIT, "zone_id", shown["zone_id"]),
        action=f"/people/{user_id}",
        coded=proof.has_one(db, page.actor),
        ends=ends or {},
        managed=managed,
        sessions=signed_in,
        tokens=tokens,
        device=device,
        password=password,
        errors=errors or {},
    )
