"""Plan and heard, and the report of the stations: pages, printed pages and files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlmodel import Session
from starlette.responses import StreamingResponse

from scheduler.errors import Invalid
from scheduler.people.actor import Actor
from scheduler.reports import repository, service
from scheduler.reports.figures import Kind
from scheduler.reports.schemas import AiringHeard, LineOut, LinePage, StationOut, SummaryOut
from scheduler.reports.spans import Length, Span, span_of
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.models import Zone
from scheduler.zones.rules import today
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import report_words, words
from web.pages.frame import Page, ThePage
from web.sheets import CSV, XLSX, csv_of, csv_parts, xlsx_of

REASONS = 5
LINES = 50
AT_ONCE = 250
"""So many lines of a file are read together."""
PLACES = 100
router = APIRouter(prefix="/reports")

ZoneId = Annotated[str | None, Query(alias="zone", max_length=26)]
Day = Annotated[str | None, Query(max_length=10)]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a report, of which place and which time."""

    page: Page
    db: Session
    zone: Zone
    span: Span

    @property
    def query(self) -> dict[str, object]:
        return {"zone": self.zone.id, "length": self.span.length, "day": self.span.first}


def asking(usual: Length) -> Callable[..., Asked]:
    """What reports ask of a request; `usual` is the length where none is said."""

    def asked(page: ThePage, db: ReadDb, *, zone_id: ZoneId = None, length: Length = usual, day: Day = None) -> Asked:
        return Asked(page, db, *_asked(db, page, zone_id, length, day))

    return asked


OfADay = Annotated[Asked, Depends(asking(Length.DAY), scope="function")]
OfAMonth = Annotated[Asked, Depends(asking(Length.MONTH), scope="function")]
Missed = Annotated[str, Query(max_length=1)]


