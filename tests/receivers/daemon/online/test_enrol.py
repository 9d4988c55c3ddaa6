"""Enrolment against real HTTP: what does not hold is refused in words, and nothing is written."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from broadcast.broker.lab import HOST
from broadcast.clock import SystemClock
from broadcast.trustroot.authority import Authority
from broadcast.wire import enrolment, enrolment_code, jws
from broadcast.wire.enrolment import BrokerAddress, EnrolmentAnswer, EnrolmentReply, EnrolmentRequest, seal
from receivers import identity
from receivers.enrol import KEY_NAME, CentreUnreachable, EnrolmentRefused, enrol
from scheduler.fleet import service as fleet
from scheduler.fleet.enrolment import Door
from scheduler.fleet.enrolment import enrol as register
from scheduler.fleet.schemas import CodeNew, ReceiverNew
from scheduler.people.signin import machine
from scheduler.zones import service
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

    from receivers.identity import Identity
    from scheduler.store.engine import Store
    from tests.receivers.daemon.online.conftest import Centre


async def _enrol(url: str, code: str, folder: Path) -> Identity:
    return await asyncio.to_thread(enrol, url, enrolment_code.parse(code), folder, SystemClock())


def _modes(folder: Path) -> list[int]:
    """The permissions of what was written, the kept key aside."""
    return [path.stat().st_mode & 0o777 for path in folder.iterdir() if path.name != KEY_NAME]


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


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
    assert _modes(folder) == [0o600] * 3  # identity, its copy, key and certificate
    assert not (folder / KEY_NAME).exists()
    context = ssl.create_default_context(cadata=enrolled.ca)
    context.load_cert_chain(folder / enrolled.credentials)
    assert centre.http.requests[0][0] == "/api/v1/enrolments"


async def test_enrolling_again_leaves_one_identity(centre: Centre, folder: Path) -> None:
    for name in ("rx1", "rx2"):
        centre.http.post = centre.enrolment(name)
        await _enrol(centre.http.url, centre.code, folder)
    assert identity.load(folder).receiver_id == "rx2"
    assert len(_modes(folder)) == 3


async def test_another_order_key_than_the_codes_is_refused(centre: Centre, folder: Path) -> None:
    centre.http.post = centre.enrolment("rx1", Ed25519PrivateKey.generate())
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


STRANGER = Authority.make(SystemClock().now())
CHANGES: dict[str, Callable[[EnrolmentReply], EnrolmentReply]] = {
    "receiver id": lambda reply: replace(reply, receiver_id="rx9"),
    "CA": lambda reply: replace(reply, ca=_pem(STRANGER.certificate)),
    "broker": lambda reply: replace(reply, broker=replace(reply.broker, host="evil.example")),
    "media address": lambda reply: replace(reply, media_urls=("http://evil.example/media/",)),
    "certificate": lambda reply: replace(reply, certificate=_pem(STRANGER.certificate)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("resigned", [False, True])
async def test_whoever_changes_the_answer_on_its_way_gets_nowhere(
    centre: Centre, folder: Path, change: Callable[[EnrolmentReply], EnrolmentReply], resigned: bool
) -> None:
    """The stranger puts the changed reply under the true signature, or signs it and adds the own key to the answer."""
    honest = centre.enrolment("rx1")
    stranger = Ed25519PrivateKey.generate()

    def between(body: bytes) -> tuple[int, bytes]:
        answer = msgspec.json.decode(honest(body)[1], type=EnrolmentAnswer)
        forged = seal(change(enrolment.opened(answer, enrolment_code.parse(centre.code))[0]), stranger)
        if resigned:
            return 201, msgspec.json.encode(replace(forged, order_keys=forged.order_keys + answer.order_keys))
        head, _, signature = answer.reply.split(".")
        return 201, msgspec.json.encode(replace(answer, reply=f"{head}.{forged.reply.split('.')[1]}.{signature}"))

    centre.http.post = between
    with pytest.raises(EnrolmentRefused, match="changed on its way"):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


async def test_another_document_of_the_centres_is_no_answer(centre: Centre, folder: Path) -> None:
    programme = jws.sign(b'{"kind":"programme","target":"z1"}', centre.lab.root.order_key).decode()
    answer = EnrolmentAnswer(reply=programme, order_keys=(enrolment.order_key_text(centre.order_key),))
    centre.http.post = lambda _: (201, msgspec.json.encode(answer))
    with pytest.raises(EnrolmentRefused, match="cannot be used"):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


@pytest.mark.parametrize(
    ("part", "told"),
    [("receiver id", "not for this receiver"), ("CA", "not signed by"), ("certificate", "not signed by")],
)
async def test_a_centre_that_signs_what_does_not_fit_is_refused(
    centre: Centre, folder: Path, part: str, told: str
) -> None:
    centre.http.post = centre.enrolment("rx1", change=CHANGES[part])
    with pytest.raises(EnrolmentRefused, match=told):
        await _enrol(centre.http.url, centre.code, folder)
    assert _modes(folder) == []


async def test_another_machines_answer_is_refused(centre: Centre, folder: Path) -> None:
    """Overheard and played again to another who typed the same code."""
    honest = centre.enrolment("rx1")
    heard: list[bytes] = []

    def replay(body: bytes) -> tuple[int, bytes]:
        heard.append(body)
        return honest(heard[0])

    centre.http.post = replay
    other = folder / "other"
    other.mkdir()
    await _enrol(centre.http.url, centre.code, other)
    with pytest.raises(EnrolmentRefused, match="not for this receiver"):
        await _enrol(centre.http.url, centre.code, folder)
    with pytest.raises(identity.NotEnrolled):
        identity.load(folder)


async def test_an_answer_lost_after_the_code_was_used_up_costs_nothing(
    centre: Centre, folder: Path, sqlite_store: Store
) -> None:
    """The centre's own code keeps the certificate, then the connection breaks."""
    now, root = SystemClock().now(), centre.lab.root
    door = Door(root, BrokerAddress(host="loa.example", port=8883), ("http://loa.example/media/",))
    with sqlite_store.writing() as db:
        zone = service.create_zone(db, machine(db), now, ZoneNew(kind=ZoneKind.VILLAGE, name="Tak Pổ"))
        made = fleet.create(db, machine(db), now, ReceiverNew(zone_id=zone.id, name="Loa 1"))
        code = fleet.new_code(db, machine(db), now, made.id, order_key=centre.order_key, asked=CodeNew()).code
    lost: list[EnrolmentReply] = []

    def answer(body: bytes) -> tuple[int, bytes]:
        request = msgspec.json.decode(body, type=EnrolmentRequest)
        reply = register(sqlite_store, now, door, request, "192.0.2.7")
        if not lost:
            lost.append(reply)
            raise ConnectionResetError
        return 201, msgspec.json.encode(seal(reply, root.order_key))

    centre.http.post = answer
    with pytest.raises(CentreUnreachable):
        await _enrol(centre.http.url, code, folder)
    assert (folder / KEY_NAME).stat().st_mode & 0o777 == 0o600
    enrolled = await _enrol(centre.http.url, code, folder)
    assert lost[0].certificate in (folder / enrolled.credentials).read_text()
    assert not (folder / KEY_NAME).exists()


