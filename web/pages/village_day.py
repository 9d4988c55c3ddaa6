"""What a village will hear on a day, as a page and as plain text to read out or send on."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.responses import PlainTextResponse

from broadcast.clock import from_us
from scheduler.broadcasts import board
from scheduler.broadcasts.schemas import SegmentOut, SilentOut
from scheduler.policy import day_bounds, quiet_intervals
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.rules import effective
from web.auth import ReadDb
from web.i18n import N_
from web.pages import telling, words
from web.pages.frame import Page, ThePage
from web.pages.present import Present

router = APIRouter(prefix="/zones", include_in_schema=False)

NO_LOUDSPEAKER = N_("There is no loudspeaker here yet: nobody hears it.")

Day = Annotated[date | None, Query(alias="date")]


class Heard(Struct, frozen=True, kw_only=True):
    """One item as it sounds; `goes_on` says that something else is heard in between."""

    href: str
    title: str
    cls: str
    start: datetime
    end: datetime
    sound_us: int
    goes_on: bool


class Silent(Struct, frozen=True):
    title: str
    href: str
    at: datetime
    why: str


class VillageDay(Struct, frozen=True, kw_only=True):
    zone_id: str
    name: str
    place: str
    day: date
    heard: list[Heard]
    silent: list[Silent]
    quiet: str
    holidays: list[str]
    sound_us: int
    loudspeakers: bool


@router.get("/{zone_id}/day")
def as_page(
    db: ReadDb, page: ThePage, zone_id: str, day: Day = None, accept: Annotated[str, Header()] = ""
) -> Response:
    """As text for who asks for that alone."""
    show, told = _told(db, page, zone_id, day)
    if accept.startswith("text/plain"):
        return _text(page, show, told)
    return page.render(
        "board/village.html",
        told=told,
        show=show,
        day=told.day,
        today=show.today,
        before=told.day - timedelta(days=1),
        after=told.day + timedelta(days=1),
        lines=lines(page, show, told),
    )


@router.get("/{zone_id}/day.txt")
def as_text(db: ReadDb, page: ThePage, zone_id: str, day: Day = None) -> Response:
    return _text(page, *_told(db, page, zone_id, day))


def lines(page: Page, show: Present, told: VillageDay) -> list[str]:
    """The day in sentences, as somebody would write it on a board."""
    said = [page.say(N_("%(place)s hears on %(day)s:"), place=told.name, day=show.day(told.day))]
    said += [f"{_span(show, heard)}  {heard.title} ({show.duration(heard.sound_us)})" for heard in told.heard]
    if not told.heard:
        said.append(page.say(N_("Nothing is planned.")))
    said += [
        page.say(N_("%(time)s  does not play: %(title)s (%(why)s)"), time=show.time(s.at), title=s.title, why=s.why)
        for s in told.silent
    ]
    if not told.loudspeakers:
        said.append(page.say(NO_LOUDSPEAKER))
    said += [page.say(N_("Holiday: %(name)s"), name=name) for name in told.holidays]
    if told.quiet:
        said.append(page.say(N_("Quiet hours: %(hours)s"), hours=told.quiet))
    return said


def _text(page: Page, show: Present, told: VillageDay) -> Response:
    return PlainTextResponse("\n".join(lines(page, show, told)) + "\n")


def _told(db: Session, page: Page, zone_id: str, day: date | None) -> tuple[Present, VillageDay]:
    """Tomorrow without `day`."""
    zone = zone_service.zone_for(db, page.actor, page.now, zone_id)
    rules = effective(db, zone.path).rules
    show = page.show.within(rules.timezone)
    found = board.timeline(db, page.actor, page.now, zone_id, day or show.today + timedelta(days=1))
    window = day_bounds(rules.timezone, found.day)
    lineage = zone_sql.lineage(db, zone.path)
    off = zone_sql.holidays(db, [above.id for above in lineage], found.day, found.day)
    heard = _heard(found.segments)
    return show, VillageDay(
        zone_id=zone.id,
        name=zone.name,
        place=", ".join(above.name for above in reversed(lineage[:-1])),
        day=found.day,
        heard=heard,
        silent=[
            Silent(s.title, telling.page_of(s.broadcast_id), s.at, _why(page, s))
            for s in found.silent
            if s.airing_id not in {segment.airing_id for segment in found.segments}
        ],
        quiet=", ".join(_hours(show, *part) for part in quiet_intervals(rules, *window)),
        holidays=list(dict.fromkeys(row.name for row in off)),
        sound_us=sum(item.sound_us for item in heard),
        loudspeakers=bool(zone_sql.receiver_counts(db, [zone.path])[0]),
    )


def _why(page: Page, silent: SilentOut) -> str:
    return page.say(words.NOT_PLAYED.get(silent.reason.value, N_("does not play")))


def _heard(segments: Sequence[SegmentOut]) -> list[Heard]:
    pieces: dict[str, list[SegmentOut]] = {}
    for segment in segments:
        pieces.setdefault(segment.airing_id, []).append(segment)
    return [
        Heard(
            href=telling.page_of(found[0].broadcast_id),
            title=found[0].title,
            cls=found[0].cls.value,
            start=found[0].start,
            end=found[-1].end,
            sound_us=sum(round((piece.end - piece.start).total_seconds() * 1_000_000) for piece in found),
            goes_on=len(found) > 1,
        )
        for found in pieces.values()
    ]


def _span(show: Present, heard: Heard) -> str:
    """`17:00–17:15`, or only the beginning of what is over within the minute."""
    start, end = show.time(heard.start), show.time(heard.end)
    return start if start == end else f"{start}–{end}"


def _hours(show: Present, start_us: int, end_us: int) -> str:
    """The day's end is `24:00`, not the beginning of the next."""
    end = show.time(from_us(end_us))
    return f"{show.time(from_us(start_us))}–{'24:00' if end == '00:00' else end}"
