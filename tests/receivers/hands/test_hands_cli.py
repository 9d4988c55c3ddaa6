"""`loa receiver stop|go|message|test` as whoever stands at the board sees it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from receivers.exit_codes import ExitCode
from receivers.hands.command import By, Command, Go, Reply, Say, SelfTest, Stop
from receivers.hands.control import Control
from receivers.tasks import end

if TYPE_CHECKING:
    from pathlib import Path


async def _run(*words: str) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr."""
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", "receivers", *words, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(60):
        out, err = await program.communicate()
    assert b"Traceback" not in err
    return program.returncode, out.decode(), err.decode()


async def test_each_command_reaches_the_daemon_and_its_answer_the_person(tmp_path: Path) -> None:
    given: list[Command] = []

    def obey(command: Command, _by: By) -> Reply:
        given.append(command)
        return Reply(done=command != Say("flood"), said="as you wish" if command != Say("flood") else "there is none")

    running = asyncio.create_task(Control(tmp_path, SystemClock(), obey).run())
    words = [("stop",), ("go",), ("test",), ("message", "fire"), ("message", "flood"), ("message", "Fire!")]
    ended = await asyncio.gather(*(_run(*some, "--state", str(tmp_path)) for some in words))
    await end([running])
    assert sorted(map(repr, given)) == sorted(map(repr, (Stop(), Go(), SelfTest(), Say("fire"), Say("flood"))))
    assert ended[:4] == [(ExitCode.DONE, "as you wish\n", "")] * 4
    assert ended[4] == (ExitCode.REFUSED, "", "Not done: there is none\n")
    assert ended[5][0] == ExitCode.REFUSED


@pytest.mark.parametrize("command", ["stop", "go", "test"])
async def test_without_a_daemon_it_is_said_and_how_to_start_it(tmp_path: Path, command: str) -> None:
    code, _, err = await _run(command, "--state", str(tmp_path))
    assert code == ExitCode.NOT_RUNNING
    assert f"loa receiver run --state {tmp_path}" in err


async def test_help_tells_the_exit_codes() -> None:
    code, out, _ = await _run("stop", "--help")
    assert code == ExitCode.DONE
    assert "Exit codes: 0 done" in out
