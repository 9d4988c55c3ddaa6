"""Relays that come again: their list, what one is, its form, what people do with it, and its source on trial."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from scheduler.announcements import service as announcements
from scheduler.broadcasts.rehearsal_schemas import RehearsalOut
from scheduler.days import Moment
from scheduler.errors import Forbidden, NotFound
from scheduler.live.asking import Terms
from scheduler.relays import rehearsing, service
from scheduler.relays.schemas import RelayApproveIn, RelayDetail, RelayIn, RelayOut
from scheduler.rights import Action
from scheduler.workflow import State
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import choosing, picker, places, rehearsed, relay_words, repeating, source_trial, telling, words
from web.pages.compose_area import area_for
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.relay_form import FIELDS, MINUTES, ORDER, Fields, asked, blank, lacking, read, values_of
from web.pages.sounds import sound
from web.pages.voices import voice_names
from web.telling import tell_after

SAID = {
    "submit": "relay-sent", "approve": "relay-approved", "return": "returned", "pause": "paused", "resume": "resumed",
    "cancel": "relay-ended", "leave-out": "relay-skipped", "restore": "relay-restored",
}  # fmt: skip
router = APIRouter(prefix="/relays", include_in_schema=False)

Version = Annotated[int, Form()]
Occurrence = Annotated[Moment, Form()]
Before = Annotated[str | None, Query(max_length=26)]
Back = Annotated[str, Form(max_length=10)]


@router.get("")
def listing(
    db: ReadDb, page: ThePage, over: Annotated[str, Query(max_length=1)] = "", before: Before = None
) -> Response:
    found = service.index(db, page.actor, page.now, terms(page), over=bool(over), before=before)
    return page.render(
        "relays/list.html",
        items=[line(page, item) for item in found.items],
        next=found.next,
        over=bool(over),
        hosts=sorted(page.centre.settings.relay_hosts),
        may_edit=page.can(Action.BROADCAST_EDIT),
    )


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    return _form(db, page, blank(area_for(db, page).timezone, page.now))


@router.post("/new")
def create(db: WriteDb, page: ThePage, data: TheForm) -> Response:
    form, made = read(data), ""
    if picker.unfolding(data):
        return _form(db, page, form)
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        asked_for = _asked(db, page, form)
        if not empty:
            made = service.create(db, page.actor, page.now, asked_for, terms(page)).id
            tell_after(db, page.centre.changes, f"relay:{made}")
    errors |= empty
    return _form(db, page, form, errors=errors) if errors else page.go(f"/relays/{made}", "relay-draft")


@router.post("/try")
def try_source(page: ThePage, data: TheForm) -> Response:
    """Listens to the source for a moment, and shows the form again with what was heard."""
    form = read(data)
    with page.attempt() as errors:
        form["trial"] = source_trial.verdict(page, form["source_url"])
    with page.centre.store.reading() as db:
        item = _view(db, page, form["relay"]) if form["relay"] else None
        return _form(db, page, form, item=item, errors=errors)


@router.post("/rehearse")
def rehearse(db: ReadDb, page: ThePage, data: TheForm) -> Response:
    """Plays the coming days through with what is typed, and shows the form again with what that changes."""
    form, tried = read(data), None
    item = _saved(db, page, form["relay"]) if form["relay"] else None
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        asked_for = _asked(db, page, form, item)
        if not empty:
            found = rehearsing.rehearsal(
                db, page.actor, page.now, asked_for, terms(page), relay_id=item.id if item else None
            )
            tried = {"found": rehearsed.told(page, page.show, found) if found else None}
    errors |= empty
    return _form(db, page, form, item=item, errors=errors, tried=tried)


@router.get("/listen")
def listen(page: ThePage, source: Annotated[str, Query(max_length=500)]) -> Response:
    """What the source sends now, as a sound of some seconds."""
    if not page.can(Action.BROADCAST_EDIT) and not page.can(Action.BROADCAST_APPROVE):
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    return Response(source_trial.wav(page, source), media_type="audio/wav", headers={"cache-control": "no-store"})


@router.get("/{relay_id}")
def detail(db: ReadDb, page: ThePage, relay_id: str) -> Response:
    return _detail(db, page, relay_id)


@router.get("/{relay_id}/edit")
def edit_form(db: ReadDb, page: ThePage, relay_id: str) -> Response:
    item = _saved(db, page, relay_id)
    return _form(db, page, values_of(item), item=item)


@router.post("/{relay_id}/edit")
def edit(db: WriteDb, page: ThePage, relay_id: str, data: TheForm) -> Response:
    item, form = _saved(db, page, relay_id), read(data)
    if picker.unfolding(data):
        return _form(db, page, form, item=item)
    empty = _lacking(page, form)
    with page.attempt(db) as errors:
        version = int(form["version"]) if form["version"].isdigit() else 0
        asked_for = _asked(db, page, form, item)
        if not empty:
            service.edit(db, page.actor, page.now, relay_id, asked_for, terms=terms(page), version=version)
            tell_after(db, page.centre.changes, f"relay:{relay_id}")
    errors |= empty
    return _form(db, page, form, item=item, errors=errors) if errors else page.go(f"/relays/{relay_id}", "saved")


@router.post("/{relay_id}/return")
def give_back(
    db: WriteDb,
    page: ThePage,
    relay_id: str,
    *,
    version: Version,
    reason: Annotated[str, Form(max_length=2000)] = "",
    back: Back = "",
) -> Response:
    with page.attempt(db) as errors:
        service.give_back(db, page.actor, page.now, relay_id, reason, terms=terms(page), version=version)
    return _done(db, page, relay_id, "return", back=back, errors=errors, reason=reason)


@router.post("/{relay_id}/leave-out")
def leave_out(db: WriteDb, page: ThePage, relay_id: str, occurrence: Occurrence) -> Response:
    with page.attempt(db) as errors:
        service.cancel(db, page.actor, page.now, relay_id, terms(page), occurrence=occurrence)
    return _done(db, page, relay_id, "leave-out", errors=errors)


@router.post("/{relay_id}/restore")
def restore(db: WriteDb, page: ThePage, relay_id: str, *, occurrence: Occurrence, version: Version) -> Response:
    with page.attempt(db) as errors:
        service.restore(db, page.actor, page.now, relay_id, occurrence, terms=terms(page), version=version)
    return _done(db, page, relay_id, "restore", errors=errors)


@router.post("/{relay_id}/cancel")
def cancel(db: WriteDb, page: ThePage, relay_id: str) -> Response:
    with page.attempt(db) as errors:
        service.cancel(db, page.actor, page.now, relay_id, terms(page))
    return _done(db, page, relay_id, "cancel", errors=errors)


@router.post("/{relay_id}/{act}")
def step(
    db: WriteDb,
    page: ThePage,
    relay_id: str,
    act: Literal["submit", "approve", "pause", "resume"],
    *,
    version: Version,
    back: Back = "",
    document_no: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    steps = {"submit": service.submit, "pause": service.pause, "resume": service.resume}
    with page.attempt(db) as errors:
        if act == "approve":
            paper = RelayApproveIn(document_no=document_no or None)
            service.approve(db, page.actor, page.now, relay_id, paper, terms=terms(page), version=version)
        else:
            steps[act](db, page.actor, page.now, relay_id, terms=terms(page), version=version)
    return _done(db, page, relay_id, act, back=back, errors=errors)


def terms(page: Page) -> Terms:
    return Terms(page.centre.settings.relay_hosts)


def line(page: Page, item: RelayOut) -> dict[str, Any]:
    """A relay in words."""
    show = page.show
    comes = item.coming and item.state is State.APPROVED
    when = telling.when(show, item.when, item.coming[0] if comes else None)
    return {
        "relay": item,
        "look": relay_words.PAUSED if item.paused_at else words.look(words.BROADCAST, item.state),
        "when": when.text,
        "next": when.from_now,
        "places": relay_words.places(show, item),
        "length": show.duration(item.limit_s * 1_000_000),
        "source": relay_words.host(item.source_url),
    }


def whole(page: Page, item: RelayDetail, tried: RehearsalOut | None) -> dict[str, Any]:
    """With what it meets, what the coming days were with it, and what is heard where its source is silent."""
    return line(page, item) | {
        "stand_in": [],
        "stand_in_href": f"/announcements/{item.fallback_id}" if item.fallback_id else "",
        "rehearsed": rehearsed.told(page, page.show, tried) if tried else None,
        "conflicts": relay_words.conflicts(page.show, item.conflicts),
        "silence": relay_words.silence(page.show, item.fallback_title),
        "listen": source_trial.address(item.source_url) if item.host_allowed else "",
    }


def _done(
    db: Session, page: Page, relay_id: str, act: str, *, back: str = "", errors: Errors, reason: str = ""
) -> Response:
    if errors:
        return _detail(db, page, relay_id, errors, reason)
    tell_after(db, page.centre.changes, f"relay:{relay_id}")
    return page.go("/inbox" if back == "inbox" else f"/relays/{relay_id}", SAID[act])


def _view(db: Session, page: Page, relay_id: str) -> RelayDetail:
    return service.view(db, page.actor, page.now, relay_id, terms(page))


def _saved(db: Session, page: Page, relay_id: str) -> RelayOut:
    return service.saved(db, page.actor, page.now, relay_id, terms(page))


def _detail(db: Session, page: Page, relay_id: str, errors: Errors | None = None, reason: str = "") -> Response:
    item = _view(db, page, relay_id)
    tried = rehearsing.waiting(db, page.actor, page.now, [item.id])
    return page.render(
        "relays/detail.html",
        422 if errors else 200,
        item=whole(page, item, tried.get(item.id)) | _stand_in(db, page, item),
        coming=[_time(page, one, skipped=one in item.skipped) for one in sorted({*item.coming, *item.skipped})],
        runs=[relay_words.run(page.show, one) for one in item.runs],
        possible={str(one) for one in item.possible},
        reason=reason,
        errors=errors or {},
    )


def _time(page: Page, start: datetime, *, skipped: bool) -> dict[str, Any]:
    show = page.show
    return {"at": start.isoformat(), "when": show.moment(start), "from_now": show.from_now(start), "skipped": skipped}


def _stand_in(db: Session, page: Page, item: RelayDetail) -> dict[str, Any]:
    """What is heard while the source is silent, for whoever may hear it: it may be another place's, or be gone."""
    if item.fallback_id is None:
        return {}
    try:
        found = announcements.view(db, page.actor, page.now, item.fallback_id)
    except (NotFound, Forbidden):
        return {"stand_in_href": ""}
    return {"stand_in": [sound(one, voice_names(page)) for one in found.recordings[:1]]}


