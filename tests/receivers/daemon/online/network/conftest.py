"""A whole daemon in this process on a faulty network: everything is real but the horn."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from receivers import identity, status
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.rehearsal import VirtualPlayer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from broadcast.wire.documents import Airing, Media
    from broadcast.wire.signed import SignedDocument
    from receivers.lab.trial.relay import Relay
    from receivers.sound.cue import Played, PlayerStatus
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
LIMIT_S = 60


class Hurried(SystemClock):
    """Whoever waits between two tries does not wait long."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


class LivePlayer(VirtualPlayer):
    """A horn that plays along with the clock."""

    def status(self) -> PlayerStatus:
        self.advance(SystemClock().now_us())
        return super().status()


@dataclass
class Station:
    """A receiver `rx1` in `folder`, enrolled behind `relay`; `running` is its daemon."""

    folder: Path
    centre: Centre
    relay: Relay
    desk: Desk
    durations_us: dict[Path, int] = field(default_factory=dict)
    players: list[LivePlayer] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self, config: Config | None = None) -> AsyncIterator[Daemon]:
        clock = Hurried()

        def player(on_played: Callable[[Played], None]) -> LivePlayer:
            self.players.append(LivePlayer(self.durations_us, on_played, clock.now_us()))
            return self.players[-1]

        config = config or Config(clock_kept_by_host=True)
        daemon = Daemon(self.folder, identity.load(self.folder), config, clock, player)
        task = asyncio.create_task(daemon.run(), name="daemon")
        try:
            yield daemon
        finally:
            daemon.end()
            async with asyncio.timeout(LIMIT_S):
                await task

    def enrolled(self, **changes: object) -> None:
        """Change what enrolment gave."""
        me = identity.load(self.folder)
        identity.save(self.folder, replace(me, **changes), (self.folder / me.credentials).read_bytes())

    def media(self, name: str, seconds: float, size_bytes: int = 2_000) -> Media:
        """A recording that the centre serves and the horn can play."""
        media = self.desk.media(name, seconds, size_bytes)
        self.centre.http.bodies.update(self.desk.bodies)
        self.durations_us[self.folder / "media" / f"{media.sha256}.opus"] = media.duration_us
        return media

    async def plan(self, *airings: Airing, **settings: object) -> None:
        """Settings for a village, and its programme."""
        await self.centre.publish(_lasting(self.desk.settings(**settings)))
        await self.centre.publish(_lasting(self.desk.programme(airings)))

    async def up(self, seconds: float = LIMIT_S) -> None:
        """Return once the receiver says that it is online, again if it was before."""
        seen = len(self.centre.states)
        await self.centre.until(lambda: any(state.online for state in self.centre.states[seen:]), seconds)

    async def faulty(self, code: str) -> status.Status:
        """The status file, once it names a fault."""
        return await self.told(lambda told: code in {fault.code for fault in told.state.faults})

    async def stocked(self) -> status.Status:
        """The status file, once every recording is there."""
        return await self.told(lambda told: told.state.ready != () and not told.state.media)

    async def told(self, what: Callable[[status.Status], bool]) -> status.Status:
        """The status file, once `what` holds of it."""
        async with asyncio.timeout(LIMIT_S):
            while (told := status.read(self.folder)) is None or not what(told):  # noqa: ASYNC110 - a file has no bell
                await asyncio.sleep(0.05)
        return told


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = SystemClock().now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


@pytest.fixture
def station(centre: Centre, relay: Relay, desk: Desk, tmp_path: Path) -> Station:
    folder = tmp_path / "state"
    folder.mkdir()
    station = Station(folder, centre, relay, desk)
    me = centre.enrolled(folder, "rx1")
    station.enrolled(broker=replace(me.broker, port=relay.port))
    return station
