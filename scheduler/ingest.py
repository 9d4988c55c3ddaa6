"""Takes in what receivers say (does I/O): their states as they change, their reports once each.

Rules
- Messages wait in memory and are written every BATCH_S, at most MAX_BATCH in one transaction, the latest state of a
  receiver only: ten thousand receivers that come back at once are fifty short transactions.
- A report is acknowledged after it is stored, with the highest number below which none is missing; a repeated one is
  acknowledged again, for its sender did not hear it. An Ack that cannot be sent is left to the next repetition.
- What is malformed or from nobody known is counted, said once, and changes nothing; what is too large is not kept.
- While the database cannot be written the latest states wait for it: a last will is said once only.
- A receiver that says nothing for SILENT_US is off line whatever the broker remembers of it, until its next word.
- What a state says of faults, and what it measured, is kept beside it (`fleet.upkeep`).
- A beat is answered at once, whatever the database does, and counts as a sign of life.
"""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from broadcast.bus import Bus, BusDown, Message
from broadcast.clock import US_PER_S, Clock
from broadcast.wire import topics
from broadcast.wire.documents import Ack, PlayReport, ReceiverState
from broadcast.wire.fault_codes import FaultCode
from scheduler.changes import Changes
from scheduler.emergency import hearing
from scheduler.fleet import inbox, intake
from scheduler.fleet.inbox import BeatSaid, Malformed, ReportSaid, StateSaid
from scheduler.fleet.upkeep import intake as upkeep
from scheduler.fleet.views import SILENT_AFTER
from scheduler.store.engine import Store, StoreBusy
from scheduler.timedesk import TimeDesk

log = logging.getLogger(__name__)

BATCH_S = 0.2
MAX_BATCH = 200
"""Messages in one transaction: a tenth of a second, for what is urgent waits for the one that has begun."""
MAX_WAITING_REPORTS = 50_000
"""Beyond this reports are left to be sent again."""
SEEN_US = 60 * US_PER_S
"""`seen_at` of a receiver that says nothing new is written no more often."""
SILENT_US = SILENT_AFTER // timedelta(microseconds=1)
SWEEP_US = 30 * US_PER_S
MANY_SUBJECTS = 1000


@dataclass
class _Waiting:
    """`latest` has states and beats by topic."""

    latest: dict[str, Message] = field(default_factory=dict)
    reports: deque[Message] = field(default_factory=deque)

    def take(self, limit: int) -> list[Message]:
        """The next messages, reports last."""
        latest = [self.latest.pop(topic) for topic in list(self.latest)[:limit]]
        return latest + [self.reports.popleft() for _one in range(min(limit - len(latest), len(self.reports)))]


@dataclass
class _Heard:
    """What is known of one receiver since this process began, in monotonic time."""

    at_us: int
    content: bytes = b""
    seen_us: int | None = None
    acked_session: int = 0


@dataclass
class _Batch:
    """What was said, by receiver, and what came of storing it."""

    states: dict[str, StateSaid] = field(default_factory=dict)
    beats: set[str] = field(default_factory=set)
    reports: dict[str, list[PlayReport]] = field(default_factory=dict)
    acks: dict[str, int] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)

    def add(self, said: StateSaid | ReportSaid | BeatSaid) -> None:
        if isinstance(said, StateSaid):
            self.states[said.receiver_id] = said
        elif isinstance(said, BeatSaid):
            self.beats.add(said.receiver_id)
        else:
            self.reports.setdefault(said.receiver_id, []).append(said.report)

    @property
    def senders(self) -> set[str]:
        return self.states.keys() | self.reports.keys() | self.beats

    @property
    def live(self) -> set[str]:
        """Those who spoke just now, rather than were remembered by the broker."""
        return {key for key, said in self.states.items() if not said.retained} | self.reports.keys() | self.beats


