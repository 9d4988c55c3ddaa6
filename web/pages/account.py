"""One's own account: password, second factor, language, tokens, other sign-ins."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from scheduler.people import account, repository, service, sessions, signin
from scheduler.people.schemas import OwnChange, TokenAsked, TotpEnrolment
from scheduler.rights import Action
from web.auth import MaybeKnown, Now, ReadDb, TheCentre, WriteDb, address_of, same_origin
from web.i18n import LANGUAGES, N_
from web.pages.devices import device
from web.pages.frame import Errors, FirstPage, OpenPage, Page, ThePage
from web.pages.grants import grant_line
from web.problems import LANGUAGE_COOKIE

_YEAR_S = 365 * 86400
# What programs of a commune use a token for; the rest of the actions is for people.
SCOPES = {
    Action.ZONE_READ: N_("see places"),
    Action.RECEIVER_READ: N_("see loudspeakers"),
    Action.ANNOUNCEMENT_READ: N_("see and hear announcements"),
    Action.ANNOUNCEMENT_EDIT: N_("make and change announcements"),
    Action.BROADCAST_READ: N_("see what is planned"),
    Action.BROADCAST_EDIT: N_("plan and change broadcasts"),
    Action.BROADCAST_SUBMIT: N_("send broadcasts for approval"),
    Action.REPORT_READ: N_("see reports"),
}

router = APIRouter(include_in_schema=False)

Password = Annotated[str, Form(max_length=1000)]


@router.get("/account")
def own(db: ReadDb, page: ThePage) -> Response:
    return _account(db, page)


@router.get("/account/first-password")
def first_password(page: FirstPage) -> Response:
    if not page.actor.must_change_password:
        return page.go("/account")
    return page.render("door/password.html")


@router.post("/account/password")
def change_password(
    centre: TheCentre, page: FirstPage, old_password: Password = "", new_password: Password = ""
) -> Response:
    with page.attempt() as errors:
        account.change_password(centre.store, page.who, page.now, old_password, new_password)
    if page.actor.must_change_password:
        return page.render("door/password.html", 422, errors=errors) if errors else page.go("/", "password")
    return _again(page, errors) if errors else page.go("/account", "password")


@router.post("/account/second-factor")
def begin_factor(centre: TheCentre, page: ThePage, on_password: Password = "") -> Response:
    """Shows the secret at once; it is not asked for again."""
    enrolment = None
    with page.attempt() as errors:
        enrolment = account.begin_totp(centre.store, page.who, page.now, on_password)
    if errors:
        return _again(page, {"on_password": next(iter(errors.values()))})
    with centre.store.reading() as db:
        return _account(db, page, enrolment=enrolment)


@router.post("/account/second-factor/confirm")
def confirm_factor(centre: TheCentre, page: ThePage, code: Annotated[str, Form(max_length=20)] = "") -> Response:
    """The recovery codes come with it, and are shown at once: they are kept nowhere."""
    with page.attempt() as errors:
        address = address_of(page.request)
        return _codes(page, account.confirm_totp(centre.store, page.who, page.now, code, address=address))
    return _again(page, errors)


@router.post("/account/recovery-codes")
def renew_codes(page: ThePage, codes_password: Password = "", code: Password = "") -> Response:
    with page.attempt() as errors:
        address = address_of(page.request)
        renew = account.renew_recovery_codes
        return _codes(page, renew(page.centre.store, page.who, page.now, codes_password, code, address=address))
    return _again(page, _named(errors, "codes", "code"))


@router.post("/account/sessions/others/end")
def end_others(db: WriteDb, page: ThePage) -> Response:
    signin.sign_out_others(db, page.actor, page.now, page.who.token_sha256)
    return page.go("/account", "others-ended")


@router.post("/account/sessions/{session_id}/end")
def end_session(db: WriteDb, page: ThePage, session_id: str) -> Response:
    sessions.end_own(db, page.who, page.now, session_id)
    return page.go("/account", "session-ended")


@router.post("/account/second-factor/off")
def end_factor(page: ThePage, off_password: Password = "", code: Password = "") -> Response:
    with page.attempt() as errors:
        address = address_of(page.request)
        account.end_totp(page.centre.store, page.who, page.now, off_password, code, address=address)
        return page.go("/account", "factor-off")
    return _again(page, _named(errors, "off", "code"))


@router.post("/account/tokens")
def make_token(
    centre: TheCentre,
    page: ThePage,
    *,
    name: Annotated[str, Form(max_length=200)] = "",
    days: Annotated[str, Form(max_length=5)] = "90",
    scope: Annotated[list[str], Form()] = [],  # noqa: B006 -- FastAPI's way to say that none may be ticked
    token_password: Password = "",
) -> Response:
    secret = None
    with page.attempt() as errors:
        end = page.now + timedelta(days=int(days) if days.isdigit() else 0)
        fields = {"name": name, "scope": scope, "expires_at": end, "password": token_password}
        _row, secret = account.make_token(centre.store, page.actor, page.now, TokenAsked.model_validate(fields))
    errors = _named(errors, "token")
    if "expires_at" in errors:
        errors["days"] = errors.pop("expires_at")
    with centre.store.reading() as db:
        return _account(db, page, errors, token_once=secret, token={"name": name, "days": days, "scope": scope})


@router.post("/account/tokens/{token_id}/delete")
def delete_token(db: WriteDb, page: ThePage, token_id: str) -> Response:
    account.delete_token(db, page.actor, page.now, token_id)
    return page.go("/account", "deleted")


@router.post("/language")
def choose_language(
    request: Request,
    *,
    centre: TheCentre,
    now: Now,
    known: MaybeKnown,
    page: OpenPage,
    language: Annotated[str, Form(max_length=8)] = "",
    back: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    same_origin(request, centre)
    plain = back.startswith("/") and not back.startswith(("//", "/\\")) and not urlsplit(back).netloc
    answer = page.go(back if plain else "/")
    if language in LANGUAGES:
        secure = centre.settings.secure_cookies
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, httponly=True, secure=secure, samesite="lax")
        if known is not None:
            with centre.store.writing() as db:
                account.change_own(db, known.actor, now, OwnChange.model_validate({"language": language}))
    return answer


def _codes(page: Page, codes: list[str]) -> Response:
    """Shown once, to be printed or written down."""
    shown = page.render("account/codes.html", codes=codes)
    shown.headers["cache-control"] = "no-store"
    return shown


def _named(errors: Errors, form: str, *others: str) -> Errors:
    """Errors at the password of this form, or another field that several forms have; so also what is about none."""
    fields = {"": f"{form}_password", "password": f"{form}_password"} | {name: f"{form}_{name}" for name in others}
    return {fields.get(field, field): said for field, said in errors.items()}


def _again(page: Page, errors: Errors) -> Response:
    with page.centre.store.reading() as db:
        return _account(db, page, errors)


def _account(
    db: Session,
    page: Page,
    errors: Errors | None = None,
    *,
    enrolment: TotpEnrolment | None = None,
    token_once: str | None = None,
    token: dict[str, Any] | None = None,
) -> Response:
    user = service.user_for(db, page.actor, page.now, page.actor.user_id)
    pending = account.being_set_up(db, user, page.now)
    left = repository.recovery_codes_left(db, user.id) if user.totp_confirmed else 0
    context: dict[str, Any] = {
        "grants": [grant_line(page, grant) for grant in service.grant_views(db, [user.id])],
        "factor": {"on": user.totp_confirmed, "pending": pending, "enrolment": enrolment, "codes_left": left},
        "coded": user.totp_confirmed,
        "sessions": sessions.own(db, page.who, page.now),
        "device": device,
        "tokens": account.list_tokens(db, page.actor),
        "token_once": token_once,
        "typed": (token if errors else None) or {"name": "", "days": "90", "scope": []},
        "scopes": {action.value: page.say(said) for action, said in SCOPES.items() if page.can(action)},
    }
    return page.render("account/page.html", 422 if errors else 200, errors=errors or {}, **context)
