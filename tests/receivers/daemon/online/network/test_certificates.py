"""A certificate that is refused, has expired or soon will: the receiver says so, and plays what it holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace

from broadcast.clock import SystemClock, to_us
from broadcast.trustroot.authority import EARLY, RECEIVER_LIFE
from broadcast.wire.fault_codes import FaultCode
from receivers import identity
from receivers.identity import EXPIRES_SOON_US, certificate_faults

if TYPE_CHECKING:
    from receivers.status import Status
    from tests.receivers.daemon.online.network.conftest import Station

S = 1_000_000
EXPIRES_US = 1_800_000_000 * S


async def test_a_revoked_certificate_is_told_and_what_is_held_is_played(station: Station) -> None:
    centre, relay = station.centre, station.relay
    song = station.media("song", 2)
    me = identity.load(station.folder)
    serial = x509.load_pem_x509_certificate((station.folder / me.credentials).read_bytes()).serial_number
    async with station.running():
        await station.up()
        await station.plan(station.desk.airing("song", SystemClock().now_us() + 8 * S, song))
        held = await station.stocked()
        assert held.linked
        assert centre.lab.broker.refuse([(serial, SystemClock().now())])
        told = held
        while told.linked:  # the broker reads its list in its own time
            relay.cut()
            await relay.mend()
            told = await station.told(partial(_later, told.link_since_us))
        await station.faulty(FaultCode.CERTIFICATE_REFUSED)
        alone = await station.told(lambda told: told.state.pending_reports == 1)
        assert not alone.linked
        assert centre.reports == []
        assert centre.lab.broker.refuse([])
        await centre.until(lambda: [report.airing_id for report in centre.reports] == ["song"])
        well = await station.told(lambda told: told.linked)
        assert FaultCode.CERTIFICATE_REFUSED not in {fault.code for fault in well.state.faults}
    assert [key.split("~")[0] for key, _, _ in station.players[0].heard] == ["song"]


def _later(since_us: int, told: Status) -> bool:
    """Whether the link is up again, or this receiver was refused, after `since_us`."""
    return told.link_since_us > since_us and (told.linked or "certificate revoked" in (told.link_error or ""))


async def test_an_expired_certificate_is_told_with_its_cure(station: Station) -> None:
    me, key = identity.load(station.folder), ec.generate_private_key(ec.SECP256R1())
    long_ago = SystemClock().now() - RECEIVER_LIFE - EARLY
    certificate = station.centre.lab.root.authority.receiver("rx1", key.public_key(), long_ago)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    identity.save(station.folder, replace(me, expires_us=to_us(certificate.not_valid_after_utc)), pem)
    async with station.running():
        told = await station.faulty(FaultCode.CERTIFICATE_REFUSED)
    assert told.link_error == "the broker refuses this receiver's certificate: certificate expired"
    faults = {fault.code: fault.detail for fault in told.state.faults}
    assert "it expired on" in faults[FaultCode.CERTIFICATE_EXPIRES]
    assert "loa receiver enrol --again" in faults[FaultCode.CERTIFICATE_EXPIRES]


@pytest.mark.parametrize(
    ("now_us", "word"),
    [
        (EXPIRES_US - EXPIRES_SOON_US - 1, None),
        (EXPIRES_US - EXPIRES_SOON_US, "it expires on 2027-01-15"),
        (EXPIRES_US, "it expired on 2027-01-15"),
    ],
)
def test_a_certificate_that_ends_within_two_months_is_a_fault(now_us: int, word: str | None) -> None:
    faults = certificate_faults(EXPIRES_US, None, now_us)
    assert (word is None) == (faults == {})
    assert word is None or word in faults[FaultCode.CERTIFICATE_EXPIRES]
    assert certificate_faults(None, None, now_us) == {}
