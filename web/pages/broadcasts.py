"""Broadcasts: the list, one broadcast with all that was heard of it, and what may be done with it."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Response
from msgspec import Struct
from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import service as announcements
from scheduler.approval import deciding
from scheduler.broadcasts import board, planning, service
from scheduler.broadcasts.schemas import BroadcastOut, Now
from scheduler.errors import NotFound
from scheduler.people import trail
from scheduler.rights import Action
from scheduler.workflow import State, approval_needed
from scheduler.zones.forest import zones_by_id
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import clashing, promised, telling, words
from web.pages.frame import Errors, Page, ThePage
from web.pages.results import came_of, receivers_seen, results
from web.pages.sounds import sound
from web.pages.today import airing_cards
from web.pages.voices import voice_names
from web.telling import tell_after

PER_PAGE = 30
SEND, PLAN = N_("Send for approval"), N_("Send: it plays without approval")
LOOK_BACK = timedelta(days=400)
_FILTERS: tuple[tuple[str, str, tuple[State, ...]], ...] = (
    ("", N_("All"), ()),
    ("waiting", N_("Waiting for approval"), (State.SUBMITTED,)),
    ("mine", N_("Drafts and returned"), (State.DRAFT, State.RETURNED)),
    ("coming", N_("Approved"), (State.APPROVED, State.ON_AIR)),
    ("done", N_("Played"), (State.DONE,)),
    ("cancelled", N_("Cancelled"), (State.CANCELLED,)),
)
_NONE = {
    "waiting": (N_("Nothing waits"), N_("What officials send for approval shows here for those who approve.")),
    "mine": (N_("No drafts"), N_("Drafts, and what was returned to be changed, show here.")),
}
_NONE_FOUND = (N_("Nothing was found"), N_("Search with fewer words, or without them."))
_NONE_ELSE = (N_("No broadcasts here yet"), N_("A broadcast is an announcement with places and a time."))
_OPEN = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.ON_AIR)

router = APIRouter(prefix="/broadcasts", include_in_schema=False)

Version = Annotated[int, Form()]


class Row(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    cls: str
    state: str
    when: str
    from_now: str
    places: str
    author: str


@router.get("")
def listing(
    db: ReadDb,
    page: ThePage,
    state: str = "",
    before: str | None = None,
    q: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Newest first; `q` is words that are said, or the number of a paper."""
    states = next((states for value, _label, states in _FILTERS if value == state), ())
    found = service.index(db, page.actor, page.now, states=states, before=before, limit=PER_PAGE, document=q, q=q)
    none = _NONE_FOUND if q.strip() else _NONE.get(state, _NONE_ELSE)
    return page.render(
        "broadcasts/list.html",
        broadcasts=[_row(page, item) for item in found.items],
        came=came_of(db, found.items),
        filters=[{"value": v, "label": page.say(label), "here": v == state} for v, label, _states in _FILTERS],
        q=q,
        older=f"/broadcasts?{urlencode({'state': state, 'q': q, 'before': found.next})}" if found.next else None,
        newer=f"/broadcasts?{urlencode({'state': state, 'q': q})}" if before else None,
        none_title=page.say(none[0]),
        none_text=page.say(none[1]),
        may_compose=page.can(Action.BROADCAST_EDIT),
    )


@router.get("/{broadcast_id}")
def detail(db: ReadDb, page: ThePage, broadcast_id: str) -> Response:
    return _detail(db, page, broadcast_id)


@router.post("/{broadcast_id}/submit")
def submit(page: ThePage, broadcast_id: str, version: Version) -> Response:
    return _promised(page, broadcast_id, service.submit, version)


@router.post("/{broadcast_id}/approve")
def approve(page: ThePage, broadcast_id: str, version: Version) -> Response:
    return _promised(page, broadcast_id, service.approve, version)


