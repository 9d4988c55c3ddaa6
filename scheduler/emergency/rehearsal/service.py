"""The weekly test of a zone's receivers: what people set and read of it, and what time does to it.

Rules
- Silent, each receiver is asked for its self-test; audible, an order of purpose TEST sounds the bank's test
  announcement between two “diễn tập”. Neither is ever an emergency, and neither is set into the zone's quiet hours.
- No receiver does a self-test in quiet hours: where these hold everywhere there is no silent test, and where they hold
  somewhere, its report says so of who did not answer there.
- Whoever asks for an audible one, at once or each week, types the word of tests; when a weekly one is due nobody does.
- A moment that the centre slept through by more than LATE is noted as missed and not made up.
- One test of a zone at a time. It is closed after its time, with what every receiver said by then; a silent
  one earlier, once all have answered that can be reached; who cannot is waited for a few minutes, and not for the hour.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire import topics
from broadcast.wire.now import Purpose
from scheduler.bank import naming
from scheduler.bank import service as bank
from scheduler.bank.completeness import Known
from scheduler.emergency import repository as orders
from scheduler.emergency.rehearsal import report, repository
from scheduler.emergency.rehearsal.models import Rehearsal, RehearsalRun
from scheduler.emergency.rehearsal.schemas import (
    ReceiverResult,
    RehearsalIn,
    RehearsalOut,
    RunDetail,
    RunIn,
    RunOut,
    RunPage,
    RunState,
    Verdict,
)
from scheduler.emergency.service import check_word, rehearse
from scheduler.errors import Conflict, Invalid, NotFound, Problem, Stale
from scheduler.fleet.outbox import mark_dirty
from scheduler.fleet.views import said
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import is_quiet, minute_of_day
from scheduler.policy import zone as timezone_of
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import repository as zones
from scheduler.zones import rules
from scheduler.zones.models import Zone
from scheduler.zones.service import zone_for

WEEK = timedelta(days=7)
LATE = timedelta(minutes=15)
SILENT_TAKES = timedelta(minutes=65)
"""A self-test that was asked for is done within an hour or not at all."""
LOST_FOR = timedelta(minutes=5)
"""Who cannot be reached is back by then, or is reported so."""
LOOKED_AT_EACH_S = 10
"""Whether all have answered is not looked at each second: it reads what every receiver said."""
Outcomes = Mapping[str, list[dict[str, Any]]]
"""What was found of each receiver, by the test."""
NONE_OVER: Outcomes = {}
AUDIBLE_TAKES = timedelta(minutes=10)
MINUTES = 5
"""How long a test announcement may still begin at a receiver that was away."""
QUIET = "quiet_hours"
"""Why nothing but an emergency sounds there."""
_QUIET = "These are quiet hours there: nothing but an emergency sounds."
_NO_SUCH = "There is no such test, or it is not in your area."
_REASON = "Weekly test"


def takes_code(asked: RehearsalIn | RunIn) -> bool:
    """Whether it is heard: one person alone lets it sound."""
    return not asked.silent


def view(db: Session, actor: Actor, now: datetime, zone_id: str) -> RehearsalOut:
    """When a zone's receivers are tested."""
    zone = zone_for(db, actor, now, zone_id, Action.REPORT_READ)
    return _shown(actor, now, zone, repository.rehearsal(db, zone_id))


def overview(
    db: Session, actor: Actor, now: datetime, places: Sequence[Zone]
) -> list[tuple[Zone, RehearsalOut, RunOut | None]]:
    """When each of these is tested, and the newest test of each; of all that the actor may read reports of."""
    ids = [zone.id for zone in places]
    for zone in places:
        require(actor, Action.REPORT_READ, zone.path, now)
    held, newest = repository.rehearsals(db, ids), repository.newest_runs(db, ids)
    return [
        (
            zone,
            _shown(actor, now, zone, held.get(zone.id)),
            _told(db, zone, newest[zone.id]) if zone.id in newest else None,
        )
        for zone in places
    ]


def change(db: Session, actor: Actor, now: datetime, zone_id: str, asked: RehearsalIn, *, version: int) -> RehearsalOut:
    """Set it, also where there is none yet (version 0)."""
    zone = _editable(db, actor, now, zone_id)
    _check_word(asked)
    row = _at_version(db, zone_id, version)
    minute = minute_of_day(asked.at)
    held = rules.effective_rules(db, zone.path)
    next_at = next_due(asked.weekday, minute, held.timezone, now)
    if is_quiet(held, to_us(next_at)):
        raise Invalid(QUIET, _QUIET, field="at")
    if row is None:
        row = Rehearsal(zone_id=zone_id, weekday=0, minute=0, silent=True, set_by="", next_at=next_at, version=0)
    row.weekday, row.minute, row.silent = asked.weekday, minute, asked.silent
    row.set_by, row.next_at = actor.user_id, next_at
    row.version += 1
    db.add(row)
    db.flush()
    said = asked.model_dump(exclude={"word"})
    audit.record(db, actor, now, "rehearsal.set", f"zone:{zone.id}", zone_path=zone.path, **said)
    return _shown(actor, now, zone, row)


