"""Emergencies and drills in words: the desks, the sentence that is read back, states and reasons (pure).

- What is not real says so at its beginning, whatever is said of it.
"""

from collections.abc import Sequence
from datetime import timedelta
from gettext import NullTranslations
from types import MappingProxyType

from msgspec import Struct

from broadcast.wire.now import Purpose
from scheduler.bank.completeness import Holding
from scheduler.emergency.schemas import OrderOut, OrderTargetOut, PartOut
from web.i18n import N_
from web.pages import words
from web.pages.present import Present, shortened
from web.pages.words import Look

_SAID_ONE_BY_ONE = 3
_TEXT_LETTERS = 48


class Desk(Struct, frozen=True, kw_only=True):
    """One of the places that orders come from. `mark` stands on every line of one that is not real."""

    purpose: Purpose
    path: str
    title: str
    mark: str
    theme: str
    look: str
    icon: str

    @property
    def real(self) -> bool:
        return self.purpose is Purpose.REAL


class Held(Struct, frozen=True):
    """How many loudspeakers hold the messages that `value` names; `whole` if all do."""

    value: str
    text: str
    whole: bool


REAL = Desk(
    purpose=Purpose.REAL,
    path="/emergency",
    title=N_("Emergency"),
    mark="",
    theme="alarm-page",
    look="real",
    icon="siren",
)
DRILL = Desk(
    purpose=Purpose.DRILL,
    path="/drills",
    title=N_("Drill"),
    mark=N_("DRILL"),
    theme="drill-page",
    look="drill",
    icon="drill",
)
TEST = Desk(
    purpose=Purpose.TEST,
    path="/tests",
    title=N_("Test"),
    mark=N_("TEST"),
    theme="drill-page test-page",
    look="test",
    icon="drill",
)
DESKS = MappingProxyType({desk.purpose: desk for desk in (REAL, DRILL, TEST)})
HEADING = MappingProxyType(
    {
        Purpose.REAL: N_("EMERGENCY in force"),
        Purpose.DRILL: N_("DRILL in progress"),
        Purpose.TEST: N_("TEST in progress"),
    }
)
SOUNDS = N_("EMERGENCY sounding")
ASKED = MappingProxyType(
    {
        Purpose.REAL: N_("An EMERGENCY waits for a second person"),
        Purpose.DRILL: N_("A DRILL waits for a second person"),
        Purpose.TEST: N_("A TEST waits for a second person"),
    }
)
STATE = MappingProxyType(
    {
        "asked": Look(N_("waiting for the second person"), "busy", "hourglass"),
        "issued": Look(N_("in force"), "alarm", "siren"),
        "over": Look(N_("ended"), "plain", "check"),
        "cancelled": Look(N_("stopped"), "plain", "stop"),
        "withdrawn": Look(N_("withdrawn, nothing sounded"), "plain", "cross"),
        "expired": Look(N_("nobody confirmed it, nothing sounded"), "plain", "clock"),
    }
)
IN_PROGRESS = Look(N_("in progress"), "onair", "drill")
HEARING = MappingProxyType(
    {
        "heard": Look(N_("heard"), "good", "check"),
        "playing": Look(N_("sounding now"), "onair", "wave"),
        "received": Look(N_("received, no sound yet"), "ready", "down"),
        "sent": Look(N_("sent, no answer yet"), "busy", "hourglass"),
        "failed": Look(N_("failed"), "warn", "triangle"),
        "unreachable": Look(N_("cannot be reached"), "lost", "lost"),
    }
)
PARTLY = Look(N_("heard without a part"), "warn", "triangle")
REASON = MappingProxyType(
    {
        "wrong_purpose": N_("real and drill were mixed: refused"),
        "unknown_message": N_("it does not have this message yet"),
        "no_device": N_("no sound card"),
        "stopped_by_centre": N_("stopped by the centre"),
        "expired": N_("it came too late"),
    }
)


def look(order: OrderOut) -> Look:
    """Red is for what is real."""
    if order.state == "issued" and order.purpose is not Purpose.REAL:
        return IN_PROGRESS
    return words.look(STATE, order.state.value)


def mark(translations: NullTranslations, desk: Desk) -> str:
    return translations.gettext(desk.mark) if desk.mark else ""


