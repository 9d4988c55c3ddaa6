"""Certificates and clocks that are wrong, on real handshakes."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broadcast.clock import SystemClock
from broadcast.trustroot.authority import Authority
from receivers.tls import broker_context, check_times

HOST = "127.0.0.1"
PLAIN = NoEncryption()
Write = Callable[[Authority, str, datetime], Path]


@pytest.fixture
def keyed(tmp_path: Path) -> Write:
    """Writes a key and a server certificate of `authority` for `host`, made at a time."""

    def write(authority: Authority, host: str, made: datetime) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = authority.broker(key.public_key(), [host], made)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PLAIN) + certificate.public_bytes(Encoding.PEM)
        path = tmp_path / f"{certificate.serial_number}.pem"
        path.write_bytes(pem)
        return path

    return write


async def refusal(server: Path, client: ssl.SSLContext) -> str:
    """Why `client` hangs up on a server with the credentials `server`; empty when it does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, 0, ssl=context) as listening:
        port = listening.sockets[0].getsockname()[1]
        try:
            _reader, writer = await asyncio.open_connection(HOST, port, ssl=client)
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        writer.close()
        return ""


def _ca(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(("years", "why"), [(12, "certificate is not yet valid"), (-12, "certificate has expired")])
async def test_only_a_clock_that_is_believed_judges_by_time(keyed: Write, years: int, why: str) -> None:
    made = SystemClock().now() + timedelta(days=365 * years)
    authority = Authority.make(made)
    own = keyed(authority, "rx1", made)
    server = keyed(authority, HOST, made)
    client = broker_context(_ca(authority), own)
    assert why in await refusal(server, client)
    for believed in (False, True, False):
        check_times(client, believed=believed)
        assert (await refusal(server, client) == "") is not believed


async def test_chain_and_name_are_checked_whatever_the_clock(keyed: Write) -> None:
    now = SystemClock().now()
    authority, stranger = Authority.make(now), Authority.make(now)
    client = broker_context(_ca(authority), keyed(authority, "rx1", now))
    check_times(client, believed=False)
    assert await refusal(keyed(authority, HOST, now), client) == ""
    assert "local issuer" in await refusal(keyed(stranger, HOST, now), client)
    assert "mismatch" in await refusal(keyed(authority, "127.0.0.2", now), client)
