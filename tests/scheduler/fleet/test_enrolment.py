from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError
from sqlmodel import Session, select

from broadcast.clock import ManualClock
from broadcast.trustroot.folder import load_or_make
from broadcast.wire import enrolment_code, topics
from broadcast.wire.enrolment import BrokerAddress, EnrolmentReply, EnrolmentRequest
from scheduler.errors import Conflict, Forbidden, Invalid, TooMany
from scheduler.fleet import repository, service
from scheduler.fleet.enrolment import TRIES, Door, enrol
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.fleet.schemas import CodeNew
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

ADDRESS = "192.0.2.7"


def csr(key: ec.EllipticCurvePrivateKey | None = None) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "centre")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = request.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def door(tmp_path: Path, now: datetime) -> Door:
    trust = load_or_make(tmp_path / "keys", now)
    return Door(trust, BrokerAddress(host="loa.example", port=8883), ("https://loa.example/media/",))


@pytest.fixture
def placed(store: Store) -> Store:
    with store.writing() as db:
        db.add(Zone(id="z1", path="/z1/", kind=ZoneKind.VILLAGE, name="Tak Pổ"))
        db.flush()
        db.add(Receiver(id="r1", zone_id="z1", name="Loa 1"))
    return store


@pytest.fixture
def maker(placed: Store, add_person: Callable[..., Actor]) -> Actor:
    return add_person("lan", "z1", Role.ADMINISTRATOR)


@pytest.fixture
def code(placed: Store, door: Door, maker: Actor, now: datetime) -> Callable[[], str]:
    def make() -> str:
        key = door.trust.order_key.public_key()
        with placed.writing() as db:
            return service.new_code(db, maker, now, "r1", order_key=key, asked=CodeNew()).code

    return make


@pytest.fixture
def try_at(placed: Store, door: Door, now: datetime) -> Callable[[EnrolmentRequest], EnrolmentReply]:
    return lambda request: enrol(placed, now, door, request, ADDRESS)


def asked(text: str, request: str | None = None) -> EnrolmentRequest:
    return EnrolmentRequest(code=text, csr=csr() if request is None else request)


def receiver(store: Store) -> Receiver:
    with store.reading() as db:
        return db.exec(select(Receiver)).one()


def test_a_code_makes_a_receiver(placed: Store, door: Door, code: Callable[[], str], now: datetime) -> None:
    text = code()
    reply = enrol(placed, now, door, asked(text.lower().replace("-", " ")), ADDRESS)
    certificate = x509.load_pem_x509_certificate(reply.certificate.encode())
    assert certificate.subject.rfc4514_string() == "CN=r1"
    assert reply.receiver_id == "r1"
    assert reply.broker == BrokerAddress(host="loa.example", port=8883)
    assert reply.ca.encode() == door.trust.ca_pem
    row = receiver(placed)
    assert row.certificate_serial == f"{certificate.serial_number:x}"
    assert row.certificate_expires_at == certificate.not_valid_after_utc
    assert (row.enrolled_at, row.revoked_at) == (now, None)
    with placed.reading() as db:
        assert {one.topic for one in db.exec(select(DirtyTopic))} >= {topics.settings("r1"), topics.programme("z1")}


def test_a_code_works_once(placed: Store, door: Door, code: Callable[[], str], now: datetime) -> None:
    text = code()
    enrol(placed, now, door, asked(text), ADDRESS)
    serial = receiver(placed).certificate_serial
    with pytest.raises(Forbidden, match="used already"):
        enrol(placed, now, door, asked(text), ADDRESS)
    assert receiver(placed).certificate_serial == serial


def test_who_lost_the_answer_gets_the_same_again_and_nothing_changes(
    placed: Store, door: Door, code: Callable[[], str], now: datetime
) -> None:
    text, key = code(), ec.generate_private_key(ec.SECP256R1())
    first = enrol(placed, now, door, asked(text, csr(key)), ADDRESS)
    before = receiver(placed)
    for _again in range(2):
        assert enrol(placed, now + timedelta(hours=1), door, asked(text, csr(key)), ADDRESS) == first
    assert receiver(placed) == before
    with placed.reading() as db:
        assert repository.revoked(db, now) == {}
    with pytest.raises(Forbidden, match="used already"):
        enrol(placed, now, door, asked(text), ADDRESS)
    with pytest.raises(Forbidden, match="expired"):
        enrol(placed, now + timedelta(hours=24), door, asked(text, csr(key)), ADDRESS)


@pytest.mark.parametrize("shut_out", [False, True])
def test_a_used_code_brings_no_certificate_back(
    placed: Store, door: Door, code: Callable[[], str], now: datetime, shut_out: bool
) -> None:
    text, key = code(), ec.generate_private_key(ec.SECP256R1())
    enrol(placed, now, door, asked(text, csr(key)), ADDRESS)
    if shut_out:
        with placed.writing() as db:
            service.revoke(db, signin.machine(db), now, "r1")
    else:
        enrol(placed, now, door, asked(code()), ADDRESS)
    with pytest.raises(Forbidden, match="used already"):
        enrol(placed, now, door, asked(text, csr(key)), ADDRESS)


