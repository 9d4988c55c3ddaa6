"""Enrolment against real HTTP: what does not hold is refused in words, and nothing is written."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.clock import SystemClock
from broadcast.wire import enrolment_code
from receivers import identity
from receivers.enrol import CentreUnreachable, EnrolmentRefused, enrol

if TYPE_CHECKING:
    from pathlib import Path

    from receivers.identity import Identity
    from tests.receivers.daemon.online.conftest import Centre


async def _enrol(url: str, code: str, folder: Path) -> Identity:
    return await asyncio.to_thread(enrol, url, enrolment_code.parse(code), folder, SystemClock())


def _modes(folder: Path) -> list[int]:
    """The permissions of what was written."""
    return [path.stat().st_mode & 0o777 for path in folder.iterdir()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


async def test_a_code_makes_a_receiver(centre: Centre, folder: Path) -> None:
    centre.http.post = centre.enrolment("rx1")
    enrolled = await _enrol(centre.http.url + "/", centre.code.lower(), folder)
    assert identity.load(folder) == enrolled
    assert enrolled.receiver_id == "rx1"
    assert list(enrolled.trusted().values()) == [centre.order_key]
    assert enrolled.media_urls == (f"{centre.http.url}/media/",)
    assert _modes(folder) == [0o600, 0o600]
    context = ssl.create_default_context(cadata=enrolled.ca)
    context.load_cert_chain(folder / enrolled.credentials)
    assert centre.http.requests[0][0] == "/api/v1/enrolments"


async def test_enrolling_again_leaves_one_identity(centre: Centre, folder: Path) -> None:
    for name in ("rx1", "rx2"):
        centre.http.post = centre.enrolment(name)
        await _enrol(centre.http.url, centre.code, folder)
    assert identity.load(folder).receiver_id == "rx2"
    assert len(_modes(folder)) == 2


async def test_another_order_key_than_the_codes_is_refused(centre: Centre, folder: Path) -> None:
    centre.http.post = centre.enrolment("rx1", Ed25519PrivateKey.generate().public_key())
    with pytest.raises(EnrolmentRefused, match="does not fit the code"):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


async def test_a_key_slipped_in_beside_the_codes_is_not_trusted(centre: Centre, folder: Path) -> None:
    honest = centre.enrolment("rx1")
    stranger = b'"' + bytes(43 * b"A") + b'",'
    centre.http.post = lambda body: (201, honest(body)[1].replace(b'"order_keys":[', b'"order_keys":[' + stranger))
    enrolled = await _enrol(centre.http.url, centre.code, folder)
    assert list(enrolled.trusted().values()) == [centre.order_key]


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (403, b'{"title":"Refused","detail":"This code was used."}', "This code was used."),
        (404, b"<html>Not found</html>", "is this the address of a Loa centre"),
        (200, b"<html>Sign in</html>", "is this the address"),
        (201, b"<html>Sign in</html>", "did not answer as a Loa centre"),
        (201, b"{}", "did not answer as a Loa centre"),
        (201, b" " * 1_000_000, "far too long"),
    ],
)
async def test_what_a_centre_does_not_say_is_refused_in_words(
    centre: Centre, folder: Path, status: int, answer: bytes, told: str
) -> None:
    centre.http.post = lambda _: (status, answer)
    with pytest.raises(EnrolmentRefused, match=told):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


async def test_a_certificate_for_another_is_refused(centre: Centre, folder: Path) -> None:
    honest = centre.enrolment("rx2")
    centre.http.post = lambda body: (201, honest(body)[1].replace(b'"receiver_id":"rx2"', b'"receiver_id":"rx1"'))
    with pytest.raises(EnrolmentRefused, match="not for this receiver"):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-centre.invalid"])
async def test_a_centre_that_does_not_answer_may_be_asked_again(centre: Centre, folder: Path, url: str) -> None:
    with pytest.raises(CentreUnreachable, match="no answer from"):
        await _enrol(url, centre.code, folder)


async def test_a_centre_in_trouble_may_be_asked_again(centre: Centre, folder: Path) -> None:
    centre.http.post = lambda _: (503, b'{"title":"Busy"}')
    with pytest.raises(CentreUnreachable, match="Busy"):
        await _enrol(centre.http.url, centre.code, folder)


async def test_an_address_that_is_none_is_refused(centre: Centre, folder: Path) -> None:
    with pytest.raises(EnrolmentRefused, match="no address of a centre"):
        await _enrol("centre.example", centre.code, folder)