def _lacking(page: Page, form: Fields) -> Errors:
    """All that was left empty, so that it is said in one round."""
    told = {field: page.say(message) for field, message in lacking(form).items()}
    return page.lacking(form, "title", "source_url") | told


def _asked(db: Session, page: Page, form: Fields, edited: RelayOut | None = None) -> RelayIn:
    area = area_for(db, page, {*form["zones"], *form["groups"]}, edited.zone_id if edited else "")
    zone_ids = [zone.id for zone in places.outermost(area.zones, set(form["zones"]))]
    return asked(form, area.home.id, zone_ids, edited)


def _form(
    db: Session,
    page: Page,
    form: Fields,
    *,
    item: RelayOut | None = None,
    errors: Errors | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:
    area = area_for(db, page)
    told = {FIELDS.get(name.split(".")[-1], name): message for name, message in (errors or {}).items()}
    if form["first"] and not form["time"]:
        told.pop("first", None)  # read together, and only the time is wrong
    told = {field: told[field] for field in (*ORDER, *told) if field in told}
    used = service.index(db, page.actor, page.now, terms(page)).items
    return page.render(
        "relays/form.html",
        422 if errors else 200,
        form=form,
        item=item,
        tried=tried,
        hosts=sorted(page.centre.settings.relay_hosts),
        sources=sorted({one.source_url for one in used if one.host_allowed}),
        minutes=sorted({*MINUTES, *([int(form["limit_min"])] if form["limit_min"].isdigit() else [])}),
        choices=choosing.choices(db, page, [form["fallback_id"]]),
        silence=(relay_words.silence(page.show, None), relay_words.silence(page.show, page.say(N_("the stand-in")))),
        weekdays=repeating.weekdays(page.show),
        **picker.tree(db, page, Action.BROADCAST_EDIT, area.zones, form["zones"]),
        groups=[{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in area.groups],
        sets=[],
        latest=(page.show.today + timedelta(days=400)).isoformat(),
        errors=told,
    )
