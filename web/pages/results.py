"""What was heard of a broadcast: its last airings, each with what every loudspeaker reported, or that it did not."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts import board, recorded
from scheduler.broadcasts.schemas import AiringOut, BroadcastOut
from scheduler.fleet import service as fleet
from scheduler.fleet.schemas import ReportView
from scheduler.fleet.service import ReportFilter
from scheduler.reports.begun import REPORTS_WITHIN
from scheduler.reports.repository import LastHeard, last_heard, named
from scheduler.workflow import State
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.names import rank
from scheduler.zones.views import receivers_in
from web.i18n import N_
from web.pages import words
from web.pages.frame import Page

AIRINGS_SHOWN = 5
REPORTS_SHOWN = 400
UNREPORTED_SHOWN = 30


class Row(Struct, frozen=True, kw_only=True):
    """What one receiver told of an airing; where it stands and when it was seen last, if it told nothing."""

    receiver_id: str
    name: str
    state: str
    place: str = ""
    seen_at: datetime | None = None
    reason: str = ""
    microphone: str = ""
    start_at: datetime | None = None
    start_error_us: int | None = None
    rms_dbfs: float | None = None
    gap_us: int | None = None


class Came(Struct, frozen=True):
    """What became of a broadcast that is over; `count` of those that heard it where not all did."""

    look: words.Look
    count: str


class Done(Struct, frozen=True, kw_only=True):
    """One airing with what its receivers measured; first those that told nothing."""

    start_at: datetime
    state: str
    summary: str
    missing: str
    results: list[Row]


def came_of(db: Session, items: Sequence[BroadcastOut]) -> dict[str, Came]:
    """What became of the last airing of those that are done and of which that is known."""
    done = [item.id for item in items if item.state is State.DONE]
    return {key: came for key, one in last_heard(db, done).items() if (came := _came(one))} if done else {}


def _came(one: LastHeard) -> Came | None:
    if not one.receivers:
        return None
    state = _state_of(one.heard, one.receivers, waiting=not one.settled)
    return Came(words.look(words.AIRING, state), f"{one.heard}/{one.receivers}" if state == "part" else "")


def results(db: Session, page: Page, item: BroadcastOut, airings: Sequence[AiringOut]) -> list[Done]:
    """The last of `airings` that have begun, each with its reports; the latest first."""
    begun = [a for a in airings if a.start <= page.now]
    if not begun:
        return []
    asked = ReportFilter(broadcast_id=item.id)
    reports = fleet.all_reports(db, page.actor, page.now, asked, limit=REPORTS_SHOWN).items
    known = named(db, {report.receiver_id for report in reports})
    last = begun[: -AIRINGS_SHOWN - 1 : -1]
    gone = board.reports_gone(db, last, page.now)
    seen = _seen(db, page, [airing.zone_ids for airing in last])
    found = []
    for airing, zone_ids, total in zip(last, seen, receivers_in(db, seen), strict=True):
        rows = [_row(page, report, known) for report in reports if report.airing_id == airing.id]
        if airing.end <= page.now and airing.withdrawn_at is None and airing.id not in gone:
            rows = [*_unreported(db, airing, zone_ids), *sorted(rows, key=lambda row: rank(row.name))]
        on_air = item.state is State.ON_AIR
        found.append(_done(page, airing, rows, max(total, airing.reported), on_air=on_air, gone=airing.id in gone))
    return found


def receivers_seen(db: Session, page: Page, aimed: Sequence[Collection[str]]) -> list[int]:
    """How many receivers each of these sets of zones has, as far as the reader sees: also of one above what is seen."""
    return receivers_in(db, _seen(db, page, aimed))


def _seen(db: Session, page: Page, aimed: Sequence[Collection[str]]) -> list[set[str]]:
    rows = zone_service.tree(db, page.actor, page.now)
    seen = {zone.id for zone in rows}
    topmost = [zone for zone in rows if zone.parent_id not in seen]
    below = [{zone.id for zone in topmost if not set(one).isdisjoint(zone_sql.ids_of(zone.path))} for one in aimed]
    return [seen.intersection(one) | own for one, own in zip(aimed, below, strict=True)]


def _unreported(db: Session, airing: AiringOut, zone_ids: Collection[str]) -> list[Row]:
    silent = recorded.unreported(db, airing.id, airing.start, zone_ids, UNREPORTED_SHOWN)
    return [Row(**one._asdict(), state="no_report") for one in silent]


def _row(page: Page, report: ReportView, names: dict[str, str]) -> Row:
    return Row(
        receiver_id=report.receiver_id,
        name=names.get(report.receiver_id, report.receiver_id),
        state=report.result,
        reason=words.reason(page.translations, report.reason),
        microphone=words.look(words.MICROPHONE, report.heard.verdict.value).word if report.heard else "",
        start_at=report.start_at,
        start_error_us=report.start_error_us,
        rms_dbfs=report.rms_dbfs,
        gap_us=report.gap_us,
    )


def _done(page: Page, airing: AiringOut, rows: list[Row], total: int, *, on_air: bool, gone: bool) -> Done:
    silent = total - airing.reported
    return Done(
        start_at=airing.start,
        state="not_kept" if gone else _state(page, airing, total, on_air=on_air),
        summary=""
        if gone
        else page.say(N_("heard on %(count)s/%(total)s loudspeakers"), count=airing.heard, total=total),
        missing=page.count("%(num)s loudspeaker has not reported", "%(num)s loudspeakers have not reported", silent)
        if silent and airing.end <= page.now and not gone
        else "",
        results=rows,
    )


def _state(page: Page, airing: AiringOut, total: int, *, on_air: bool) -> str:
    if airing.withdrawn_at is not None:
        return "stopped"
    if airing.end > page.now:
        return "on_air" if on_air else "no_sound"
    waiting = airing.reported < total and page.now < airing.end + REPORTS_WITHIN
    return _state_of(airing.heard, total, waiting=waiting)


def _state_of(heard: int, total: int, *, waiting: bool) -> str:
    if heard >= total > 0:
        return "heard"
    if waiting:
        return "waiting_report"
    return "part" if heard else "not_heard"
