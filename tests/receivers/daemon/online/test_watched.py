"""A real daemon tells systemd that it is ready, alive and stopping."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from receivers.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from receivers.lab.horns import VirtualHorns
    from tests.receivers.daemon.online.conftest import Centre


async def test_it_is_ready_and_beats_while_it_plays_silence_and_says_goodbye(
    centre: Centre, horns: VirtualHorns, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        environ = {**os.environ, **horns.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        daemon = subprocess.Popen(  # noqa: ASYNC220 - the centre lives in this loop, but waits for nobody
            [sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"],
            env=environ | {"WATCHDOG_USEC": "3600000"},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert await asyncio.to_thread(systemd.recv, 200) == b"READY=1"
            for _ in range(3):  # a starved player may be told of in between
                while await asyncio.to_thread(systemd.recv, 200) != b"WATCHDOG=1":
                    pass
            daemon.terminate()
            while await asyncio.to_thread(systemd.recv, 200) != b"STOPPING=1":
                pass
            assert await asyncio.to_thread(daemon.wait, 60) == ExitCode.DONE
        finally:
            daemon.kill()
