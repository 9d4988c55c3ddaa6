"""New broadcast as one page: what, where, when, listen, send. Without script the same form works in two steps."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from scheduler.announcements import service as announcements
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import BroadcastOut
from scheduler.errors import NotFound, Stale
from scheduler.rights import Action
from scheduler.workflow import State
from scheduler.zones import repository as zone_sql
from scheduler.zones.rules import effective
from web.auth import ReadDb
from web.i18n import N_
from web.pages import compose_told, picker, promised, repeating, sent_once, telling
from web.pages.compose_area import Area, area_for, deduplicated
from web.pages.compose_form import (
    NO_PLACE,
    ComposeForm,
    asked_when,
    begin_at,
    broadcast_in,
    from_broadcast,
    from_request,
    uploaded,
)
from web.pages.compose_sound import announcement_for, opened
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.voices import voice_choices
from web.telling import tell_after
from web.uploads import takes

# What the services call a thing, and the field of this page that it is typed into.
_FIELDS = {"zone_ids": "zones", "zone_id": "zones", "group_ids": "zones", "starts_local": "when", "rrule": "weekdays"}
TAKES = takes(Action.BROADCAST_EDIT)
STALE = N_("Someone else changed this since you opened it. Look at it again.")

router = APIRouter(prefix="/broadcasts", include_in_schema=False)


@router.get("/new")
def new(
    db: ReadDb,
    page: ThePage,
    announcement: str = "",
    zone: Annotated[str, Query(max_length=26)] = "",
    at: Annotated[str, Query(max_length=19)] = "",
) -> Response:
    """Empty, or for a place and a time of its own clock that were chosen on the board."""
    form = ComposeForm(zones=[zone] if zone else [])
    area = _area(db, page, form)
    place = zone_sql.zone(db, zone) if zone in {one.id for one in area.zones} else area.home
    begin_at(form, at, effective(db, (place or area.home).path).rules.timezone, area.timezone)
    if announcement:
        found = announcements.view(db, page.actor, page.now, announcement)
        form.source, form.existing, form.announcement_id = "existing", found.id, found.id
    return _page(db, page, area, form)


@router.post("/new", dependencies=[TAKES])
def send(page: ThePage, data: TheForm, request: Request) -> Response:
    return _save(page, from_request(data), request, data, None)


@router.get("/{broadcast_id}/edit")
def edit(db: ReadDb, page: ThePage, broadcast_id: str) -> Response:
    item = service.view(db, page.actor, page.now, broadcast_id)
    form = from_broadcast(item)
    try:
        opened(form, announcements.view(db, page.actor, page.now, item.announcement_id))
    except NotFound:  # it is another place's, and was changed there since it was chosen
        form.announcement_id = form.existing = ""
    return _page(db, page, _area(db, page, form, item), form, edited=item)


@router.post("/{broadcast_id}/edit", dependencies=[TAKES])
def save(page: ThePage, broadcast_id: str, data: TheForm, request: Request) -> Response:
    return _save(page, from_request(data), request, data, broadcast_id)


@router.post("/new/announcement", dependencies=[TAKES])
def announce_new(page: ThePage, data: TheForm) -> Response:
    return _announce(page, data, None)


@router.post("/{broadcast_id}/announcement", dependencies=[TAKES])
def announce_edit(page: ThePage, broadcast_id: str, data: TheForm) -> Response:
    return _announce(page, data, broadcast_id)


def _announce(page: Page, data: FormData, broadcast_id: str | None) -> Response:
    """Makes the announcement while the rest is chosen; answers with the parts of the page that change.

    What an edited broadcast says stays as it is until that is saved.
    """
    form, made = from_request(data), None
    with page.centre.store.reading() as db:
        edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
        area = _area(db, page, form, edited)
    newest = _newest(form, edited)
    with page.attempt() as errors:
        if newest:
            raise Stale("stale", STALE)
        made = announcement_for(page, form, uploaded(data), area.home.id)
    said = {"what": compose_told.what(page, made)} if made else {}
    sound = compose_told.made_sound(page, made) if made else None
    return _parts(page, _own_fields(errors), said, made=sound, newest=newest)


@router.post("/new/preview")
def preview_new(db: ReadDb, page: ThePage, data: TheForm) -> Response:
    return _preview(db, page, from_request(data), str(data.get("step") or ""), None)


@router.post("/{broadcast_id}/preview")
def preview_edit(db: ReadDb, page: ThePage, broadcast_id: str, data: TheForm) -> Response:
    return _preview(db, page, from_request(data), str(data.get("step") or ""), broadcast_id)


def _preview(db: Session, page: Page, form: ComposeForm, step: str, broadcast_id: str | None) -> Response:
    """What has been chosen so far, in sentences; once all is chosen, what would happen."""
    edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
    area = _area(db, page, form, edited)
    errors: Errors = {}
    said: dict[str, str] = {}
    zones, groups = area.chosen(form)
    if step in ("where", "when", "check"):
        if zones or groups:
            said["where"] = compose_told.where(db, page, area, zones, groups)
        else:
            errors["zones"] = page.say(NO_PLACE)
    show = page.show.within(area.timezone)
    asked, missing = asked_when(form, show.today)
    if step in ("when", "check", "say"):
        errors |= {field: page.say(message) for field, message in missing.items()} if step != "say" else {}
        if asked is not None:
            told = telling.when(show, asked)
            said["when"] = f"{told.text} ({told.from_now})" if told.from_now else told.text
    plan = None
    if step in ("when", "check") and asked is not None and not errors and form.announcement_id:
        with page.attempt() as refused:
            plan = compose_told.plan(db, page, area, form, asked=asked, edited=edited)
        errors |= _own_fields(refused)
    return _parts(page, errors, said, plan=plan)


def _save(page: Page, form: ComposeForm, request: Request, data: TheForm, broadcast_id: str | None) -> Response:
    """Keeps the announcement first, then the broadcast, so that what cannot be kept loses nothing that can."""
    intent = str(data.get("intent") or "send")
    with page.centre.store.reading() as db:
        edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
        area = _area(db, page, form, edited)
        if picker.unfolding(data):
            return _page(db, page, area, form, edited=edited)
    with page.attempt() as errors:
        if _newest(form, edited):
            raise Stale("stale", STALE)
        form.announcement_id = announcement_for(page, form, uploaded(data), area.home.id).id
    errors = _own_fields(errors) | _missing(page, area, form)
    if not errors:
        with page.centre.store.writing() as db:
            with page.attempt(db) as refused:
                if (before := sent_once.repeated(db, page, data)) is not None:
                    return before
                made = _written(db, page, area, form, broadcast_id=broadcast_id, intent=intent)
                said = {"send": "planned" if made.state is State.APPROVED else "sent", "draft": "draft"}.get(intent)
                sent_once.remember(db, page, data, f"/broadcasts/{made.id}", said)
            errors |= _own_fields(refused)
        if not errors:
            return page.go(f"/broadcasts/{made.id}", promised.kept(page, made.id, said))
    with page.centre.store.reading() as db:
        edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
        if request.headers.get("x-refresh"):
            return _parts(page, errors, {}, newest=_newest(form, edited))
        return _page(db, page, area, form, edited=edited, errors=errors)


def _newest(form: ComposeForm, edited: BroadcastOut | None) -> str:
    """Where one reads what was saved since the page was opened; "" where nothing was."""
    stale = edited is not None and form.version.isdigit() and int(form.version) != edited.version
    return f"/broadcasts/{edited.id}" if edited is not None and stale else ""


def _missing(page: Page, area: Area, form: ComposeForm) -> Errors:
    zones, groups = area.chosen(form)
    errors = {} if zones or groups else {"zones": page.say(NO_PLACE)}
    _asked, missing = asked_when(form, page.show.within(area.timezone).today)
    return errors | {field: page.say(message) for field, message in missing.items()}


def _written(
    db: Session, page: Page, area: Area, form: ComposeForm, *, broadcast_id: str | None, intent: str
) -> BroadcastOut:
    asked, _missing_fields = asked_when(form, page.show.within(area.timezone).today)
    if asked is None:
        raise LookupError("asked for only once nothing is missing")
    edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
    draft = broadcast_in(deduplicated(area, form), area.home.id, asked, edited)
    if broadcast_id is None:
        made = service.create(db, page.actor, page.now, draft)
    else:
        version = int(form.version) if form.version.isdigit() else 0
        made = service.edit(db, page.actor, page.now, broadcast_id, draft, version=version)
    if intent == "send" and made.state in (State.DRAFT, State.RETURNED):
        made = service.submit(db, page.actor, page.now, made.id, version=made.version)
    tell_after(db, page.centre.changes, f"broadcast:{made.id}")
    return made


def _area(db: Session, page: Page, form: ComposeForm, edited: BroadcastOut | None = None) -> Area:
    return area_for(db, page, {*form.zones, *form.groups}, edited.zone_id if edited else "")


def _page(
    db: Session,
    page: Page,
    area: Area,
    form: ComposeForm,
    *,
    edited: BroadcastOut | None = None,
    errors: Errors | None = None,
) -> Response:
    show = page.show.within(area.timezone)
    slots, sets = compose_told.slots(db, page, area), compose_told.sets(db, page)
    ticked = {one.removeprefix("zone:") for each in sets for one in each["targets"].split()}  # by a press of one
    form.when = form.when or (slots[0]["value"] if slots else "at")
    if form.when != "repeat":  # of a rule that was made elsewhere and says more, the days are chosen anew
        form.weekdays = form.weekdays or list(repeating.WEEKDAYS[:5])
    form.from_date = form.from_date or show.today.isoformat()
    newest = _newest(form, edited)  # then the reader may not have what was said before: nothing names it any more
    had = "" if newest else form.announcement_id
    made = announcements.view(db, page.actor, page.now, had) if had else None
    at = f"/broadcasts/{edited.id if edited else 'new'}"
    return page.render(
        "compose/page.html",
        422 if errors else 200,
        form=form,
        edited=edited,
        told={} if errors else compose_told.told(db, page, area, form, made),
        action=f"{at}/edit" if edited else at,
        at=at,
        voices=voice_choices(page),
        existing=compose_told.existing(db, page, made),
        groups=[{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in area.groups],
        sets=sets,
        **picker.tree(db, page, Action.BROADCAST_EDIT, area.zones, {*form.zones, *ticked}),
        slots=slots,
        weekdays=repeating.weekdays(show),
        made=compose_told.made_sound(page, made) if made else None,
        show=show,
        errors=errors or {},
        newest=newest,
    )


def _parts(
    page: Page,
    errors: Errors,
    said: dict[str, str],
    *,
    made: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = None,
    newest: str = "",
) -> Response:
    status = 422 if errors else 200
    return page.render("compose/parts.html", status, errors=errors, said=said, made=made, plan=plan, newest=newest)


def _own_fields(errors: Errors) -> Errors:
    """Errors under the names of this page's fields."""
    found: Errors = {}
    for field, message in errors.items():
        last = field.split(".")[-1]
        found.setdefault(_FIELDS.get(last, last), message)
    return found
