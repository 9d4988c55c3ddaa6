"""What a broadcast would change, told so that a person can decide: warnings, and the ways out of them (pure)."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from scheduler.broadcasts.schemas import Choice, EffectOut, Notice, PlaceEffects, PreviewOut
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
    return [*places(show, preview.places), *notices(show, preview.notices)]


def places(show: Present, found: Sequence[PlaceEffects]) -> list[Warned]:
    """Clashes, quiet hours and quotas by place alone."""
    return [_place(show, place) for place in found]


def notices(show: Present, found: Sequence[Notice]) -> list[Warned]:
    """What should be known although nothing forbids it; what is told elsewhere on the page is left out."""
    t = show.translations
    return [Warned(t.gettext(n.message) % n.params) for n in found if n.code not in _TOLD_ELSEWHERE]


def ways(show: Present, choices: Sequence[Choice], chosen: str) -> list[Way]:
    """Replace, play after, another time; or leave it so."""
    t = show.translations
    if not choices:
        return []
    found = [_way(show, choice) for choice in choices]
    picked = chosen if chosen in {way[0] for way in found} else AS_PLANNED
    keep = (AS_PLANNED, t.gettext(N_("Leave it so")), t.gettext(N_("What is said above happens.")))
    return [Way(*way, chosen=way[0] == picked) for way in [*found, keep]]


def _place(show: Present, place: PlaceEffects) -> Warned:
    t = show.translations
    names = ", ".join(place.zone_names[:_PLACES_SAID])
    rest = len(place.zone_names) - _PLACES_SAID
    if rest > 0:
        names += ", " + t.ngettext("%(num)s other place", "%(num)s other places", rest) % {"num": rest}
    lines = list(dict.fromkeys(_effect(show, effect) for effect in place.effects))
    if place.more:
        lines.append(t.ngettext("and %(num)s more", "and %(num)s more", place.more) % {"num": place.more})
    return Warned(t.gettext(N_("In %(places)s")) % {"places": names}, items=tuple(lines))


def _effect(show: Present, effect: EffectOut) -> str:
    t = show.translations
    at = datetime.fromisoformat(effect.local)
    if effect.proposed:
        known, unknown = _OWN[effect.kind]
        said = t.gettext(known) % {"other": effect.other_title} if effect.other_title else t.gettext(unknown)
        return f"{show.day(at.date())}, {show.time(at.time())}: {said}"
    clock = f"{show.day(at.date())}, {show.time(at.time())}"
    return t.gettext(_OTHERS.get(effect.kind, _OTHERWISE)) % {"title": effect.title, "time": clock}


def _way(show: Present, choice: Choice) -> tuple[str, str, str]:
    t = show.translations
    if choice.kind == "replace":
        text = t.gettext(N_("This one goes first; the other one gives way."))
        return f"replace={choice.order}", t.gettext(N_("Replace")), text
    wall = datetime.fromisoformat(choice.starts_local or "")
    moment = wall.replace(tzinfo=show.tz)
    text = f"{show.moment(moment)}, {show.from_now(moment)}"
    title = N_("Play after") if choice.kind == "play_after" else N_("Another time")
    return f"{choice.kind}={choice.starts_local}", t.gettext(title), text
