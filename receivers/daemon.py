"""The receiver's process: a few long tasks, each named, wired around one node (does I/O).

Rules
- What plays depends on the disk, the clock and the sound card alone; link and stock are beside it.
- A mistake in Loa ends the process with a code of its own, and the supervisor starts it again; what goes wrong outside
  (network, disk, sound card, the centre's documents) never does.
- SIGTERM and SIGINT end it in order: the piece that sounds fades out and is kept, the state says offline.
- What it does when something happens stands in `receivers.life`; here it is only done.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from broadcast.clock import US_PER_S, Clock
from broadcast.wholefile import clear_unfinished
from broadcast.wire import topics
from broadcast.wire.documents import Ack, Beat, PlayReport, ReceiverState, Rules, TimeTold
from broadcast.wire.fault_codes import FaultCode
from receivers import ceilings, life, signs, state, usage
from receivers.board import Board, Desk
from receivers.config import Config
from receivers.fetch import open_client
from receivers.horn import Horn, MakePlayer
from receivers.identity import Identity, certificate_faults
from receivers.incidents import Diary, IncidentLog
from receivers.kernel_clock import Discipline, discipline
from receivers.life import Effect, Event, Hold, Impossible
from receivers.link import Link, Pacing
from receivers.live.buffer import Buffers
from receivers.live.feeds import Feeds
from receivers.media import MediaStore
from receivers.node import Node
from receivers.odometer import Odometer
from receivers.outbox import Outbox
from receivers.quarantine import open_folder
from receivers.restarts import Restarts
from receivers.sound.cue import Played, PlayerStatus
from receivers.stock import Stock
from receivers.tasks import run_until
from receivers.telling import Parts, Teller
from receivers.timekeeper import Timekeeper
from receivers.vault import Vault
from receivers.watchdog import Pulse, Watchdog
from scheduler.policy import local_day

log = logging.getLogger(__name__)

TICK_S = 1.0
SETTLED_S = 8.0  # the horn is open and the link up, or they take longer


class Daemon:
    """Receiver `identity` in `folder`; `run` it until `end`. Feeds come into `buffers`, where the players find them.

    `memory` says how much of it this daemon takes.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        config: Config,
        clock: Clock,
        make_player: MakePlayer,
        *,
        buffers: Buffers | None = None,
        memory: Callable[[], int | None] = ceilings.resident_bytes,
    ) -> None:
        self._folder = folder
        self._memory = memory
        self._identity = identity
        self._clock = clock
        self._started_us = clock.monotonic_us()
        now_us = clock.now_us()
        own = folder / identity.receiver_id
        self._store = MediaStore(folder / "media")
        vault = Vault(own / "documents", identity.receiver_id, identity.trusted())
        self._node = Node(vault, Outbox(own / "reports"), self._store, now_us)
        self._horn = Horn(make_player, self._hand_over)
        self._odometer = Odometer(folder, clock)
        self._stock = self._make_stock(config)
        self._feeds = Feeds(buffers or Buffers(), clock, config.proxy, self._odometer.sample)
        kept = Discipline(disciplined=True)
        self._timekeeper = Timekeeper(folder, clock, (lambda: kept) if config.clock_kept_by_host else discipline)
        self._link = self._make_link(config)
        self._loop = asyncio.get_running_loop()
        self._played: asyncio.Queue[Played] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tell_now = asyncio.Event()
        self._online = False
        self._diary = Diary(IncidentLog(folder))
        self._watchdog, self._pulse = Watchdog(clock), Pulse()
        self._board = self._make_board(config)
        self._restarts = Restarts(own)
        self._node.lead_us = lambda: self._board.lead_us
        self._node.sure_feeds = lambda: self._feeds.sure
        parts = Parts(self._node, self._horn, self._feeds, self._stock, self._store, self._link, self._senses)
        self._teller = Teller(folder, identity, clock, parts)
        self._acts: Mapping[Effect, Callable[[], None]] = {
            Effect.TELL: self._tell_now.set,
            Effect.FETCH: self._stock.nudge,
            Effect.ASK_AGAIN: self._link.ask_again,
        }

    def _make_stock(self, config: Config) -> Stock:
        return Stock(
            self._store,
            self._identity.media_urls,
            config,
            self._clock,
            wants=lambda: self._node.needs(self._clock.now_us()),
            changed=self._wake_player,
            open_client=lambda: open_client(config.proxy, self._odometer.sample),
            busy_from_us=lambda: self._feeds.hurry_us,
        )

    def _make_link(self, config: Config) -> Link:
        return Link(
            self._identity,
            self._folder,
            self._clock,
            self,
            pacing=Pacing(keepalive_s=config.keepalive_s),
            proxy=config.proxy,
            count=self._odometer.sample,
            clock_believed=lambda: self._timekeeper.state.trusted,
        )

    def _make_board(self, config: Config) -> Board:
        desk = Desk(
            settings=lambda: self._node.settings,
            started=lambda: self._node.messages,
            start=lambda airing: self._node.start_message(airing, self._clock.now_us()),
            changed=self._wake_player,
            hush=lambda: self._horn.set_plan(()),
        )
        return Board(self._folder, config, self._clock, desk)

    def end(self) -> None:
        """End in order; `run` returns soon after."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `end`. An exception from here is a mistake in Loa."""
        await self._wake_up()
        self._watchdog.ready()
        parts = {
            "horn": self._horn.keep_open(self._clock),
            "play": self._play(),
            "link": self._link.run(),
            "stock": self._stock.run(),
            "feeds": self._feeds.run(),
            "tell": self._tell(),
            "watchdog": self._watchdog.run(self._is_moving),
            **self._board.tasks(),
        }
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        self._loop.call_later(SETTLED_S, ceilings.give_back)
        try:
            await run_until(self._stopping, tasks)
        finally:
            self._watchdog.stopping()
            await self._go_to_sleep()

    def _is_moving(self) -> bool:
        """Whether the player's thread has moved since last asked; a horn that is not there has none."""
        sounding = self._horn.status()
        return sounding is None or self._pulse.moves(sounding.turns)

    async def _wake_up(self) -> None:
        now_us = self._clock.now_us()
        self._diary.note(Event.ENROLLED, now_us)
        open_folder(self._folder / self._identity.receiver_id, now_us)
        self._store.open(now_us)
        self._node.vault.open(now_us)
        self._node.outbox.open(now_us)
        self._odometer.open()
        self._timekeeper.open()
        self._board.open()
        self._restarts.open()
        self._node.look(now_us)
        await self._stock.check_imminent()
        self._diary.note(Event.READY, self._clock.now_us())

    async def _go_to_sleep(self) -> None:
        await self._horn.close()
        await asyncio.sleep(0)  # lets the last pieces come over from the player's thread
        self._take_played()
        self._node.outbox.flush()
        self._odometer.use(self._today())
        self._odometer.save(now=True)
        with contextlib.suppress(Impossible):  # it ended before it began
            self._diary.note(Event.ENDING, self._clock.now_us())
        self._teller.say_farewell()

    def _hand_over(self, played: Played) -> None:
        """Called on the player's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: there is no one to tell
            self._loop.call_soon_threadsafe(self._receive_played, played)

    def _receive_played(self, played: Played) -> None:
        self._played.put_nowait(played)
        self._wake_player()

    def _take_played(self) -> None:
        while not self._played.empty():
            played = self._played.get_nowait()
            if not self._board.take(played):
                self._node.on_played(played)

    def _wake_player(self) -> None:
        """Something has happened that changes what plays and what is to be told."""
        self._wake.set()
        self._tell_now.set()

    async def _play(self) -> None:
        while True:
            self._wake.clear()
            self._take_played()
            now_us, sounding = self._clock.now_us(), self._horn.status()
            self._live_on(now_us, sounding)
            number, jumps, told = self._node.outbox.number, self._node.jumps, self._node.progress.told
            cues = self._node.tick(now_us, sounding)
            self._feeds.follow(self._node.feeds)
            playing, held = sounding.playing if sounding else None, life.hold(self._diary.life) is not Hold.NOTHING
            plan = self._board.follow(cues, now_us, playing, held=held)
            self._horn.set_plan(plan)
            self._perhaps_end(quiet=ceilings.is_quiet(plan, playing, now_us))
            self._stock.doubt(self._node.known.take_suspects())
            if self._node.outbox.number != number:
                self._link.reports_changed()
            if self._node.jumps != jumps:
                self._link.ask_again()
            if self._node.progress.told != told:
                self._tell_now.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rest_s(now_us)):
                    await self._wake.wait()

    def _perhaps_end(self, *, quiet: bool) -> None:
        """End in order, to be started again: as the centre asks, or before memory is short where it would be heard."""
        quiet = quiet and not self._node.messages  # those do not outlive the process
        now_us, settings = self._clock.now_us(), self._node.settings
        asked_us = settings.restart_asked_us if settings else None
        in_force = any(ends_us > now_us for ends_us in self._node.standing.read.ends_us.values())
        if asked_us is not None and self._restarts.is_due(asked_us, now_us) and quiet and not in_force:
            if self._restarts.serve(asked_us):
                log.info("the centre asks for it: it ends, to be started again")
                self.end()
            return
        ran_us = self._clock.monotonic_us() - self._started_us
        if not quiet or ran_us < ceilings.RESTART_US:
            return  # what the kernel would say changes nothing
        if ceilings.should_restart(self._memory(), ran_us, quiet=quiet):
            log.warning(
                "more than %d MiB are taken: it ends, to be started again", ceilings.RESTART_BYTES // ceilings.MIB
            )
            self.end()

    def _rest_s(self, now_us: int) -> float:
        """How long nothing is to be done: until the relay moves or an order should be heard, a second at most."""
        changes_us = (self._board.change_us, self._node.look_us(now_us))
        return min([TICK_S, *(max(0.0, (us - now_us) / US_PER_S) for us in changes_us if us is not None)])

    def _live_on(self, now_us: int, sounding: PlayerStatus | None) -> None:
        """Take in what the parts look like now, do what the life's tables say, and hold what they hold."""
        told = self._timekeeper.look(self._node.vault.issued_us)
        self._node.standing.set_clock(trusted=self._timekeeper.keeps_centre_time, offset_us=told.offset_us)
        seen = life.Seen(
            online=self._online,
            clock_trusted=told.trusted,
            horn=signs.horn(sounding, self._node.resolution, self._node.outbox.over, now_us),
            stopped=self._board.is_stopped,
            faults=self._teller.fault_codes,
        )
        for effect in self._diary.look(seen, now_us):
            if effect in self._acts:
                self._acts[effect]()
        self._node.set_hold(life.hold(self._diary.life), now_us)

    async def _tell(self) -> None:
        while True:
            self._tell_now.clear()
            if self._teller.look(self._diary.life):
                self._link.state_changed()
            self._odometer.save()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._teller.rest_s):
                    await self._tell_now.wait()

    # What the link carries for: link.Desk

    def wanted_topics(self) -> frozenset[str]:
        return self._node.vault.wanted()

    def pending_reports(self) -> Mapping[int, PlayReport]:
        return self._node.outbox.to_send()

    def acknowledged(self) -> int:
        return self._node.outbox.acknowledged

    def beat(self) -> Beat | None:
        return self._timekeeper.beat()

    def on_time(self, told: TimeTold) -> None:
        self._timekeeper.told(told)
        self._wake.set()

    def on_document(self, topic: str, raw: bytes) -> None:
        if self._node.on_document(topic, raw, self._clock.now_us()):
            if topic == topics.settings(self._identity.receiver_id):
                self._link.topics_changed()
            self._node.look(self._clock.now_us())
            self._wake_player()
            self._stock.look()

    def on_ack(self, ack: Ack) -> None:
        self._node.outbox.acknowledge(ack.number, self._clock.now_us())
        self._link.reports_changed()

    def on_link(self, *, online: bool) -> None:
        self._online = online
        self._teller.link_changed()
        self._wake.set()

    def farewell_state(self) -> ReceiverState:
        return self._teller.farewell()

    def current_state(self) -> ReceiverState:
        return self._teller.current(self._diary.life)

    def _senses(self) -> state.Senses:
        """What the parts beside the sound path say."""
        faults = self._board.faults()
        memory = ceilings.memory_fault(self._memory())
        if memory is not None:
            faults[FaultCode.MEMORY] = memory
        settings, link = self._node.settings, self._link.status
        data = self._odometer.use(self._today())
        faults |= usage.warnings(data, settings.month_budget_bytes if settings else None)
        told = self._timekeeper.state
        expires_us = self._identity.expires_us if told.trusted else None
        faults |= certificate_faults(expires_us, link.refused, self._clock.now_us())
        sounding, readings = self._horn.status(), self._board.readings
        if sounding is not None and sounding.microphone is not None:
            faults[FaultCode.MICROPHONE] = sounding.microphone
        return state.Senses(
            clock=told,
            power=readings.power,
            signal=readings.signal,
            temperature_c=readings.temperature_c,
            data=data,
            self_test=self._board.self_test,
            faults=faults | self._timekeeper.faults(),
        )

    def _today(self) -> date:
        """The zone's calendar day."""
        settings = self._node.settings
        rules = settings.rules if settings and self._node.settings_good else Rules()
        return local_day(rules.timezone, self._clock.now_us())


async def run(
    folder: Path, identity: Identity, config: Config, clock: Clock, make_player: MakePlayer, *, buffers: Buffers
) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    clear_unfinished(folder)
    daemon = Daemon(folder, identity, config, clock, make_player, buffers=buffers)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.end)
    log.info("receiver %s starts", identity.receiver_id)
    await daemon.run()
    log.info("receiver %s has ended", identity.receiver_id)