def title(show: Present, parts: Sequence[PartOut]) -> str:
    """`“Siren”, then “Flash flood”`."""
    t = show.translations
    names = [t.gettext(N_("a live voice")) if part.kind == "live" else _quoted(part) for part in parts]
    return t.gettext(N_(", then ")).join(names)


def short_title(show: Present, parts: Sequence[PartOut]) -> str:
    """The last part's name: the one before is a siren."""
    last = parts[-1]
    return show.translations.gettext(N_("a live voice")) if last.kind == "live" else _quoted(last)


def places(show: Present, targets: Sequence[OrderTargetOut]) -> str:
    t = show.translations
    names = [target.name for target in targets[:_SAID_ONE_BY_ONE]]
    above = {target.place[-1] for target in targets if target.place}
    if len(above) == 1 and len(targets[0].place) > 1:
        names[-1] += f" ({above.pop()})"
    rest = len(targets) - _SAID_ONE_BY_ONE
    if rest > 0:
        names.append(t.ngettext("%(num)s other place", "%(num)s other places", rest) % {"num": rest})
    horns = sum(target.receivers for target in targets)
    counted = t.ngettext("%(num)s loudspeaker", "%(num)s loudspeakers", horns) % {"num": horns}
    return f"{', '.join(names)}, {counted}"


def rhythm(show: Present, order: OrderOut) -> str:
    """`once`, or `every 2 minutes for 30 minutes`; of a live voice, how long at most."""
    t = show.translations
    if not order.every_s:
        live = any(part.kind == "live" for part in order.parts)
        if not (live and order.minutes):
            return t.gettext(N_("once"))
        length = show.span(timedelta(minutes=order.minutes))
        return t.gettext(N_("once, for at most %(length)s")) % {"length": length}
    every = {"every": show.span(timedelta(seconds=order.every_s))}
    if order.until is not None:
        return t.gettext(N_("again every %(every)s until %(until)s")) % {**every, "until": show.near(order.until)}
    length = show.span(timedelta(minutes=order.minutes or 0))
    return t.gettext(N_("again every %(every)s for %(length)s")) % {**every, "length": length}


def sentence(show: Present, order: OrderOut) -> str:
    """The whole in one sentence, as it is read back before anything is sent."""
    t = show.translations
    lengths = [part.duration_us for part in order.parts]
    known = [length for length in lengths if length is not None]
    whole = f" ({show.duration(sum(known))})" if known and len(known) == len(lengths) else ""
    said = t.gettext(N_("as soon as it is confirmed, %(what)s%(length)s sounds at %(places)s, %(rhythm)s.")) % {
        "what": title(show, order.parts),
        "length": whole,
        "places": places(show, order.targets),
        "rhythm": rhythm(show, order),
    }
    head = mark(t, DESKS[order.purpose]) or t.gettext(N_("EMERGENCY"))
    return f"{head}: {said}"


def held(show: Present, holding: Holding, message: str) -> Held:
    """`39 of 40 loudspeakers hold it`, of a message or of several in a row; nothing where there is no loudspeaker."""
    count = holding.of(message.split())
    text = show.translations.gettext(N_("%(held)s of %(total)s loudspeakers hold it"))
    said = text % {"held": count, "total": holding.total} if holding.total else ""
    return Held(message, said, whole=count == holding.total)


def held_alike(show: Present, holding: Holding, messages: Sequence[str]) -> Held:
    """The same said once of all these messages, where as many loudspeakers hold each of them; else nothing."""
    counts = {holding.of(message.split()) for message in messages}
    alike = counts.pop() if len(counts) == 1 and holding.total and len(messages) > 1 else None
    text = show.translations.gettext(N_("%(held)s of %(total)s loudspeakers hold each of these messages"))
    said = "" if alike is None else text % {"held": alike, "total": holding.total}
    return Held("*", said, whole=alike in (None, holding.total))


def reason(translations: NullTranslations, said: str) -> str:
    return translations.gettext(REASON[said]) if said in REASON else words.reason(translations, said)


def _quoted(part: PartOut) -> str:
    return f"“{shortened(part.title, _TEXT_LETTERS)}”"