class Ingest:
    """`take` is called by the bus; `run` writes, `time_desk.run` answers beats. `refused` counts by reason."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._changes = changes
        self.time_desk = TimeDesk(bus, clock)
        self._waiting = _Waiting()
        self._heard: dict[str, _Heard] = {}
        self._began_us = self._swept_us = clock.monotonic_us()
        self._said: set[tuple[str, str]] = set()
        self._failing = False
        self.refused: Counter[str] = Counter()

    def take(self, message: Message) -> None:
        """Put a message by for the next batch; a beat is answered before."""
        kind = message.topic.rpartition("/")[2]
        if len(message.payload) > inbox.LIMITS_BYTES.get(kind, 0):
            self._refuse("malformed", message.topic, f"{len(message.payload)} bytes")
        elif kind == "beat":
            self._take_beat(message)
        elif kind == "state":
            self._waiting.latest[message.topic] = message
        elif len(self._waiting.reports) < MAX_WAITING_REPORTS:
            self._waiting.reports.append(message)
        else:
            self._refuse("too_many", message.topic, "left to be sent again")

    def _take_beat(self, message: Message) -> None:
        if message.retained:  # nobody asks now
            return
        self._waiting.latest[message.topic] = message
        with contextlib.suppress(Malformed):  # the batch counts it
            said = inbox.read(message.topic, message.payload, retained=False)
            if isinstance(said, BeatSaid):
                self.time_desk.ask(said.receiver_id, said.beat)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.write()
            await self._clock.sleep(BATCH_S)

    async def write(self) -> None:
        """Store what waits, tell who watches, acknowledge; in transactions that let others in between."""
        while True:
            messages = self._waiting.take(MAX_BATCH)
            sweep = self._clock.monotonic_us() - self._swept_us >= SWEEP_US
            if not (messages or sweep):
                return
            try:
                batch = await asyncio.to_thread(self._store_batch, messages, sweep)
            except Exception as error:  # noqa: BLE001 - whatever a receiver's words meet here, the others' go on
                self._not_stored(messages, error)
                return
            self._failing = False
            self._changes.tell(batch.words)
            with contextlib.suppress(BusDown):
                await self._acknowledge(batch)

    def _not_stored(self, messages: Sequence[Message], error: Exception) -> None:
        if isinstance(error, OperationalError | StoreBusy):
            again = {message.topic: message for message in messages if message.topic.endswith("/state")}
            self._waiting.latest = again | self._waiting.latest
        level = logging.DEBUG if self._failing else logging.ERROR
        self._failing = True
        log.log(level, "%d messages of receivers could not be stored", len(messages), exc_info=error)

    def _store_batch(self, messages: Sequence[Message], sweep: bool) -> _Batch:
        batch = self._sorted(messages)
        now, now_us = self._clock.now(), self._clock.monotonic_us()
        with self._store.writing() as db:
            batch.acks = intake.known(db, batch.senders)
            self._drop_unknown(batch)
            news = {key: said for key, said in batch.states.items() if self._is_news(said)}
            intake.write_states(db, {key: said.state for key, said in news.items()})
            upkeep.write_said(db, {key: said.state for key, said in news.items()}, now)
            heard = hearing.merged(db, {key: said.state.orders for key, said in news.items()}, now)
            stopped = (said.state for said in news.values() if _is_stopped(said.state))
            heard |= {order.id for state in stopped for order in state.orders}
            batch.words |= {f"emergency:{order_id}" for order_id in heard}
            batch.acks |= intake.known(
                db, {key for key, said in news.items() if said.state.acknowledged > batch.acks[key]}
            )
            seen = self._to_be_seen(batch, now_us)
            intake.write_seen(db, seen, now)
            fresh, acks = intake.store_reports(db, batch.reports, now)
            batch.acks |= acks
            batch.words |= {word for receiver_id, report in fresh for word in _words(receiver_id, report)}
            silent = self._silent(db, batch, now_us) if sweep else []
            back = {key for key in batch.beats - batch.states.keys() if key not in self._heard}
            intake.write_online(db, back, online=True)
            intake.write_online(db, silent, online=False)
            cut_off = upkeep.write_unreachable(db, now) if sweep else set[str]()
        self._remember(batch, seen, silent, now_us)
        batch.words |= {f"receiver:{key}" for key in (*news, *back, *silent, *cut_off)}
        if sweep:
            self._swept_us = now_us
        return batch

    def _sorted(self, messages: Sequence[Message]) -> _Batch:
        batch = _Batch()
        for message in messages:
            try:
                batch.add(inbox.read(message.topic, message.payload, retained=message.retained))
            except Malformed as refusal:
                if message.payload:  # an empty one only clears what was retained
                    self._refuse("malformed", message.topic, str(refusal))
        return batch

    def _drop_unknown(self, batch: _Batch) -> None:
        for receiver_id in batch.senders - batch.acks.keys():
            self._refuse("unknown_receiver", receiver_id, "there is no such receiver")
            batch.states.pop(receiver_id, None)
            batch.beats.discard(receiver_id)
            batch.reports.pop(receiver_id, None)

    def _is_news(self, said: StateSaid) -> bool:
        heard = self._heard.get(said.receiver_id)
        return heard is None or heard.content != said.content

    def _to_be_seen(self, batch: _Batch, now_us: int) -> set[str]:
        def due(receiver_id: str) -> bool:
            heard = self._heard.get(receiver_id)
            return heard is None or heard.seen_us is None or now_us - heard.seen_us >= SEEN_US

        gone = {key for key in batch.live if key in batch.states and not batch.states[key].state.online}
        return {key for key in batch.live - gone if due(key)}

    def _silent(self, db: Session, batch: _Batch, now_us: int) -> list[str]:
        def last_us(receiver_id: str) -> int:
            heard = self._heard.get(receiver_id)
            return heard.at_us if heard is not None else self._began_us

        quiet = (key for key in intake.online(db) if now_us - last_us(key) > SILENT_US)
        return [key for key in quiet if key not in batch.senders]

    def _remember(self, batch: _Batch, seen: set[str], silent: list[str], now_us: int) -> None:
        for receiver_id in batch.senders:
            heard = self._heard.setdefault(receiver_id, _Heard(now_us))
            heard.at_us = now_us
            if receiver_id in batch.states:
                heard.content = batch.states[receiver_id].content
            if receiver_id in seen:
                heard.seen_us = now_us
        for receiver_id in silent:
            self._heard.pop(receiver_id, None)

    async def _acknowledge(self, batch: _Batch) -> None:
        """Who reported, and each receiver once a connection: a broker may have forgotten what it was told."""
        session = self._bus.session
        greeted = {key for key in batch.live if self._heard[key].acked_session != session}
        numbers = {key: batch.acks[key] for key in batch.reports.keys() | greeted}
        await asyncio.gather(*(self._publish(key, number) for key, number in numbers.items()))
        for receiver_id in numbers:
            self._heard[receiver_id].acked_session = session

    async def _publish(self, receiver_id: str, number: int) -> None:
        await self._bus.publish(topics.ack(receiver_id), msgspec.json.encode(Ack(number=number)), retain=True)

    def _refuse(self, reason: str, subject: str, detail: str) -> None:
        self.refused[reason] += 1
        first = (reason, subject) not in self._said and len(self._said) < MANY_SUBJECTS
        if first:
            self._said.add((reason, subject))
        log.log(logging.WARNING if first else logging.DEBUG, "refused, %s: %s (%s)", reason, subject, detail)


def _is_stopped(state: ReceiverState) -> bool:
    """Whether somebody pressed STOP at the receiver."""
    return any(fault.code == FaultCode.STOPPED_LOCALLY for fault in state.faults)


def _words(receiver_id: str, report: PlayReport) -> tuple[str, ...]:
    return f"receiver:{receiver_id}", f"airing:{report.airing_id}", f"broadcast:{report.broadcast_id}"
