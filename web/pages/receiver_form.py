"""The form in which a loudspeaker is edited: from what is stored to fields, and from fields to what is asked (pure).

Rules
- Volume by hour is a list of changes: from an hour on, until the next one, round midnight. Nothing there is all full.
- Seconds and megabytes are written as people do, with a comma or a point.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.datastructures import FormData

from scheduler.errors import Invalid
from scheduler.fleet.schemas import MAX_MESSAGES, ReceiverDetail
from web.i18n import N_

HOURS = 24
SPARE_ROWS = 2
MS_PER_S = 1000
_PLAIN = ("name", "zone_id", "code", "latitude", "longitude", "horns", "watts", "note", "month_budget_mb")
_TEST = ("self_test_at", "self_test_level_dbfs")
_AMPLIFIER = {"lead_s": "amplifier_lead_ms", "tail_s": "amplifier_tail_ms"}
MOST_S = {"lead_s": 10, "tail_s": 600}
SECONDS_WRONG = N_("Write seconds from 0 to %(most)s.")
VOLUME_WRONG = N_("Give each row an hour and a volume, and each hour once.")

Pair = tuple[str, str]


def volume_rows(volume_by_hour: Sequence[int] | None) -> list[tuple[int, int]]:
    """(hour, per cent) wherever the volume changes; the first holds from the day's beginning if nothing changes."""
    if volume_by_hour is None:
        return []
    changes = [(hour, percent) for hour, percent in enumerate(volume_by_hour) if percent != volume_by_hour[hour - 1]]
    return changes or [(0, volume_by_hour[0])]


def volume_of(rows: Iterable[Pair]) -> list[int] | None:
    """The per cent of each hour from what was typed; Invalid if a row is half filled or an hour is there twice."""
    typed = [(hour.strip(), percent.strip()) for hour, percent in rows if hour.strip() or percent.strip()]
    if not typed:
        return None
    changes = {int(hour): int(percent) for hour, percent in typed if _is_number(hour) and _is_number(percent)}
    if len(changes) < len(typed) or not all(0 <= hour < HOURS for hour in changes):
        raise Invalid("volume_rows", VOLUME_WRONG, field="volume")
    last = max(changes)
    return [changes[max((start for start in changes if start <= hour), default=last)] for hour in range(HOURS)]


def fields_of(item: ReceiverDetail) -> dict[str, Any]:
    """The form as it is opened."""
    values: dict[str, Any] = {name: _shown(getattr(item, name)) for name in (*_PLAIN, *_TEST)}
    for field, name in _AMPLIFIER.items():
        values[field] = f"{getattr(item, name) / MS_PER_S:g}"
    values["languages"] = ", ".join(item.languages or ())
    values["volume"] = [(str(hour), str(percent)) for hour, percent in volume_rows(item.volume_by_hour)]
    values["messages"] = [(message.name, message.recording_id, message.cls.value) for message in item.messages]
    return _with_spare_rows(values)


def typed(form: FormData) -> dict[str, Any]:
    """The form as it was sent, so that nothing typed is lost."""
    values: dict[str, Any] = {name: _text(form, name) for name in (*_PLAIN, *_TEST, *_AMPLIFIER, "languages")}
    return _with_spare_rows(values | {"volume": _volume_pairs(form), "messages": _messages(form)})


def change_of(form: FormData) -> dict[str, Any]:
    """What `ReceiverChange` takes; Invalid where seconds are none."""
    values: dict[str, Any] = {name: _text(form, name) or None for name in _PLAIN if name != "zone_id"}
    values |= {"name": _text(form, "name"), "note": _text(form, "note")}
    for name in ("latitude", "longitude"):
        values[name] = _decimal(_text(form, name)) or None
    for field, name in _AMPLIFIER.items():
        values[name] = _ms(form, field)
    values["self_test_at"] = _text(form, "self_test_at") or None
    if _text(form, "self_test_level_dbfs"):
        values["self_test_level_dbfs"] = _decimal(_text(form, "self_test_level_dbfs"))
    values["languages"] = [word for word in _text(form, "languages").replace(",", " ").split() if word] or None
    values["messages"] = [
        {"name": name, "recording_id": recording_id, "cls": cls} for name, recording_id, cls in _messages(form)
    ]
    return values


def volume_typed(form: FormData) -> list[int] | None:
    return volume_of(_volume_pairs(form))


def own_fields(errors: dict[str, str]) -> dict[str, str]:
    """Errors under the names of this form's fields, the first of each."""
    found: dict[str, str] = {}
    for field, message in errors.items():
        first = field.split(".")[0]
        found.setdefault("volume" if first == "volume_by_hour" else first, message)
    return found


def _with_spare_rows(values: dict[str, Any]) -> dict[str, Any]:
    volume, messages = values["volume"], values["messages"]
    spare = [("", "", "priority")] * min(SPARE_ROWS, MAX_MESSAGES - len(messages))
    return values | {"volume": [*volume, *[("", "")] * SPARE_ROWS][:HOURS], "messages": [*messages, *spare]}


def _volume_pairs(form: FormData) -> list[Pair]:
    pairs = list(zip(form.getlist("volume_from"), form.getlist("volume_percent"), strict=False))
    return [(str(hour), str(percent)) for hour, percent in pairs if hour or percent]


def _messages(form: FormData) -> list[tuple[str, str, str]]:
    columns = (form.getlist(f"message_{name}") for name in ("name", "recording", "class"))
    rows = [(str(name).strip(), str(recording), str(cls)) for name, recording, cls in zip(*columns, strict=False)]
    return [row for row in rows if row[0] or row[1]]


def _text(form: FormData, name: str) -> str:
    return str(form.get(name) or "").strip()


def _shown(value: object) -> str:
    return "" if value is None else str(value).removesuffix(".0")


def _decimal(typed_number: str) -> str:
    return typed_number.replace("\u2212", "-").replace(",", ".")


def _ms(form: FormData, field: str) -> int:
    """Milliseconds of the seconds that were typed; Invalid where they are none or too many."""
    most = MOST_S[field]
    try:
        seconds = float(_decimal(_text(form, field)) or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= most:
        raise Invalid("seconds", SECONDS_WRONG, field=field, most=most)
    return round(seconds * MS_PER_S)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3  # noqa: PLR2004  100 is the most
