"""Making one's own account with the code of an invitation; the code travels in forms only, never in an address."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from scheduler.people import invitations, signin
from scheduler.people.invitations import Welcome
from scheduler.people.schemas import JoinInput
from scheduler.people.signin import Place
from web import auth
from web.auth import Now, TheCentre
from web.pages import words
from web.pages.frame import Errors, OpenPage, Page

router = APIRouter(prefix="/join", include_in_schema=False)

Text = Annotated[str, Form(max_length=300)]


@router.get("")
def door(page: OpenPage) -> Response:
    return page.render("door/join.html", code="")


@router.post("")
def look(request: Request, centre: TheCentre, now: Now, page: OpenPage, code: Text = "") -> Response:
    """The code alone: what it is good for, and the form in which login and password are chosen."""
    auth.same_origin(request, centre)
    welcome = None
    with page.attempt() as errors:
        welcome = invitations.look(centre.store, now, code, auth.address_of(request))
    if welcome is None:
        return page.render("door/join.html", 422, code=code, errors=errors)
    return _choose(page, welcome, {"code": code, "name": welcome.name, "login": ""})


@router.post("/account")
def join(
    request: Request,
    *,
    centre: TheCentre,
    now: Now,
    page: OpenPage,
    code: Text = "",
    name: Text = "",
    login: Text = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    auth.same_origin(request, centre)
    place, signed_in = Place(auth.address_of(request), auth.device_of(request)), None
    with page.attempt() as errors:
        asked = JoinInput.model_validate(
            {"code": code, "name": name, "login": login, "password": password, "language": page.language}
        )
        signed_in = invitations.join(centre.store, now, asked, place, auth.session_lifetime(centre.settings))
    if signed_in is None:
        return _again(page, {"code": code, "name": name, "login": login}, errors)
    auth.greet(request, signin.Known(signed_in.actor, signin.digest(signed_in.cookie)), now)
    answer = page.go("/", "joined")
    auth.give_cookie(answer, centre.settings, signed_in)
    return answer


def _again(page: Page, form: dict[str, str], errors: Errors) -> Response:
    """The form once more, if the code is still good."""
    welcome = None
    if "code" not in errors:
        with page.attempt() as wrong:
            address = auth.address_of(page.request)
            welcome = invitations.look(page.centre.store, page.now, form["code"], address)
        errors = wrong or errors
    if welcome is None:
        return page.render("door/join.html", 422, code=form["code"], errors=errors)
    return _choose(page, welcome, form, errors)


def _choose(page: Page, welcome: Welcome, form: dict[str, str], errors: Errors | None = None) -> Response:
    roles = [
        {"role": page.say(words.ROLE[role.role.value][0]), "zone": role.zone_name, "until": role.until}
        for role in welcome.roles
    ]
    status = 422 if errors else 200
    return page.render("door/join_account.html", status, form=form, zone=welcome.zone, roles=roles, errors=errors or {})