@router.post("/{broadcast_id}/return")
def give_back(
    db: WriteDb,
    page: ThePage,
    broadcast_id: str,
    version: Version,
    reason: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    with page.attempt(db) as errors:
        service.give_back(db, page.actor, page.now, broadcast_id, reason, version=version)
    if errors:
        return _detail(db, page, broadcast_id, errors, reason=reason)
    answer = _answered(db, page, broadcast_id, errors, "returned")
    return answer if _seen(db, page, broadcast_id) else page.go("/inbox", "returned")


@router.post("/{broadcast_id}/cancel")
def cancel(db: WriteDb, page: ThePage, broadcast_id: str) -> Response:
    with page.attempt(db) as errors:
        service.cancel(db, page.actor, page.now, broadcast_id)
    return _answered(db, page, broadcast_id, errors, "cancelled")


@router.post("/{broadcast_id}/stop")
def stop(db: WriteDb, page: ThePage, broadcast_id: str, back: Annotated[str, Form(max_length=10)] = "") -> Response:
    with page.attempt(db) as errors:
        service.stop(db, page.actor, page.now, broadcast_id)
    answer = _answered(db, page, broadcast_id, errors, "stopped")
    return page.go("/", "stopped") if back == "/" and not errors else answer


@router.post("/{broadcast_id}/hide")
def hide(db: WriteDb, page: ThePage, broadcast_id: str) -> Response:
    with page.attempt(db) as errors:
        service.hide(db, page.actor, page.now, broadcast_id)
    return _answered(db, page, broadcast_id, errors, "saved")


def _promised(page: Page, broadcast_id: str, act: Callable[..., BroadcastOut], version: int) -> Response:
    """After sending or approving: that it plays is said only where it does."""
    said = "approved" if act is service.approve else "sent"
    with page.centre.store.writing() as db:
        with page.attempt(db) as errors:
            made = act(db, page.actor, page.now, broadcast_id, version=version)
            said = "planned" if said == "sent" and made.state is State.APPROVED else said
        answer = _answered(db, page, broadcast_id, errors, said)
    return answer if errors else page.go(f"/broadcasts/{broadcast_id}", promised.kept(page, broadcast_id, said))


def _answered(db: Session, page: Page, broadcast_id: str, errors: Errors, said: str) -> Response:
    if errors:
        return _detail(db, page, broadcast_id, errors)
    tell_after(db, page.centre.changes, f"broadcast:{broadcast_id}")
    return page.go(f"/broadcasts/{broadcast_id}", said)


def _seen(db: Session, page: Page, broadcast_id: str) -> bool:
    """Whether it can still be seen: who approves only in its places sees it while it waits."""
    try:
        service.readable(db, page.actor, page.now, broadcast_id)
    except NotFound:
        return False
    return True


def _row(page: Page, item: BroadcastOut) -> Row:
    show = page.show.within(item.timezone)
    said = telling.when(show, item.when, item.next_start or _settled(item))
    return Row(
        id=item.id,
        title=item.title,
        cls=item.cls.value,
        state="unaired" if item.unaired else item.state.value,
        when=said.text,
        from_now=said.from_now if item.state in _OPEN else "",
        places=telling.targets(show, item.targets, item.zone_name),
        author=item.author_name,
    )


def _settled(item: BroadcastOut) -> datetime | None:
    """When an immediate one was begun, once that is known."""
    if not isinstance(item.when, Now) or item.starts_local is None:
        return None
    return datetime.fromisoformat(item.starts_local).replace(tzinfo=ZoneInfo(item.timezone))


def _detail(db: Session, page: Page, broadcast_id: str, errors: Errors | None = None, *, reason: str = "") -> Response:
    item = service.view(db, page.actor, page.now, broadcast_id)
    try:
        said = announcements.view(db, page.actor, page.now, item.announcement_id).recordings
    except NotFound:  # it says something else by now, which is not approved, or is gone
        said = None
    names = voice_names(page)
    airings = board.airings_shown(db, item.id, page.now - LOOK_BACK)
    aimed = {zone_id for target in item.targets for zone_id in target.zone_ids}
    villages = board.board(db, page.actor, page.now, zone_ids=aimed).villages if item.state in _OPEN else []
    cards = airing_cards(page, villages, item.id)
    heard = results(db, page, item, airings)
    return page.render(
        "broadcasts/detail.html",
        422 if errors else 200,
        item=_shown(db, page, item),
        recordings=[sound(recording, names) for recording in said or ()],
        text=next((recording.text for recording in said or () if recording.text), None),
        readable=said is not None,
        cards=cards,
        airings=heard,
        came=words.look(words.AIRING, heard[0].state) if heard and item.state is State.DONE else None,
        history=_history(db, page, item),
        can=_can(page, item),
        errors=errors or {},
        reason=reason,
    )


def _shown(db: Session, page: Page, item: BroadcastOut) -> dict[str, Any]:
    show = page.show.within(item.timezone)
    row = _row(page, item)
    aimed = {zone_id for target in item.targets for zone_id in target.zone_ids}
    receivers = receivers_seen(db, page, [aimed])[0]
    preview = service.preview_saved(db, page.actor, page.now, item.id) if item.state in _OPEN else None
    sentence = telling.sentence(
        show,
        when_said=row.when,
        title=item.title,
        duration_us=item.duration_us,
        places=row.places,
        receivers=receivers,
    )
    return {
        **{
            name: getattr(row, name) for name in ("id", "title", "cls", "state", "when", "from_now", "places", "author")
        },
        "open": item.state in _OPEN,
        "sentence": sentence,
        "approver": item.approver_name,
        "approved_at": item.approved_at,
        "on_behalf_of": ", ".join(item.on_behalf_of),
        "document_no": item.document_no,
        "asked": _asked(page, item),
        "return_reason": item.return_reason,
        "announcement_id": item.announcement_id,
        "version": item.version,
        "public": item.public,
        "warnings": clashing.warnings(show, preview) if preview else [],
        "send_label": page.say(SEND if needs_approval(db, aimed, item.cls) else PLAN),
    }


def _asked(page: Page, item: BroadcastOut) -> str:
    """The time that was asked for, where the approver chose another."""
    if item.asked_local is None:
        return ""
    if item.asked_local == deciding.NOW:
        return page.say(N_("at once"))
    wall = datetime.fromisoformat(item.asked_local)
    return page.show.within(item.timezone).moment(wall.replace(tzinfo=ZoneInfo(item.timezone)))


def needs_approval(db: Session, zone_ids: Collection[str], cls: BroadcastClass) -> bool:
    """Whether one of these zones wants this class approved."""
    found = planning.places(db, zones_by_id(db, zone_ids).values())
    return any(approval_needed(cls, found[zone_id].effective.approval_classes) for zone_id in zone_ids)


def _can(page: Page, item: BroadcastOut) -> dict[str, bool]:
    steps = {str(step) for step in item.possible}
    own = item.author_id == page.actor.user_id
    can = {name: name in steps for name in ("edit", "submit", "approve", "return", "cancel", "stop", "hide")}
    can["cancel"] = can["cancel"] and not can["stop"]
    can["compose"] = page.can(Action.BROADCAST_EDIT)
    can["own_waiting"] = own and item.state is State.SUBMITTED
    can["any"] = any(can.values())
    return can


def _history(db: Session, page: Page, item: BroadcastOut) -> list[dict[str, Any]]:
    """Who did what, latest first: the audit record for those who may read it, else what the broadcast itself says."""
    if page.can(Action.AUDIT_READ):
        asked = trail.Asked(subject=f"broadcast:{item.id}")
        entries = trail.page(db, page.actor, page.now, asked)
        return [
            {"text": page.say(words.HISTORY.get(e.action, N_("Changed"))), "who": e.user_name or "Loa", "at": e.at}
            for e in entries
        ]
    steps = [
        (N_("Written"), item.author_name, item.created_at),
        (N_("Sent for approval"), item.author_name, item.submitted_at),
        (N_("Approved"), item.approver_name, item.approved_at),
        (N_("Cancelled"), "", item.cancelled_at),
    ]
    return [{"text": page.say(text), "who": who, "at": at} for text, who, at in reversed(steps) if at is not None]
