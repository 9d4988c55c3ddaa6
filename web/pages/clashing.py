"""What a broadcast would change, told so that a person can decide: warnings, and the ways out of them (pure)."""

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime

from msgspec import Struct

from scheduler.broadcasts import airings
from scheduler.broadcasts.schemas import Choice, DayOff, EffectOut, Notice, PlaceEffects, PreviewOut
from scheduler.clashes import EffectKind
from web.i18n import N_
from web.pages.present import Present

AS_PLANNED = "as_planned"
_PLACES_SAID = 4
_TOLD_ELSEWHERE = frozenset({"sound_not_ready", "starts_after"})

# Of the broadcast that is being written; `other` may be unknown, then the second sentence is used.
_OWN = {
    EffectKind.CUT: (N_("It is interrupted by “%(other)s” and goes on afterwards."), N_("It is interrupted.")),
    EffectKind.DELAYED: (N_("It begins later, after “%(other)s”."), N_("It begins later.")),
    EffectKind.JOINED_LATE: (
        N_("Its beginning is not heard: “%(other)s” is on the air."),
        N_("Its beginning is not heard."),
    ),
    EffectKind.SHORTENED: (N_("Its end is not heard, because of “%(other)s”."), N_("Its end is not heard.")),
    EffectKind.DROPPED: (N_("It does not play: “%(other)s” is on the air."), N_("It does not play.")),
    EffectKind.QUIET_HOURS: (N_("It falls into quiet hours and is silent then."),) * 2,
    EffectKind.QUOTA: (N_("The day's sessions are used up, so it does not play."),) * 2,
    EffectKind.MAX_LENGTH: (N_("It is longer than is allowed here and is cut off."),) * 2,
    EffectKind.MEDIA_MISSING: (N_("Its sound is missing."),) * 2,
    EffectKind.OTHERWISE: (N_("It plays otherwise than planned."),) * 2,
}
_OTHERS = {
    EffectKind.CUT: N_("“%(title)s” (%(time)s) is interrupted and goes on afterwards."),
    EffectKind.DELAYED: N_("“%(title)s” (%(time)s) begins later."),
    EffectKind.JOINED_LATE: N_("The beginning of “%(title)s” (%(time)s) is not heard."),
    EffectKind.SHORTENED: N_("The end of “%(title)s” (%(time)s) is not heard."),
    EffectKind.DROPPED: N_("“%(title)s” (%(time)s) does not play."),
    EffectKind.QUOTA: N_("“%(title)s” (%(time)s) does not play: the day's sessions are used up."),
}
_OTHERWISE = N_("“%(title)s” (%(time)s) plays otherwise than planned.")
_UNHEARD = frozenset({EffectKind.DROPPED, EffectKind.QUIET_HOURS, EffectKind.QUOTA, EffectKind.MEDIA_MISSING})


class Warned(Struct, frozen=True):
    title: str
    text: str = ""
    items: tuple[str, ...] = ()


class Way(Struct, frozen=True):
    """A way out, as a choice on the page."""

    value: str
    title: str
    text: str
    chosen: bool


def warnings(show: Present, preview: PreviewOut) -> list[Warned]:
    """Clashes, quiet hours and quotas by place, then what else should be known."""
    return [*places(show, preview.places), *known(show, preview)]


def known(show: Present, preview: PreviewOut) -> list[Warned]:
    """Days off, and what else should be known."""
    return [*days_off(show, preview.days_off), *notices(show, preview.notices)]


def days_off(show: Present, found: Sequence[DayOff]) -> list[Warned]:
    """Who has a day off when, so that it is not heard there; each day once."""
    by_day: dict[date, dict[str, str]] = {}
    for one in found:
        by_day.setdefault(datetime.fromisoformat(one.local).date(), {}).update(_by_id(one))
    items = tuple(f"{show.day(day)}: {_names(show, names.values())}" for day, names in by_day.items())
    return [Warned(show.translations.gettext(N_("It is not heard on days off")), items=items)] if items else []