def remove(db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int) -> None:
    """Test no more by itself; the reports stay."""
    zone = _editable(db, actor, now, zone_id)
    row = _at_version(db, zone_id, version)
    if row is None:
        raise NotFound("no_rehearsal", "No weekly test is set there.")
    db.delete(row)
    audit.record(db, actor, now, "rehearsal.remove", f"zone:{zone.id}", zone_path=zone.path)


def run_now(db: Session, actor: Actor, now: datetime, zone_id: str, asked: RunIn) -> RunDetail:
    """Test at once, and what is known of each receiver so far."""
    run = start(db, actor, now, zone_id, asked)
    return _detail(db, zone_for(db, actor, now, zone_id), run)


def start(db: Session, actor: Actor, now: datetime, zone_id: str, asked: RunIn) -> RehearsalRun:
    """Test at once."""
    zone = _editable(db, actor, now, zone_id)
    _check_word(asked)
    alone(db, f"rehearsal:{zone_id}")
    if repository.running(db, zone_id) is not None:
        raise Conflict("test_running", "A test is running there already.")
    if not asked.silent and is_quiet(rules.effective_rules(db, zone.path), to_us(now)):
        raise Conflict(QUIET, _QUIET)
    run = _begin(db, zone, now, now, silent=asked.silent)
    if run.trouble == QUIET:
        raise Conflict(QUIET, _QUIET)
    audit.record(db, actor, now, "rehearsal.run", f"zone:{zone.id}", zone_path=zone.path, silent=asked.silent)
    return run


def runs(
    db: Session, actor: Actor, now: datetime, zone_id: str, *, before: str | None = None, limit: int = 20
) -> RunPage:
    """The tests of a zone, the newest first."""
    zone = zone_for(db, actor, now, zone_id, Action.REPORT_READ)
    rows = repository.runs(db, zone_id, before=before, limit=limit + 1)
    items = [_told(db, zone, row) for row in rows[:limit]]
    return RunPage(items=items, next=items[-1].id if len(rows) > limit else None)


def run_report(db: Session, actor: Actor, now: datetime, run_id: str) -> RunDetail:
    """One test with what was found of each receiver."""
    run = repository.run(db, run_id)
    zone = zones.zone(db, run.zone_id) if run is not None else None
    if run is None or zone is None:
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.REPORT_READ, zone.path, now)
    return _detail(db, zone, run)


def outcomes(db: Session, now: datetime) -> Outcomes:
    """What came of the tests that are over. It only reads: of thousands of receivers this takes seconds."""
    over = _over(db, now)
    return {run.id: [one.model_dump(mode="json") for one in _results(db, run, waits=False)] for run in over}


def tick(db: Session, now: datetime, over: Outcomes = NONE_OVER) -> tuple[str, ...]:
    """Close what is `over` and begin what is due; the words for those who watch."""
    words = []
    for run_id, results in over.items():
        run = repository.run(db, run_id)
        if run is not None and run.closed_at is None:
            run.results, run.closed_at = results, now
            words.append(f"rehearsal:{run.id}")
    db.flush()
    for row, zone in repository.due(db, now):
        due = row.next_at
        row.next_at = next_due(row.weekday, row.minute, rules.effective_rules(db, zone.path).timezone, now)
        if not rules.there_now(db, [zone], now):
            continue
        if now - due > LATE:
            run = _missed(db, zone, due, now, silent=row.silent, trouble="centre_was_away")
        elif repository.running(db, zone.id) is not None:
            run = _missed(db, zone, due, now, silent=row.silent, trouble="test_running")
        else:
            run = _begin(db, zone, due, now, silent=row.silent)
        words.append(f"rehearsal:{run.id}")
    db.flush()
    return tuple(words)


def _over(db: Session, now: datetime) -> list[RehearsalRun]:
    """Tests the time of which is over, and silent ones for which nothing is to be waited."""
    found = list(repository.to_close(db, now))
    if now.second % LOOKED_AT_EACH_S == 0:
        silent = repository.silent_running(db, now)
        found += [run for run in silent if not repository.is_awaited(db, run, lost=now - run.began_at >= LOST_FOR)]
    return found


def next_due(weekday: int, minute: int, timezone: str, now: datetime) -> datetime:
    """The first such moment of the local week after `now`."""
    local = now.astimezone(timezone_of(timezone))
    day = local.date() + timedelta(days=(weekday - local.weekday()) % 7)
    at = datetime.combine(day, time(*divmod(minute, 60)), local.tzinfo).astimezone(UTC)
    if at <= now:
        at = datetime.combine(day + WEEK, time(*divmod(minute, 60)), local.tzinfo).astimezone(UTC)
    return at


