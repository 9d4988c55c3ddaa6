"""New broadcast as one page: what, where, when, listen, send. Without script the same form works in two steps."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from msgspec import Struct
from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import service as announcements
from scheduler.announcements.schemas import AnnouncementOut
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import At, BroadcastOut, Now, PreviewOut, Repeat
from scheduler.errors import Forbidden
from scheduler.rights import Action
from scheduler.workflow import State
from scheduler.zones import groups as group_service
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective, valid_on
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import group_views, with_counts, zone_views
from web.auth import ReadDb
from web.i18n import N_
from web.pages import clashing, picker, places, rehearsed, repeating, sent_once, telling
from web.pages.broadcasts import PLAN, SEND, needs_approval
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
from web.pages.compose_sound import announcement_for
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.slots import next_slots
from web.pages.sounds import longest_us, sound, state_of
from web.pages.voices import voice_choices, voice_names
from web.telling import tell_after

EXISTING_SHOWN = 60
SETS_FROM = 30
SETS_SHOWN = 3
SLOTS_SHOWN = 2
TIMES_SHOWN = 3
# What the services call a thing, and the field of this page that it is typed into.
_FIELDS = {"zone_ids": "zones", "zone_id": "zones", "group_ids": "zones", "starts_local": "when", "rrule": "weekdays"}

router = APIRouter(prefix="/broadcasts", include_in_schema=False)


class Area(Struct, frozen=True):
    """Where the reader may broadcast, and in whose name: that of `home`; `zones` uncounted."""

    zones: list[ZoneView]
    groups: list[GroupView]
    home: Zone
    timezone: str

    def chosen(self, form: ComposeForm) -> tuple[list[ZoneView], list[GroupView]]:
        """What is ticked; a place below another ticked one is in it already."""
        picked = places.outermost(self.zones, set(form.zones))
        return picked, [group for group in self.groups if group.id in form.groups]


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


@router.post("/new")
def send(page: ThePage, data: TheForm, request: Request) -> Response:
    return _save(page, from_request(data), request, data, None)


@router.get("/{broadcast_id}/edit")
def edit(db: ReadDb, page: ThePage, broadcast_id: str) -> Response:
    item = service.view(db, page.actor, page.now, broadcast_id)
    form = from_broadcast(item)
    return _page(db, page, _area(db, page, form, item), form, edited=item)


@router.post("/{broadcast_id}/edit")
def save(page: ThePage, broadcast_id: str, data: TheForm, request: Request) -> Response:
    return _save(page, from_request(data), request, data, broadcast_id)


@router.post("/new/announcement")
def announce(page: ThePage, data: TheForm) -> Response:
    """Makes the announcement while the rest is chosen; answers with the parts of the page that change."""
    form, made = from_request(data), None
    with page.centre.store.reading() as db:
        area = _area(db, page, form)
    with page.attempt() as errors:
        made = announcement_for(page, form, uploaded(data), area.home.id)
    said = {"what": _what(page, made)} if made else {}
    return _parts(page, _own_fields(errors), said, made=_made(page, made) if made else None)


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
            said["where"] = _where(db, page, area, zones, groups)
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
            plan = _plan(db, page, area, form, asked=asked, edited=edited)
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
                return page.go(f"/broadcasts/{made.id}", said)
            errors |= _own_fields(refused)
    if request.headers.get("x-refresh"):
        return _parts(page, errors, {})
    with page.centre.store.reading() as db:
        edited = service.view(db, page.actor, page.now, broadcast_id) if broadcast_id else None
        return _page(db, page, area, form, edited=edited, errors=errors)


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
    draft = broadcast_in(_deduplicated(area, form), area.home.id, asked, edited)
    if broadcast_id is None:
        made = service.create(db, page.actor, page.now, draft)
    else:
        version = int(form.version) if form.version.isdigit() else 0
        made = service.edit(db, page.actor, page.now, broadcast_id, draft, version=version)
    if intent == "send" and made.state in (State.DRAFT, State.RETURNED):
        made = service.submit(db, page.actor, page.now, made.id, version=made.version)
    tell_after(db, page.centre.changes, f"broadcast:{made.id}")
    return made


def _deduplicated(area: Area, form: ComposeForm) -> ComposeForm:
    zones, groups = area.chosen(form)
    form.zones, form.groups = [zone.id for zone in zones], [group.id for group in groups]
    return form


def _area(db: Session, page: Page, form: ComposeForm, edited: BroadcastOut | None = None) -> Area:
    return area_for(db, page, {*form.zones, *form.groups}, edited.zone_id if edited else "")


def area_for(db: Session, page: Page, chosen: Collection[str] = (), sender_id: str = "") -> Area:
    """For these places and groups; of what is edited, the sender stays. Forbidden for those who may broadcast nowhere.

    In whose name: of the zones in which the reader holds a role, the deepest one that all that is chosen lies in; where
    none is so, the first of them.
    """
    own = page.actor.zones_for(Action.BROADCAST_EDIT, page.now)
    rows = zone_service.tree(db, page.actor, page.now, Action.BROADCAST_EDIT)
    today = page.show.today
    there = [zone for zone in rows if valid_on(zone, today)]
    if not there:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    views = zone_views(db, there, counted=False)
    known = {zone.id for zone in views}
    found = group_views(db, group_service.list_groups(db, page.actor, page.now))
    usable = [group for group in found if group.member_ids and known >= set(group.member_ids)]
    grouped = {zone_id for group in usable if group.id in chosen for zone_id in (group.zone_id, *group.member_ids)}
    paths = [zone.path for zone in there if zone.id in grouped or zone.id in chosen]
    holding = [zone for zone in there if zone.id in own and all(path.startswith(zone.path) for path in paths)]
    kept = next((zone for zone in rows if zone.id == sender_id), None)
    deepest = max(holding, key=lambda zone: len(zone.path)) if paths and holding else None
    home = kept or deepest or next((zone for zone in there if zone.id in own), there[0])
    return Area(views, usable, home, effective(db, home.path).rules.timezone)


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
    slots, sets = _slots(db, page, area), _sets(db, page)
    ticked = {one.removeprefix("zone:") for each in sets for one in each["targets"].split()}  # by a press of one
    form.when = form.when or (slots[0]["value"] if slots else "at")
    if form.when != "repeat":  # of a rule that was made elsewhere and says more, the days are chosen anew
        form.weekdays = form.weekdays or list(repeating.WEEKDAYS[:5])
    form.from_date = form.from_date or show.today.isoformat()
    made = announcements.view(db, page.actor, page.now, form.announcement_id) if form.announcement_id else None
    return page.render(
        "compose/page.html",
        422 if errors else 200,
        form=form,
        edited=edited,
        told={} if errors else _told(db, page, area, form),
        action=f"/broadcasts/{edited.id}/edit" if edited else "/broadcasts/new",
        preview_at=f"/broadcasts/{edited.id}/preview" if edited else "/broadcasts/new/preview",
        voices=voice_choices(page),
        existing=_existing(db, page, made),
        groups=[{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in area.groups],
        sets=sets,
        **picker.tree(db, page, Action.BROADCAST_EDIT, area.zones, {*form.zones, *ticked}),
        slots=slots,
        weekdays=repeating.weekdays(show),
        made=_made(page, made) if made else None,
        show=show,
        errors=errors or {},
    )


def _told(db: Session, page: Page, area: Area, form: ComposeForm) -> dict[str, str]:
    """What is chosen as the page opens, in sentences; without another choice it is heard at the next usual time."""
    show = page.show.within(area.timezone)
    zones, groups = area.chosen(form)
    asked, _missing_fields = asked_when(form, show.today)
    said = {"where": _where(db, page, area, zones, groups)} if zones or groups else {}
    return said | ({"when": telling.when(show, asked).text} if asked is not None else {})


def _slots(db: Session, page: Page, area: Area) -> list[dict[str, str]]:
    show = page.show.within(area.timezone)
    found = next_slots(page.now, effective(db, area.home.path).rules, SLOTS_SHOWN)
    return [
        {
            "value": f"slot:{slot.replace(tzinfo=None).isoformat(timespec='minutes')}",
            "title": show.moment(slot),
            "text": show.from_now(slot),
        }
        for slot in found
    ]


def _existing(db: Session, page: Page, made: AnnouncementOut | None) -> list[dict[str, Any]]:
    found = announcements.index(db, page.actor, page.now, limit=EXISTING_SHOWN).items
    if made is not None and made.id not in {item.id for item in found}:
        found = [made, *found]
    return [
        {"id": a.id, "title": a.title, "duration_us": longest_us(a.recordings), "created_at": a.created_at}
        for a in found
        if state_of(a) != "failed"
    ]


def _sets(db: Session, page: Page) -> list[dict[str, str]]:
    """The sets of places that the reader used last."""
    found: dict[str, str] = {}
    for item in service.index(db, page.actor, page.now, limit=SETS_FROM).items:
        if item.author_id != page.actor.user_id or any(target.ended for target in item.targets):
            continue
        parts = sorted(f"group:{t.group_id}" if t.group_id else f"zone:{t.zone_id}" for t in item.targets)
        found.setdefault(" ".join(parts), telling.targets(page.show, item.targets, item.zone_name))
    return [{"targets": targets, "label": label} for targets, label in list(found.items())[:SETS_SHOWN]]


def _made(page: Page, made: AnnouncementOut) -> dict[str, Any]:
    names = voice_names(page)
    return {"announcement_id": made.id, "recordings": [sound(recording, names) for recording in made.recordings]}


def _what(page: Page, made: AnnouncementOut) -> str:
    length = longest_us(made.recordings)
    return f"“{made.title}” ({page.show.duration(length)})" if length else f"“{made.title}”"


def _where(db: Session, page: Page, area: Area, zones: Sequence[ZoneView], groups: Sequence[GroupView]) -> str:
    found = places.summed(page.show, zones, groups, with_counts(db, places.reached(zones, groups, area.zones)))
    horns = page.count("%(num)s loudspeaker", "%(num)s loudspeakers", found.receivers)
    return f"{found.places}, {horns}"


def _plan(
    db: Session, page: Page, area: Area, form: ComposeForm, *, asked: Now | At | Repeat, edited: BroadcastOut | None
) -> dict[str, Any]:
    """What would happen: the sentence, what clashes with the ways out of it, and what sending does."""
    show = page.show.within(area.timezone)
    form = _deduplicated(area, form)
    plain = ComposeForm(**{name: getattr(form, name) for name in form.__struct_fields__} | {"clash": ""})
    actor, now, sender = page.actor, page.now, area.home.id
    broadcast_id = edited.id if edited else None
    before = broadcast_in(plain, sender, asked, edited)
    found = service.preview(db, actor, now, before, broadcast_id=broadcast_id)
    draft = broadcast_in(form, sender, asked, edited)
    changed = draft != before
    shown = service.preview(db, actor, now, draft, broadcast_id=broadcast_id) if changed else found
    zones, groups = area.chosen(form)
    aimed = places.summed(show, zones, groups, with_counts(db, places.reached(zones, groups, area.zones)))
    made = announcements.view(db, actor, now, form.announcement_id)
    approval = needs_approval(db, [*form.zones, *(m for g in groups for m in g.member_ids)], BroadcastClass(form.cls))
    tried = rehearsed.rehearsed(db, page, show, draft, receivers=aimed.receivers, broadcast_id=broadcast_id)
    return {
        "sentence": telling.sentence(
            show,
            when_said=telling.when(show, draft.when).text,
            title=made.title,
            duration_us=longest_us(made.recordings),
            places=aimed.places,
            receivers=aimed.receivers,
        ),
        "warnings": clashing.notices(show, shown.notices) if tried else clashing.warnings(show, shown),
        "rehearsed": tried,
        "choices": clashing.ways(show, found.choices, form.clash),
        "notes": _notes(page, draft.when, shown, aimed, approval=approval),
        "blocked": page.say(N_("The sound could not be produced. Change the announcement first."))
        if state_of(made) == "failed"
        else "",
        "send_label": page.say(SEND if approval else PLAN),
    }


def _notes(
    page: Page, when: Now | At | Repeat, found: PreviewOut, aimed: places.Chosen, *, approval: bool
) -> list[str]:
    notes = []
    if isinstance(when, Repeat) and found.occurrences:
        moments = "; ".join(page.show.moment(moment) for moment in found.occurrences[:TIMES_SHOWN])
        notes.append(page.say(N_("The first times: %(moments)s"), moments=moments))
    if aimed.receivers > aimed.online:
        message = N_("%(count)s loudspeakers are not connected now. They fetch it as soon as they are.")
        notes.append(page.say(message, count=aimed.receivers - aimed.online))
    if approval:
        notes.append(page.say(N_("It plays only after another person has approved it.")))
    return notes


def _parts(
    page: Page,
    errors: Errors,
    said: dict[str, str],
    *,
    made: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = None,
) -> Response:
    return page.render("compose/parts.html", 422 if errors else 200, errors=errors, said=said, made=made, plan=plan)


def _own_fields(errors: Errors) -> Errors:
    """Errors under the names of this page's fields."""
    found: Errors = {}
    for field, message in errors.items():
        last = field.split(".")[-1]
        found.setdefault(_FIELDS.get(last, last), message)
    return found
