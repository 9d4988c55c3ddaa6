"""A broadcast in the words of officials: when, where, and the sentence that is read back before it is sent (pure)."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from scheduler.broadcasts.schemas import At, Now, Repeat, TargetOut
from scheduler.relays.timing import PREFIX
from web.i18n import N_
from web.pages.present import Present
from web.pages.repeating import dates_in_words, days_in_words, end_of, local_day_of

_ENDS = N_("%(days)s at %(time)s, from %(first)s to %(last)s")
_FROM = N_("%(days)s at %(time)s, from %(first)s")
_NOW = N_("As soon as it is approved and on the loudspeakers")
_SAID_ONE_BY_ONE = 3


class Said(Struct, frozen=True):
    """`from_now` is empty where a distance says nothing."""

    text: str
    from_now: str = ""


def page_of(broadcast_id: str) -> str:
    """Where a broadcast, or a relay among broadcasts, is told of."""
    if broadcast_id.startswith(PREFIX):
        return f"/relays/{broadcast_id.removeprefix(PREFIX)}"
    return f"/broadcasts/{broadcast_id}"


def when(show: Present, asked: Now | At | Repeat, next_start: datetime | None = None) -> Said:
    """`Thứ Hai 23/11, 17:00`, or how it repeats; `show` looks at the zone in whose name it is sent."""
    t = show.translations
    if isinstance(asked, Now):
        if next_start is not None:
            return Said(show.moment(next_start), show.from_now(next_start))
        return Said(t.gettext(_NOW))
    wall = datetime.fromisoformat(asked.starts_local)
    if isinstance(asked, At):
        moment = wall.replace(tzinfo=show.tz)
        off = f", {t.gettext(N_('not on public holidays'))}" if asked.skip_holidays else ""
        return Said(f"{show.moment(moment)}{off}", show.from_now(moment))
    end = end_of(asked.rrule, show.tz)
    last = min(filter(None, (asked.until, end.day)), default=None)
    parts = [
        t.gettext(_ENDS if last else _FROM)
        % {
            "days": days_in_words(show, asked.rrule),
            "time": show.time(wall.time()),
            "first": show.day(wall.date()),
            "last": show.day(last),
        }
    ]
    if end.times:
        parts.append(t.ngettext("%(num)s time", "%(num)s times", end.times) % {"num": end.times})
    left_out = sorted({local_day_of(day, show.tz) for day in asked.exdates})
    if left_out:
        parts.append(t.gettext(N_("except %(days)s")) % {"days": dates_in_words(show, left_out)})
    if asked.skip_holidays:
        parts.append(t.gettext(N_("not on public holidays")))
    text = ", ".join(parts)
    return Said(text[:1].upper() + text[1:], next_time(show, next_start))


def next_time(show: Present, start: datetime | None) -> str:
    if start is None:
        return ""
    message = show.translations.gettext(N_("next: %(moment)s, %(from_now)s"))
    return message % {"moment": show.moment(start), "from_now": show.from_now(start)}


def targets(show: Present, found: Sequence[TargetOut], sender: str) -> str:
    """`Thôn 1, Thôn 2 (Xã Trà Leng)`; past three the rest is counted."""
    names = [target.name for target in found]
    shown = names[:_SAID_ONE_BY_ONE]
    rest = len(names) - len(shown)
    if rest > 0:
        more = show.translations.ngettext("%(num)s other place", "%(num)s other places", rest)
        shown.append(more % {"num": rest})
    text = ", ".join(shown)
    return text if names == [sender] else f"{text} ({sender})"


def sentence(show: Present, *, when_said: str, title: str, duration_us: int | None, places: str, receivers: int) -> str:
    """The whole in one sentence."""
    t = show.translations
    length = f" ({show.duration(duration_us)})" if duration_us else ""
    horns = t.ngettext("%(num)s loudspeaker", "%(num)s loudspeakers", receivers) % {"num": receivers}
    return t.gettext(N_("%(when)s: the announcement “%(title)s”%(length)s is heard in %(places)s, %(horns)s.")) % {
        "when": when_said,
        "title": title,
        "length": length,
        "places": places,
        "horns": horns,
    }
