"""A real daemon that the centre asks to start again ends in order, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from broadcast.clock import SystemClock
from broadcast.wire.documents import ReceiverSettings
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.rehearsal import VirtualPlayer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.daemon.online.conftest import Centre

HOUR_US = 3_600_000_000


async def test_it_ends_once_for_an_asking(centre: Centre, tmp_path: Path) -> None:
    me, clock = centre.enrolled(tmp_path, "rx1"), SystemClock()

    def daemon() -> Daemon:
        return Daemon(tmp_path, me, Config(), clock, lambda on_played: VirtualPlayer({}, on_played, clock.now_us()))

    now_us = clock.now_us()
    asked = ReceiverSettings(
        target="rx1",
        number=1,
        issued_us=now_us,
        expires_us=now_us + HOUR_US,
        zone_path=("zone",),
        restart_asked_us=now_us,
    )
    await centre.publish(asked)
    async with asyncio.timeout(60):
        await daemon().run()  # returns: nobody has to end it
    centre.states.clear()
    again = daemon()
    running = asyncio.create_task(again.run())
    await centre.until(lambda: any(state.online for state in centre.states))  # it has looked at its settings before
    assert not running.done()
    again.end()
    await running
