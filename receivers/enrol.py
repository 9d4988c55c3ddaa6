"""Enrolment: a one-time code becomes an identity (talks HTTP once, then writes the state folder).

Rules
- The private key is made here and never leaves; the centre sees a CSR.
- Nothing is written before every part of the reply holds: an order key fits the code, the certificate is for our key
  and names the receiver id, the CA can be read. What does not hold is refused in words.
- Only an order key that fits the code is pinned: whoever sits in between could add one beside it.
"""

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broadcast.clock import Clock
from broadcast.wire.enrolment import MAX_ENROLMENT_BYTES, EnrolmentReply, EnrolmentRequest
from broadcast.wire.enrolment_code import EnrolmentCode
from receivers import identity
from receivers.identity import Identity
from receivers.lean_httpx import httpx
from receivers.version import SOFTWARE

TIMEOUT_S = 30.0


class EnrolmentRefused(Exception):
    """The centre said no, or its answer cannot be trusted; trying the same again will not help."""


class CentreUnreachable(Exception):
    """There was no answer; the code is still good and the same may be tried again."""


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    detail: str = ""


def enrol(centre_url: str, code: EnrolmentCode, folder: Path, clock: Clock, ca_file: Path | None = None) -> Identity:
    """Enrol at `centre_url` and keep the identity in `folder`; EnrolmentRefused, CentreUnreachable or OSError."""
    key = ec.generate_private_key(ec.SECP256R1())
    reply = _ask(_endpoint(centre_url), code, _csr(key), ca_file)
    pinned = _pinned(reply, code)
    certificate = _certificate(reply, key)
    pem = _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
    enrolled = Identity(
        receiver_id=reply.receiver_id,
        credentials=f"credentials-{hashlib.sha256(pem).hexdigest()[:12]}.pem",
        ca=reply.ca,
        order_keys=pinned,
        broker=reply.broker,
        media_urls=tuple(url if url.endswith("/") else url + "/" for url in reply.media_urls),
        enrolled_us=clock.now_us(),
    )
    identity.save(folder, enrolled, pem)
    return enrolled


def _endpoint(centre_url: str) -> str:
    parts = urlsplit(centre_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnrolmentRefused(f"{centre_url!r} is no address of a centre; write it as https://centre.example")
    return centre_url.rstrip("/") + "/api/v1/enrolments"


def _csr(key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _ask(url: str, code: EnrolmentCode, csr: str, ca_file: Path | None) -> EnrolmentReply:
    body = msgspec.json.encode(EnrolmentRequest(code=str(code), csr=csr, software=SOFTWARE))
    try:
        trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        with (
            httpx.Client(timeout=TIMEOUT_S, verify=trust) as client,
            client.stream("POST", url, content=body, headers={"Content-Type": "application/json"}) as response,
        ):
            answer = _limited(response.iter_bytes(4096))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise CentreUnreachable(f"no answer from {url}: {error or type(error).__name__}") from None
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise CentreUnreachable(f"the centre has trouble ({response.status_code}): {_told(answer)}")
    if response.status_code != httpx.codes.CREATED:
        raise EnrolmentRefused(f"the centre refused ({response.status_code}): {_told(answer)}")
    try:
        return msgspec.json.decode(answer, type=EnrolmentReply)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EnrolmentRefused(f"{url} did not answer as a Loa centre does: {error}") from None


def _limited(blocks: Iterator[bytes]) -> bytes:
    answer = bytearray()
    for block in blocks:
        answer += block
        if len(answer) > MAX_ENROLMENT_BYTES:
            raise EnrolmentRefused("the answer is far too long: this is not a Loa centre")
    return bytes(answer)


def _told(answer: bytes) -> str:
    """The words of an RFC 9457 problem."""
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except (msgspec.MsgspecError, ValueError):
        return "it gave no reason; is this the address of a Loa centre?"
    return problem.detail or problem.title or "it gave no reason"


def _pinned(reply: EnrolmentReply, code: EnrolmentCode) -> tuple[str, ...]:
    """The order keys of `reply` that the code vouches for."""
    try:
        fitting = tuple(text for text in reply.order_keys if code.pins(identity.order_key(text)))
    except ValueError as error:
        raise EnrolmentRefused(f"the centre's order key is {error}") from None
    if not fitting:
        raise EnrolmentRefused(
            "the centre's order key does not fit the code. Either the code is for another centre, or something between "
            "here and the centre answers in its place. Nothing was written; make a new code and try again."
        )
    return fitting


def _certificate(reply: EnrolmentReply, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The certificate in `reply`, if it is for our key and names the receiver."""
    try:
        certificate = x509.load_pem_x509_certificate(reply.certificate.encode())
        x509.load_pem_x509_certificate(reply.ca.encode())
    except ValueError as error:
        raise EnrolmentRefused(f"the centre's certificate cannot be read: {error}") from None
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if certificate.public_key() != key.public_key() or names != [reply.receiver_id]:
        raise EnrolmentRefused("the centre's certificate is not for this receiver")
    return certificate
