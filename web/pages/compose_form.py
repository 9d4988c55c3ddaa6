"""What was filled in on the page of a new broadcast, and what it asks for (pure).

Wall times are those of the zone in whose name it is sent. Whatever is missing is told by the field's own name.
"""

from datetime import date, datetime, time
from typing import Any

from msgspec import Struct
from starlette.datastructures import FormData, UploadFile

from broadcast.wire.documents import BroadcastClass
from scheduler.broadcasts.schemas import At, BroadcastIn, BroadcastOut, Now, Repeat
from scheduler.days import checked
from scheduler.errors import Invalid
from scheduler.policy import zone
from web.i18n import N_
from web.pages import repeating

_KEPT = ("order", "late", "after_cut", "window_s")
SOURCES = ("text", "file", "microphone", "existing")
NO_PLACE = N_("Choose at least one place.")
NO_TIME = N_("Choose when it is to be heard.")
NO_DATE = N_("Choose the day.")
NO_CLOCK = N_("Write the time, for example 17:00.")
NO_WEEKDAY = N_("Choose at least one day of the week.")
NO_LAST_DAY = N_("Choose the last day.")
NO_TEXT = N_("Type the text of the announcement.")
NO_FILE = N_("Choose a sound file.")
NO_RECORDING = N_("Record the announcement first.")
NO_EXISTING = N_("Choose one of the announcements.")


class ComposeForm(Struct, kw_only=True):
    """Every field as text, as it was typed, so that a page can be shown again with nothing lost."""

    announcement_id: str = ""
    source: str = "text"
    text: str = ""
    title: str = ""
    voice: str = ""
    speed: str = "1.0"
    existing: str = ""
    zones: list[str] = []
    groups: list[str] = []
    when: str = ""
    date: str = ""
    time: str = ""
    weekdays: list[str] = []
    repeat_time: str = "17:00"
    from_date: str = ""
    until: str = ""
    exceptions: list[str] = []
    skip_holidays: bool = False
    cls: str = "normal"
    public: bool = True
    clash: str = ""
    version: str = ""


def from_request(data: FormData) -> ComposeForm:
    return ComposeForm(
        announcement_id=_one(data, "announcement_id"),
        source=_one(data, "source") if _one(data, "source") in SOURCES else "text",
        text=_one(data, "text"),
        title=_one(data, "title"),
        voice=_one(data, "voice"),
        speed=_one(data, "speed") or "1.0",
        existing=_one(data, "existing"),
        zones=_many(data, "zone"),
        groups=_many(data, "group"),
        when=_one(data, "when"),
        date=_one(data, "date"),
        time=_one(data, "time"),
        weekdays=_many(data, "weekday"),
        repeat_time=_one(data, "repeat_time"),
        from_date=_one(data, "from_date"),
        until=_one(data, "until"),
        exceptions=_many(data, "except"),
        skip_holidays=bool(_one(data, "skip_holidays")),
        cls=_one(data, "cls") if _one(data, "cls") in ("normal", "priority") else "normal",
        public=bool(_one(data, "public")),
        clash=_one(data, "clash"),
        version=_one(data, "version"),
    )


def from_broadcast(item: BroadcastOut) -> ComposeForm:
    """The form of a broadcast that is edited."""
    form = ComposeForm(
        announcement_id=item.announcement_id,
        source="existing",
        existing=item.announcement_id,
        zones=[target.zone_id for target in item.targets if target.zone_id and not target.ended],
        groups=[target.group_id for target in item.targets if target.group_id],
        cls=item.cls.value,
        public=item.public,
        version=str(item.version),
    )
    if isinstance(item.when, Now):
        form.when = "now"
    elif isinstance(item.when, At):
        form.when, (form.date, form.time) = "at", _parted(item.when.starts_local)
    else:
        form.when, (form.from_date, form.repeat_time) = "repeat", _parted(item.when.starts_local)
        form.weekdays = list(repeating.days_of(item.when.rrule) or ())
        form.until = item.when.until.isoformat() if item.when.until else ""
        tz = zone(item.timezone)
        form.exceptions = sorted({repeating.local_day_of(day, tz).isoformat() for day in item.when.exdates})
        form.skip_holidays = item.when.skip_holidays
    return form


def begin_at(form: ComposeForm, local: str, there: str, here: str) -> None:
    """Fill in a wall time of the time zone `there` as that of `here`, as far as it is one."""
    if _is_moment(local) and _is_date(local[:10]):
        form.when, (form.date, form.time) = "at", _parted(clock_of(local, there, here))


