"""When a document is made anew, and with which number and expiry (pure).

Rules
- A document is good from its making to the start of the local day, eight days on: seven days and the rest of today.
- It is made anew when its content changed, and when it has less than RENEW_BEFORE left: each local day, but for a
  document of a longer life.
- One whose content ends sooner is good until SOON after that end, and is not made anew before: who kept it cannot
  bring it back later, also with a clock that was set back.
- Its number is the second of its making, or one more than its last where that is greater: so it grows even when the
  database was put back from a backup that knows nothing of the last numbers.
- One that was made by a clock ahead of now is made anew: what was before it counts as over at a receiver.
- What a receiver would refuse is not made, so that the one before stays in force. Of what a document lists only the
  members that it would refuse are left out: the others, a STOP above all, do not wait until these are mended.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from broadcast.clock import US_PER_S, to_us
from broadcast.wire.documents import MAX_AIRINGS, MAX_DOCUMENT_BYTES, Airing, Programme, ReceiverSettings
from broadcast.wire.jws import key_id
from broadcast.wire.now import Bank, BankMessage, LiveSession, Now, Order
from broadcast.wire.signed import SignedDocument
from broadcast.wire.topics import Topic
from broadcast.wire.trust import Refused, TrustedDocuments, seal

LIFE_DAYS = 8
RENEW_BEFORE = timedelta(days=7)
SOON = timedelta(minutes=10)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[SignedDocument] = msgspec.json.Decoder(SignedDocument)
_LISTS: Mapping[type, Mapping[str, msgspec.json.Decoder[object]]] = {
    Programme: {"airings": msgspec.json.Decoder(Airing)},
    Now: {"orders": msgspec.json.Decoder(Order), "sessions": msgspec.json.Decoder(LiveSession)},
    Bank: {"messages": msgspec.json.Decoder(BankMessage)},
}
"""What of a document can be left out, member by member."""


class Unfit(Exception):
    """A receiver would refuse the document; the message says why."""


class Draft(msgspec.Struct, frozen=True):
    """What a document shall say, with whatever number and times, and in whose time zone its days begin.

    `ends_at` is when nothing of it holds any more, None where that is never. Else it is good for `life_days`, today
    among them.
    """

    document: SignedDocument
    timezone: str
    ends_at: datetime | None = None
    life_days: int = LIFE_DAYS


class Sealed(msgspec.Struct, frozen=True):
    """A document as it is published, and what is kept of it; `left_out` members did not fit, or were not fit."""

    number: int
    content_sha256: str
    jws: bytes
    issued_at: datetime
    expires_at: datetime
    left_out: int = 0


class Last(msgspec.Struct, frozen=True):
    """What was kept of the document before."""

    number: int
    content_sha256: str
    issued_at: datetime
    expires_at: datetime


def renewed(draft: Draft, last: Last | None, key: Ed25519PrivateKey, now: datetime) -> Sealed | None:
    """The next document of a topic, or None where the last one still says the same and holds long enough.

    Raises Unfit.
    """
    content = digest(draft.document)
    if last is not None and last.content_sha256 == content and _holds(draft, last, now):
        return None
    number = max(to_us(now) // US_PER_S, last.number + 1 if last is not None else 1)
    expires_at = draft.ends_at + SOON if draft.ends_at is not None else expiry(draft.timezone, now, draft.life_days)
    numbered = replace(draft.document, number=number, issued_us=to_us(now), expires_us=to_us(expires_at))
    document, unfit = _without_unfit(numbered)
    jws, too_many = _fitting(document, key)
    _check(document, jws, key, now)
    return Sealed(number, content, jws, now, expires_at, unfit + too_many)


def _holds(draft: Draft, last: Last, now: datetime) -> bool:
    """Whether a document that says the same need not be made anew."""
    if last.issued_at > now:
        return False
    if draft.ends_at is not None:
        return last.expires_at == draft.ends_at + SOON
    return last.expires_at - RENEW_BEFORE > now


def digest(document: SignedDocument) -> str:
    """SHA-256 of what a document says, whatever its number and times."""
    return hashlib.sha256(_encoder.encode(replace(document, number=1, issued_us=0, expires_us=0))).hexdigest()


def expiry(timezone: str, now: datetime, life_days: int = LIFE_DAYS) -> datetime:
    """The start of the local day, `life_days` on."""
    zone = ZoneInfo(timezone)
    day = now.astimezone(zone).date() + timedelta(days=life_days)
    return datetime.combine(day, time.min, zone)


def _without_unfit(document: SignedDocument) -> tuple[SignedDocument, int]:
    """The document without the members that nobody could read, and how many these were."""
    try:
        _decoder.decode(_encoder.encode(document))
    except msgspec.ValidationError:
        left_out = 0
        for name, decoder in _LISTS.get(type(document), {}).items():
            listed = getattr(document, name)
            kept = tuple(one for one in listed if _is_read(one, decoder))
            left_out += len(listed) - len(kept)
            document = replace(document, **{name: kept})
        return document, left_out
    return document, 0


def _is_read(member: object, decoder: msgspec.json.Decoder[object]) -> bool:
    try:
        decoder.decode(_encoder.encode(member))
    except msgspec.ValidationError:
        return False
    return True


def _check(document: SignedDocument, jws: bytes, key: Ed25519PrivateKey, now: datetime) -> None:
    """Return if a receiver that never heard of the topic would take it; else Unfit."""
    scope = "receivers" if isinstance(document, ReceiverSettings) else "zones"
    topic = Topic(scope, document.target, str(document.__struct_config__.tag))
    public = key.public_key()
    try:
        TrustedDocuments({key_id(public): public}).check(str(topic), jws, to_us(now))
    except Refused as refused:
        raise Unfit(f"a receiver would refuse it: {refused}") from refused


def _fitting(document: SignedDocument, key: Ed25519PrivateKey) -> tuple[bytes, int]:
    """The signed bytes, without the last airings where a receiver would refuse the whole for their number or size."""
    jws, left_out = seal(document, key), 0
    while isinstance(document, Programme) and document.airings:
        airings = sorted(document.airings, key=lambda airing: airing.start_us)
        kept = min(MAX_AIRINGS, len(airings) * MAX_DOCUMENT_BYTES // len(jws))
        if kept >= len(airings):
            break
        left_out += len(airings) - kept
        document = replace(document, airings=tuple(airings[:kept]))
        jws = seal(document, key)
    return jws, left_out
