"""The live desk: where, how and for how long somebody speaks; who speaks where already; what is to be played."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.datastructures import UploadFile

from broadcast.wire.now import Purpose
from scheduler.announcements import naming
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Source
from scheduler.announcements.schemas import NewUpload, SoundRecording
from scheduler.emergency import service as emergencies
from scheduler.emergency.life import State
from scheduler.errors import Conflict, Invalid
from scheduler.live import asking, service
from scheduler.live.models import LiveKind, LiveState
from scheduler.live.schemas import LiveAdvice, LiveIn, LiveOut
from scheduler.people import proof
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.rules import effective
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import with_counts
from web.auth import ReadDb
from web.i18n import N_
from web.pages import live_words as said
from web.pages import picker, places
from web.pages.compose_area import aimable
from web.pages.compose_form import uploaded
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.live_form import BITRATES_BPS, CLASSES, DELAYS_MS, MINUTES, LiveForm, asked, from_request, missing
from web.pages.sounds import sound, state_of
from web.pages.voices import voice_names
from web.telling import tell_after
from web.uploads import Received, keep, takes

LOOKED_AT = 100
LATELY = 5
NO_SOUND = N_("Record what is to be heard first, or choose a sound file.")
_FIELDS = {"zone_ids": "zones", "zone_id": "zones", "group_ids": "zones", "starts_at": "when", "delay_ms": "delay",
           "bitrate_bps": "bitrate"}  # fmt: skip

router = APIRouter(prefix="/live", include_in_schema=False)


class Area(Struct, frozen=True):
    """Where the reader may speak, and in whose name; `zones` uncounted."""

    zones: list[ZoneView]
    groups: list[GroupView]
    paths: dict[str, str]
    home: ZoneView
    timezone: str

    def narrowed(self, form: LiveForm) -> None:
        """Leave out of the form what lies below another chosen place."""
        form.zones = [zone.id for zone in places.outermost(self.zones, set(form.zones))]
        form.groups = [group.id for group in self.groups if group.id in form.groups]

    def chosen(self, form: LiveForm) -> tuple[list[ZoneView], list[GroupView]]:
        picked = places.outermost(self.zones, set(form.zones))
        return picked, [group for group in self.groups if group.id in form.groups]

    def paths_of(self, zones: Sequence[ZoneView], groups: Sequence[GroupView]) -> list[str]:
        ids = [zone.id for zone in zones] + [member for group in groups for member in group.member_ids]
        return [self.paths[zone_id] for zone_id in ids if zone_id in self.paths]


@router.get("")
def desk(db: ReadDb, page: ThePage, request: Request) -> Response:
    form = from_request(request.query_params)
    if form.order:
        _of_order(db, page, form)
    return _desk(db, page, form)


@router.post("")
def ask(page: ThePage, data: TheForm) -> Response:
    """Asks for the talk; its own page is where the microphone is."""
    form = from_request(data)
    if picker.unfolding(data):
        with page.centre.store.reading() as db:
            return _desk(db, page, form)
    with page.centre.store.reading() as db:
        area = area_of(db, page)
    area.narrowed(form)
    errors = _told(page, missing(form))
    made: LiveOut | None = None
    if not errors:
        with page.attempt() as refused:
            draft = asked(form, area.home.id, _title(page, form), area.timezone)
            made = _asked(page, draft, form)
        errors = _own_fields(refused)
    if made is not None:
        return page.go(f"/live/{made.id}")
    with page.centre.store.reading() as db:
        if form.announcement:
            return _play(db, page, form, errors)
        return _desk(db, page, form, errors)


def _asked(page: Page, draft: LiveIn, form: LiveForm) -> LiveOut:
    """The talk, for the code that was typed beside the button of its way."""

    def act(db: Session) -> LiveOut:
        talk = asking.ask(db, page.actor, page.now, draft, asking.Terms(page.centre.settings.relay_hosts))
        tell_after(db, page.centre.changes, f"live:{talk.id}")
        return talk

    needed, field = asking.takes_code(draft), "code-relay" if form.kind is LiveKind.RELAY else "code"
    return page.anew(form.code, act, "live.ask", f"zone:{draft.zone_id}", needed=needed, field=field)


def _title(page: Page, form: LiveForm) -> str:
    """Of what was given no name: who speaks, or which station is heard."""
    if form.kind is LiveKind.RELAY:
        with suppress(ValueError):  # the address is looked at where the talk is asked for
            return page.say(N_("Relay of %(host)s"), host=urlsplit(form.source_url).hostname or form.source_url)
    return page.say(N_("Live, %(name)s"), name=page.actor.name)


@router.post("/recordings", dependencies=[takes(Action.LIVE_SPEAK, Action.ANNOUNCEMENT_EDIT)])
def send_recording(page: ThePage, data: TheForm) -> Response:
    """Keeps what was recorded, to be listened to before anybody else hears it."""
    form = from_request(data)
    form.mode = LiveKind.RECORDED.value
    with page.centre.store.reading() as db:
        area = area_of(db, page)
    area.narrowed(form)
    errors = _told(page, missing(form))
    with page.attempt() as refused:
        form.announcement = _kept(page, area, form, uploaded(data))
    errors |= refused
    if not errors:
        return page.go(f"/live/play/{form.announcement}?{form.query()}")
    with page.centre.store.reading() as db:
        return _desk(db, page, form, errors)


@router.get("/play/{announcement_id}")
def listen_first(db: ReadDb, page: ThePage, announcement_id: str, request: Request) -> Response:
    form = from_request(request.query_params)
    form.announcement = announcement_id
    return _play(db, page, form, {})


@router.get("/advice")
def advise(
    db: ReadDb,
    page: ThePage,
    zone: Annotated[list[str], Query(max_length=500)] = [],  # noqa: B006 -- never changed
    group: Annotated[list[str], Query(max_length=500)] = [],  # noqa: B006
) -> Response:
    """The delay that suits what is chosen, by itself, for the desk that is open already."""
    area = area_of(db, page)
    return page.render("live/advice.html", advice=_advice(db, page, area, LiveForm(zones=zone, groups=group)))


def area_of(db: Session, page: Page) -> Area:
    """Raises Forbidden for those who may speak nowhere."""
    own = page.actor.zones_for(Action.LIVE_SPEAK, page.now)
    there, views, usable = aimable(db, page, zone_service.tree(db, page.actor, page.now, Action.LIVE_SPEAK))
    home = next((zone for zone in views if zone.id in own), views[0])
    paths = {zone.id: zone.path for zone in there}
    return Area(views, usable, paths, home, effective(db, paths[home.id]).rules.timezone)


def queue(db: Session, page: Page) -> dict[str, list[said.Line]]:
    """Who speaks where, and who waits, in their order; the last that are over."""
    found = service.index(db, page.actor, page.now, limit=LOOKED_AT).items
    lines = [said.line(page.show, talk, own=own(page, talk), listen=listen_at(db, page, talk)) for talk in found]
    ended = [line for line in lines if line.talk.state is LiveState.ENDED]
    standing = [line for line in reversed(lines) if line.talk.state is not LiveState.ENDED]
    standing.sort(key=lambda line: line.talk.state is not LiveState.ON_AIR)
    return {"standing": standing, "ended": ended[:LATELY]}


def own(page: Page, talk: LiveOut) -> bool:
    return talk.speaker_id == page.actor.user_id


def listen_at(db: Session, page: Page, talk: LiveOut) -> str:
    """A zone at which the reader may listen in to it; empty where there is none, and for who speaks."""
    if talk.state is not LiveState.ON_AIR or own(page, talk):
        return ""
    seen = {zone_id: path for zone_id in page.actor.zones_for(Action.LIVE_LISTEN, page.now)
            for path in zone_sql.paths_of(db, [zone_id])}  # fmt: skip
    heard = {zone_id: path for zone_id in talk.zone_ids for path in zone_sql.paths_of(db, [zone_id])}
    above = [zone_id for zone_id, path in heard.items() if any(path.startswith(one) for one in seen.values())]
    below = [zone_id for zone_id, path in seen.items() if any(path.startswith(one) for one in heard.values())]
    return next(iter([*above, *below]), "")


def _desk(db: Session, page: Page, form: LiveForm, errors: Errors | None = None) -> Response:
    context: dict[str, Any] = {"may_speak": page.can(Action.LIVE_SPEAK)}
    if context["may_speak"]:
        context |= _choices(db, page, form)
    return page.render(
        "live/desk.html",
        422 if errors else 200,
        form=form,
        queue=queue(db, page),
        errors=errors or {},
        **context,
    )


def _choices(db: Session, page: Page, form: LiveForm) -> dict[str, Any]:
    area = area_of(db, page)
    show = page.show.within(area.timezone)
    form.date = form.date or show.today.isoformat()
    return {
        **picker.tree(db, page, Action.LIVE_SPEAK, area.zones, form.zones),
        "groups": [{"id": group.id, "name": group.name, "places": len(group.member_ids)} for group in area.groups],
        "sets": [],
        "classes": [cls.value for cls in CLASSES],
        "delays": [{"value": str(ms), "label": said.delay(show, ms)} for ms in DELAYS_MS],
        "bitrates": [{"value": str(bps), "label": said.bitrate(show, bps)} for bps in BITRATES_BPS],
        "minute_choices": MINUTES,
        "advice": _advice(db, page, area, form),
        "may_record": page.can(Action.ANNOUNCEMENT_EDIT) and not form.order,
        "coded": proof.has_one(db, page.actor),
        "relay_hosts": [] if form.order else sorted(page.centre.settings.relay_hosts),
        "orders": [] if form.order else _orders(db, page),
        "show": show,
    }


def _orders(db: Session, page: Page) -> list[dict[str, str]]:
    """The reader's emergencies in force that wait for their voice."""
    found = emergencies.index(db, page.actor, page.now, states=(State.ISSUED,), limit=8).items
    return [
        {"id": order.id, "places": said.places(page.show, [target.name for target in order.targets])}
        for order in found
        if order.purpose is Purpose.REAL and emergencies.may_speak(db, page.actor, page.now, order.id)
    ]


