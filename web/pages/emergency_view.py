"""Orders as the pages show them: the banner, one order with what it says, and who heard it (pure)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from scheduler.announcements import addresses
from scheduler.bank.completeness import Holding
from scheduler.bank.naming import SIREN
from scheduler.bank.schemas import BankEntryOut
from scheduler.emergency.life import Event, State
from scheduler.emergency.schemas import Contact, Hearing, OrderOut, PartOut, ReceiverHearing, VillageHearing, WhoHeard
from scheduler.zones.names import rank
from web.i18n import N_
from web.pages import emergency_words as said
from web.pages import words
from web.pages.present import Present

FRESH = timedelta(minutes=2)
"""What a receiver said longer ago is shown as old."""
ROWS = 400
"""So many receivers are listed one by one; past that the page would be too heavy for a telephone."""
_QUIET = (Hearing.FAILED, Hearing.UNREACHABLE, Hearing.SENT, Hearing.RECEIVED, Hearing.PLAYING, Hearing.HEARD)


class Correction(Struct, frozen=True):
    """A message that takes an order back."""

    id: str
    title: str


class Alarm(Struct, frozen=True, kw_only=True):
    """What is in force or waits, as the banner tells it. `look` is real, drill or asked."""

    href: str
    look: str
    icon: str
    heading: str
    title: str
    places: str
    line: str
    may_stop: bool
    may_stop_all: bool
    may_confirm: bool
    corrections: Sequence[Correction]

    @property
    def said(self) -> str:
        return f"{self.heading}: {self.title}, {self.places}."


class Sound(Struct, frozen=True, kw_only=True):
    """A part of an order, to be listened to at `url` once it is there."""

    title: str
    text: str | None
    url: str | None
    duration_us: int | None
    making: bool
    failed: str
    held: said.Held | None


class Row(Struct, frozen=True, kw_only=True):
    """A receiver in the matrix. `after` is from when it was to sound to its first sample; `old` greys what is stale."""

    id: str
    name: str
    look: words.Look
    reason: str
    received_at: datetime | None
    sounding_at: datetime | None
    after: str
    ended_at: datetime | None
    level_dbfs: float | None
    microphone: words.Look | None
    seen_at: datetime | None
    old: bool


class Village(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    place: str
    heard: int
    total: int
    tallies: Sequence["Tally"]
    rows: Sequence[Row]


class Call(Struct, frozen=True, kw_only=True):
    """A village to telephone, with what is wrong there and whom to ask for."""

    village: str
    place: str
    why: str
    contacts: Sequence[Contact]


class Tally(Struct, frozen=True):
    look: words.Look
    count: int


def path_of(order: OrderOut) -> str:
    return f"{said.DESKS[order.purpose].path}/{order.id}"


def in_force(order: OrderOut, now: datetime) -> bool:
    """Whether it sounds or waits to be let sound; the row itself may lag a little behind the clock."""
    if order.state is State.ASKED:
        return now < order.lapses_at
    return order.state is State.ISSUED and (order.until is None or now < order.until)


def sounds_still(order: OrderOut, now: datetime) -> bool:
    """Whether it sounds, or will again: one that is said once stays in force for those who come late.

    A live voice is not counted: an order knows of no talk.
    """
    if order.every_s or any(part.state == "making" for part in order.parts):
        return True
    length = timedelta(microseconds=sum(part.duration_us or 0 for part in order.parts))
    return order.starts_at is not None and now < order.starts_at + length


def alarm(
    show: Present,
    order: OrderOut,
    reader_id: str,
    corrections: Sequence[Correction],
    *,
    silences: bool,
    spoken: bool = False,
) -> Alarm:
    """`silences`: the reader may stop everything somewhere, be it not this order everywhere; `spoken`: live now."""
    t, desk = show.translations, said.DESKS[order.purpose]
    asked = order.state is State.ASKED
    may_stop = not asked and Event.CANCEL in order.possible
    heading = said.ASKED[order.purpose] if asked else said.HEADING[order.purpose]
    if desk.real and not asked and (spoken or sounds_still(order, show.now)):
        heading = said.SOUNDS
    return Alarm(
        href=path_of(order),
        look="asked" if asked else desk.look,
        icon="hourglass" if asked else desk.icon,
        heading=t.gettext(heading),
        title=said.short_title(show, order.parts),
        places=said.places(show, order.targets),
        line=asked_line(show, order) if asked else issued_line(show, order),
        may_stop=may_stop,
        may_stop_all=silences and not asked and not may_stop,
        may_confirm=Event.CONFIRM in order.possible and order.author_id != reader_id,
        corrections=corrections if may_stop and desk.real and "correct" in order.possible else (),
    )


def asked_line(show: Present, order: OrderOut) -> str:
    """Who asked, and how long the others have to decide."""
    text = show.translations.gettext(N_("asked for by %(name)s, %(time)s; void at %(until)s"))
    return text % {
        "name": order.author_name or "–",
        "time": show.near(order.asked_at),
        "until": show.near(order.lapses_at),
    }


def issued_line(show: Present, order: OrderOut) -> str:
    """Who let it sound and since when, and how long it lasts."""
    t = show.translations
    since = order.starts_at or order.issued_at
    names = [name for name in (order.author_name, order.confirmer_name) if name]
    text = t.gettext(N_("by %(names)s since %(time)s (%(from_now)s), %(rhythm)s"))
    if not names:  # the weekly test
        text = t.gettext(N_("since %(time)s (%(from_now)s), %(rhythm)s"))
    return text % {
        "names": ", ".join(dict.fromkeys(names)),
        "time": show.near(since),
        "from_now": show.from_now(since),
        "rhythm": said.rhythm(show, order),
    }


def corrections(entries: Sequence[BankEntryOut | None], language: str) -> list[Correction]:
    return [Correction(entry.id, entry.title(language)) for entry in entries if entry is not None]


def sounds(show: Present, parts: Sequence[PartOut], holding: Holding | None = None) -> list[Sound]:
    """With `holding`, the bank's messages say how many loudspeakers hold them."""
    return [
        Sound(
            title=show.translations.gettext(N_("a live voice")) if part.kind == "live" else part.title,
            text=None if (part.bank_id or "").startswith(SIREN) else part.text,
            url=_url(part),
            duration_us=part.duration_us,
            making=part.state == "making",
            failed=words.REFUSAL.get(part.error or "", words.FAILED) if part.state == "failed" else "",
            held=said.held(show, holding, part.bank_id) if holding is not None and part.bank_id else None,
        )
        for part in parts
    ]


