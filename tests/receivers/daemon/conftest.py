"""A receiver in virtual time, and recordings, documents and keys for it."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from broadcast.wire import jws, topics
from broadcast.wire.documents import (
    AfterCut,
    Airing,
    BroadcastClass,
    Late,
    Media,
    PlayReport,
    Programme,
    ReceiverSettings,
    Rules,
)
from broadcast.wire.now import Bank, BankMessage, Now, Order, Part, Purpose
from broadcast.wire.signed import SignedDocument
from broadcast.wire.trust import seal
from receivers.media import MediaStore
from receivers.node import Node
from receivers.outbox import Outbox
from receivers.rehearsal import VirtualPlayer
from receivers.vault import Vault

S = 1_000_000
NOON = 1_800_000_000 * S  # an instant on 15 January 2027
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RECEIVER = "rx1"
ZONE = "tra-van"
ALL_DAY = Rules(timezone="UTC")
WEEK = 7 * 24 * 3600 * S


@dataclass
class Desk:
    """Makes documents with rising numbers, and recordings."""

    number: int = 0
    bodies: dict[str, bytes] = field(default_factory=dict)

    def media(self, name: str, seconds: float, size_bytes: int = 2_000) -> Media:
        body = hashlib.shake_128(name.encode()).digest(size_bytes)
        sha256 = hashlib.sha256(body).hexdigest()
        self.bodies[sha256] = body
        return Media(sha256=sha256, size_bytes=size_bytes, duration_us=round(seconds * S))

    def airing(self, name: str, start_us: int, media: Media, **changes: object) -> Airing:
        airing = Airing(
            id=name,
            broadcast_id=f"b-{name}",
            cls=BroadcastClass.NORMAL,
            start_us=start_us,
            media=(media,),
            late=Late.JOIN,
            after_cut=AfterCut.TIMELINE,
        )
        return replace(airing, **changes)

    def programme(self, airings: Sequence[Airing], zone: str = ZONE, number: int | None = None) -> Programme:
        self.number += 1
        return Programme(
            target=zone,
            number=number or self.number,
            issued_us=NOON,
            expires_us=NOON + WEEK,
            airings=tuple(airings),
        )

    def now(self, *orders: Order, zone: str = ZONE, at_us: int = NOON, **changes: object) -> Now:
        """A now document issued at `at_us`, for a week."""
        self.number += 1
        now = Now(target=zone, number=self.number, issued_us=at_us, expires_us=at_us + WEEK, orders=orders)
        return replace(now, **changes)

    def order(self, name: str, *parts: Part, start_us: int = NOON, **changes: object) -> Order:
        """A real one that begins a second after `start_us` and is in force for an hour."""
        order = Order(
            id=name,
            purpose=Purpose.REAL,
            start_us=start_us + S,
            until_us=start_us + 3600 * S,
            parts=parts or ("siren.1",),
        )
        return replace(order, **changes)

    def bank(self, messages: Mapping[str, Media], purpose: Purpose = Purpose.REAL, zone: str = "province") -> Bank:
        """A bank of messages that are all for one purpose."""
        self.number += 1
        told = tuple(BankMessage(id=key, purpose=purpose, media=(media,)) for key, media in messages.items())
        return Bank(target=zone, number=self.number, issued_us=NOON, expires_us=NOON + WEEK, messages=told)

    def settings(self, **changes: object) -> ReceiverSettings:
        self.number += 1
        settings = ReceiverSettings(
            target=RECEIVER,
            number=self.number,
            issued_us=NOON,
            expires_us=NOON + WEEK,
            zone_path=("province", ZONE),
            rules=ALL_DAY,
        )
        return replace(settings, **changes)

    def seal(self, document: SignedDocument) -> bytes:
        return seal(document, KEY)


@dataclass
class Rig:
    """One receiver on a disk, driven by hand. `boot` starts its daemon's inner part anew, as after a power cut."""

    folder: Path
    desk: Desk
    now_us: int = NOON
    durations_us: dict[Path, int] = field(default_factory=dict)
    acknowledged: list[PlayReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        keys = {jws.key_id(KEY.public_key()): KEY.public_key()}
        self.store = MediaStore(self.folder / "media")
        self.store.open()
        self.vault = Vault(self.folder / "documents", RECEIVER, keys)
        self.outbox = Outbox(self.folder / "reports")
        self.node = Node(self.vault, self.outbox, self.store, self.now_us)
        self.vault.open(self.now_us)
        self.outbox.open(self.now_us)
        for sha256 in self.store.on_disk():
            self.store.check(sha256, self.now_us)
        self.player = VirtualPlayer(self.durations_us, lambda played: self.node.on_played(played), self.now_us)  # noqa: PLW0108
        self.node.look(self.now_us)

    def give(self, document: SignedDocument) -> bool:
        kind = str(type(document).__struct_config__.tag)
        scope = "receivers" if isinstance(document, ReceiverSettings) else "zones"
        topic = str(topics.Topic(scope, document.target, kind))
        return self.node.on_document(topic, self.desk.seal(document), self.now_us)

    def fetch(self, *wanted: Media) -> None:
        for media in wanted:
            self.store.part(media.sha256).write_bytes(self.desk.bodies[media.sha256])
            assert self.store.finish(media.sha256, self.now_us)
            self.durations_us[self.store.path(media.sha256)] = media.duration_us

    def run(self, seconds: float) -> None:
        """Let time pass, a second at a time."""
        until_us = self.now_us + round(seconds * S)
        while True:
            self.player.set_plan(self.node.tick(self.now_us, self.player.status()))
            if self.now_us >= until_us:
                return
            self.now_us = min(self.now_us + S, until_us)
            self.player.advance(self.now_us)

    @property
    def reports(self) -> dict[str, PlayReport]:
        return {report.airing_id: report for report in self.outbox.pending.values()}

    @property
    def heard(self) -> list[tuple[str, int, int]]:
        """(airing id, start, end) of what sounded since the last boot."""
        return [(key.split("~")[0], start_us - NOON, end_us - NOON) for key, start_us, end_us in self.player.heard]


@pytest.fixture
def fast_path() -> Iterator[Path]:
    """A folder in memory, for tests that sync thousands of times."""
    shared = Path("/dev/shm")  # noqa: S108 - a fresh folder in it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def rig(tmp_path: Path, desk: Desk) -> Rig:
    """A receiver with settings, at NOON, with nothing to play."""
    rig = Rig(tmp_path, desk)
    assert rig.give(desk.settings())
    return rig


@pytest.fixture
def new_rig(tmp_path: Path, desk: Desk) -> Callable[[str], Rig]:
    """Receivers in folders of their own, without settings."""
    return lambda name: Rig(tmp_path / name, desk)
