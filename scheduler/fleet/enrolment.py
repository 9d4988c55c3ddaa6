"""A machine becomes a receiver: a one-time code and a certificate request in, a certificate out.

Rules
- A code is worth one certificate, until its end and as long as whoever made it may make one there; it is used up in
  the transaction that keeps the certificate.
- Who asks again with the same code and the same key did not hear the answer and gets the same certificate once more, as
  long as it is the receiver's: that changes nothing, so whoever repeats what they overheard does no harm.
- Tries that fail make the next one from that address wait; each counts as failed until it has succeeded.
- The certificate that the receiver had before is refused from then on.
- A code is looked up by the hash of its secret, so that how long a refusal takes tells nothing about codes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlmodel import Session

from broadcast.trustroot.authority import BadCsr, LeafKey, public_key_of, serial_text
from broadcast.trustroot.folder import TrustRoot
from broadcast.wire import enrolment_code, topics
from broadcast.wire.enrolment import BrokerAddress, EnrolmentReply, EnrolmentRequest
from broadcast.wire.enrolment_code import BadCode, EnrolmentCode
from scheduler.errors import Conflict, Forbidden, Invalid, TooMany
from scheduler.fleet import repository
from scheduler.fleet.models import EnrolmentSecret, Receiver
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import audit, limits, signin
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.people.limits import Limit
from scheduler.people.models import SignInAttempt
from scheduler.rights import Action
from scheduler.store.engine import Store
from scheduler.zones import repository as zones

TRIES = Limit(free=10, longest_s=300)
_MACHINE = Actor(user_id="", login="loa", name="Loa")


@dataclass(frozen=True, slots=True)
class Door:
    """What a new receiver is given beside its certificate."""

    trust: TrustRoot
    broker: BrokerAddress
    media_urls: tuple[str, ...]


def enrol(store: Store, now: datetime, door: Door, asked: EnrolmentRequest, address: str) -> EnrolmentReply:
    """What makes a receiver of the machine at `address`. Raises Invalid, Forbidden, Conflict, TooMany."""
    subject = "enrol:" + limits.subjects("", address).address
    with store.writing() as db:
        _admit(db, subject, now)
    code, key = _parsed(door, asked)
    with store.writing() as db:
        secret = _usable(db, code, now)
        reply = _enrolled(db, now, door, secret, key) if secret.used_at is None else _again(db, door, secret, key)
        people.forget_failures(db, subject)
        return reply


def secret_hash(code: EnrolmentCode) -> str:
    """What is kept of a code."""
    return hashlib.sha256(code.secret.encode()).hexdigest()


def _admit(db: Session, subject: str, now: datetime) -> None:
    wait_s = limits.wait_s(TRIES, people.failures(db, subject, now - limits.WINDOW), now)
    if wait_s:
        message = "Too many tries. Wait %(seconds)s seconds."
        raise TooMany("too_many_tries", message, retry_after_s=wait_s, seconds=wait_s)
    db.add(SignInAttempt(subject=subject, at=now))


def _parsed(door: Door, asked: EnrolmentRequest) -> tuple[EnrolmentCode, LeafKey]:
    try:
        code = enrolment_code.parse(asked.code)
        key = public_key_of(asked.csr)
    except BadCode as bad:
        raise Invalid("bad_code", "This is no enrolment code: %(why)s.", field="code", why=str(bad)) from bad
    except BadCsr as bad:
        raise Invalid("bad_csr", "The certificate request is refused: %(why)s.", field="csr", why=str(bad)) from bad
    if not code.pins(door.trust.order_key.public_key()):
        message = "This code was made by another centre, or its second half is mistyped."
        raise Conflict("code_of_another_centre", message, field="code")
    return code, key


def _usable(db: Session, code: EnrolmentCode, now: datetime) -> EnrolmentSecret:
    found = repository.secret(db, secret_hash(code))
    if found is None:
        message = "This code is not known. Check what you typed, or make a new code on the receiver's page."
        raise Forbidden("code_unknown", message, field="code")
    if found.expires_at <= now:
        raise Forbidden("code_expired", "This code has expired. Make a new one on the receiver's page.", field="code")
    if not _maker_may(db, found, now):
        message = "Whoever made this code may not install loudspeakers there any more. Have another one made."
        raise Forbidden("code_withdrawn", message, field="code")
    return found


def _maker_may(db: Session, secret: EnrolmentSecret, now: datetime) -> bool:
    """Whether they still could make this code; Loa itself, at its own command line, always can."""
    if not secret.created_by:
        return True
    maker, placed = people.user(db, secret.created_by), repository.receiver(db, secret.receiver_id)
    if maker is None or maker.disabled or placed is None:
        return False
    return signin.actor_of(db, maker).may(Action.RECEIVER_ENROL, placed[1].path, now)


def _again(db: Session, door: Door, secret: EnrolmentSecret, key: LeafKey) -> EnrolmentReply:
    """What this code gave to this key before, if that still holds."""
    found = repository.receiver(db, secret.receiver_id)
    if found is not None and secret.certificate is not None:
        certificate = x509.load_pem_x509_certificate(secret.certificate.encode())
        if found[0].certificate_serial == serial_text(certificate) and certificate.public_key() == key:
            return _reply(door, found[0], secret.certificate)
    raise Forbidden("code_used", "This code was used already. Make a new one on the receiver's page.", field="code")


def _enrolled(db: Session, now: datetime, door: Door, secret: EnrolmentSecret, key: LeafKey) -> EnrolmentReply:
    found = repository.receiver(db, secret.receiver_id, lock=True)
    if found is None:
        raise Forbidden("code_unknown", "The receiver that this code was made for is no more.", field="code")
    receiver, zone = found
    certificate = door.trust.authority.receiver(receiver.id, key, now)
    secret.used_at, secret.certificate = now, certificate.public_bytes(Encoding.PEM).decode()
    repository.revoke_certificate(db, receiver, now)
    receiver.certificate_serial = serial_text(certificate)
    receiver.certificate_expires_at = certificate.not_valid_after_utc
    receiver.enrolled_at, receiver.revoked_at = now, None
    receiver.version += 1
    programmes = [topics.programme(zone_id) for zone_id in zones.ids_of(zone.path)]
    mark_dirty(db, [topics.settings(receiver.id), *programmes], now)
    audit.record(db, _MACHINE, now, "receiver.enrol", f"receiver:{receiver.id}", zone_path=zone.path)
    return _reply(door, receiver, secret.certificate)


def _reply(door: Door, receiver: Receiver, certificate: str) -> EnrolmentReply:
    return EnrolmentReply(
        receiver_id=receiver.id,
        certificate=certificate,
        ca=door.trust.ca_pem.decode(),
        broker=door.broker,
        media_urls=door.media_urls,
    )
