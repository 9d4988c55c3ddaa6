"""Enrolling over HTTPS on a board whose clock has never been right."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broadcast.broker.lab import HOST
from broadcast.clock import SystemClock
from receivers import identity, kernel_clock
from receivers.exit_codes import ExitCode
from receivers.lab.faketime import WrongClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.daemon.online.conftest import Centre

NEW_YEAR_2036_S = 2_082_758_400


def _https(centre: Centre, folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = centre.lab.root.authority.broker(key.public_key(), [HOST], SystemClock().now())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    (folder / "https.pem").write_bytes(pem)
    (folder / "ca.pem").write_bytes(centre.lab.root.ca_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "https.pem")
    return context


@pytest.mark.skipif(kernel_clock.discipline().disciplined, reason="the kernel vouches for the clock here")
@pytest.mark.parametrize("clock_s", [60, NEW_YEAR_2036_S])
async def test_it_enrols_in_1970_and_in_2036(centre: Centre, tmp_path: Path, clock_s: int) -> None:
    clock = WrongClock(tmp_path / "clock", clock_s - SystemClock().now_us() // 1_000_000)
    centre.http.post = centre.enrolment("rx7")
    context = _https(centre, tmp_path)
    async with await asyncio.start_server(centre.http.serve, HOST, 0, ssl=context) as listener:
        url = f"https://{HOST}:{listener.sockets[0].getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "receivers", "enrol", url, centre.code),
            *("--state", str(tmp_path / "state"), "--ca-file", str(tmp_path / "ca.pem")),
            env={**os.environ, **clock.environment},
        )
        async with asyncio.timeout(60):
            assert await process.wait() == ExitCode.DONE
    assert identity.load(tmp_path / "state").receiver_id == "rx7"
