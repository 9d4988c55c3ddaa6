from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi.testclient import TestClient
from httpx import Response

from broadcast.trustroot.folder import load_or_make
from broadcast.wire import enrolment, enrolment_code
from broadcast.wire.enrolment import BrokerAddress, EnrolmentAnswer, EnrolmentReply, EnrolmentRequest
from scheduler.fleet import service
from scheduler.fleet.enrolment import TRIES
from scheduler.fleet.schemas import BrokerView, CodeNew, EnrolmentIn, EnrolmentOut, EnrolmentReplyView, ReceiverNew
from scheduler.people.signin import machine
from web.centre import Centre

PATH = "/api/v1/enrolments"


def csr() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    return request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def opened(answer: Response, code: str) -> EnrolmentReply:
    """What a receiver that was told `code` makes of it."""
    believed = msgspec.json.decode(answer.content, type=EnrolmentAnswer)
    return enrolment.opened(believed, enrolment_code.parse(code))[0]


@pytest.fixture
def code(centre: Centre, places: Any, tmp_path: Path) -> Callable[[], str]:
    """Makes codes for a receiver of village 1."""
    now = centre.clock.now()
    centre.trust = load_or_make(tmp_path / "keys", now)
    with centre.store.writing() as db:
        receiver_id = service.create(db, machine(db), now, ReceiverNew(zone_id=places.leng_1, name="Loa 1")).id

    def make() -> str:
        with centre.store.writing() as db:
            return service.new_code(db, machine(db), now, receiver_id, order_key=centre.order_key, asked=CodeNew()).code

    return make


def test_a_machine_becomes_a_receiver_without_signing_in(client: TestClient, code: Callable[[], str]) -> None:
    text = code()
    answer = client.post(PATH, json={"code": text, "csr": csr(), "software": "loa/9", "newer": True})
    assert answer.status_code == 201, answer.text
    reply = opened(answer, text)
    certificate = x509.load_pem_x509_certificate(reply.certificate.encode())
    assert certificate.subject.rfc4514_string() == f"CN={reply.receiver_id}"
    assert reply.broker == BrokerAddress(host="127.0.0.1", port=8883)
    assert reply.media_urls == ("http://testserver/media/",)


def test_a_practice_centre_takes_no_machine(centre: Centre, client: TestClient, code: Callable[[], str]) -> None:
    """Typed on a pole with --again, its code would make a village silent."""
    text = code()
    centre.settings = centre.settings.model_copy(update={"practice": True})
    refused = client.post(PATH, json={"code": text, "csr": csr()})
    assert (refused.status_code, refused.json()["code"]) == (409, "practice")
    centre.settings = centre.settings.model_copy(update={"practice": False})
    assert client.post(PATH, json={"code": text, "csr": csr()}).status_code == 201


def test_a_public_url_is_where_sound_is_fetched(centre: Centre, client: TestClient, code: Callable[[], str]) -> None:
    centre.settings = centre.settings.model_copy(update={"public_url": "https://loa.example/"})
    text = code()
    reply = opened(client.post(PATH, json={"code": text, "csr": csr()}), text)
    assert reply.media_urls == ("https://loa.example/media/",)


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"code": "hello"}, 422, "bad_code"),
        ({"csr": "hello"}, 422, "bad_csr"),
        ({"code": "x" * 65}, 422, "invalid"),
        ({"csr": "x" * 40_000}, 422, "invalid"),
        ({"csr": "x" * 2_000_000}, 413, "request_entity_too_large"),
    ],
)
def test_refusals_are_problems_in_words(
    client: TestClient, code: Callable[[], str], change: dict[str, str], status: int, problem: str
) -> None:
    answer = client.post(PATH, json={"code": code(), "csr": csr()} | change)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == problem
    assert "Traceback" not in answer.text


def test_a_used_code_and_guesses_are_refused_and_slowed(
    centre: Centre, client: TestClient, code: Callable[[], str]
) -> None:
    text = code()
    assert client.post(PATH, json={"code": text, "csr": csr()}).status_code == 201
    used = client.post(PATH, json={"code": text, "csr": csr()})
    assert (used.status_code, used.json()["code"]) == (403, "code_used")
    guess = enrolment_code.make(b"guess!!", centre.order_key)
    answers = [client.post(PATH, json={"code": guess, "csr": csr()}) for _try in range(TRIES.free)]
    assert answers[0].json()["code"] == "code_unknown"
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_what_is_documented_is_what_receivers_speak() -> None:
    for documented, spoken in (
        (EnrolmentIn, EnrolmentRequest),
        (EnrolmentOut, EnrolmentAnswer),
        (BrokerView, BrokerAddress),
    ):
        assert list(documented.model_fields) == list(spoken.__struct_fields__)
    inside = [name for name in EnrolmentReplyView.model_fields if name != "kind"]
    assert inside == list(EnrolmentReply.__struct_fields__)


def test_what_is_inside_the_signature_is_documented(client: TestClient) -> None:
    schemas = client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    named = schemas["EnrolmentOut"]["properties"]["reply"]["contentSchema"]["$ref"].rsplit("/", 1)[1]
    assert "broker" in schemas[named]["properties"]
    assert "host" in schemas["BrokerView"]["properties"]
