"""What an official who leaves answers for: handed to others, and the access ended, in one act."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.handover import service
from scheduler.handover.schemas import HandoverIn, ItemView, Kind
from scheduler.people import proof
from scheduler.people import service as people
from scheduler.people.models import User
from web.auth import ReadDb, TheCentre
from web.i18n import N_
from web.pages import words
from web.pages.devices import device
from web.pages.frame import Errors, Page, ThePage
from web.pages.grants import grant_line
from web.pages.words import Look

router = APIRouter(prefix="/people/{user_id}/handover", include_in_schema=False)

TALK = {
    "waiting": Look(N_("waiting for its turn"), "busy", "hourglass"),
    "on_air": Look(N_("on air"), "onair", "wave"),
}
KEPT = Look(N_("in regular use"), "good", "check")
UNUSED = Look(N_("in no broadcast yet"), "plain", "doc")
REFUSED = {
    "no_right": N_("%(name)s does not have the right to this there."),
    "approved_it": N_("%(name)s has approved this and cannot take it."),
}
GROUPS = (
    (Kind.BROADCAST, N_("Broadcasts: drafts, waiting and planned")),
    (Kind.RELAY, N_("Relays of other stations")),
    (Kind.BULLETIN, N_("Daily bulletins")),
    (Kind.PLAYLIST, N_("Playlists")),
    (Kind.ANNOUNCEMENT, N_("Announcements that are in no broadcast yet")),
    (Kind.LIVE, N_("Live talks")),
    (Kind.REPORT, N_("Each morning's word of what was not heard")),
)
_PAGES = {
    Kind.BROADCAST: "/broadcasts/", Kind.RELAY: "/relays/", Kind.BULLETIN: "/bulletins/",
    Kind.PLAYLIST: "/announcements/", Kind.ANNOUNCEMENT: "/announcements/", Kind.LIVE: "/live/",
    Kind.REPORT: "/reports?zone=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is ticked and chosen; None: nothing was sent yet, so that everything is ticked."""

    to: str = ""
    items: frozenset[str] | None = None
    give_roles: bool = False
    end_access: bool = True
    leave_rest: bool = False


@router.get("")
def overview(db: ReadDb, page: ThePage, user_id: str) -> Response:
    return _page(db, page, user_id, Chosen())


@router.post("")
def hand_over(
    centre: TheCentre,
    page: ThePage,
    user_id: str,
    *,
    to: Annotated[str, Form(max_length=26)] = "",
    item: Annotated[list[str], Form()] = [],  # noqa: B006 -- FastAPI's way to say that none may be ticked
    give_roles: Annotated[str, Form(max_length=5)] = "",
    end_access: Annotated[str, Form(max_length=5)] = "",
    leave_rest: Annotated[str, Form(max_length=5)] = "",
    code: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    form = Chosen(to, frozenset(item), bool(give_roles), bool(end_access), bool(leave_rest))
    refused: dict[str, str] = {}
    with page.attempt() as errors:
        asked = HandoverIn.model_validate(
            {
                "to": to,
                "items": [dict(zip(("kind", "id"), name.split(":", 1), strict=False)) for name in item],
                "give_roles": form.give_roles,
                "end_access": form.end_access,
                "leave_rest": form.leave_rest,
            }
        )
        try:
            page.anew(
                code, lambda db: service.hand_over(db, page.actor, page.now, user_id, asked), "user.hand_over",
                f"user:{user_id}", needed=form.give_roles,
            )  # fmt: skip
        except service.NotTheirs as why:
            refused = {key: page.say(REFUSED[word], name=why.params["name"]) for key, word in why.reasons.items()}
            raise
    if errors:
        with centre.store.reading() as db:
            return _page(db, page, user_id, form, errors=errors, refused=refused)
    return page.go(f"/people/{user_id}", "access-ended" if form.end_access else "handed-over")


def _page(
    db: Session,
    page: Page,
    user_id: str,
    form: Chosen,
    *,
    errors: Errors | None = None,
    refused: dict[str, str] | None = None,
) -> Response:
    view = service.view(db, page.actor, page.now, user_id)
    user = people.user_for(db, page.actor, page.now, user_id)
    groups = [
        {"title": page.say(title), "rows": [_line(page, one, form) for one in view.items if one.kind is kind]}
        for kind, title in GROUPS
    ]
    return page.render(
        "people/handover.html",
        422 if errors else 200,
        person=user,
        view=view,
        groups=[group for group in groups if group["rows"]],
        grants=[grant_line(page, grant) for grant in people.grant_views(db, [user.id])],
        takers=_takers(db, page, service.takers(db, page.actor, page.now, user_id)),
        form=form,
        coded=proof.has_one(db, page.actor),
        device=device,
        refused=refused or {},
        errors=errors or {},
    )


def _line(page: Page, item: ItemView, form: Chosen) -> dict[str, Any]:
    name = f"{item.kind.value}:{item.id}"
    look = UNUSED if item.kind is Kind.ANNOUNCEMENT else KEPT
    if item.kind in (Kind.BROADCAST, Kind.RELAY):
        look = words.look(words.BROADCAST, item.state)
    elif item.kind is Kind.LIVE:
        look = TALK.get(item.state, words.UNKNOWN)
    when = page.show.moment(item.starts_at) if item.starts_at else ""
    if item.starts_local:
        when = page.show.moment(datetime.fromisoformat(item.starts_local).replace(tzinfo=page.show.tz))
    return {
        "name": name,
        "id": item.id,
        "title": item.title,
        "href": f"{_PAGES[item.kind]}{item.id}",
        "zone": item.zone_name,
        "look": look,
        "when": when,
        "ticked": form.items is None or name in form.items,
    }


def _takers(db: Session, page: Page, users: list[User]) -> list[tuple[str, str]]:
    """Each person to choose from, with the roles by which one knows whether they fit."""
    roles: dict[str, list[str]] = {}
    for grant in people.grant_views(db, [user.id for user in users]):
        if grant.until is None or page.now < grant.until:
            line = grant_line(page, grant)
            roles.setdefault(grant.user_id, []).append(f"{line['role']}, {line['zone']}")
    return [(user.id, f"{user.name} ({'; '.join(roles[user.id])})") for user in users if user.id in roles]
