"""The receiver's process: a few long tasks, each named, wired around one node (does I/O).

Rules
- What plays depends on the disk, the clock and the sound card alone; link and stock are beside it.
- A mistake in Loa ends the process with a code of its own, and the supervisor starts it again; what goes wrong outside
  (network, disk, sound card, the centre's documents) never does.
- SIGTERM and SIGINT end it in order: the piece that sounds fades out and is kept, the state says offline.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from broadcast.clock import Clock
from broadcast.wholefile import clear_unfinished
from broadcast.wire import topics
from broadcast.wire.documents import Ack, ClockState, Fault, PlayReport, ReceiverState
from receivers import state, status, thrift
from receivers.config import Config
from receivers.horn import Horn, MakePlayer
from receivers.identity import Identity
from receivers.kernel_clock import estimated_error_us
from receivers.link import Link
from receivers.media import MediaStore
from receivers.node import Node
from receivers.outbox import Outbox
from receivers.plan import volume_percent
from receivers.sound.cue import Played
from receivers.stock import Stock
from receivers.tasks import run_until
from receivers.vault import Vault
from receivers.version import VERSION

log = logging.getLogger(__name__)

TICK_S = 1.0
STATUS_S = 60  # how often the status file is written when there is nothing to tell
SIZES_S = 30  # how often the disk is measured
COMING = 5


class Daemon:
    """Receiver `identity` in `folder`; `run` it until `stop`."""

    def __init__(self, folder: Path, identity: Identity, config: Config, clock: Clock, make_player: MakePlayer) -> None:
        self._folder = folder
        self._identity = identity
        self._clock = clock
        self._started_us = clock.now_us()
        own = folder / identity.receiver_id
        self._store = MediaStore(folder / "media")
        vault = Vault(own / "documents", identity.receiver_id, identity.trusted())
        self._node = Node(vault, Outbox(own / "reports"), self._store, self._started_us)
        self._horn = Horn(make_player, self._hand_over)
        self._stock = Stock(
            self._store,
            identity.media_urls,
            config,
            clock,
            wants=lambda: self._node.needs(clock.now_us()),
            changed=self._wake_player,
        )
        self._link = Link(identity, folder, clock, self)
        self._loop = asyncio.get_running_loop()
        self._played: asyncio.Queue[Played] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._told = _Told()
        self._status_at_s = float("-inf")

    def stop(self) -> None:
        """End in order; `run` returns soon after."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. An exception from here is a mistake in Loa, or an OSError from a folder that cannot be made."""
        await self._wake_up()
        tasks = (
            asyncio.create_task(self._horn.keep_open(self._clock), name="horn"),
            asyncio.create_task(self._play(), name="play"),
            asyncio.create_task(self._link.run(), name="link"),
            asyncio.create_task(self._stock.run(), name="stock"),
            asyncio.create_task(self._tell(), name="tell"),
        )
        try:
            await run_until(self._stopping, tasks)
        finally:
            await self._go_to_sleep()

    async def _wake_up(self) -> None:
        now_us = self._clock.now_us()
        for part in (self._identity.receiver_id, "media"):
            (self._folder / part).mkdir(mode=0o700, exist_ok=True)
        self._store.open()
        self._node.vault.open(now_us)
        self._node.outbox.open(now_us)
        self._node.look(now_us)
        await self._stock.check_imminent()

    async def _go_to_sleep(self) -> None:
        await self._horn.close()
        await asyncio.sleep(0)  # lets the last pieces come over from the player's thread
        self._take_played()
        self._node.outbox.flush()
        with contextlib.suppress(OSError):
            self._write_status(self.farewell_state())

    def _hand_over(self, played: Played) -> None:
        """Called on the player's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: there is no one to tell
            self._loop.call_soon_threadsafe(self._receive_played, played)

    def _receive_played(self, played: Played) -> None:
        self._played.put_nowait(played)
        self._wake.set()

    def _take_played(self) -> None:
        while not self._played.empty():
            self._node.on_played(self._played.get_nowait())

    def _wake_player(self) -> None:
        self._wake.set()

    async def _play(self) -> None:
        while True:
            self._wake.clear()
            self._take_played()
            number, jumps = self._node.outbox.number, self._node.jumps
            self._horn.set_plan(self._node.tick(self._clock.now_us(), self._horn.status()))
            self._stock.suspects |= self._node.take_suspects()
            if self._node.outbox.number != number:
                self._link.reports_changed()
            if self._node.jumps != jumps:
                self._link.ask_again()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()

    async def _tell(self) -> None:
        while True:
            now_s = self._clock.monotonic_us() / 1_000_000
            fresh = self.current_state()
            due = self._told.is_due(fresh, now_s)
            if due:
                self._told.tell(fresh, now_s)
                self._link.state_changed()
            if due or now_s - self._status_at_s >= STATUS_S:
                self._status_at_s = now_s
                with contextlib.suppress(OSError):
                    self._write_status(fresh)
            await self._clock.sleep(TICK_S)

    # What the link carries for: link.Desk

    def wanted_topics(self) -> frozenset[str]:
        return self._node.vault.wanted()

    def pending_reports(self) -> Mapping[int, PlayReport]:
        return self._node.outbox.pending

    def acknowledged(self) -> int:
        return self._node.outbox.acknowledged

    def on_document(self, topic: str, raw: bytes) -> None:
        if self._node.on_document(topic, raw, self._clock.now_us()):
            if topic == topics.settings(self._identity.receiver_id):
                self._link.topics_changed()
            self._node.look(self._clock.now_us())
            self._stock.look()
            self._wake.set()

    def on_ack(self, ack: Ack) -> None:
        self._node.outbox.acknowledge(ack.number, self._clock.now_us())
        self._link.reports_changed()

    def on_link(self, *, online: bool) -> None:
        self._status_at_s = float("-inf")
        if online:
            self._stock.nudge()

    def farewell_state(self) -> ReceiverState:
        return state.gone(self._started_us, self._clock.now_us(), VERSION)

    def current_state(self) -> ReceiverState:
        now_us = self._clock.now_us()
        node, player, settings = self._node, self._horn.status(), self._node.settings
        needs = node.needs(now_us)
        ready = self._store.ready
        cache_bytes, free_bytes = self._told.sizes(self._store, self._clock.monotonic_us() // 1_000_000)
        facts = state.Facts(
            status=player,
            numbers=node.vault.numbers(),
            needs=needs,
            ready=ready,
            done_bytes={need.sha256: self._store.done_bytes(need.sha256) for need in needs if need.sha256 not in ready},
            refused=node.vault.refused,
            pending_reports=len(node.outbox.pending),
            acknowledged=node.outbox.acknowledged,
            cache_bytes=cache_bytes,
            free_bytes=free_bytes,
            clock=ClockState(trusted=True, error_us=estimated_error_us()),
            volume_percent=volume_percent(settings, now_us) if settings else None,
            started_us=self._started_us,
            version=VERSION,
        )
        held = state.faults(state.conditions(self._troubles(now_us), now_us), self._told.faults, now_us)
        self._told.faults = held
        return state.state(facts, held, now_us, online=True)

    def _troubles(self, now_us: int) -> state.Troubles:
        node, stock, player = self._node, self._stock, self._horn.status()
        return state.Troubles(
            configured=node.settings is not None,
            settings_good=node.settings_good,
            missing=node.missing_now(now_us),
            corrupt=stock.corrupt,
            refused_media=stock.refused,
            unfetched=stock.unfetched,
            refusal=node.last_refusal,
            device=", ".join(player.faults) if player else self._horn.error,
            disk=node.vault.disk_error or node.outbox.disk_error or stock.disk_error,
            disk_full=stock.disk_full,
        )

    def _write_status(self, told: ReceiverState) -> None:
        link, now_us = self._link.status, self._clock.now_us()
        segments = [segment for segment in self._node.resolution.segments if segment.end_us > now_us][:COMING]
        coming = tuple(
            status.ComingAiring(airing_id=segment.airing_id, start_us=segment.start_us, end_us=segment.end_us)
            for segment in segments
        )
        written = status.Status(
            receiver_id=self._identity.receiver_id,
            broker=f"{self._identity.broker.host}:{self._identity.broker.port}",
            pid=os.getpid(),
            written_us=now_us,
            linked=link.online and told.online,
            link_since_us=link.since_us,
            link_error=link.error,
            state=told,
            coming=coming,
        )
        status.write(self._folder, written)


class _Told:
    """What was last told to the centre, and when."""

    def __init__(self) -> None:
        self.faults: tuple[Fault, ...] = ()
        self._last: ReceiverState | None = None
        self._at_s = 0.0
        self._pace = thrift.Pace()
        self._sizes: tuple[int, int | None] = 0, None
        self._sizes_at_s: int | None = None

    def is_due(self, fresh: ReceiverState, now_s: float) -> bool:
        return thrift.is_due(fresh, self._last, now_s - self._at_s, self._pace.later(now_s))

    def tell(self, fresh: ReceiverState, now_s: float) -> None:
        self._last, self._at_s, self._pace = fresh, now_s, self._pace.told(now_s)

    def sizes(self, store: MediaStore, now_s: int) -> tuple[int, int | None]:
        """Bytes used and free, measured now and then."""
        if self._sizes_at_s is None or now_s - self._sizes_at_s >= SIZES_S:
            with contextlib.suppress(OSError):
                self._sizes = store.used_bytes(), store.free_bytes()
            self._sizes_at_s = now_s
        return self._sizes


async def run(folder: Path, identity: Identity, config: Config, clock: Clock, make_player: MakePlayer) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    clear_unfinished(folder)
    daemon = Daemon(folder, identity, config, clock, make_player)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    log.info("receiver %s starts", identity.receiver_id)
    await daemon.run()
    log.info("receiver %s has ended", identity.receiver_id)