def _of_order(db: Session, page: Page, form: LiveForm) -> None:
    held = emergencies.may_speak(db, page.actor, page.now, form.order)
    if held is None:
        raise Conflict("no_such_order", "No emergency order of yours in force lets you speak.", field="order_id")
    form.zones = form.zones or [zone.id for target, zone in held.placed if target.ended_at is None]


def _advice(db: Session, page: Page, area: Area, form: LiveForm) -> dict[str, str]:
    zones, groups = area.chosen(form)
    paths = area.paths_of(zones, groups) or [area.paths[zone.id] for zone in places.outermost(area.zones, area.paths)]
    found: LiveAdvice = asking.advice(db, page.now, paths)
    quality = said.bitrate(page.show, found.bitrate_bps)
    return {"delay": said.delay(page.show, found.delay_ms), "why": said.why(page.show, found), "bitrate": quality}


def _kept(page: Page, area: Area, form: LiveForm, file: UploadFile | None) -> str:
    """The id of the announcement that the file becomes."""
    producer = page.centre.producer
    if producer is None:
        raise Conflict("no_producer", "This process of the centre does not produce sound.")
    if file is None or not file.size:
        raise Invalid("empty_file", NO_SOUND, field="recording")
    with page.centre.store.reading() as db:
        announcements.may_create(db, page.actor, page.now, area.home.id)
    kept = keep(Received({}, file), producer.originals)
    title = form.title or page.say(N_("Recording, %(moment)s"), moment=page.show.moment(page.now))
    new = NewUpload(
        zone_id=area.home.id,
        title=naming.title(title),
        urgent=True,
        recording=SoundRecording(source=Source.MICROPHONE),
    )
    with page.centre.store.writing() as db:
        made = announcements.create_from_sound(db, page.actor, page.now, new, kept)
        tell_after(db, page.centre.changes, f"announcement:{made.id}")
    return made.id


def _play(db: Session, page: Page, form: LiveForm, errors: Errors) -> Response:
    area = area_of(db, page)
    made = announcements.view(db, page.actor, page.now, form.announcement)
    zones, groups = area.chosen(form)
    aimed = places.summed(page.show, zones, groups, with_counts(db, places.reached(zones, groups, area.zones)))
    recording = made.recordings[0]
    form.title = form.title or made.title
    return page.render(
        "live/play.html",
        422 if errors else 200,
        form=form,
        made=made,
        recording_id=recording.id,
        sound=sound(recording, voice_names(page)),
        state=state_of(made),
        coded=proof.has_one(db, page.actor),
        aimed=aimed,
        horns=page.count("%(num)s loudspeaker", "%(num)s loudspeakers", aimed.receivers),
        errors=errors,
    )


def _told(page: Page, lacking: dict[str, str]) -> Errors:
    return {field: page.say(message) for field, message in lacking.items()}


def _own_fields(errors: Errors) -> Errors:
    """Errors under the names of this page's fields."""
    return {_FIELDS.get(field.split(".")[-1], field): message for field, message in errors.items()}
