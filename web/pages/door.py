"""Signing in and out, and the language of someone who is not signed in."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from scheduler.errors import Problem
from scheduler.people import signin
from scheduler.people.signin import Credentials
from web import auth, practice
from web.auth import AnyKnown, Now, TheCentre, WriteDb
from web.pages.frame import FirstPage, OpenPage
from web.pages.practice import DOES

router = APIRouter(include_in_schema=False)
_TO_PRACTISE: dict[str, Any] = {"practice_people": DOES, "practice_password": practice.PASSWORD}


@router.get("/sign-in")
def door(page: OpenPage, next: str = "/") -> Response:  # noqa: A002 -- the address says `next`
    if page.known is not None:
        return page.go(_own_path(next))
    return page.render("door/sign_in.html", next=_own_path(next), login="", error="", code_needed=False, **_TO_PRACTISE)


@router.post("/sign-in")
def sign_in(
    request: Request,
    *,
    centre: TheCentre,
    now: Now,
    page: OpenPage,
    login: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",  # noqa: A002 -- the form says `next`
) -> Response:
    auth.same_origin(request, centre)
    credentials = Credentials(login, password, auth.address_of(request), code, auth.device_of(request))
    try:
        signed_in = signin.sign_in(centre.store, now, credentials, auth.session_lifetime(centre.settings))
    except Problem as problem:
        asked = problem.code in ("code_needed", "wrong_code")
        told = "" if problem.code == "code_needed" else page.say(problem.message, **problem.params)
        shown = {"next": _own_path(next), "login": login, "error": told, "code_needed": asked}
        return page.render("door/sign_in.html", problem.status, **shown, **_TO_PRACTISE)
    auth.greet(request, signin.Known(signed_in.actor, signin.digest(signed_in.cookie)), now)
    answer = page.go(_own_path(next))
    auth.give_cookie(answer, centre.settings, signed_in)
    return answer


@router.post("/sign-out")
def sign_out(db: WriteDb, centre: TheCentre, now: Now, known: AnyKnown, page: FirstPage) -> Response:
    signin.sign_out(db, known.actor, now, known.token_sha256)
    answer = page.go("/sign-in", "signed-out")
    auth.take_cookie(answer, centre.settings)
    return answer


def _own_path(path: str) -> str:
    """`path` if it is one of ours; a link must not lead from our sign-in to another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"
