"""The keys a centre stands on, in a folder that only its owner can open (does I/O).

Rules
- `ca.pem` and `order.pem` are made once, together: the folder gets its name only when all is in it.
- What is missing or damaged afterwards is never made anew by itself: every receiver pins these keys.
- `broker.pem`, `centre.pem` and `urgent.pem` hold a key and its certificate in one file, so that the two change
  together; they are renewed in good time.
"""

import logging
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from broadcast.trustroot.authority import CENTRE, URGENT, Authority
from broadcast.wholefile import create, sync, write_whole

log = logging.getLogger(__name__)

RENEW_BEFORE = timedelta(days=60)
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class KeysDamaged(Exception):
    """The key folder is there, but not what it should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """The CA and the order key, and where they lie."""

    folder: Path
    authority: Authority
    order_key: ed25519.Ed25519PrivateKey

    @property
    def ca_pem(self) -> bytes:
        return self.authority.certificate.public_bytes(Encoding.PEM)

    @property
    def broker_file(self) -> Path:
        """The broker's key and certificate in one PEM file."""
        return self.folder / "broker.pem"

    @property
    def centre_file(self) -> Path:
        """The centre's client key and certificate in one PEM file."""
        return self.folder / "centre.pem"

    @property
    def urgent_file(self) -> Path:
        """The same for the connection that emergencies have for themselves."""
        return self.folder / "urgent.pem"

    def client_context(self, ca_file: Path | None = None) -> ssl.SSLContext:
        """TLS with the centre's own certificate; trusts Loa's CA, or `ca_file` for an external broker."""
        return self._context(self.centre_file, ca_file)

    def urgent_context(self, ca_file: Path | None = None) -> ssl.SSLContext:
        """The same for the connection that emergencies have for themselves."""
        return self._context(self.urgent_file, ca_file)

    def receiver_context(self, receiver_id: str, now: datetime, ca_file: Path | None = None) -> ssl.SSLContext:
        """TLS under the name of a receiver, with a key that nobody keeps."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self.context(key, self.authority.receiver(receiver_id, key.public_key(), now), ca_file)

    def context(self, key: PrivateKey, certificate: x509.Certificate, ca_file: Path | None = None) -> ssl.SSLContext:
        """TLS with this key and certificate."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            file.write(_pem(key, certificate))
            file.flush()
            return self._context(Path(file.name), ca_file)

    def _context(self, chain: Path, ca_file: Path | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca_file is None:
            context.load_verify_locations(cadata=self.ca_pem.decode())
        else:
            context.load_verify_locations(cafile=ca_file)
        context.load_cert_chain(chain)
        return context


def load_or_make(folder: Path, now: datetime) -> TrustRoot:
    """The keys in `folder`, made first if there is none. Raises KeysDamaged, OSError."""
    if not folder.exists() or not any(folder.iterdir()):
        _make(folder, now)
    if folder.stat().st_mode & 0o077:
        log.warning("%s could be opened by others; it is now its owner's alone", folder)
        folder.chmod(0o700)
    try:
        return _load(folder)
    except (OSError, ValueError, TypeError) as error:
        raise KeysDamaged(
            f"The keys in {folder} cannot be read ({error}). Restore this folder from a backup. "
            "New keys would mean enrolling every receiver again."
        ) from error


def renew(root: TrustRoot, broker_hosts: Iterable[str], now: datetime) -> bool:
    """Make certificates of broker and centre that are missing, about to expire or for other names; whether any was.

    `broker_hosts` are names and addresses by which the broker is reached, beside those of this machine itself.
    """
    hosts = tuple(dict.fromkeys((*broker_hosts, *LOCAL_HOSTS)))
    renewed = False
    if not _good(root.broker_file, root, now, hosts):
        key = ec.generate_private_key(ec.SECP256R1())
        _store(root.broker_file, key, root.authority.broker(key.public_key(), hosts, now))
        renewed = True
    for path, name in ((root.centre_file, CENTRE), (root.urgent_file, URGENT)):
        if not _good(path, root, now):
            key = ec.generate_private_key(ec.SECP256R1())
            _store(path, key, root.authority.centre(key.public_key(), now, name))
            renewed = True
    return renewed


def _store(path: Path, key: PrivateKey, certificate: x509.Certificate) -> None:
    write_whole(path, _pem(key, certificate))
    log.info("new certificate %s, valid until %s", path.name, certificate.not_valid_after_utc.date())


def _make(folder: Path, now: datetime) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        authority = Authority.make(now)
        create(making / "ca.pem", _pem(authority.key, authority.certificate))
        create(making / "order.pem", _pem(ed25519.Ed25519PrivateKey.generate()))
        sync(making)
        os.rename(making, folder)  # noqa: PTH104 - must fail where another process was quicker, as rename(2) does
        sync(folder.parent)
    except OSError:
        if not (folder / "order.pem").exists():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _load(folder: Path) -> TrustRoot:
    ca_raw = (folder / "ca.pem").read_bytes()
    ca_key = load_pem_private_key(ca_raw, None)
    order_key = load_pem_private_key((folder / "order.pem").read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(ca_raw)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey) or certificate.public_key() != ca_key.public_key():
        raise ValueError("ca.pem holds no CA")
    if not isinstance(order_key, ed25519.Ed25519PrivateKey):
        raise ValueError("order.pem holds no Ed25519 key")  # noqa: TRY004 - the content is wrong, not a type of ours
    return TrustRoot(folder, Authority(ca_key, certificate), order_key)


def _good(path: Path, root: TrustRoot, now: datetime, hosts: Iterable[str] = ()) -> bool:
    try:
        raw = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(raw)
        load_pem_private_key(raw, None)
        certificate.verify_directly_issued_by(root.authority.certificate)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE:
        return False
    if not hosts:
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names} == set(hosts)


def _pem(key: PrivateKey, certificate: x509.Certificate | None = None) -> bytes:
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return raw + (certificate.public_bytes(Encoding.PEM) if certificate else b"")
