"""The end of a place, or its merging into another: looked at first, then confirmed."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.people import proof
from scheduler.zones import ending
from web.auth import ReadDb
from web.pages.frame import Errors, Page, ThePage

router = APIRouter(prefix="/zones", include_in_schema=False)
Text = Annotated[str, Form(max_length=26)]


@router.get("/{zone_id}/end")
def ask(db: ReadDb, page: ThePage, zone_id: str) -> Response:
    return _shown(db, page, zone_id)


@router.post("/{zone_id}/end")
def end(
    page: ThePage,
    zone_id: str,
    *,
    version: Annotated[int, Form()],
    into: Text = "",
    confirmed: Text = "",
    code: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """What would happen is shown first; nothing is done before that is confirmed, with a code."""

    def act(db: Session) -> None:
        ending.end_zone(db, page.actor, page.now, zone_id, version=version, into_id=into or None)

    with page.attempt() as errors:
        if confirmed:
            page.anew(code, act, "zone.end", f"zone:{zone_id}")
            return page.go("/zones", "zone-ended")
        with page.centre.store.reading() as db:
            ending.check(ending.outlook(db, page.actor, page.now, zone_id), into or None)
    with page.centre.store.reading() as db:
        return _shown(db, page, zone_id, errors, into=into, asked=errors.keys() <= {"code"})


def _shown(
    db: Session, page: Page, zone_id: str, errors: Errors | None = None, *, into: str = "", asked: bool = False
) -> Response:
    found = ending.outlook(db, page.actor, page.now, zone_id)
    chosen = next((one for one in found.into if one.id == into), None)
    return page.render(
        "zones/end.html",
        422 if errors else 200,
        zone=found.zone,
        children=[child.name for child in found.children],
        receivers=found.here + found.below,
        choices=[{"id": one.id, "name": f"{one.name} ({one.code})" if one.code else one.name} for one in found.into],
        into=chosen,
        asked=asked,
        coded=proof.has_one(db, page.actor),
        errors=errors or {},
    )