def _begin(db: Session, zone: Zone, due: datetime, now: datetime, *, silent: bool) -> RehearsalRun:
    found = repository.to_answer(db, zone.path)
    if not found:
        return _missed(db, zone, due, now, silent=silent, trouble="no_receivers")
    order_id = None
    if silent:
        if len(_quiet(db, found.values(), now)) == len(set(found.values())):
            return _missed(db, zone, due, now, silent=silent, trouble=QUIET)
        repository.ask(db, found, now)
        mark_dirty(db, map(topics.settings, found), now)
    else:
        try:
            message = bank.newest(db, naming.TEST_ANNOUNCEMENT)
            if message is None:
                return _missed(db, zone, due, now, silent=silent, trouble="no_test_message")
            order = rehearse(db, now, zone_ids=[zone.id], bank_ids=[message.id], minutes=MINUTES, reason=_REASON)
            order_id = order.id
        except Problem as problem:
            return _missed(db, zone, due, now, silent=silent, trouble=problem.code)
    takes = SILENT_TAKES if silent else AUDIBLE_TAKES
    run = _run(zone, due, now, silent=silent, closes_at=now + takes)
    run.receiver_ids, run.order_id = list(found), order_id
    db.add(run)
    db.flush()
    return run


def _missed(db: Session, zone: Zone, due: datetime, now: datetime, *, silent: bool, trouble: str) -> RehearsalRun:
    run = _run(zone, due, now, silent=silent, closes_at=now)
    run.closed_at, run.trouble = now, trouble
    db.add(run)
    db.flush()
    return run


def _run(zone: Zone, due: datetime, now: datetime, *, silent: bool, closes_at: datetime) -> RehearsalRun:
    return RehearsalRun(
        id=new_id(now), zone_id=zone.id, due_at=due, began_at=now, silent=silent, receiver_ids=[], closes_at=closes_at
    )


def _results(db: Session, run: RehearsalRun, *, waits: bool) -> list[ReceiverResult]:
    """What is known of each receiver now."""
    progress = orders.progress(db, run.order_id) if run.order_id is not None else {}
    found, known, placed = [], Known(db), repository.receivers(db, run.receiver_ids)
    quiet = _quiet(db, {zone.path for _receiver, zone in placed}, run.began_at) if run.silent else set()
    for receiver, zone in placed:
        state = said(receiver)
        lacks = known.lacks(receiver.bank_said, zone.path)
        if run.silent:
            why = [QUIET] if zone.path in quiet else []
            found.append(report.silent(receiver, state, run.began_at, lacks, waits=waits, kept_silent=why))
        else:
            found.append(report.audible(receiver, state, progress.get(receiver.id), lacks, waits=waits))
    return report.in_order(found)


def _quiet(db: Session, paths: Collection[str], at: datetime) -> set[str]:
    """The paths of `paths` in whose zones quiet hours hold."""
    found = zones.zones(db, {zone_id for path in paths for zone_id in zones.ids_of(path)})
    if not any(zone.quiet_hours for zone in found.values()):
        return set()
    held = {path: rules.inherited(found[zone_id] for zone_id in zones.ids_of(path)).rules for path in paths}
    quiet = {one: is_quiet(one, to_us(at)) for one in set(held.values())}
    return {path for path, one in held.items() if quiet[one]}


def _told(db: Session, zone: Zone, run: RehearsalRun) -> RunOut:
    return RunOut(**_detail(db, zone, run).model_dump(exclude={"receivers"}))


def _detail(db: Session, zone: Zone, run: RehearsalRun) -> RunDetail:
    if run.closed_at is None:
        results = _results(db, run, waits=True)
    else:
        results = [ReceiverResult.model_validate(one) for one in run.results]
    state = RunState.MISSED if run.trouble else RunState.RUNNING if run.closed_at is None else RunState.CLOSED
    return RunDetail(
        **run.model_dump(include=set(RunOut.model_fields)),
        zone_name=zone.name,
        state=state,
        heard=sum(one.verdict in report.HEARD for one in results),
        played=sum(one.verdict is Verdict.PLAYED for one in results),
        total=len(run.receiver_ids),
        receivers=results,
    )


def _editable(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    zone = zone_for(db, actor, now, zone_id)
    require(actor, Action.DRILL_ISSUE, zone.path, now)
    return zone


def _check_word(asked: RehearsalIn | RunIn) -> None:
    if not asked.silent:
        check_word(asked.word, Purpose.TEST)


def _at_version(db: Session, zone_id: str, version: int) -> Rehearsal | None:
    alone(db, f"rehearsal:{zone_id}")
    row = repository.rehearsal(db, zone_id, lock=True)
    if version != (row.version if row is not None else 0):
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return row


def _shown(actor: Actor, now: datetime, zone: Zone, row: Rehearsal | None) -> RehearsalOut:
    may_edit = actor.may(Action.DRILL_ISSUE, zone.path, now)
    if row is None:
        return RehearsalOut(zone_id=zone.id, may_edit=may_edit)
    return RehearsalOut(
        zone_id=zone.id,
        weekday=row.weekday,
        at=f"{row.minute // 60:02d}:{row.minute % 60:02d}",
        silent=row.silent,
        next_at=row.next_at,
        version=row.version,
        may_edit=may_edit,
    )
