"""Notices and emergencies in the words of a page for residents (pure).

Times are absolute, with the day's name: a page that lies in a cache for a while must not say "in two hours".
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from msgspec import Struct

from scheduler.residents.notice import Notice
from scheduler.residents.page import Alarm
from scheduler.residents.publishing import Said
from web.i18n import N_
from web.pages import words
from web.pages.present import Present

MAX_COMING = 40
PAST_AT_ONCE = 10
SHOWN_LETTERS = 500
_NEAR = {0: N_("today"), 1: N_("tomorrow"), -1: N_("yesterday")}


class Sound(Struct, frozen=True):
    """Where one language of a notice is heard; `address` lacks its ending, `.ogg` or `.mp3`."""

    language: str
    name: str
    address: str
    duration_us: int


class Item(Struct, frozen=True, kw_only=True):
    """A notice on a page. `text` is its beginning where `cut`. `sounds` is empty before it was on the air.

    A relay has nothing to read or hear again, and so no `href`.
    """

    id: str
    href: str
    title: str
    text: str
    cut: bool
    cls: str
    sender: str
    at: datetime
    end: datetime
    when: str
    heard: bool | None
    more_times: int
    duration_us: int | None
    sounds: tuple[Sound, ...]


def item(show: Present, path: str, notice: Notice, *, whole: bool = False) -> Item:
    """A notice under the page `path` of its place, at the first of its times."""
    text = notice.text or ""
    cut = not whole and len(text) > SHOWN_LETTERS
    first = notice.times[0]
    return Item(
        id=notice.id,
        href="" if notice.relay else f"{path}/{notice.id}",
        title=notice.title,
        text=f"{text[:SHOWN_LETTERS].rsplit(' ', 1)[0]}…" if cut else text,
        cut=cut,
        cls=notice.cls.value,
        sender=notice.sender,
        at=first.start,
        end=first.end,
        when=moment(show, first.start),
        heard=first.heard,
        more_times=len(notice.times) - 1,
        duration_us=_duration_us(notice),
        sounds=sounds(show, path, notice) if notice.begun(show.now) else (),
    )


def _duration_us(notice: Notice) -> int | None:
    first = notice.times[0]
    if notice.relay:
        return (first.end - first.start) // timedelta(microseconds=1)
    return notice.recordings[0].duration_us if notice.recordings else None


def sounds(show: Present, path: str, notice: Notice) -> tuple[Sound, ...]:
    return tuple(_sound(show, f"{path}/{notice.id}", said) for said in notice.recordings)


def languages(show: Present, path: str, notice: Notice) -> list[dict[str, Any]]:
    """Each language of a notice with its text and, once it was on the air, its sound."""
    begun = notice.begun(show.now)
    return [
        {"sound": sound, "text": said.text, "audible": begun}
        for sound, said in zip(sounds(show, path, notice), notice.recordings, strict=True)
    ]


def days(show: Present, coming: Sequence[Notice], path: str) -> list[dict[str, Any]]:
    """What comes, by local day."""
    items = [item(show, path, notice) for notice in coming[:MAX_COMING]]
    return [
        {"title": f"{said[:1].upper()}{said[1:]}", "items": list(found)}
        for said, found in groupby(items, key=lambda one: day(show, show.local(one.at).date()))
    ]


def day(show: Present, named: date) -> str:
    """`hôm nay, Thứ Hai 23/11`."""
    near = _NEAR.get((named - show.today).days)
    return f"{show.translations.gettext(near)}, {show.day(named)}" if near else show.day(named)


def moment(show: Present, at: datetime) -> str:
    return f"{show.time(at)}, {day(show, show.local(at).date())}"


def alarms(show: Present, found: Iterable[Alarm]) -> list[dict[str, Any]]:
    """Each emergency in words, those in force first."""
    heard_only = show.translations.gettext(
        N_("An emergency announcement is on the loudspeakers. Listen to it and follow it.")
    )
    return [
        {
            "in_force": alarm.ended_at is None,
            "title": ", ".join(alarm.titles),
            "texts": alarm.texts or ((heard_only,) if alarm.ended_at is None else ()),
            "places": ", ".join(alarm.places),
            "since": moment(show, alarm.since),
            "ended": moment(show, alarm.ended_at) if alarm.ended_at is not None else "",
        }
        for alarm in sorted(found, key=lambda alarm: alarm.ended_at is not None)
    ]


def _sound(show: Present, address: str, said: Said) -> Sound:
    name = (
        show.translations.gettext(words.LANGUAGE[said.language]) if said.language in words.LANGUAGE else said.language
    )
    return Sound(said.language, name, f"{address}/{said.language}", said.duration_us)
