"""Acts on orders from a page: on the urgent lane, so that they wait behind no page, and told in words if refused."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import RedirectResponse

from scheduler.emergency.schemas import OrderOut
from scheduler.errors import Problem
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.signin import NotSignedIn
from web.auth import centre_of, cookie_of
from web.i18n import N_
from web.pages.frame import Page, mendable
from web.urgent import Done, Lane

ViewT = TypeVar("ViewT", bound=BaseModel)


async def tried(
    lane: Lane,
    work: Callable[[Session, Actor, datetime], Done[ViewT]],
    *,
    subject: str,
    first: Callable[[Session, Actor, datetime], None] | None = None,
) -> ViewT | Problem:
    """What came of it, or what the person can put right; `first` is as for `Lane.act`."""
    try:
        return await lane.act(work, first=first, subject=subject)
    except Problem as problem:
        if not mendable(problem):
            raise
        return problem


def told(*orders: OrderOut) -> list[str]:
    """What open pages are told."""
    return [f"emergency:{order.id}" for order in orders]


def zones_of(*orders: OrderOut) -> list[str]:
    return list(dict.fromkeys(target.zone_id for order in orders for target in order.targets))


def go(path: str, said: str, **more: Sequence[str]) -> RedirectResponse:
    query = urlencode({"said": said, **more}, doseq=True)
    return RedirectResponse(f"{path}?{query}" if said else path, HTTPStatus.SEE_OTHER)


def page_of(request: Request) -> Page:
    """A page for whoever asked on the lane, who has not been looked up for it yet."""
    centre = centre_of(request)
    now = centre.clock.now()
    with centre.store.reading() as db:
        known = signin.known_by_cookie(db, now, cookie_of(request, centre))
    if known is None:
        raise NotSignedIn("not_signed_in", N_("Sign in first."))
    return Page(request, centre, now, known)
