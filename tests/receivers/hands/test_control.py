"""Local commands over the real socket, from people who mean well and from others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import SystemClock
from receivers.hands.command import By, Command, Go, Reply, Say, SelfTest, Stop
from receivers.hands.control import MAX_GUESTS, MAX_LINE_BYTES, NAME, Control, NoAnswer, NoDaemon, ask
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Desk:
    def __init__(self) -> None:
        self.given: asyncio.Queue[tuple[Command, By]] = asyncio.Queue()

    def obey(self, command: Command, by: By) -> Reply:
        self.given.put_nowait((command, by))
        return Reply(done=not isinstance(command, Say), said=f"heard {type(command).__name__}")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A daemon's desk that listens in `tmp_path`."""
    desk = Desk()
    running = asyncio.create_task(Control(tmp_path, SystemClock(), desk.obey).run())
    await asyncio.sleep(0)
    assert (tmp_path / NAME).exists()
    yield desk
    await end([running])
    assert not (tmp_path / NAME).exists()


async def asked(folder: Path, command: Command) -> Reply:
    return await asyncio.to_thread(ask, folder, command)


async def raw(folder: Path, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(folder / NAME))
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("command", [Stop(), Go(), SelfTest(), Say("fire")])
async def test_a_command_is_obeyed_and_answered(tmp_path: Path, desk: Desk, command: Command) -> None:
    reply = await asked(tmp_path, command)
    assert reply == Reply(done=not isinstance(command, Say), said=f"heard {type(command).__name__}")
    assert desk.given.get_nowait() == (command, By.COMMAND)


@pytest.mark.usefixtures("desk")
async def test_the_socket_is_its_owner_s_alone(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "sent", [b"\n", b"stop\n", b'{"do":"explode"}\n', b'{"do":"say"}\n', b'{"do":"say","name":"A B"}\n', b"\xff\n"]
)
async def test_what_is_no_command_is_told_so(tmp_path: Path, desk: Desk, sent: bytes) -> None:
    assert b"no command" in await raw(tmp_path, sent)
    assert desk.given.empty()


async def test_a_line_without_end_is_cut_off(tmp_path: Path, desk: Desk) -> None:
    assert await raw(tmp_path, b"x" * (MAX_LINE_BYTES + 1)) == b""
    assert desk.given.empty()


async def test_who_says_nothing_is_hung_up_on_and_stands_in_nobody_s_way(tmp_path: Path) -> None:
    desk = Desk()
    running = asyncio.create_task(Control(tmp_path, SystemClock(), desk.obey, exchange_s=0.3).run())
    await asyncio.sleep(0)
    silent = [await asyncio.open_unix_connection(str(tmp_path / NAME)) for _ in range(MAX_GUESTS)]
    assert await raw(tmp_path, b'{"do":"stop"}\n') == b""  # one too many
    for reader, writer in silent:
        assert await reader.read() == b""
        writer.close()
    assert (await asked(tmp_path, Stop())).done
    assert desk.given.qsize() == 1
    await end([running])


@pytest.mark.parametrize(("number", "command"), [(signal.SIGUSR1, Stop()), (signal.SIGUSR2, Go())])
async def test_a_signal_is_a_command(desk: Desk, number: signal.Signals, command: Command) -> None:
    os.kill(os.getpid(), number)
    assert await desk.given.get() == (command, By.SIGNAL)


async def test_a_folder_with_a_long_name_and_a_socket_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    left = socket.socket(socket.AF_UNIX)
    (tmp_path / "short").symlink_to(folder)
    left.bind(str(tmp_path / "short" / NAME))
    left.close()
    with pytest.raises(NoDaemon):
        await asked(folder, Stop())
    desk = Desk()
    running = asyncio.create_task(Control(folder, SystemClock(), desk.obey).run())
    await asyncio.sleep(0)
    assert (await asked(folder, Stop())).done
    await end([running])


async def test_a_folder_that_is_not_there_costs_signals_nothing(tmp_path: Path) -> None:
    desk = Desk()
    running = asyncio.create_task(Control(tmp_path / "gone", SystemClock(), desk.obey).run())
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert await desk.given.get() == (Stop(), By.SIGNAL)
    assert not running.done()
    await end([running])


def test_no_daemon_and_a_dumb_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon):
        ask(tmp_path, Stop())
    with socket.socket(socket.AF_UNIX) as dumb:
        dumb.bind(str(tmp_path / NAME))
        dumb.listen()
        with pytest.raises(NoAnswer):
            ask(tmp_path, Stop(), timeout_s=0.1)


async def test_a_socket_that_someone_removed_is_made_again(tmp_path: Path) -> None:
    desk = Desk()
    running = asyncio.create_task(Control(tmp_path, SystemClock(), desk.obey, again_s=0.01).run())
    await asyncio.sleep(0)
    (tmp_path / NAME).unlink()
    async with asyncio.timeout(60):
        while not (tmp_path / NAME).exists():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert (await asked(tmp_path, Stop())).done
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    await end([running])
    assert not (tmp_path / NAME).exists()
