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
    page.needs(Action.DEPUTY_NAME, Action.BROADCAST_APPROVE)
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
) -> Response:
    typed = {"deputy_id": deputy_id, "zone_id": zone_id, "principal_id": principal_id, "until": until}
    with page.attempt() as errors:
        fields = typed | {"until": _end_of(page, until), "principal_id": principal_id or None}
        asked = DeputyIn.model_validate(fields)
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
    people, principals = service.candidates(db, page.actor, page.now)
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
        form=typed or {"deputy_id": "", "zone_id": "", "principal_id": "", "until": ""},
        errors=errors or {},
    )
