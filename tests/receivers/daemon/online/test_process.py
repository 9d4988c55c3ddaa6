"""The whole daemon as a process: real broker, real HTTP, real player on a virtual horn."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire import topics
from broadcast.wire.documents import Media, Outcome
from broadcast.wire.trust import seal
from receivers import identity, status
from receivers.exit_codes import ExitCode
from receivers.lab.correlate import align
from receivers.lab.listen import Listener
from receivers.lab.trial.signals import read_opus
from receivers.outbox import Outbox
from receivers.sound.cue import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from receivers.lab.trial.relay import Relay
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000


@contextlib.asynccontextmanager
async def _daemon(folder: Path, horns: VirtualHorns) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"),
        env={**os.environ, **horns.environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


@pytest.fixture
def cuttable(centre: Centre, relay: Relay) -> tuple[Centre, Relay]:
    return centre, relay


def _served(centre: Centre, path: Path, duration_us: int) -> Media:
    body = path.read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    centre.http.bodies[sha256] = body
    return Media(sha256=sha256, size_bytes=len(body), duration_us=duration_us)


@pytest.fixture
def media(centre: Centre, another: Path) -> Media:
    """Two seconds of sound, served by the centre."""
    return _served(centre, another, 2 * S)


@pytest.fixture
def folder(centre: Centre, relay: Relay, tmp_path: Path) -> Path:
    """The state folder of a receiver that is enrolled behind the relay."""
    folder = tmp_path / "state"
    folder.mkdir()
    me = centre.enrolled(folder, "rx1")
    direct = (folder / me.credentials).read_bytes()
    identity.save(folder, replace(me, broker=replace(me.broker, port=relay.port)), direct)
    return folder


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_a_programme_is_played_and_reported_with_the_link_up_and_with_the_link_cut(
    cuttable: tuple[Centre, Relay], folder: Path, horns: VirtualHorns, media: Media, desk: Desk
) -> None:
    centre, relay = cuttable
    await centre.publish(_lasting(desk.settings()))
    async with _daemon(folder, horns) as process:
        await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
        begin_us = SystemClock().now_us() + 5 * S
        airings = [desk.airing("linked", begin_us, media), desk.airing("alone", begin_us + 6 * S, media)]
        await centre.publish(_lasting(desk.programme(airings)))
        await centre.until(lambda: centre.states[-1].ready != ())
        await centre.until(lambda: centre.states[-1].airing_id == "linked")
        await centre.until(lambda: len(centre.reports) == 1)
        relay.cut()
        await centre.until(lambda: not centre.states[-1].online)
        await _reported_on_disk(folder, "alone")
        assert len(centre.reports) == 1
        await relay.mend()
        await centre.until(lambda: centre.reports[-1].number == 2)
        await centre.until(lambda: centre.states[-1].online and centre.states[-1].pending_reports == 0)
        assert centre.states[-1].acknowledged == 2
        assert status.is_running(folder)
        process.send_signal(signal.SIGTERM)
        assert (await _ended(process))[0] == ExitCode.DONE
        await centre.until(lambda: centre.states[-1].player == "off")
    assert not status.is_running(folder)
    # The first may have come twice, when its Ack was cut off: the centre knows it by its number.
    assert {report.number: (report.airing_id, report.outcome) for report in centre.reports} == {
        1: ("linked", Outcome.HEARD),
        2: ("alone", Outcome.HEARD),
    }
    for report in centre.reports:
        assert report.rms_dbfs is not None
        assert report.rms_dbfs > -40
        assert report.played_us == pytest.approx(2 * S, abs=60_000)
        assert report.start_error_us is not None


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_a_killed_broker_is_not_heard_and_gets_the_report_when_it_is_back(
    centre: Centre, folder: Path, horns: VirtualHorns, announcement: Path, desk: Desk
) -> None:
    six = _served(centre, announcement, 6 * S)
    await centre.publish(_lasting(desk.settings()))
    with Listener(horns, "horn1", folder / "heard.s16", SystemClock()) as listener:
        async with _daemon(folder, horns):
            await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
            start_us = SystemClock().now_us() + 4 * S
            await centre.publish(_lasting(desk.programme([desk.airing("whole", start_us, six)])))
            await centre.until(lambda: centre.states[-1].airing_id == "whole")
            killed = centre.lab.broker.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await centre.until(lambda: centre.reports != [])
        recording = listener.stop()
    report = centre.reports[0]
    assert (report.airing_id, report.outcome) == ("whole", Outcome.HEARD)
    assert report.end_us is not None
    assert report.end_us - start_us == pytest.approx(6 * S, abs=S)
    assert centre.lab.broker.pid not in {None, killed}
    found = align(read_opus(announcement), recording.between(start_us - S // 10, start_us + 6 * S + S // 10), RATE_HZ)
    assert found.heard_once, found


async def test_a_forged_order_is_counted_and_told_and_changes_nothing(
    centre: Centre, folder: Path, horns: VirtualHorns, desk: Desk
) -> None:
    settings = _lasting(desk.settings(number=7))
    await centre.publish(settings)
    async with _daemon(folder, horns):
        await centre.until(lambda: any("receivers/rx1/settings" in state.numbers for state in centre.states))
        forged = seal(replace(settings, number=8, zone_path=("elsewhere",)), Ed25519PrivateKey.generate())
        await centre.bus.publish(topics.settings("rx1"), forged, retain=False)
        await centre.until(lambda: centre.states[-1].refused == {"unsigned": 1})
        assert "order_refused" in {fault.code for fault in centre.states[-1].faults}
        assert centre.states[-1].numbers["receivers/rx1/settings"] == 7


async def test_a_second_daemon_on_the_same_folder_is_refused(folder: Path, horns: VirtualHorns) -> None:
    with status.only_one(folder):
        async with _daemon(folder, horns) as process:
            code, told = await _ended(process)
    assert code == ExitCode.ALREADY
    assert "running on" in told


async def _reported_on_disk(folder: Path, airing_id: str) -> None:
    """Return once the report of an airing is in the outbox."""
    async with asyncio.timeout(60):
        while airing_id not in _outbox(folder).over:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)


def _outbox(folder: Path) -> Outbox:
    """What is on disk, looked at in a copy."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder / "rx1" / "reports", copy, dirs_exist_ok=True)
        outbox = Outbox(Path(copy))
        outbox.open(SystemClock().now_us())
        return outbox


def _lasting(document: SignedDocument) -> SignedDocument:
    """`document` as issued now, for a day."""
    now_us = SystemClock().now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)
