"""What was filled in on the live desk, and what it asks for (pure).

- A recording is sent and listened to first; its talk is asked for with the same fields, carried in the address.
- An emergency in one's own voice is spoken into the microphone.
"""

from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.datastructures import FormData, QueryParams

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import naming
from scheduler.days import checked
from scheduler.errors import Invalid
from scheduler.live.models import LiveKind
from scheduler.live.schemas import MAX_BPS, MIN_BPS, LiveIn
from web.i18n import N_

DELAYS_MS = (600, 1000, 1500, 2000, 2500, 3000, 3500, 4000)
BITRATES_BPS = (12_000, 16_000, 24_000, 32_000, 48_000)
MINUTES = (1, 3, 5, 10, 15, 30, 60, 120)
DEFAULT_MINUTES = 10
CLASSES = (BroadcastClass.NORMAL, BroadcastClass.PRIORITY)
NO_PLACE = N_("Choose at least one place.")
NO_ADDRESS = N_("Write the address of the stream.")
NO_BITRATE = N_("Choose a sound quality from the list, between 12 and 48 kbit/s.")
NO_TIME = N_("Choose the day and the time at which it begins.")


class LiveForm(Struct, kw_only=True):
    """Every field as it was sent, so that the page can be shown again with nothing lost."""

    zones: list[str] = []
    groups: list[str] = []
    mode: str = LiveKind.MICROPHONE.value
    cls: str = BroadcastClass.NORMAL.value
    delay: str = ""
    bitrate: str = ""
    minutes: int = DEFAULT_MINUTES
    title: str = ""
    order: str = ""
    recording: str = ""
    announcement: str = ""
    source_url: str = ""
    when: str = "now"
    date: str = ""
    time: str = ""
    code: str = ""

    @property
    def kind(self) -> LiveKind:
        return LiveKind(self.mode)

    def fields(self) -> list[tuple[str, str]]:
        """What is carried from the desk to where a recording is listened to."""
        several = [("zone", zone) for zone in self.zones] + [("group", group) for group in self.groups]
        single = {
            "cls": self.cls,
            "delay": self.delay,
            "bitrate": self.bitrate,
            "minutes": str(self.minutes),
            "title": self.title,
        }
        return [*several, *single.items()]

    def query(self) -> str:
        return urlencode([(name, value) for name, value in self.fields() if value])


def from_request(data: FormData | QueryParams) -> LiveForm:
    mode, cls, order = _one(data, "mode"), _one(data, "cls"), _one(data, "order")
    return LiveForm(
        zones=_many(data, "zone"),
        groups=_many(data, "group"),
        mode=mode if mode in list(LiveKind) and not order else LiveKind.MICROPHONE.value,
        cls=cls if cls in CLASSES else BroadcastClass.NORMAL.value,
        delay=str(_offered(_one(data, "delay"), DELAYS_MS, 0) or ""),
        bitrate=_one(data, "bitrate").strip()[:20],
        minutes=_offered(_one(data, "minutes"), MINUTES, DEFAULT_MINUTES),
        title=_one(data, "title").strip(),
        order=order,
        recording=_one(data, "recording"),
        announcement=_one(data, "announcement"),
        source_url=_one(data, "source_url").strip(),
        when="at" if _one(data, "when") == "at" else "now",
        date=_one(data, "date"),
        time=_one(data, "time"),
        code=next(filter(None, _many(data, "code")), ""),
    )


def missing(form: LiveForm) -> dict[str, str]:
    """What is still to be chosen, by field."""
    found = {} if form.zones or form.groups else {"zones": NO_PLACE}
    if form.bitrate and not _is_bitrate(form.bitrate):
        found["bitrate"] = NO_BITRATE
    if form.kind is LiveKind.RELAY:
        if not form.source_url:
            found["source_url"] = NO_ADDRESS
        if form.when == "at" and _moment(form, "UTC") is None:
            found["when"] = NO_TIME
    return found


def asked(form: LiveForm, zone_id: str, title: str, timezone: str) -> LiveIn:
    """The talk that the form asks for, called `title` where it has no name. Raises ValidationError."""
    relay = form.kind is LiveKind.RELAY
    return LiveIn(
        zone_id=zone_id,
        zone_ids=form.zones,
        group_ids=form.groups,
        kind=form.kind,
        title=naming.title(form.title or title),
        cls=BroadcastClass.EMERGENCY if form.order else BroadcastClass(form.cls),
        delay_ms=int(form.delay) if form.delay else None,
        bitrate_bps=int(form.bitrate) if form.bitrate else None,
        limit_min=form.minutes,
        order_id=form.order or None,
        recording_id=form.recording or None,
        source_url=form.source_url if relay else None,
        starts_at=_moment(form, timezone) if relay and form.when == "at" else None,
    )


def _moment(form: LiveForm, timezone: str) -> datetime | None:
    try:
        return checked(datetime.fromisoformat(f"{form.date}T{form.time}")).replace(tzinfo=ZoneInfo(timezone))
    except (ValueError, Invalid):
        return None


def _is_bitrate(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) <= len("48000") and MIN_BPS <= int(typed) <= MAX_BPS


def _one(data: FormData | QueryParams, name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _many(data: FormData | QueryParams, name: str) -> list[str]:
    return list(dict.fromkeys(value for value in data.getlist(name) if isinstance(value, str)))


def _offered(value: str, offered: tuple[int, ...], default: int) -> int:
    return int(value) if value.isascii() and value.isdigit() and int(value) in offered else default
