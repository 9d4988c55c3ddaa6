"""What the receiver tells of itself: the state for the centre and the status file for this machine (does I/O).

Rules
- A state is built from the parts each time; when it is worth sending is `thrift`'s to say.
- While something happens that is each second. Once nothing has been worth telling for CALM_AFTER_S, it is less often.
- The status file is written when there is something to tell and each STATUS_S; losing it costs nothing.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broadcast.clock import US_PER_S, Clock
from broadcast.wire.documents import Fault, ReceiverState
from receivers import life, state, status, thrift
from receivers.horn import Horn
from receivers.identity import Identity
from receivers.link import Link
from receivers.live.feeds import Feeds
from receivers.media import MediaStore
from receivers.node import Node
from receivers.plan import volume_percent
from receivers.stock import Stock
from receivers.version import VERSION

STATUS_S = 60
SIZES_S = 30  # how often the disk is measured
COMING = 5
QUICK_S, CALM_S = 1.0, 5.0  # between two looks
CALM_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Parts:
    """Whom to ask."""

    node: Node
    horn: Horn
    feeds: Feeds
    stock: Stock
    store: MediaStore
    link: Link
    senses: Callable[[], state.Senses]


class Teller:
    def __init__(self, folder: Path, identity: Identity, clock: Clock, parts: Parts) -> None:
        self._folder = folder
        self._identity = identity
        self._clock = clock
        self._parts = parts
        self._started_us = clock.now_us()
        self._faults: tuple[Fault, ...] = ()
        self._last: ReceiverState | None = None
        self._last_at_s = 0.0
        self._pace = thrift.Pace()
        self._status_at_s = float("-inf")
        self._sizes: tuple[int, int | None] = 0, None
        self._sizes_at_s = float("-inf")
        self._calm_at_s = float("inf")

    @property
    def rest_s(self) -> float:
        """How long to wait until the next `look` when nothing happens."""
        return CALM_S if self._clock.monotonic_us() / US_PER_S >= self._calm_at_s else QUICK_S

    @property
    def fault_codes(self) -> frozenset[str]:
        """The faults that held when the state was last built."""
        return frozenset(fault.code for fault in self._faults)

    def link_changed(self) -> None:
        """The status file must say so soon."""
        self._status_at_s = float("-inf")

    def look(self, lived: life.Life) -> bool:
        """Keep the status file; whether there is a state worth sending now."""
        now_s, node = self._clock.monotonic_us() / US_PER_S, self._parts.node
        if thrift.is_soon_heard(node.progress.told, self._clock.now_us() + node.standing.shift_us):
            self._calm_at_s = now_s + CALM_AFTER_S
            return False
        fresh = self.current(lived)
        due = thrift.is_due(fresh, self._last, now_s - self._last_at_s, self._pace.later(now_s))
        if due or fresh.player != "idle" or fresh.pending_reports:
            self._calm_at_s = now_s + CALM_AFTER_S
        if due:
            self._last, self._last_at_s, self._pace = fresh, now_s, self._pace.told(now_s)
        if due or now_s - self._status_at_s >= STATUS_S:
            self._status_at_s = now_s
            self._write_status(fresh)
        return due

    def current(self, lived: life.Life) -> ReceiverState:
        """The state at this moment."""
        parts, now_us = self._parts, self._clock.now_us()
        node, settings, senses = parts.node, parts.node.settings, parts.senses()
        needs, ready = node.needs(now_us), parts.store.ready
        cache_bytes, free_bytes = self._measured()
        facts = state.Facts(
            player=life.player(lived),
            status=parts.horn.status(),
            orders=node.progress.told,
            numbers=node.vault.numbers(),
            needs=needs,
            ready=ready,
            done_bytes={need.sha256: parts.store.done_bytes(need.sha256) for need in needs if need.sha256 not in ready},
            refused={**node.vault.refused, **parts.feeds.refused, **parts.stock.refusals},
            pending_reports=len(node.outbox.pending),
            acknowledged=node.outbox.acknowledged,
            cache_bytes=cache_bytes,
            free_bytes=free_bytes,
            senses=senses,
            volume_percent=volume_percent(settings, now_us) if settings else None,
            started_us=self._started_us,
            version=VERSION,
        )
        held = state.conditions(self._troubles(now_us), now_us) | dict(senses.faults)
        self._faults = state.faults(held, self._faults, now_us)
        return state.state(facts, self._faults, now_us, online=True)

    def farewell(self) -> ReceiverState:
        return state.gone(self._started_us, self._clock.now_us(), VERSION)

    def say_farewell(self) -> None:
        self._write_status(self.farewell())

    def _troubles(self, now_us: int) -> state.Troubles:
        node, stock, player = self._parts.node, self._parts.stock, self._parts.horn.status()
        return state.Troubles(
            configured=node.settings is not None,
            settings_good=node.settings_good,
            missing=node.missing_now(now_us),
            bank_missing=node.standing.bank_missing(self._parts.store.ready),
            corrupt=stock.corrupt,
            refused_media=stock.refused,
            unfetched=stock.unfetched,
            refusal=node.last_refusal,
            device=", ".join(player.faults) if player else self._parts.horn.error,
            disk=node.vault.disk_error or node.outbox.disk_error or stock.disk_error,
            disk_full=stock.disk_full,
        )

    def _measured(self) -> tuple[int, int | None]:
        """Bytes used and free, measured now and then."""
        now_s = self._clock.monotonic_us() / US_PER_S
        if now_s - self._sizes_at_s >= SIZES_S:
            with contextlib.suppress(OSError):
                self._sizes = self._parts.store.used_bytes(), self._parts.store.free_bytes()
            self._sizes_at_s = now_s
        return self._sizes

    def _write_status(self, told: ReceiverState) -> None:
        link, now_us = self._parts.link.status, self._clock.now_us()
        segments = [segment for segment in self._parts.node.resolution.segments if segment.end_us > now_us][:COMING]
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
        with contextlib.suppress(OSError):
            status.write(self._folder, written)
