"""What was filled in on the form of a relay that comes again (pure)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from scheduler.relays.schemas import RelayIn, RelayOut
from web.i18n import N_
from web.pages.compose_form import NO_CLOCK, NO_LAST_DAY, NO_PLACE, NO_WEEKDAY
from web.pages.repeating import WEEKDAYS, days_of, rule

Fields = dict[str, Any]
NO_FIRST_DAY = N_("Choose the first day.")
MINUTES = (5, 10, 15, 30, 45, 60, 90, 120)
USUAL_TIME, USUAL_MINUTES, USUAL_SPAN = "05:00", "30", timedelta(days=180)
FIELDS = {
    "zone_ids": "zones", "zone_id": "zones", "group_ids": "zones", "starts_local": "first", "rrule": "weekdays",
    "when": "first",
}  # fmt: skip
"""What the service calls a thing, and the field that it is typed into."""
ORDER = ("title", "source_url", "fallback_id", "weekdays", "time", "limit_min", "first", "until", "zones")
"""Of the fields, as they stand on the page."""
_SINGLE = ("title", "source_url", "fallback_id", "limit_min", "cls", "first", "time", "until", "version", "relay")


def blank(timezone: str, now: datetime) -> Fields:
    """Half an hour each morning, from tomorrow on."""
    tomorrow = now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=1)
    return {
        "title": "", "source_url": "", "fallback_id": "", "limit_min": USUAL_MINUTES, "cls": "normal",
        "first": tomorrow.isoformat(), "time": USUAL_TIME, "until": (tomorrow + USUAL_SPAN).isoformat(),
        "weekdays": list(WEEKDAYS), "skip_holidays": False, "public": True, "zones": [], "groups": [],
        "version": "0", "relay": "", "trial": None,
    }  # fmt: skip


def values_of(item: RelayOut) -> Fields:
    first, _, clock = item.when.starts_local.partition("T")
    return {
        "title": item.title, "source_url": item.source_url, "fallback_id": item.fallback_id or "",
        "limit_min": str(item.limit_s // 60), "cls": item.cls.value, "first": first, "time": clock[:5],
        "until": item.when.until.isoformat() if item.when.until else "",
        "weekdays": list(days_of(item.when.rrule) or ()), "skip_holidays": item.when.skip_holidays,
        "public": item.public,
        "zones": item.zone_ids, "groups": item.group_ids, "version": str(item.version), "relay": item.id, "trial": None,
    }  # fmt: skip


def read(data: FormData) -> Fields:
    form: Fields = {name: str(data.get(name) or "").strip() for name in _SINGLE}
    several = {"weekdays": "weekday", "zones": "zone", "groups": "group"}
    form |= {name: [str(one) for one in data.getlist(field)] for name, field in several.items()}
    ticks = {name: bool(data.get(name)) for name in ("skip_holidays", "public")}
    return form | ticks | {"trial": None}


def lacking(form: Fields) -> dict[str, str]:
    """What to do about each field of the times and places that was left empty."""
    wanted = {"time": NO_CLOCK, "first": NO_FIRST_DAY, "until": NO_LAST_DAY, "weekdays": NO_WEEKDAY}
    found = {field: message for field, message in wanted.items() if not form[field]}
    return found if form["zones"] or form["groups"] else found | {"zones": NO_PLACE}


def asked(form: Fields, zone_id: str, zone_ids: Sequence[str], edited: RelayOut | None = None) -> RelayIn:
    """What the form asks for; single days that `edited` leaves out stay so. Raises ValidationError."""
    return RelayIn.model_validate(
        {
            "zone_id": zone_id,
            "title": form["title"],
            "source_url": form["source_url"],
            "fallback_id": form["fallback_id"] or None,
            "limit_min": form["limit_min"] or None,
            "when": {
                "kind": "repeat",
                "starts_local": f"{form['first']}T{form['time']}",
                "rrule": rule(form["weekdays"]) if form["weekdays"] else "",
                "until": form["until"] or None,
                "exdates": edited.when.exdates if edited else [],
                "skip_holidays": form["skip_holidays"],
            },
            "cls": form["cls"] or "normal",
            "public": form["public"],
            "zone_ids": list(zone_ids),
            "group_ids": form["groups"],
        }
    )
