"""What sounds outside the programme: emergencies, drills, live sessions, and the message bank they use (pure).

Rules
- A `Now` document is the whole truth for its zone: an order or session that is not in the latest one is over.
- Of the emergencies in force at a receiver the one that starts last has the air. A drill or test is a priority airing:
  it obeys quiet hours, and nothing in it can make it an emergency.
- A bank message is never changed: its id ends in a revision, so that what was confirmed is what sounds.
- An order that names only bank messages stays under SMALL_BYTES when signed, so that the poorest link carries it.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from broadcast.wire.documents import BroadcastClass, Document, Id, Media, Us

SMALL_BYTES = 600
MAX_ORDERS = 8
MAX_SESSIONS = 8
MAX_PARTS = 8
DELAY_US = 2_000_000
MIN_DELAY_US, MAX_DELAY_US = 600_000, 4_000_000

BankId = Annotated[str, Meta(min_length=3, max_length=48, pattern=r"\A[a-z0-9-]+\.[1-9][0-9]{0,5}\Z")]
PublicKey = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]
Url = Annotated[str, Meta(max_length=500, pattern=r"\Ahttps?://")]


class Purpose(StrEnum):
    """What an order or a bank message is for. The two never mix: a receiver refuses an order whose message differs."""

    REAL = "real"
    DRILL = "drill"
    TEST = "test"


class Feed(Struct, frozen=True, kw_only=True):
    """A growing recording in numbered chunks (`broadcast.wire.chunks`), fetched as `{url}?from={number}`.

    `key` is the Ed25519 public key, base64url, that signs the chunks of this feed and of no other.
    """

    id: Id
    key: PublicKey
    urls: Annotated[tuple[Url, ...], Meta(min_length=1, max_length=4)]


class Made(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sound made for one order. It sounds from `feed`, chunk 0 first, until the whole recording is on the node."""

    media: Annotated[tuple[Media, ...], Meta(min_length=1, max_length=8)]
    feed: Feed | None = None


Part = BankId | Made
Place = Annotated[int, Meta(ge=0, lt=MAX_PARTS)]


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An emergency, a drill or a test: its `parts` one after another from `start_us` on.

    They begin again each `every_us` (0: they do not) as long as they are over by `until_us` then. A receiver that
    learns of the order after everything was over plays it once, if that is still before `until_us`.

    A part has one number for the order's life, by which receivers know what they have played. `places` are those of
    `parts` where one of them is still to come; without it they are 0, 1, 2 and so on. Raises ValueError if it has not
    one for each part, growing.
    """

    id: Id
    purpose: Purpose
    start_us: Us
    until_us: Us
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=MAX_PARTS)]
    every_us: Us = 0
    places: Annotated[tuple[Place, ...], Meta(max_length=MAX_PARTS)] = ()

    def __post_init__(self) -> None:
        if self.places and (len(self.places) != len(self.parts) or list(self.places) != sorted(set(self.places))):
            raise ValueError("`places` has one number for each part, growing")

    def numbered(self) -> Iterator[tuple[int, Part]]:
        """The parts with their numbers."""
        return zip(self.places or range(len(self.parts)), self.parts, strict=True)


class LiveSession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Someone speaks, or a stream is relayed: sample k of `feed` is heard at `start_us` + `delay_us` + k / 48000.

    Nothing of it sounds from `until_us` on. `frames` is its length once that is known, at 48 kHz.
    """

    feed: Feed
    start_us: Us
    until_us: Us
    cls: BroadcastClass = BroadcastClass.PRIORITY
    delay_us: Annotated[int, Meta(ge=MIN_DELAY_US, le=MAX_DELAY_US)] = DELAY_US
    frames: Annotated[int, Meta(ge=0, le=2**40)] | None = None


class Now(Document, frozen=True, kw_only=True, tag="now", omit_defaults=True):
    """What is in force in zone `target`. Whatever began there before `stop_us` is over and does not come back."""

    orders: Annotated[tuple[Order, ...], Meta(max_length=MAX_ORDERS)] = ()
    sessions: Annotated[tuple[LiveSession, ...], Meta(max_length=MAX_SESSIONS)] = ()
    stop_us: Us = 0


class BankMessage(Struct, frozen=True, kw_only=True):
    """A sound that every receiver of the zone holds ahead of time, in one or more languages."""

    id: BankId
    purpose: Purpose
    media: Annotated[tuple[Media, ...], Meta(min_length=1, max_length=16)]


class Bank(Document, frozen=True, kw_only=True, tag="bank"):
    """The messages of zone `target`; a receiver holds those of every zone in its path."""

    messages: Annotated[tuple[BankMessage, ...], Meta(max_length=128)] = ()
