"""A whole daemon whose sound card stops answering for good ends by itself, and says what the supervisor should do."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from broadcast.wire.fault_codes import FaultCode
from receivers.exit_codes import ExitCode
from receivers.lab.horns import VirtualHorns

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.daemon.online.conftest import Centre


async def test_a_card_that_worked_and_then_answers_no_call_ends_the_process(centre: Centre, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    with VirtualHorns(["card"], tmp_path / "horns") as horns:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "card"),
            env={**os.environ, **horns.environment},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
            horns.freeze("card", True)
            await centre.until(lambda: any(fault.code == FaultCode.AUDIO_DEVICE for fault in centre.states[-1].faults))
            async with asyncio.timeout(60):
                _, said = await process.communicate()
        finally:
            horns.freeze("card", False)
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == ExitCode.SOUND_HANGS
    assert "only a new process can use it again" in said.decode()
    assert "Traceback" not in said.decode()
    assert not centre.states[-1].online