async def test_a_code_ends(placed: Store, door: Door, code: Callable[[], str], clock: ManualClock) -> None:
    text = code()
    await clock.advance(timedelta(hours=24))
    with pytest.raises(Forbidden, match="expired"):
        enrol(placed, clock.now(), door, asked(text), ADDRESS)


def ended_access(db: Session, maker: Actor) -> None:
    db.get_one(User, maker.user_id).disabled = True


def lost_the_role(db: Session, maker: Actor) -> None:
    db.delete(db.exec(select(RoleGrant).where(RoleGrant.user_id == maker.user_id)).one())


def left_by_move(db: Session, _maker: Actor) -> None:
    db.add(Zone(id="z2", path="/z2/", kind=ZoneKind.VILLAGE, name="Trà Vân"))
    db.flush()
    db.get_one(Receiver, "r1").zone_id = "z2"


@pytest.mark.parametrize("left", [ended_access, lost_the_role, left_by_move])
def test_a_code_of_who_may_not_install_there_any_more_takes_nothing_over(
    placed: Store,
    maker: Actor,
    code: Callable[[], str],
    try_at: Callable[[EnrolmentRequest], EnrolmentReply],
    left: Callable[[Session, Actor], None],
) -> None:
    try_at(asked(code()))
    serial, text = receiver(placed).certificate_serial, code()
    with placed.writing() as db:
        left(db, maker)
    with pytest.raises(Forbidden, match="not install loudspeakers there any more"):
        try_at(asked(text))
    assert receiver(placed).certificate_serial == serial


def test_a_code_made_by_loa_itself_needs_nobody(placed: Store, door: Door, now: datetime) -> None:
    with placed.writing() as db:
        key = door.trust.order_key.public_key()
        text = service.new_code(db, signin.machine(db), now, "r1", order_key=key, asked=CodeNew(hours=72)).code
    assert enrol(placed, now, door, asked(text), ADDRESS).receiver_id == "r1"


def test_no_code_lasts_longer_than_three_days() -> None:
    with pytest.raises(ValidationError, match="hours"):
        CodeNew(hours=73)


def test_the_certificate_before_is_shut_out(placed: Store, door: Door, code: Callable[[], str], now: datetime) -> None:
    enrol(placed, now, door, asked(code()), ADDRESS)
    first = int(receiver(placed).certificate_serial or "", 16)
    enrol(placed, now, door, asked(code()), ADDRESS)
    with placed.reading() as db:
        assert set(repository.revoked(db, now)) == {first}


def test_a_revoked_receiver_comes_back_with_a_new_code(
    placed: Store, door: Door, code: Callable[[], str], now: datetime
) -> None:
    enrol(placed, now, door, asked(code()), ADDRESS)
    with placed.writing() as db:
        service.revoke(db, signin.machine(db), now, "r1")
    assert receiver(placed).revoked_at == now
    enrol(placed, now, door, asked(code()), ADDRESS)
    assert receiver(placed).revoked_at is None


@pytest.mark.parametrize(
    "case",
    [("code", "hello", "no enrolment code"), ("csr", "hello", "certificate request"), ("csr", "x" * 9000, "larger")],
)
def test_what_is_mistyped_is_explained_and_uses_nothing_up(
    code: Callable[[], str], try_at: Callable[[EnrolmentRequest], EnrolmentReply], case: tuple[str, ...]
) -> None:
    text = code()
    field, typed, match = case
    with pytest.raises(Invalid, match=match):
        try_at(asked(typed) if field == "code" else asked(text, typed))
    assert try_at(asked(text)).receiver_id == "r1"


def test_another_secret_is_not_known(placed: Store, door: Door, code: Callable[[], str], now: datetime) -> None:
    code()
    guess = enrolment_code.make(b"guess!!", door.trust.order_key.public_key())
    with pytest.raises(Forbidden, match="not known"):
        enrol(placed, now, door, asked(guess), ADDRESS)


def test_another_centres_code_is_told_from_a_wrong_one(placed: Store, door: Door, now: datetime) -> None:
    theirs = enrolment_code.make(b"guess!!", Ed25519PrivateKey.generate().public_key())
    with pytest.raises(Conflict, match="another centre"):
        enrol(placed, now, door, asked(theirs), ADDRESS)


async def test_guessing_has_to_wait_and_a_stranger_keeps_nobody_out(
    placed: Store, door: Door, code: Callable[[], str], clock: ManualClock
) -> None:
    text = code()
    guess = enrolment_code.make(b"guess!!", door.trust.order_key.public_key())
    for _try in range(TRIES.free):
        with pytest.raises(Forbidden):
            enrol(placed, clock.now(), door, asked(guess), ADDRESS)
    with pytest.raises(TooMany) as waits:
        enrol(placed, clock.now(), door, asked(text), ADDRESS)
    assert waits.value.retry_after_s >= 1
    await clock.advance(timedelta(seconds=waits.value.retry_after_s))
    assert enrol(placed, clock.now(), door, asked(text), ADDRESS).receiver_id == "r1"
    for _try in range(TRIES.free):
        with pytest.raises(Forbidden):
            enrol(placed, clock.now(), door, asked(guess), ADDRESS)
    text = code()
    assert enrol(placed, clock.now(), door, asked(text), "198.51.100.9").receiver_id == "r1"