async def test_a_kept_key_that_is_damaged_is_replaced(centre: Centre, folder: Path) -> None:
    (folder / KEY_NAME).write_text("-----BEGIN")
    centre.http.post = centre.enrolment("rx1")
    assert (await _enrol(centre.http.url, centre.code, folder)).receiver_id == "rx1"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-centre.invalid"])
async def test_a_centre_that_does_not_answer_may_be_asked_again(centre: Centre, folder: Path, url: str) -> None:
    with pytest.raises(CentreUnreachable, match="no answer from"):
        await _enrol(url, centre.code, folder)


@pytest.mark.parametrize("missing_bytes", [1, 1_000])
async def test_an_answer_that_is_cut_may_be_asked_for_again(folder: Path, missing_bytes: int) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 201 Created\r\nContent-Length: {2 + missing_bytes}\r\n\r\n{{}}".encode())
        writer.write_eof()

    key = Ed25519PrivateKey.generate().public_key()
    async with await asyncio.start_server(cut, HOST, 0) as listener:
        url = f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
        with pytest.raises(CentreUnreachable, match="cut"):
            await _enrol(url, enrolment_code.make(b"seven-or-more", key), folder)


async def test_a_centre_in_trouble_may_be_asked_again(centre: Centre, folder: Path) -> None:
    centre.http.post = lambda _: (503, b'{"title":"Busy"}')
    with pytest.raises(CentreUnreachable, match="Busy"):
        await _enrol(centre.http.url, centre.code, folder)


async def test_an_address_that_is_none_is_refused(centre: Centre, folder: Path) -> None:
    with pytest.raises(EnrolmentRefused, match="no address of a centre"):
        await _enrol("centre.example", centre.code, folder)
