"""Who approves in whose place: named with an end, ended at once."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.days import checked
from scheduler.deputies import service
from scheduler.deputies.schemas import DeputyIn
from scheduler.errors import Invalid
from scheduler.people import proof
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from web.auth import ReadDb, TheCentre, WriteDb
from web.pages.compose_form import NO_LAST_DAY
from web.pages.frame import Errors, Page, ThePage

router = APIRouter(prefix="/deputies", include_in_schema=False)

Chosen = Annotated[str, Form(max_length=26)]


@router.get("")
def listing(db: ReadDb, page: ThePage) -> Response:
    return _listing(db, page)


@router.post("")
def name(
    centre: TheCentre,
    page: ThePage,
    *,
    deputy_id: Chosen = "",
    zone_id: Chosen = "",
    principal_id: Chosen = "",
    until: Annotated[str, Form(max_length=10)] = "",
    code: Annotated[str, Form(max_length=300)] = "",
    q: Annotated[str, Form(max_length=120)] = "",
    sought: Annotated[str | None, Form(max_length=120)] = None,
    find: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Who asks to `find` somebody, or typed another name than was `sought`, gets the form again, with whom it may be.

    The form's first button names the deputy, so that Enter in the last day or the code does so.
    """
    typed = {"deputy_id": deputy_id, "zone_id": zone_id, "principal_id": principal_id, "until": until, "q": q.strip()}
    if find or sought not in (None, typed["q"]):
        with centre.store.reading() as db:
            return _listing(db, page, typed=typed)
    with page.attempt() as errors:
        fields = typed | {"until": _end_of(page, until), "principal_id": principal_id or None}
        asked = DeputyIn.model_validate({name: value for name, value in fields.items() if name != "q"})
        page.anew(
            code, lambda db: service.name(db, page.actor, page.now, asked), "deputy.name", f"user:{deputy_id}",
            needed=service.takes_code(page.actor, asked),
        )  # fmt: skip
        return page.go("/deputies", "deputy-named")
    with centre.store.reading() as db:
        return _listing(db, page, errors, typed)


@router.post("/{deputy_id}/end")
def end(db: WriteDb, page: ThePage, deputy_id: str) -> Response:
    with page.attempt(db) as errors:
        service.end(db, page.actor, page.now, deputy_id)
    return _listing(db, page, errors) if errors else page.go("/deputies", "saved")


def _end_of(page: Page, day: str) -> str:
    """The last day counts whole, where the reader is; Invalid for what is none."""
    try:
        last = checked(datetime.fromisoformat(day))
    except (ValueError, Invalid):
        raise Invalid("no_day", NO_LAST_DAY, field="until") from None
    return (last + timedelta(days=1)).replace(tzinfo=page.show.tz).isoformat()


def _listing(db: Session, page: Page, errors: Errors | None = None, typed: dict[str, str] | None = None) -> Response:
    form = typed or {"deputy_id": "", "zone_id": "", "principal_id": "", "until": "", "q": ""}
    page.needs(Action.DEPUTY_NAME, Action.BROADCAST_APPROVE)
    people, principals = service.candidates(db, page.actor, page.now, typed=form["q"])
    zones: list[Any] = list(zone_service.tree(db, page.actor, page.now, Action.DEPUTY_NAME))
    return page.render(
        "deputies/page.html",
        422 if errors else 200,
        rows=service.index(db, page.actor, page.now),
        people=people,
        principals=principals,
        coded=proof.has_one(db, page.actor),
        own=page.can(Action.BROADCAST_APPROVE),
        zones=zones,
        seek=bool(form["q"]) or len(people) >= service.MOST_CANDIDATES - 1,
        form=form,
        errors=errors or {},
    )
