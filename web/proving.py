"""Acts that take a code of the second factor typed anew, as an endpoint asks for them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from sqlmodel import Session

from scheduler.errors import Problem
from scheduler.people import proof
from scheduler.people.actor import Actor
from web.auth import CurrentActor, Now, TheCentre, address_of
from web.centre import Centre

T = TypeVar("T")


class Prover:
    """Who asks, from where."""

    def __init__(self, request: Request, centre: Centre, actor: Actor, now: datetime) -> None:
        self._address = address_of(request)
        self._centre = centre
        self._actor = actor
        self._now = now

    def __call__(
        self,
        code: str,
        act: Callable[[Session], T],
        action: str,
        subject: str = "",
        *,
        needed: proof.Needed = True,
        field: str = "code",
    ) -> T:
        """What `act` gives, as `proof.anew` has it; `action` and `subject` say in the record what a refusal is about.

        `field` is what the code is called where it was typed.
        """
        of = proof.Deed(action, subject, self._address)
        if self._centre.settings.practice:
            needed = proof.if_has_one(self._actor, needed)
        try:
            return proof.anew(self._centre.store, self._actor, self._now, code, act, of=of, needed=needed)
        except Problem as refusal:
            if refusal.code in proof.OF_CODE:
                refusal.field = field
            raise


def prover_of(request: Request, centre: TheCentre, actor: CurrentActor, now: Now) -> Prover:
    return Prover(request, centre, actor, now)


Anew = Annotated[Prover, Depends(prover_of)]
TypedCode = Annotated[
    str,
    Header(
        alias="X-Second-Factor",
        max_length=24,
        description="A code of your own second factor, typed anew, or a recovery code.",
        examples=["492039"],
    ),
]
