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

from broadcast.wholefile import write_whole
from broadcast.wire import jws
from broadcast.wire.documents import Id, Us
from broadcast.wire.enrolment import BrokerAddress, order_key

FILE_NAME = "identity.json"


class NotEnrolled(Exception):
    """There is no usable identity in the state folder; the message says what to do."""


class Identity(Struct, frozen=True, kw_only=True):
    """`credentials` is the name of a PEM file (key, then certificate) beside `identity.json`; `ca` is PEM text."""

    receiver_id: Id
    credentials: str
    ca: str
    order_keys: tuple[str, ...]
    broker: BrokerAddress
    media_urls: tuple[str, ...]
    enrolled_us: Us

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
