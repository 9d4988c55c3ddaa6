"""Enrolment: a one-time code becomes an identity (talks HTTP once, then writes the state folder).

Rules
- The private key is made here and never leaves; the centre sees a CSR. It is kept from the first try until it is part
  of an identity: if an answer is lost, the centre lets the same key in again with the same code.
- Nothing else is written before every part of the reply holds: it is signed by the order key that fits the code, the
  certificate is for our key, names the receiver id and is signed by the CA. What does not hold is refused in words.
- A clock that no time server keeps, as on a board fresh from the box, does not judge when certificates begin and end.
- Only the order key that fits the code is pinned: whoever sits in between could add one beside it.
"""

import contextlib
import hashlib
import ssl
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from broadcast.clock import Clock, to_us
from broadcast.wholefile import write_whole
from broadcast.wire import enrolment
from broadcast.wire.enrolment import MAX_ENROLMENT_BYTES, EnrolmentAnswer, EnrolmentReply, EnrolmentRequest, NotTheCodes
from broadcast.wire.enrolment_code import EnrolmentCode
from broadcast.wire.jws import BadSignature
from receivers import identity
from receivers.identity import Identity
from receivers.kernel_clock import discipline
from receivers.opener import NoAnswer, Opener, asked, said
from receivers.tls import check_times
from receivers.version import SOFTWARE

TIMEOUT_S = 30.0
KEY_NAME = "enrolment-key.pem"


class EnrolmentRefused(Exception):
    """The centre said no, or its answer cannot be trusted; trying the same again will not help."""


class CentreUnreachable(Exception):
    """There was no answer; the code is still good and the same may be tried again."""


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    detail: str = ""


def enrol(  # noqa: PLR0917 - what the command was told, in its order
    centre_url: str,
    code: EnrolmentCode,
    folder: Path,
    clock: Clock,
    ca_file: Path | None = None,
    proxy: str | None = None,
) -> Identity:
    """Enrol at `centre_url` and keep the identity in `folder`; EnrolmentRefused, CentreUnreachable or OSError.

    Without `proxy` the environment's is taken, where there is one.
    """
    endpoint = _endpoint(centre_url)
    key = _key(folder)
    reply, order_key = _believed(_ask(endpoint, code, _csr(key), ca_file, proxy), code)
    certificate = _certificate(reply, key)
    pem = _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
    enrolled = Identity(
        receiver_id=reply.receiver_id,
        credentials=f"credentials-{hashlib.sha256(pem).hexdigest()[:12]}.pem",
        ca=reply.ca,
        order_keys=(enrolment.order_key_text(order_key),),
        broker=reply.broker,
        media_urls=tuple(url if url.endswith("/") else url + "/" for url in reply.media_urls),
        enrolled_us=clock.now_us(),
        expires_us=to_us(certificate.not_valid_after_utc),
    )
    identity.save(folder, enrolled, pem)
    (folder / KEY_NAME).unlink(missing_ok=True)
    return enrolled


def _endpoint(centre_url: str) -> str:
    parts = urlsplit(centre_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnrolmentRefused(f"{centre_url!r} is no address of a centre; write it as https://centre.example")
    return centre_url.rstrip("/") + "/api/v1/enrolments"


def _key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key of the last try that led to nothing, else a new one that is kept for the next."""
    path = folder / KEY_NAME
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):
        kept = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(kept, ec.EllipticCurvePrivateKey):
            return kept
    key = ec.generate_private_key(ec.SECP256R1())
    write_whole(path, _pem(key))
    return key


def _csr(key: ec.EllipticCurvePrivateKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _ask(url: str, code: EnrolmentCode, csr: str, ca_file: Path | None, proxy: str | None) -> EnrolmentAnswer:
    body = msgspec.json.encode(EnrolmentRequest(code=str(code), csr=csr, software=SOFTWARE))
    try:
        trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        check_times(trust, believed=discipline().disciplined)
        opener = Opener(trust, proxy, redirects=False)
        with opener.open(asked(url, {"Content-Type": "application/json"}, body), TIMEOUT_S) as response:
            answer = _limited(response)
    except (NoAnswer, HTTPException, OSError) as error:
        raise CentreUnreachable(f"no answer from {url}: {said(error)}") from None
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise CentreUnreachable(f"the centre has trouble ({response.status}): {_told(answer)}")
    if response.status != HTTPStatus.CREATED:
        raise EnrolmentRefused(f"the centre refused ({response.status}): {_told(answer)}")
    try:
        return msgspec.json.decode(answer, type=EnrolmentAnswer)
    except (msgspec.MsgspecError, ValueError) as error:
        raise EnrolmentRefused(f"{url} did not answer as a Loa centre does: {error}") from None


def _limited(response: HTTPResponse) -> bytes:
    answer = response.read(MAX_ENROLMENT_BYTES + 1)
    if len(answer) > MAX_ENROLMENT_BYTES:
        raise EnrolmentRefused("the answer is far too long: this is not a Loa centre")
    if response.length:
        raise NoAnswer("its answer was cut")
    return answer


def _told(answer: bytes) -> str:
    """The words of an RFC 9457 problem."""
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except (msgspec.MsgspecError, ValueError):
        return "it gave no reason; is this the address of a Loa centre?"
    return problem.detail or problem.title or "it gave no reason"


def _believed(answer: EnrolmentAnswer, code: EnrolmentCode) -> tuple[EnrolmentReply, Ed25519PublicKey]:
    """The reply that the code vouches for, and the order key that signed it."""
    try:
        return enrolment.opened(answer, code)
    except NotTheCodes:
        raise EnrolmentRefused(
            "the centre's order key does not fit the code. Either the code is for another centre, or something between "
            "here and the centre answers in its place. Nothing of it was kept; make a new code and try again."
        ) from None
    except BadSignature as error:
        raise EnrolmentRefused(
            f"the answer was changed on its way: {error}. Something between here and the centre answers in its place. "
            "Nothing of it was kept; try again on another way to the centre."
        ) from None
    except ValueError as error:
        raise EnrolmentRefused(f"the centre's answer cannot be used: {error}") from None


def _certificate(reply: EnrolmentReply, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The certificate in `reply`, if it is for our key, names the receiver and is signed by the CA in `reply`."""
    try:
        certificate = x509.load_pem_x509_certificate(reply.certificate.encode())
        authority = x509.load_pem_x509_certificate(reply.ca.encode())
        certificate.verify_directly_issued_by(authority)
    except InvalidSignature:
        raise EnrolmentRefused("the centre's certificate is not signed by the centre's CA") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EnrolmentRefused(f"the centre's certificate cannot be used: {error}") from None
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if certificate.public_key() != key.public_key() or names != [reply.receiver_id]:
        raise EnrolmentRefused("the centre's certificate is not for this receiver")
    return certificate
