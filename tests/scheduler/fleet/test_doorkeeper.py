"""The doorkeeper between its rounds; that it puts a receiver out is seen in tests/integration."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broadcast.clock import ManualClock, SystemClock
from broadcast.trustroot.folder import load_or_make, renew
from scheduler.fleet.doorkeeper import RENEW_EVERY_US, Doorkeeper, Gate
from scheduler.fleet.models import Receiver, RevokedCertificate
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

NAMES = ("loa.example",)


async def test_certificates_of_a_centre_that_runs_for_months_are_renewed(
    sqlite_store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    trust = load_or_make(tmp_path / "keys", clock.now())
    renew(trust, NAMES, clock.now())
    before = trust.centre_file.read_bytes()
    doorkeeper = Doorkeeper(sqlite_store, trust, Gate("127.0.0.1", 1, None, None, NAMES), clock)
    task = asyncio.create_task(doorkeeper.run())
    clock.step_wall(timedelta(days=320))
    async with asyncio.timeout(60):
        while trust.centre_file.read_bytes() == before:
            await clock.advance(timedelta(microseconds=RENEW_EVERY_US))
            await asyncio.sleep(0.01)
    task.cancel()
    certificate = x509.load_pem_x509_certificate(trust.centre_file.read_bytes())
    assert certificate.not_valid_after_utc > clock.now() + timedelta(days=300)


async def test_certificates_that_cannot_be_written_are_tried_again_and_end_nothing(
    sqlite_store: Store, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trust = load_or_make(tmp_path / "keys", clock.now())
    renew(trust, NAMES, clock.now())
    before = trust.centre_file.read_bytes()
    (tmp_path / "keys").rename(tmp_path / "gone")
    (tmp_path / "keys").write_text("a file where the folder should be")
    doorkeeper = Doorkeeper(sqlite_store, trust, Gate("127.0.0.1", 1, None, None, NAMES), clock)
    task = asyncio.create_task(doorkeeper.run())
    clock.step_wall(timedelta(days=320))
    async with asyncio.timeout(60):
        while "could not be renewed" not in caplog.text:
            await clock.advance(timedelta(microseconds=RENEW_EVERY_US))
            await asyncio.sleep(0.01)
        (tmp_path / "keys").unlink()
        (tmp_path / "gone").rename(tmp_path / "keys")
        while trust.centre_file.read_bytes() == before:
            await clock.advance(timedelta(microseconds=RENEW_EVERY_US))
            await asyncio.sleep(0.01)
    task.cancel()


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)  # who only reads SQLite waits for nobody
async def test_a_database_that_is_away_ends_nothing(
    store: Store,
    away: Callable[[], AbstractContextManager[None]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = SystemClock()
    trust = load_or_make(tmp_path / "keys", clock.now())
    renew(trust, NAMES, clock.now())
    doorkeeper = Doorkeeper(store, trust, Gate("127.0.0.1", 1, None, None, NAMES), clock)
    async with asyncio.timeout(60):
        with away():
            task = asyncio.create_task(doorkeeper.run())
            while "the doorkeeper waits" not in caplog.text:  # noqa: ASYNC110 - told by the log alone
                await asyncio.sleep(0.01)
        while "the doorkeeper goes on" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with store.writing() as db:
            db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
            db.flush()
            db.add(Receiver(id="r1", zone_id="z1", name="Loa 1"))
            db.flush()
            end = clock.now() + timedelta(days=1)
            db.add(RevokedCertificate(serial="ff", receiver_id="r1", revoked_at=clock.now(), expires_at=end))
        while "receiver r1 is shut out" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