def places(show: Present, found: Sequence[PlaceEffects]) -> list[Warned]:
    """Clashes, quiet hours and quotas by place alone; places of which the same is said are told together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for place in found:
        together.setdefault(_lines(show, place), []).extend(place.zone_names)
    title = show.translations.gettext(N_("In %(places)s"))
    return [Warned(title % {"places": _names(show, names)}, items=lines) for lines, names in together.items()]


def unheard(
    show: Present, found: Sequence[PlaceEffects], off: Sequence[DayOff] = (), *, times: int, villages: int
) -> str:
    """In which of the `villages` that it is for the broadcast itself does not play, at all its `times` or some.

    The days `off` are of what comes once: what repeats is meant to leave them out.
    """
    missing, names = _missing(found, off)
    if not missing:
        return ""
    message = N_("It will NOT play in %(count)s of %(total)s villages: %(places)s.")
    if any(len(starts) < times for starts in missing.values()):
        message = N_("At some of its times it will NOT play in %(count)s of %(total)s villages: %(places)s.")
    total = max(villages, len(missing))
    said = {"count": len(missing), "total": total, "places": _names(show, [names[key] for key in missing])}
    return show.translations.gettext(message) % said


def is_heard(found: Sequence[PlaceEffects], off: Sequence[DayOff] = (), *, times: int, villages: int) -> bool:
    """Whether any of it plays anywhere; `off` as in `unheard`."""
    missing, _names_of = _missing(found, off)
    never = sum(len(starts) >= max(1, times) for starts in missing.values())
    return never == 0 or never < villages


def is_whole(found: Sequence[PlaceEffects], off: Sequence[DayOff]) -> bool:
    """Whether there is no place in which it does not play at one of its times, because of days `off` too."""
    return not any(_silent(place) for place in found) and not off


def notices(show: Present, found: Sequence[Notice]) -> list[Warned]:
    """What should be known although nothing forbids it; what is told elsewhere on the page is left out."""
    t = show.translations
    return [Warned(t.gettext(n.message) % n.params) for n in found if n.code not in _TOLD_ELSEWHERE]


def picked(preview: PreviewOut, chosen: str, *, timed: bool = True) -> str:
    """The way out that is ticked: `chosen` while it is one of them, else none that takes the air from another.

    To leave it so; but where it would never be heard in a place, the first other time. What is not `timed` waits for
    its approval, and nobody knows what is on the air by then.
    """
    found = _different(preview.choices)
    if chosen == AS_PLANNED or chosen in {_value(choice) for choice in found}:
        return chosen
    times = len(preview.occurrences)
    if not timed or all(len(_silent(place)) < times for place in preview.places):
        return AS_PLANNED
    return next((_value(choice) for choice in found if choice.kind != "replace"), AS_PLANNED)


def ways(show: Present, choices: Sequence[Choice], chosen: str) -> list[Way]:
    """Replace, play after, another time; or leave it so."""
    t = show.translations
    if not choices:
        return []
    found = [_way(show, choice) for choice in _different(choices)]
    keep = (AS_PLANNED, t.gettext(N_("Leave it so")), t.gettext(N_("What is said above happens.")))
    return [Way(*way, chosen=way[0] == chosen) for way in [*found, keep]]


def _silent(place: PlaceEffects) -> set[str]:
    """The airings of the broadcast that is being written of which nothing sounds there; a cut end is said as such."""
    own = (effect for effect in place.effects if effect.proposed and effect.kind in _UNHEARD)
    return {effect.airing_id for effect in own if effect.at == airings.start_of(effect.airing_id)}


def _missing(found: Sequence[PlaceEffects], off: Sequence[DayOff]) -> tuple[dict[str, set[datetime]], dict[str, str]]:
    """By the ids of zones, at which of its times it does not play there; and their names."""
    missing: dict[str, set[datetime]] = {}
    names: dict[str, str] = {}
    said: list[tuple[PlaceEffects | DayOff, set[datetime]]] = [(day, {day.start}) for day in off]
    said += [(place, {airings.start_of(airing_id) for airing_id in _silent(place)}) for place in found]
    for one, starts in said:
        for zone_id in one.zone_ids if starts else ():
            missing.setdefault(zone_id, set()).update(starts)
        names |= _by_id(one)
    return missing, names


def _by_id(one: PlaceEffects | DayOff) -> dict[str, str]:
    return dict(zip(one.zone_ids, one.zone_names, strict=True))


def _different(choices: Sequence[Choice]) -> list[Choice]:
    """Each time once: what plays after something an hour away is another time."""
    found: dict[str, Choice] = {}
    for choice in choices:
        found[choice.starts_local or choice.kind] = choice
    return list(found.values())


def _names(show: Present, names: Collection[str]) -> str:
    """In the order in which people count: Thôn 2 before Thôn 10; past four the rest is counted."""
    shown = sorted(names, key=_counted)
    rest = len(shown) - _PLACES_SAID
    said = ", ".join(shown[:_PLACES_SAID])
    if rest <= 0:
        return said
    return f"{said}, {show.translations.ngettext('%(num)s other place', '%(num)s other places', rest) % {'num': rest}}"


def _counted(name: str) -> list[int | str]:
    """Its letters and its numbers in turn."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


def _lines(show: Present, place: PlaceEffects) -> tuple[str, ...]:
    lines = list(dict.fromkeys(_effect(show, effect) for effect in place.effects))
    if place.more:
        more = show.translations.ngettext("and %(num)s more", "and %(num)s more", place.more)
        lines.append(more % {"num": place.more})
    return tuple(lines)


def _effect(show: Present, effect: EffectOut) -> str:
    t = show.translations
    at = datetime.fromisoformat(effect.local)
    if effect.proposed:
        known, unknown = _OWN[effect.kind]
        said = t.gettext(known) % {"other": effect.other_title} if effect.other_title else t.gettext(unknown)
        return f"{show.day(at.date())}, {show.time(at.time())}: {said}"
    clock = f"{show.day(at.date())}, {show.time(at.time())}"
    return t.gettext(_OTHERS.get(effect.kind, _OTHERWISE)) % {"title": effect.title, "time": clock}


def _value(choice: Choice) -> str:
    return f"{choice.kind}={choice.order if choice.kind == 'replace' else choice.starts_local}"


def _way(show: Present, choice: Choice) -> tuple[str, str, str]:
    t = show.translations
    if choice.kind == "replace":
        text = t.gettext(N_("This one goes first; the other one gives way."))
        return _value(choice), t.gettext(N_("Replace")), text
    wall = datetime.fromisoformat(choice.starts_local or "")
    moment = wall.replace(tzinfo=show.tz)
    text = f"{show.moment(moment)}, {show.from_now(moment)}"
    title = N_("Play after") if choice.kind == "play_after" else N_("Another time")
    return _value(choice), t.gettext(title), text
