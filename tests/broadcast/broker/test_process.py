"""The supervised child, on a real Mosquitto that is killed, blocked and orphaned."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from broadcast.broker import process
from broadcast.broker.lab import HOST, LabBroker, running, started
from broadcast.broker.process import Broker, BrokerUnavailable
from broadcast.bus import Message
from broadcast.clock import SystemClock
from broadcast.trustroot.folder import load_or_make, renew
from broadcast.wire import topics

LIMIT_S = 60

ORPHAN = """
import asyncio, pathlib, sys
from broadcast.broker.lab import running
from broadcast.clock import SystemClock

async def main():
    async with running(pathlib.Path(sys.argv[1]), SystemClock()) as lab:
        print(lab.broker.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def ignore(_message: Message) -> None:
    pass


async def test_killed_it_comes_back_by_itself_with_what_it_had_saved(lab: LabBroker) -> None:
    bus = lab.bus()
    task = asyncio.create_task(bus.run(ignore))
    async with asyncio.timeout(LIMIT_S):
        await bus.next_session(0)
        await bus.publish(topics.programme("z1"), b"document", retain=True)
        assert lab.broker.pid is not None
        await _save(lab, lab.broker.pid)
        os.kill(lab.broker.pid, signal.SIGKILL)
        await bus.next_session(1)
        assert await bus.retained(topics.programme("z1")) == b"document"
    task.cancel()


async def test_a_clean_stop_keeps_what_is_retained(tmp_path: Path) -> None:
    for expected in (None, b"document"):
        async with running(tmp_path, SystemClock()) as lab, asyncio.timeout(LIMIT_S):
            bus = lab.bus()
            task = asyncio.create_task(bus.run(ignore))
            await bus.next_session(0)
            assert await bus.retained(topics.programme("z1")) == expected
            await bus.publish(topics.programme("z1"), b"document", retain=True)
            task.cancel()


async def test_a_port_in_use_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_ATTEMPTS", 2)
    root = load_or_make(tmp_path / "keys", SystemClock().now())
    renew(root, [HOST], SystemClock().now())
    with socket.create_server((HOST, 0)) as taken:
        broker = Broker(tmp_path / "broker", root, HOST, taken.getsockname()[1], SystemClock())
        broker.prepare(())
        with pytest.raises(BrokerUnavailable, match=r"is used by another program.*LOA_BROKER_PORT"):
            await broker.run()


async def test_an_address_that_is_not_here_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_ATTEMPTS", 1)
    root = load_or_make(tmp_path / "keys", SystemClock().now())
    renew(root, [HOST], SystemClock().now())
    broker = Broker(tmp_path / "broker", root, "192.0.2.1", 18883, SystemClock())
    broker.prepare(())
    with pytest.raises(BrokerUnavailable, match="LOA_BROKER_BIND"):
        await broker.run()


async def test_a_missing_mosquitto_is_explained(lab: LabBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(process, "SEARCHED", "")
    with pytest.raises(BrokerUnavailable, match="apt install mosquitto"):
        await lab.broker.run()


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        watched = os.pidfd_open(int(await parent.stdout.readline()))
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(watched, gone.set)
        parent.kill()
        await gone.wait()
    asyncio.get_running_loop().remove_reader(watched)
    os.close(watched)
    await parent.wait()
    async with running(tmp_path, SystemClock()) as lab:
        assert lab.broker.pid is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to give up")
async def test_root_is_given_up_and_secrets_stay_secret(lab: LabBroker, tmp_path: Path) -> None:
    uids = _proc(lab, "status", "Uid:")[1:]
    assert "0" not in uids
    folder = tmp_path / "broker"
    assert {path.stat().st_mode & 0o027 for path in (folder, *folder.iterdir())} == {0}
    assert {path.stat().st_uid for path in (folder, *folder.iterdir()) if path.name != "state"} == {0}


async def test_many_connections_are_allowed(lab: LabBroker) -> None:
    soft, hard = _proc(lab, "limits", "Max open files")[3:5]
    assert int(soft) == min(process.OPEN_FILES, int(hard))


async def test_a_renewed_certificate_is_used_without_a_new_start(lab: LabBroker) -> None:
    before = lab.broker.pid
    renew(lab.root, ["other.example"], lab.clock.now())
    lab.broker.renew_certificate()
    async with asyncio.timeout(LIMIT_S):
        while not await _serves(lab, "other.example"):  # noqa: ASYNC110 - another process: asking is all there is
            await asyncio.sleep(0.01)
    assert lab.broker.pid == before


async def test_a_second_broker_on_the_port_is_told_by_its_task(lab: LabBroker, tmp_path: Path) -> None:
    """`started` raises what ended the task instead of waiting for ever."""

    async def fails() -> None:
        raise BrokerUnavailable("no")

    with pytest.raises(BrokerUnavailable):
        await started(Broker(tmp_path / "x", lab.root, HOST, 0, lab.clock), asyncio.create_task(fails()))


def _proc(lab: LabBroker, file: str, line: str) -> list[str]:
    """The words of the line of `/proc/PID/file` that begins so."""
    text = Path(f"/proc/{lab.broker.pid}/{file}").read_text()
    return next(found for found in text.splitlines() if found.startswith(line)).split()


async def _serves(lab: LabBroker, name: str) -> bool:
    context = lab.receiver_context("r1")[0]
    try:
        _reader, writer = await asyncio.open_connection(HOST, lab.port, ssl=context, server_hostname=name)
    except OSError:
        return False
    writer.close()
    return True


async def _save(lab: LabBroker, pid: int) -> None:
    """Have Mosquitto write what it retains, as it does by itself every minute."""
    file = lab.state_file
    os.kill(pid, signal.SIGUSR1)
    while not file.exists():  # noqa: ASYNC110 - another process: asking is all there is
        await asyncio.sleep(0.01)
