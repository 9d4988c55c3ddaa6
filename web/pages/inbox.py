"""What waits for an approver: to listen to, read, compare and decide, one by one or several at once."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from msgspec import Struct
from pydantic import TypeAdapter
from sqlmodel import Session

from scheduler.announcements.addresses import of_recording
from scheduler.approval import inbox
from scheduler.approval.differences import Differences
from scheduler.approval.inbox import Waiting
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import ApproveIn, BroadcastOut, When
from scheduler.errors import Invalid
from scheduler.relays import rehearsing
from scheduler.relays import service as relay_service
from scheduler.relays.schemas import RelayOut
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.schemas import ZoneView
from scheduler.zones.views import zone_views
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import clashing, emergency_map, promised, relays, telling, words
from web.pages.frame import Errors, Page, ThePage
from web.pages.present import Present
from web.telling import tell_after

PER_PAGE = 30
PASSED = N_("Its time passed before anybody approved it. If it is still needed, choose another time and send it again.")
_WHEN: TypeAdapter[Any] = TypeAdapter(When)

router = APIRouter(prefix="/inbox", include_in_schema=False)


class Placed(Struct, frozen=True):
    view: ZoneView
    path: str


Text = Annotated[str, Form(max_length=2000)]
Skip = Annotated[int, Query(ge=0, le=inbox.MOST_LOOKED_AT)]


@router.get("")
def listing(db: ReadDb, page: ThePage, skip: Skip = 0) -> Response:
    page.needs(Action.BROADCAST_APPROVE)
    return _listing(db, page, skip=skip)


@router.post("/passed/return")
def give_back_passed(db: WriteDb, page: ThePage, reason: Text = "") -> Response:
    """All that nobody decided in time, each as when it is returned alone."""
    page.needs(Action.BROADCAST_APPROVE)
    words: list[str] = []
    with page.attempt(db) as errors:
        words += [f"broadcast:{one}" for one in inbox.give_back_passed(db, page.actor, page.now, reason)]
        for relay in relay_service.passed(db, page.actor, page.now, relays.terms(page)):
            relay_service.give_back(
                db, page.actor, page.now, relay.id, reason, terms=relays.terms(page), version=relay.version
            )
            words.append(f"relay:{relay.id}")
    if errors:
        return _listing(db, page, {f"{name}-passed": text for name, text in errors.items()}, passed_reason=reason)
    for word in words:
        tell_after(db, page.centre.changes, word)
    return page.go("/inbox", "returned-all")


@router.post("/approve")
def approve_several(
    page: ThePage,
    skip: Skip = 0,
    which: Annotated[list[str], Form(max_length=PER_PAGE)] = [],  # noqa: B006 -- FastAPI copies
) -> Response:
    """Each is checked by itself: what cannot be approved is said, the others are; so is what will not be heard."""
    failed: dict[str, str] = {}
    done: dict[str, str] = {}
    with page.centre.store.reading() as db:
        shown = inbox.look(db, page.actor, page.now, skip=skip, limit=PER_PAGE).items if which else []
    with page.centre.store.writing() as db:
        for one in which:
            broadcast_id, _, version = one.partition(":")
            with page.attempt(db) as errors:
                seen = int(version) if version.isdigit() else 0
                done[broadcast_id] = service.approve(db, page.actor, page.now, broadcast_id, version=seen).title
            if errors:
                failed[f"b-{broadcast_id}"] = " ".join(errors.values())
            else:
                tell_after(db, page.centre.changes, f"broadcast:{broadcast_id}")
    if not which:
        failed["inbox"] = page.say(N_("Tick what you approve first."))
    approved = [one for one in shown if one.item.id in done]
    unheard = [one.item.title for one in approved if not clashing.is_whole(one.effects or (), one.days_off)]
    if not failed and not unheard:
        return page.go("/inbox", "approved-several")
    with page.centre.store.reading() as db:
        return _listing(db, page, failed, skip=skip, done=list(done.values()), unheard=unheard)


@router.post("/{broadcast_id}/approve")
def approve(
    page: ThePage,
    broadcast_id: str,
    *,
    version: Annotated[int, Form()],
    skip: Skip = 0,
    day: Text = "",
    time: Text = "",
    document_no: Text = "",
) -> Response:
    """As it is, or for another day and time; only one of the two is no answer. What is not heard is told on its page.

    That is tried once it is saved: others wait for the transaction.
    """
    typed = {"day": day, "time": time, "document_no": document_no}
    with page.centre.store.writing() as db:
        with page.attempt(db) as errors:
            if bool(day) is not bool(time):
                raise Invalid("half_a_time", "Choose the day and the time, or neither.", field="starts_local")
            starts = f"{day}T{time}" if day else None
            asked = ApproveIn.model_validate({"starts_local": starts, "document_no": document_no or None})
            service.approve(db, page.actor, page.now, broadcast_id, version=version, asked=asked)
        answer = _decided(db, page, broadcast_id, errors, said="approved", typed=typed, skip=skip)
    said = "approved" if errors else promised.kept(page, broadcast_id, "approved")
    return answer if said == "approved" else page.go(f"/broadcasts/{broadcast_id}", said)


@router.post("/{broadcast_id}/return")
def give_back(
    db: WriteDb, page: ThePage, broadcast_id: str, *, version: Annotated[int, Form()], skip: Skip = 0, reason: Text = ""
) -> Response:
    with page.attempt(db) as errors:
        service.give_back(db, page.actor, page.now, broadcast_id, reason, version=version)
    return _decided(db, page, broadcast_id, errors, said="returned", typed={"reason": reason}, skip=skip)


def _decided(
    db: Session, page: Page, broadcast_id: str, errors: Errors, *, said: str, typed: dict[str, str], skip: int
) -> Response:
    if not errors:
        tell_after(db, page.centre.changes, f"broadcast:{broadcast_id}")
        return page.go("/inbox", said)
    named = {f"{name or 'b'}-{broadcast_id}": text for name, text in errors.items()}
    return _listing(db, page, named, skip=skip, typed={broadcast_id: typed})


def _listing(
    db: Session,
    page: Page,
    errors: Errors | None = None,
    *,
    skip: int = 0,
    typed: dict[str, dict[str, str]] | None = None,
    passed_reason: str | None = None,
    done: Sequence[str] = (),
    unheard: Sequence[str] = (),
) -> Response:
    """All relays are on the first page; what passed is on each, folded."""
    found = inbox.look(db, page.actor, page.now, skip=skip, limit=PER_PAGE)
    tree = zone_service.tree(db, page.actor, page.now) if found.items else []
    zones = [Placed(view, zone.path) for view, zone in zip(zone_views(db, tree), tree, strict=True)]
    homes = _homes([zone for zone in zones if zone.view.receivers])
    stations = relay_service.waiting(db, page.actor, page.now, relays.terms(page))
    relays_over = relay_service.passed(db, page.actor, page.now, relays.terms(page))
    here = [] if skip else stations
    tried = rehearsing.waiting(db, page.actor, page.now, [one.id for one in here])
    typed, errors = typed or {}, errors or {}
    both: list[BroadcastOut | RelayOut] = [*found.passed, *relays_over]
    over = [_passed(page, one, typed.get(one.id, {})) for one in both]
    shown = {one.item.id for one in found.items}
    return page.render(
        "inbox/page.html",
        422 if errors else 200,
        items=[_item(page, one, zones, homes, typed.get(one.item.id, {})) for one in found.items],
        total=found.total + len(stations),
        **_steps(found.total, skip),
        passed=over,
        passed_wrong=any(name.endswith(("-passed", *(one["id"] for one in over))) for name in errors),
        more_passed=found.more_passed,
        passed_reason=page.say(PASSED) if passed_reason is None else passed_reason,
        unshown=[left.get("reason", "") for of, left in typed.items() if of not in shown],
        relays=[relays.whole(page, one, tried.get(one.id)) for one in here],
        errors=errors,
        done=done,
        unheard=unheard,
    )


def _steps(total: int, skip: int) -> dict[str, int | None]:
    """From one page to the next."""
    after = skip + PER_PAGE
    return {
        "skip": skip,
        "before": max(0, skip - PER_PAGE),
        "after": after if total > after else None,
        "rest": total - after,
    }


def _homes(zones: Sequence[Placed]) -> list[str]:
    """The paths of those that have a loudspeaker of their own."""
    below: Counter[str | None] = Counter()
    for zone in zones:
        below[zone.view.parent_id] += zone.view.receivers
    return [zone.path for zone in zones if zone.view.receivers > below[zone.view.id]]


def _item(
    page: Page, one: Waiting, zones: Sequence[Placed], homes: Sequence[str], typed: dict[str, str]
) -> dict[str, Any]:
    item, show = one.item, page.show.within(one.item.timezone)
    when = telling.when(show, item.when, item.next_start)
    aimed = tuple(zone.path for zone in one.zones)
    villages = sum(path.startswith(aimed) for path in homes)
    off, once = clashing.days_off(show, one.days_off), () if item.when.kind == "repeat" else one.days_off
    return {
        "id": item.id,
        "version": item.version,
        "title": item.title,
        "cls": item.cls.value,
        "when": when.text,
        "from_now": when.from_now,
        "places": telling.targets(show, item.targets, item.zone_name),
        "author": item.author_name,
        "submitted_at": item.submitted_at,
        "duration": show.duration(item.duration_us) if item.duration_us else "",
        "sounds": [
            {"language": r.language, "text": r.text, "url": of_recording(r.id, r.sha256) if r.sha256 else None}
            for r in one.recordings
        ],
        "on_behalf_of": ", ".join(one.on_behalf_of),
        "map": _map(one, zones),
        "changes": _changes(page, show, one.differences) if one.differences is not None else None,
        "warnings": None if one.effects is None else [*clashing.places(show, one.effects), *off],
        "unheard": clashing.unheard(show, one.effects or (), once, times=one.times, villages=villages),
        "once": _may_be_put_off(item),
        "notices": clashing.notices(show, item.notices),
        **{name: typed.get(name, "") for name in ("day", "time", "document_no", "reason")},
    }


def _may_be_put_off(item: BroadcastOut) -> bool:
    """Whether who approves it may choose another time, as `deciding.retime` has it."""
    return item.when.kind != "repeat" and item.cls.value != "emergency"


def _passed(page: Page, one: BroadcastOut | RelayOut, typed: dict[str, str]) -> dict[str, Any]:
    show, folder = page.show, "relays"
    if isinstance(one, BroadcastOut):
        show, folder = page.show.within(one.timezone), "broadcasts"
    return {
        "id": one.id,
        "href": f"/{folder}/{one.id}",
        "title": one.title,
        "author": one.author_name,
        "when": telling.when(show, one.when, None).text,
        "version": one.version,
        "once": isinstance(one, BroadcastOut) and _may_be_put_off(one),
        **{name: typed.get(name, "") for name in ("day", "time")},
    }


def _map(one: Waiting, zones: Sequence[Placed]) -> dict[str, Any] | None:
    """The places of the same commune as those aimed at, and which of them hear it."""
    paths = tuple(zone.path for zone in one.zones)
    aimed = {zone.view.id for zone in zones if zone.path.startswith(paths)}
    around = {zone.view.parent_id for zone in zones if zone.view.id in aimed}
    near = [zone.view for zone in zones if zone.view.id in aimed or zone.view.parent_id in around]
    drawn = emergency_map.drawn(near)
    return {"drawn": drawn, "aimed": aimed} if drawn is not None else None


def _changes(page: Page, show: Present, found: Differences) -> dict[str, Any]:
    """In words: what was, and the texts word by word."""
    lines = []
    if found.title_before is not None:
        lines.append(page.say(N_("The title was: %(title)s"), title=found.title_before))
    if found.when_before is not None:
        was = telling.when(show, _WHEN.validate_python(found.when_before)).text
        lines.append(page.say(N_("The time was: %(when)s"), when=was))
    if found.cls_before is not None:
        lines.append(page.say(N_("The class was: %(cls)s"), cls=page.say(words.CLASS[found.cls_before])))
    if found.places_added:
        lines.append(page.say(N_("New places: %(places)s"), places=", ".join(found.places_added)))
    if found.places_removed:
        lines.append(page.say(N_("No more in: %(places)s"), places=", ".join(found.places_removed)))
    lines += [page.say(N_("The recording is another one."))] if found.sounds else []
    return {"lines": lines, "texts": found.texts, "none": found.none}
