"""Relays that come again in words (pure)."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from broadcast.live.relay import CHIME_AFTER_FRAMES, CHIME_EVERY_FRAMES
from broadcast.wire.chunks import RATE_HZ
from scheduler.clashes import EffectKind
from scheduler.relays.schemas import ConflictOut, RelayOut, RunOut
from web.i18n import N_
from web.pages.present import Present
from web.pages.words import Look

PAUSED = Look(N_("paused"), "plain", "stop")
CAME, DID_NOT = Look(N_("relayed"), "good", "wave"), Look(N_("did not come"), "warn", "triangle")
TROUBLE = MappingProxyType(
    {
        "centre_was_away": N_("The centre was switched off at that time."),
        "host_not_allowed": N_("Its station was not allowed any more by the centre's settings."),
        "no_receivers": N_("There is no loudspeaker in its places."),
        "nowhere_free": N_("The rules of all its places forbade it at that time."),
    }
)
_MET = MappingProxyType(
    {
        EffectKind.QUIET_HOURS: N_("%(when)s: quiet hours in %(places)s"),
        EffectKind.QUOTA: N_("%(when)s: the sessions of the day are used up in %(places)s"),
        EffectKind.MAX_LENGTH: N_("%(when)s: longer than is allowed in %(places)s"),
    }
)
_SAID_ONE_BY_ONE, _MET_SHOWN = 3, 6


def host(url: str) -> str:
    return urlsplit(url).hostname or url


def places(show: Present, item: RelayOut) -> str:
    """`Thôn 1, Thôn 2 (Xã Trà Leng)`; past three the rest is counted."""
    shown = item.place_names[:_SAID_ONE_BY_ONE]
    rest = len(item.place_names) - len(shown)
    if rest > 0:
        more = show.translations.ngettext("%(num)s other place", "%(num)s other places", rest)
        shown = [*shown, more % {"num": rest}]
    text = ", ".join(shown)
    return text if item.place_names == [item.zone_name] else f"{text} ({item.zone_name})"


def silence(show: Present, stand_in: str | None) -> str:
    """What happens while the source is silent."""
    after, every = CHIME_AFTER_FRAMES // RATE_HZ, CHIME_EVERY_FRAMES // RATE_HZ
    if stand_in is None:
        message = N_(
            "After %(after)s seconds a chime sounds, and again every %(every)s seconds, so that nobody takes it for a "
            "broken loudspeaker. As soon as the source is back it is heard."
        )
        return show.translations.gettext(message) % {"after": after, "every": every}
    message = N_(
        "After %(after)s seconds “%(title)s” is heard, and again after a pause of %(every)s seconds. As soon as the "
        "source is back it is heard."
    )
    return show.translations.gettext(message) % {"after": after, "every": every, "title": stand_in}


def conflicts(show: Present, found: Sequence[ConflictOut]) -> list[str]:
    lines = []
    for one in found[:_MET_SHOWN]:
        message = _MET.get(one.kind, N_("%(when)s: does not sound whole in %(places)s"))
        said = {"when": show.moment(one.start), "places": ", ".join(one.zone_names[:5])}
        lines.append(show.translations.gettext(message) % said)
    if len(found) > _MET_SHOWN:
        rest = len(found) - _MET_SHOWN
        lines.append(show.translations.ngettext("and %(num)s more", "and %(num)s more", rest) % {"num": rest})
    return lines


def run(show: Present, one: RunOut) -> dict[str, Any]:
    t = show.translations
    why = t.gettext(TROUBLE.get(one.trouble, one.trouble)) if one.trouble else ""
    left = t.gettext(N_("Not in %(places)s, by the rules there.")) % {"places": ", ".join(one.left_out[:5])}
    return {
        "when": show.moment(one.due_at),
        "look": CAME if one.talk_id else DID_NOT,
        "href": f"/live/{one.talk_id}" if one.talk_id else "",
        "why": " ".join([why, *([left] if one.left_out and one.talk_id else [])]).strip(),
    }
