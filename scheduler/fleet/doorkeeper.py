"""Keeps shut-out receivers out and the centre's own certificates good (does I/O).

A revoked certificate is refused at the next handshake; the connection that it has already is ended by taking its place.
That is done one round after the broker was told, so that it cannot come back in between. A database that is away is
waited for.
"""

import asyncio
import logging
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from broadcast.broker.process import Broker
from broadcast.bus import displace
from broadcast.clock import US_PER_S, Clock
from broadcast.trustroot.folder import TrustRoot, renew
from scheduler.fleet import repository
from scheduler.store.engine import Store
from scheduler.store.patience import outlast

log = logging.getLogger(__name__)

WHO = "doorkeeper"
ROUND_S = 1.0
RENEW_EVERY_US = 6 * 3600 * US_PER_S


@dataclass(frozen=True, slots=True)
class Gate:
    """The broker as this machine reaches it; `names` are for its certificate, `broker` is None if not Loa's own."""

    host: str
    port: int
    ca_file: Path | None
    broker: Broker | None
    names: tuple[str, ...]


class Doorkeeper:
    """One a centre process."""

    def __init__(self, store: Store, trust: TrustRoot, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._trust = trust
        self._gate = gate
        self._clock = clock
        self._refused: frozenset[int] = frozenset()
        self._renewed_us = clock.monotonic_us()

    async def run(self) -> None:
        """For ever."""
        self._refused = await outlast(self._clock, WHO, self._refuse)
        while True:
            await self._clock.sleep(ROUND_S)
            before, self._refused = self._refused, await outlast(self._clock, WHO, self._refuse)
            if fresh := self._refused - before:
                await self._clock.sleep(ROUND_S)
                await self._put_out(fresh)
            if self._clock.monotonic_us() - self._renewed_us >= RENEW_EVERY_US:
                self._renewed_us = self._clock.monotonic_us()
                try:
                    await asyncio.to_thread(self._renew)
                except OSError:  # a full disk, for one; there are weeks left
                    log.exception("certificates could not be renewed; that is tried again")

    def _refuse(self) -> frozenset[int]:
        with self._store.reading() as db:
            revoked = repository.revoked(db, self._clock.now())
        if self._gate.broker is not None:
            self._gate.broker.refuse(revoked.items())
        return frozenset(revoked)

    async def _put_out(self, serials: Collection[int]) -> None:
        for receiver_id in await outlast(self._clock, WHO, self._of, serials):
            log.info("receiver %s is shut out", receiver_id)
            await displace(self._gate.host, self._gate.port, receiver_id, self._posing_as(receiver_id))

    def _of(self, serials: Collection[int]) -> set[str]:
        with self._store.reading() as db:
            return repository.revoked_receivers(db, serials)

    def _posing_as(self, receiver_id: str) -> ssl.SSLContext:
        return self._trust.receiver_context(receiver_id, self._clock.now(), self._gate.ca_file)

    def _renew(self) -> None:
        if renew(self._trust, self._gate.names, self._clock.now()) and self._gate.broker is not None:
            self._gate.broker.renew_certificate()
