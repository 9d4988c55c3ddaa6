"""What was filled in on the desk for emergencies or the one for drills, and what it asks for (pure).

- Which of the two desks it came from is never a field of the form: it is the address.
- `read` is the fingerprint of what was read back. What differs from it is read back anew and not sent.
"""

import unicodedata

from msgspec import Struct
from starlette.datastructures import FormData

from scheduler.emergency.schemas import MAX_CODE, BankPart, LivePart, OrderIn, PartIn, TextPart
from web.i18n import N_

TEXT, LIVE = "text", "live"
EVERY_S = (0, 30, 60, 120, 300, 900)
"""From one beginning to the next; 0: it sounds once."""
MINUTES = (5, 15, 30, 60, 180, 720)
DRILL_MINUTES = (5, 15, 30, 60)
DEFAULT_EVERY_S, DEFAULT_MINUTES = 120, 30
NO_PLACE = N_("Choose at least one place.")
NO_MESSAGE = N_("Choose what is to be heard.")
NO_TEXT = N_("Type what is to be said.")
NO_REASON = "–"


class OrderForm(Struct, kw_only=True):
    """Every field as it was sent, so that the page can be shown again with nothing lost."""

    zones: list[str] = []
    groups: list[str] = []
    message: str = ""
    siren: str = ""
    text: str = ""
    voice: str = ""
    every_s: int = DEFAULT_EVERY_S
    minutes: int = DEFAULT_MINUTES
    reason: str = ""
    word: str = ""
    code: str = ""
    read: str = ""


def from_request(data: FormData) -> OrderForm:
    return OrderForm(
        zones=_many(data, "zone"),
        groups=_many(data, "group"),
        message=_one(data, "message"),
        siren=_one(data, "siren"),
        text=_one(data, "text"),
        voice=_one(data, "voice"),
        every_s=_offered(_one(data, "every_s"), EVERY_S, DEFAULT_EVERY_S),
        minutes=_offered(_one(data, "minutes"), MINUTES, DEFAULT_MINUTES),
        reason=_one(data, "reason").strip(),
        word=_one(data, "word"),
        code="".join(_one(data, "code").split())[:MAX_CODE],
        read=_one(data, "read"),
    )


def missing(form: OrderForm) -> dict[str, str]:
    """What is still to be chosen, by field."""
    found = {} if form.zones or form.groups else {"zones": NO_PLACE}
    if not form.message:
        found["message"] = NO_MESSAGE
    elif form.message == TEXT and not form.text.strip():
        found["text"] = NO_TEXT
    return found


def asked(form: OrderForm) -> OrderIn:
    """The order that the form asks for. Raises ValidationError."""
    return OrderIn(
        zone_ids=form.zones,
        group_ids=form.groups,
        parts=_parts(form),
        every_s=0 if form.message == LIVE else form.every_s,  # a voice speaks once
        minutes=form.minutes,
        reason=form.reason or NO_REASON,
    )


def typed(word: str, wanted: str) -> str:
    """`wanted` where `word` is the same letters, with or without the marks that a telephone may not have."""
    return wanted if _bare(word) == _bare(wanted) else word


def _parts(form: OrderForm) -> list[PartIn]:
    if form.message == LIVE:
        return [LivePart()]
    if form.message == TEXT:
        siren: list[PartIn] = [BankPart(id=form.siren)] if form.siren else []
        return [*siren, TextPart(text=form.text, voice=form.voice or None)]
    return [BankPart(id=name) for name in form.message.split()]


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFD", " ".join(text.casefold().replace("đ", "d").split()))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _one(data: FormData, name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _many(data: FormData, name: str) -> list[str]:
    return list(dict.fromkeys(value for value in data.getlist(name) if isinstance(value, str)))


def _offered(value: str, offered: tuple[int, ...], default: int) -> int:
    return int(value) if value.isascii() and value.isdigit() and int(value) in offered else default
