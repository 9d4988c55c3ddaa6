"""Who this receiver is: what enrolment gave it, on disk (does I/O).

Rules
- `identity.json` is the only word on it and is replaced whole: identity, key and certificate, with a digest of them.
  A power cut leaves the old identity, the new one or none.
- Losing it means a visit to the pole, so there is a second copy: a file that is gone or altered is made anew from the
  other one. The PEM file that TLS needs is made anew, too.
- Documents and reports belong to one receiver id and lie in a folder of that name; media belong to the machine.
"""

import contextlib
import hashlib
import logging
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Raw, Struct

from broadcast.clock import from_us
from broadcast.wholefile import write_whole
from broadcast.wire import jws
from broadcast.wire.documents import Id, Us
from broadcast.wire.enrolment import BrokerAddress, order_key
from broadcast.wire.fault_codes import FaultCode
from receivers.quarantine import put_aside

log = logging.getLogger(__name__)

FILE_NAME = "identity.json"
COPY_NAME = "identity-copy.json"
EXPIRES_SOON_US = 60 * 86_400 * 1_000_000
CURE = "run `loa receiver enrol --again` on it"


class NotEnrolled(Exception):
    """There is no usable identity in the state folder; the message says what to do."""


class Identity(Struct, frozen=True, kw_only=True):
    """`credentials` is the name of a PEM file (key, then certificate) beside `identity.json`; `ca` is PEM text.

    `expires_us` is when that certificate ends, None where it was not noted.
    """

    receiver_id: Id
    credentials: str
    ca: str
    order_keys: tuple[str, ...]
    broker: BrokerAddress
    media_urls: tuple[str, ...]
    enrolled_us: Us
    expires_us: Us | None = None

    def trusted(self) -> dict[str, Ed25519PublicKey]:
        """The pinned order keys by key id."""
        return {jws.key_id(key): key for key in map(order_key, self.order_keys)}


class _Kept(Struct, frozen=True):
    identity: Raw
    credentials_pem: str
    sha256: str


def load(folder: Path) -> Identity:
    """The identity in `folder`, or NotEnrolled. What is damaged is mended where the disk lets itself be written."""
    found: tuple[Identity, str] | None = None
    trouble: Exception = FileNotFoundError()
    for name in (FILE_NAME, COPY_NAME):
        try:
            found = found or _read(folder / name)
        except (OSError, ValueError, RecursionError) as error:
            if not isinstance(error, FileNotFoundError):
                trouble = error
    if found is not None:
        _mend(folder, *found)
        return found[0]
    if isinstance(trouble, FileNotFoundError):
        raise NotEnrolled(f"{folder} holds no receiver yet: run `loa receiver enrol` first")
    raise NotEnrolled(f"{folder / FILE_NAME} and its copy cannot be used ({trouble}): {CURE}")


def save(folder: Path, identity: Identity, credentials_pem: bytes) -> None:
    """Make `identity` the one in `folder`; OSError leaves the former in force."""
    kept = _encoded(identity, credentials_pem.decode())
    write_whole(folder / COPY_NAME, kept)
    write_whole(folder / identity.credentials, credentials_pem)
    write_whole(folder / FILE_NAME, kept)
    for old in folder.glob("credentials-*.pem"):
        if old.name != identity.credentials:
            old.unlink()


def _read(path: Path) -> tuple[Identity, str]:
    kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    if kept.sha256 != _digest(bytes(kept.identity), kept.credentials_pem):
        raise ValueError("it was altered")
    identity = msgspec.json.decode(kept.identity, type=Identity)
    identity.trusted()
    return identity, kept.credentials_pem


def _mend(folder: Path, identity: Identity, credentials_pem: str) -> None:
    kept = _encoded(identity, credentials_pem)
    for name, data in (
        (COPY_NAME, kept),
        (identity.credentials, credentials_pem.encode()),
        (FILE_NAME, kept),
    ):
        with contextlib.suppress(OSError):
            if not _holds(folder / name, data):
                log.warning("%s was missing or altered and is made anew", folder / name)
                if (folder / name).is_dir():
                    put_aside(folder / name, identity.enrolled_us)
                write_whole(folder / name, data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _encoded(identity: Identity, credentials_pem: str) -> bytes:
    raw = msgspec.json.encode(identity)
    return msgspec.json.encode(_Kept(Raw(raw), credentials_pem, _digest(raw, credentials_pem)))


def _digest(identity: bytes, credentials_pem: str) -> str:
    return hashlib.sha256(identity + b"\n" + credentials_pem.encode()).hexdigest()


def certificate_faults(expires_us: int | None, refused: str | None, now_us: int) -> dict[FaultCode, str]:
    """What is wrong with a certificate that ends at `expires_us`, and that the broker may have `refused`."""
    faults: dict[FaultCode, str] = {}
    if refused:
        faults[FaultCode.CERTIFICATE_REFUSED] = f"{refused}; {CURE}"
    if expires_us is not None and now_us >= expires_us - EXPIRES_SOON_US:
        word = "expired" if now_us >= expires_us else "expires"
        faults[FaultCode.CERTIFICATE_EXPIRES] = f"it {word} on {from_us(expires_us):%Y-%m-%d}; {CURE}"
    return faults
