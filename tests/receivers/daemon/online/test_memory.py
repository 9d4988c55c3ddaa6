"""A real daemon that takes too much memory says so, and ends in order when nobody hears it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broadcast.clock import SystemClock
from broadcast.wire.fault_codes import FaultCode
from receivers import ceilings
from receivers.config import Config
from receivers.daemon import Daemon
from receivers.rehearsal import VirtualPlayer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.receivers.daemon.online.conftest import Centre


async def test_it_is_a_fault_and_the_daemon_ends_when_nothing_sounds(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "FAULT_BYTES", 1)
    monkeypatch.setattr(ceilings, "RESTART_BYTES", 1)
    monkeypatch.setattr(ceilings, "RESTART_US", 0)
    me, clock = centre.enrolled(tmp_path, "rx1"), SystemClock()
    daemon = Daemon(tmp_path, me, Config(), clock, lambda on_played: VirtualPlayer({}, on_played, clock.now_us()))
    assert FaultCode.MEMORY in {fault.code for fault in daemon.current_state().faults}
    await daemon.run()  # returns: nobody has to end it
