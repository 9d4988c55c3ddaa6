"""The doorkeeper between its rounds; that it puts a receiver out is seen in tests/integration."""

import asyncio
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from broadcast.clock import ManualClock
from broadcast.trustroot.folder import load_or_make, renew
from scheduler.fleet.doorkeeper import RENEW_EVERY_US, Doorkeeper, Gate
from scheduler.store.engine import Store

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
    async with asyncio.timeout(10):
        while trust.centre_file.read_bytes() == before:
            await clock.advance(timedelta(microseconds=RENEW_EVERY_US))
            await asyncio.sleep(0.01)
    task.cancel()
    certificate = x509.load_pem_x509_certificate(trust.centre_file.read_bytes())
    assert certificate.not_valid_after_utc > clock.now() + timedelta(days=300)
