"""All that a receiver keeps in its folder, opened as its daemon does it, and things to keep, each known by its name."""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.wholefile import clear_unfinished
from broadcast.wire import jws
from broadcast.wire.documents import (
    Airing,
    BroadcastClass,
    Media,
    Outcome,
    PlayReport,
    Programme,
    ReceiverSettings,
)
from broadcast.wire.enrolment import BrokerAddress, order_key_text
from broadcast.wire.trust import seal
from receivers.identity import Identity
from receivers.ledger import Planned
from receivers.media import MediaStore
from receivers.outbox import Began, Outbox, Reported
from receivers.vault import Vault

NOON_US = 1_800_000_000_000_000
RECEIVER = "rx1"
SIZE_BYTES = 700
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Shelf:
    """Vault, outbox and media store in `root`, opened."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.boot()

    def boot(self) -> "Shelf":
        """Open all anew from what is on the disk."""
        clear_unfinished(self.root)
        self.vault = Vault(self.documents, RECEIVER, {jws.key_id(_KEY.public_key()): _KEY.public_key()})
        self.outbox = Outbox(self.root / RECEIVER / "reports")
        self.media = MediaStore(self.root / "media")
        self.media.open(NOON_US)
        self.vault.open(NOON_US)
        self.outbox.open(NOON_US)
        for sha256 in self.media.on_disk():
            self.media.check(sha256, NOON_US)
        return self

    @property
    def documents(self) -> Path:
        return self.root / RECEIVER / "documents"

    @property
    def quarantined(self) -> list[Path]:
        return list(self.root.rglob("*.bad-*"))

    def fetch(self, name: str) -> None:
        """Bring a recording, in two blocks."""
        part = self.media.part(sha256_of(name))
        done = self.media.done_bytes(sha256_of(name))
        for block in (body(name)[done:400], body(name)[max(done, 400) :]):
            with part.open("ab") as file:
                file.write(block)


def body(name: str) -> bytes:
    return hashlib.shake_128(name.encode()).digest(SIZE_BYTES)


def sha256_of(name: str) -> str:
    return hashlib.sha256(body(name)).hexdigest()


def airing(name: str) -> Airing:
    media = Media(sha256=sha256_of(name), size_bytes=SIZE_BYTES, duration_us=1)
    return Airing(id=name, broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=NOON_US, media=(media,))


def settings(number: int, *zones: str) -> bytes:
    document = ReceiverSettings(
        target=RECEIVER, number=number, issued_us=NOON_US, expires_us=2 * NOON_US, zone_path=zones
    )
    return seal(document, _KEY)


def programme(zone: str, number: int, airings: int = 0) -> bytes:
    listed = tuple(airing(f"a{place}") for place in range(airings))
    return seal(Programme(target=zone, number=number, issued_us=NOON_US, expires_us=2 * NOON_US, airings=listed), _KEY)


def began(name: str) -> Began:
    return Began(planned=Planned(airing(name), airing(name).media[0]), at_us=NOON_US)


def report(number: int, name: str) -> Reported:
    said = PlayReport(
        number=number,
        airing_id=name,
        broadcast_id="b",
        outcome=Outcome.HEARD,
        planned_start_us=NOON_US,
        planned_duration_us=1,
    )
    return Reported(report=said)


def identity(receiver_id: str, credentials_pem: bytes) -> Identity:
    return Identity(
        receiver_id=receiver_id,
        credentials=f"credentials-{hashlib.sha256(credentials_pem).hexdigest()[:12]}.pem",
        ca="",
        order_keys=(order_key_text(_KEY.public_key()),),
        broker=BrokerAddress(host="127.0.0.1", port=1),
        media_urls=("http://127.0.0.1:1/media/",),
        enrolled_us=NOON_US,
    )