def tallies(heard: WhoHeard) -> list[Tally]:
    counted = [Tally(words.look(said.HEARING, state.value), heard.counts.get(state, 0)) for state in Hearing]
    return [*counted, *_partly(heard.partly)]


def _partly(count: int) -> list[Tally]:
    return [Tally(said.PARTLY, count)] if count else []


def villages(show: Present, order: OrderOut, heard: WhoHeard) -> list[Village]:
    """Those with something wrong first, and in each the receivers with something wrong first, up to ROWS in all."""
    found = sorted(heard.villages, key=lambda one: (one.heard - one.partly >= one.total, _where(one)))
    shown: list[Village] = []
    listed = 0
    for village in found:
        listed += len(village.receivers)
        if shown and listed > ROWS:
            break
        shown.append(_village(show, order, village))
    return shown


def _village(show: Present, order: OrderOut, village: VillageHearing) -> Village:
    receivers = sorted(village.receivers, key=_by_trouble)
    counts = Counter(one.state for one in receivers)
    return Village(
        id=village.zone_id,
        name=village.name,
        place=", ".join(reversed(village.place)),
        heard=village.heard,
        total=village.total,
        tallies=[
            *_partly(village.partly),
            *(Tally(words.look(said.HEARING, state.value), counts[state]) for state in _QUIET if counts[state]),
        ],
        rows=[_row(show, order, one) for one in receivers],
    )


def to_call(show: Present, heard: WhoHeard) -> list[Call]:
    return [
        Call(
            village=village.name,
            place=", ".join(reversed(village.place)),
            why=_why(show, village),
            contacts=village.contacts,
        )
        for village in sorted(heard.villages, key=_where)
        if village.call
    ]


def _where(village: VillageHearing) -> tuple[str, ...]:
    """By commune and name."""
    return *(rank(name) for name in reversed(village.place)), rank(village.name)


def _why(show: Present, village: VillageHearing) -> str:
    t = show.translations
    counted: Mapping[Hearing, int] = {
        state: sum(one.state is state for one in village.receivers) for state in (Hearing.UNREACHABLE, Hearing.FAILED)
    }
    told = [f"{n} {t.gettext(said.HEARING[state.value].word)}" for state, n in counted.items() if n]
    return ", ".join(told) or t.gettext(N_("%(heard)s of %(total)s heard")) % {
        "heard": village.heard,
        "total": village.total,
    }


def _row(show: Present, order: OrderOut, one: ReceiverHearing) -> Row:
    planned = None if any(part.kind == "live" for part in order.parts) else order.starts_at
    late = one.sounding_at - planned if one.sounding_at and planned else None
    quiet = one.state is Hearing.UNREACHABLE
    return Row(
        id=one.receiver_id,
        name=one.name,
        look=said.PARTLY if one.partly else words.look(said.HEARING, one.state.value),
        reason=said.reason(show.translations, one.reason) if one.reason else "",
        received_at=one.received_at,
        sounding_at=one.sounding_at,
        after=f"{show.number(late.total_seconds(), 1, signed=True)} s" if late is not None else "",
        ended_at=one.ended_at,
        level_dbfs=one.level_dbfs,
        microphone=words.look(words.MICROPHONE, one.microphone) if one.microphone else None,
        seen_at=one.seen_at,
        old=quiet or (one.seen_at is not None and show.now - one.seen_at > FRESH and order.state is State.ISSUED),
    )


def _by_trouble(one: ReceiverHearing) -> tuple[int, bool, str]:
    return _QUIET.index(Hearing.PLAYING if one.partly else one.state), not one.partly, one.name


def _url(part: PartOut) -> str | None:
    if part.sha256 is None:
        return None
    if part.bank_id is not None:
        return addresses.of_bank(part.bank_id, part.language, part.sha256)
    if part.recording_id is not None:
        return addresses.of_recording(part.recording_id, part.sha256)
    return f"/media/{part.sha256}"