@router.get("")
def plan_heard(
    asked: OfADay, *, missed: Missed = "", after: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """What was planned, fetched, started, heard and missed, by place and by airing."""
    page, db, zone, span = asked.page, asked.db, asked.zone, asked.span
    base = asked.query | {"missed": missed}
    found = service.lines(db, page.actor, page.now, zone.id, span, only_missed=bool(missed), after=after, limit=LINES)
    by: service.By = "village" if _by(zone) == "village" else "commune"
    summary = service.summary(db, page.actor, page.now, zone.id, span, by=by)
    return page.render(
        "reports/heard.html",
        **_frame(asked, "/reports", base),
        total=summary.total,
        places=[_place(one, span, zone) for one in summary.stations[:PLACES]],
        places_left=max(0, len(summary.stations) - PLACES),
        by_village=_by(zone) == "village",
        why=report_words.reasons(page.show, service.why(db, page.actor, page.now, zone.id, span), REASONS),
        lines=[_line(page, line) for line in found.items],
        gone=report_words.gone(page.show, found.gone),
        only_missed=bool(missed),
        all_link=_link("/reports", base | {"missed": ""}),
        missed_link=_link("/reports", base | {"missed": "1"}),
        older=_link("/reports", base | {"after": found.next}) if found.next else "",
        csv=_link("/reports/heard.csv", base),
        subscribed=service.subscription(db, page.actor, page.now, zone.id).subscribed,
    )


@router.get("/heard.csv")
def plan_heard_csv(asked: OfADay, missed: Missed = "") -> Response:
    """All of them, read bit by bit while they are taken: no thread has much to do at a time, nor the database."""
    show, pages = asked.page.show, _pages(asked, only_missed=bool(missed))
    first = next(pages)
    rows = ([report_words.line_row(show, line) for line in one.items] for one in chain([first], pages))
    content = csv_parts(report_words.line_columns(show), rows, report_words.gone(show, first.gone))
    return StreamingResponse(content, media_type=CSV, headers=_named(f"nghe-{asked.span.key}.csv"))


@router.get("/villages/{zone_id}/{day}")
def village_day(page: ThePage, db: ReadDb, zone_id: str, day: str) -> Response:
    """A day of one village, with what each loudspeaker reported."""
    zone, span = _asked(db, page, zone_id, Length.DAY, day)
    found = service.village_day(db, page.actor, page.now, zone.id, span.first)
    show = page.show.within(found.timezone)
    return page.render(
        "reports/village.html",
        zone=zone,
        above=" · ".join(reversed(found.place)),
        day_said=show.day(span.first),
        figures=found.figures,
        show=show,
        airings=[_airing(page, airing) for airing in found.airings],
        gone=report_words.gone(page.show, found.gone),
        before=f"/reports/villages/{zone.id}/{span.before.first}",
        after=f"/reports/villages/{zone.id}/{span.after.first}",
        csv=_link("/reports/heard.csv", {"zone": zone.id, "length": Length.DAY, "day": span.first}),
    )


@router.get("/stations")
def stations(asked: OfAMonth, boundaries: Day = None) -> Response:
    """The report of the stations, to be looked at, printed and sent on."""
    page, zone, span = asked.page, asked.zone, asked.span
    summary = _summary(asked, boundaries)
    base = asked.query | {"boundaries": boundaries or ""}
    return page.render(
        "reports/stations.html",
        **_frame(asked, "/reports/stations", base),
        rows=summary.stations,
        total=summary.total.model_copy(update={"area": []}),
        by_village=_by(zone) == "village",
        gone=report_words.gone(page.show, summary.gone),
        seconds=report_words.seconds,
        on=page.show.date(summary.boundaries),
        eras=_eras(page, summary.changes, span, boundaries),
        csv=_link("/reports/stations.csv", base),
        xlsx=_link("/reports/stations.xlsx", base),
        made=page.show.moment(page.now),
    )


@router.get("/stations.{kind}")
def stations_file(asked: OfAMonth, kind: Literal["csv", "xlsx"], boundaries: Day = None) -> Response:
    zone, span = asked.zone, asked.span
    table = report_words.summary_table(asked.page.show, _summary(asked, boundaries), span)
    name = f"bao-cao-{zone.code or zone.id}-{span.key}"
    if kind == "xlsx":
        return _file(xlsx_of(table), XLSX, f"{name}.xlsx")
    return _file(csv_of(table), CSV, f"{name}.csv")


@router.post("/digest")
def subscribe(
    page: ThePage,
    db: WriteDb,
    zone: Annotated[str, Form(max_length=26)],
    *,
    wanted: Annotated[str, Form()] = "",
    back: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Be told each morning what was not heard, or no more."""
    service.subscribe(db, page.actor, page.now, zone, wanted=bool(wanted))
    return page.go("/notices", "saved") if back == "notices" else page.go(f"/reports?zone={zone}&said=saved")


def _asked(db: Session, page: Page, zone_id: str | None, length: Length, day: str | None) -> tuple[Zone, Span]:
    zone = service.zone_of(db, page.actor, page.now, zone_id or None)
    return zone, span_of(length, _day(day, "day") or today(db, page.now, zone))


def _day(text: str | None, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as bad:
        raise Invalid("bad_date", "%(text)s is not a day.", field=field, text=text) from bad


def _by(zone: Zone) -> service.By:
    """Below a commune a station is one row: its villages say more."""
    return "village" if zone.kind.value in ("commune", "village", "hamlet") else "station"


def _summary(asked: Asked, boundaries: str | None) -> SummaryOut:
    of, day = asked.page, _day(boundaries, "boundaries")
    return service.summary(asked.db, of.actor, of.now, asked.zone.id, asked.span, boundaries=day, by=_by(asked.zone))


def _frame(asked: Asked, path: str, base: dict[str, object]) -> dict[str, Any]:
    db, page, zone, span = asked.db, asked.page, asked.zone, asked.span

    def at(**other: object) -> str:
        return _link(path, base | other)

    return {
        "zone": zone,
        "length": span.length.value,
        "day": span.first.isoformat(),
        "span": report_words.span(page.show, span),
        "lengths": [
            {"value": one.value, "label": page.say(report_words.LENGTH[one]), "here": one is span.length}
            for one in Length
        ],
        "earlier": at(day=span.before.first),
        "later": at(day=span.after.first) if span.end <= today(db, page.now, zone) else "",
        "zones": _zones(db, page.actor, page, zone),
        "heard_link": _link("/reports", {"zone": zone.id, "length": span.length, "day": span.first}),
        "stations_link": _link("/reports/stations", {"zone": zone.id, "length": span.length, "day": span.first}),
    }


def _zones(db: Session, actor: Actor, page: Page, zone: Zone) -> list[tuple[str, str]]:
    """What can be chosen: the places above villages, and where one is."""
    paths = zone_service.visible_paths(db, actor, page.now, Action.REPORT_READ)
    found = repository.choices(db, paths)
    if zone.id not in {key for key, _label in found}:
        found.insert(0, (zone.id, zone.name))
    return found


def _eras(page: Page, changes: Sequence[date], span: Span, chosen: str | None) -> list[dict[str, Any]]:
    """The boundaries that a report can be made in: of the span itself, and of the time before each change."""
    eras = [("", page.say(N_("at its end")))]
    for day in changes:
        before = date.fromordinal(day.toordinal() - 1)
        eras.append((before.isoformat(), page.say(N_("before %(day)s"), day=page.show.date(day))))
    later = [day for day in changes if day > span.last]
    eras += [(day.isoformat(), page.say(N_("from %(day)s on"), day=page.show.date(day))) for day in later]
    return [{"value": value, "label": label, "here": value == (chosen or "")} for value, label in eras]


def _place(one: StationOut, span: Span, zone: Zone) -> dict[str, Any]:
    here = {"zone": one.id, "length": span.length, "day": span.first}
    if _by(zone) == "station":
        return {"of": one, "href": _link("/reports", here)}
    by_day = f"/reports/villages/{one.id}/{span.first}"
    return {"of": one, "href": by_day if span.length is Length.DAY else _link("/reports", here)}


def _line(page: Page, line: LineOut) -> dict[str, Any]:
    show = page.show.within(line.timezone)
    missed = sorted(line.missed_by.items(), key=lambda item: (-item[1], item[0]))
    return {
        "of": line,
        "look": report_words.look(line),
        "when": show.moment(line.start),
        "kind": "" if line.kind == "bulletin" else report_words.kind(page.show, line),
        "drill": line.kind in (Kind.DRILL, Kind.TEST),
        "why": report_words.reasons(page.show, missed),
        "href": f"/reports/villages/{line.zone_id}/{line.day}",
    }


def _airing(page: Page, airing: AiringHeard) -> dict[str, Any]:
    results = [
        {
            "of": one,
            "look": words.look(words.AIRING, one.result) if one.result else None,
            "why": report_words.reason(page.show, one.reason) if one.reason else "",
            "microphone": words.look(words.MICROPHONE, one.microphone) if one.microphone else None,
        }
        for one in airing.results
    ]
    return _line(page, airing) | {"results": results}


def _link(path: str, query: dict[str, object]) -> str:
    kept = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(kept)}"


def _pages(asked: Asked, *, only_missed: bool) -> Iterator[LinePage]:
    """All lines, the latest first; what becomes known meanwhile may be in those that come later."""
    page, after = asked.page, None
    while True:
        with page.centre.store.reading() as db:
            found = service.lines(
                db, page.actor, page.now, asked.zone.id, asked.span,
                only_missed=only_missed, after=after, limit=AT_ONCE,
            )  # fmt: skip
        yield found
        after = found.next
        if after is None:
            return


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers=_named(name))


def _named(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