def clock_of(local: str, there: str, here: str) -> str:
    """A wall time of the time zone `there` as that of `here`, to the minute."""
    moment = datetime.fromisoformat(local).replace(tzinfo=zone(there))
    return moment.astimezone(zone(here)).replace(tzinfo=None).isoformat(timespec="minutes")


def uploaded(data: FormData) -> UploadFile | None:
    """The sound that came with the form, if any; browsers send an empty one where none was chosen."""
    file = data.get("file")
    return file if isinstance(file, UploadFile) and (file.filename or file.size) else None


def asked_when(form: ComposeForm, today: date) -> tuple[Now | At | Repeat | None, dict[str, str]]:
    """When it is to be heard, or what is missing by field."""
    if form.when == "now":
        return Now(), {}
    if form.when == "at" or form.when.startswith("slot:"):
        return _at(form)
    if form.when == "repeat":
        return _repeat(form, today)
    return None, {"when": NO_TIME}


def missing_source(form: ComposeForm, *, has_file: bool) -> dict[str, str]:
    """What the first step still lacks, by field."""
    if form.source == "text" and not form.text.strip():
        return {"text": NO_TEXT}
    if form.source == "existing" and not form.existing:
        return {"existing": NO_EXISTING}
    if form.source == "file" and not has_file:
        return {"file": NO_FILE}
    if form.source == "microphone" and not has_file:
        return {"recording": NO_RECORDING}
    return {}


def broadcast_in(
    form: ComposeForm, zone_id: str, when: Now | At | Repeat, edited: BroadcastOut | None = None
) -> BroadcastIn:
    """What the form asks the service for, with the chosen way out of a clash; what it has no field for stays."""
    kind, _, value = form.clash.partition("=")
    values: dict[str, Any] = {name: getattr(edited, name) for name in _KEPT} if edited is not None else {}
    if kind == "replace" and value.lstrip("-").isdigit():
        values["order"] = int(value)
    if kind in ("play_after", "another_time") and _is_moment(value):
        once = At.model_construct(kind="at", starts_local=value)  # read by the service, as what is copied here
        when = once if isinstance(when, Now) else when.model_copy(update={"starts_local": value})
    if isinstance(when, At) and edited is not None and isinstance(edited.when, At):
        when = when.model_copy(update={"skip_holidays": edited.when.skip_holidays})
    return BroadcastIn(
        zone_id=zone_id,
        announcement_id=form.announcement_id,
        cls=BroadcastClass(form.cls),
        zone_ids=form.zones,
        group_ids=form.groups,
        when=when,
        public=form.public,
        **values,
    )


def _at(form: ComposeForm) -> tuple[At | None, dict[str, str]]:
    if form.when.startswith("slot:"):
        value = form.when.removeprefix("slot:")
        return (At(starts_local=value), {}) if _is_moment(value) else (None, {"when": NO_TIME})
    errors = {} if _is_date(form.date) else {"date": NO_DATE}
    errors |= {} if _is_time(form.time) else {"time": NO_CLOCK}
    return (None, errors) if errors else (At(starts_local=f"{form.date}T{form.time[:5]}"), {})


def _repeat(form: ComposeForm, today: date) -> tuple[Repeat | None, dict[str, str]]:
    errors = {} if form.weekdays else {"weekdays": NO_WEEKDAY}
    errors |= {} if _is_time(form.repeat_time) else {"repeat_time": NO_CLOCK}
    errors |= {} if _is_date(form.until) else {"until": NO_LAST_DAY}
    if errors:
        return None, errors
    first = form.from_date if _is_date(form.from_date) else today.isoformat()
    return Repeat(
        starts_local=f"{first}T{form.repeat_time[:5]}",
        rrule=repeating.rule(form.weekdays),
        until=date.fromisoformat(form.until),
        exdates=[date.fromisoformat(day) for day in form.exceptions if _is_date(day)],
        skip_holidays=form.skip_holidays,
    ), {}


def _one(data: FormData, name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _many(data: FormData, name: str) -> list[str]:
    return [value for value in data.getlist(name) if isinstance(value, str) and value]


def _parted(local: str) -> tuple[str, str]:
    day, _, clock = local.partition("T")
    return day, clock[:5]


def _is_date(text: str) -> bool:
    try:
        checked(date.fromisoformat(text))
    except (ValueError, Invalid):
        return False
    return len(text) == len("2026-11-23")


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False
