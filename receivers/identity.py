"""Who this receiver is: what enrolment gave it, on disk (does I/O).

Rules
- `identity.json` is the only word on it and is replaced whole; it names the file with key and certificate, which is
  written first. A power cut in between leaves the old identity or none.
- Documents and reports belong to one receiver id and lie in a folder of that name; media belong to the machine.
"""

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from broadcast.clock import from_us
from broadcast.wholefile import write_whole
from broadcast.wire import jws
from broadcast.wire.documents import Id, Us
from broadcast.wire.enrolment import BrokerAddress, order_key
from broadcast.wire.fault_codes import FaultCode

FILE_NAME = "identity.json"
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


def load(folder: Path) -> Identity:
    """The identity in `folder`, or NotEnrolled."""
    path = folder / FILE_NAME
    try:
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
        identity.trusted()
    except FileNotFoundError:
        raise NotEnrolled(f"{folder} holds no receiver yet: run `loa receiver enrol` first") from None
    except (OSError, ValueError) as error:
        raise NotEnrolled(f"{path} cannot be used ({error}): enrol this receiver again") from None
    if not (folder / identity.credentials).is_file():
        raise NotEnrolled(f"{folder / identity.credentials} is missing: enrol this receiver again")
    return identity


def save(folder: Path, identity: Identity, credentials_pem: bytes) -> None:
    """Make `identity` the one in `folder`; OSError leaves the former in force."""
    write_whole(folder / identity.credentials, credentials_pem)
    write_whole(folder / FILE_NAME, msgspec.json.encode(identity))
    for old in folder.glob("credentials-*.pem"):
        if old.name != identity.credentials:
            old.unlink()


def certificate_faults(expires_us: int | None, refused: str | None, now_us: int) -> dict[FaultCode, str]:
    """What is wrong with a certificate that ends at `expires_us`, and that the broker may have `refused`."""
    faults: dict[FaultCode, str] = {}
    if refused:
        faults[FaultCode.CERTIFICATE_REFUSED] = f"{refused}; {CURE}"
    if expires_us is not None and now_us >= expires_us - EXPIRES_SOON_US:
        word = "expired" if now_us >= expires_us else "expires"
        faults[FaultCode.CERTIFICATE_EXPIRES] = f"it {word} on {from_us(expires_us):%Y-%m-%d}; {CURE}"
    return faults
