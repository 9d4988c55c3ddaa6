"""All rules by which a document becomes believed (pure): bytes in, verified document or typed refusal out.

Rules
- Verify, then accept, then let the caller persist: a refusal leaves this object equal to what it was.
- A document is refused that is too large, not signed by a pinned key, not what its topic says, for another target,
  expired, or not newer than the last of its kind and target. The bytes that were believed last are no refusal, expired
  or not: brokers redeliver what is retained.
- The number never goes back, whatever the order of delivery; it outlives the document's expiry.
- Which topics concern a receiver is asked before: a document for another zone on that zone's own topic passes here.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broadcast.wire import jws, topics
from broadcast.wire.documents import MAX_DOCUMENT_BYTES
from broadcast.wire.signed import SignedDocument


class Reason(StrEnum):
    """Why an order was refused; counted by each."""

    TOO_LARGE = "too_large"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    WRONG_TARGET = "wrong_target"
    EXPIRED = "expired"
    OLDER = "older"
    REPLAYED = "replayed"  # the last number again, with other content


class Refused(Exception):
    """The document was not accepted and nothing changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason


class Accepted(msgspec.Struct, frozen=True):
    """What is remembered of the last document accepted for a kind and target."""

    number: int
    digest: str


_decoder: msgspec.json.Decoder[SignedDocument] = msgspec.json.Decoder(SignedDocument)
_encoder = msgspec.json.Encoder()


def seal(document: SignedDocument, key: Ed25519PrivateKey) -> bytes:
    """`document` as signed bytes, ready for its topic."""
    return jws.sign(_encoder.encode(document), key)


class TrustedDocuments:
    """The documents one receiver believes. `keys` are the pinned order keys by key id."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey], accepted: Mapping[str, Accepted] | None = None) -> None:
        self._keys = dict(keys)
        self.accepted: dict[str, Accepted] = dict(accepted or {})

    def accept(self, topic: str, raw: bytes, now_us: int) -> SignedDocument | None:
        """The document in `raw`, or None when it is the one that is believed already; else Refused."""
        document = self._read(topic, raw)
        last = self.accepted.get(topic)
        fresh = Accepted(document.number, hashlib.sha256(raw).hexdigest())
        if last == fresh:
            return None
        _refuse_expired(document, now_us)
        if last is not None and document.number < last.number:
            raise Refused(Reason.OLDER, f"number {document.number} after {last.number}")
        if last is not None and document.number == last.number:
            raise Refused(Reason.REPLAYED, f"number {document.number} again with other content")
        self.accepted[topic] = fresh
        return document

    def check(self, topic: str, raw: bytes, now_us: int) -> SignedDocument:
        """The document in `raw` if signature, form, target and expiry hold, whatever its number; else Refused."""
        document = self._read(topic, raw)
        _refuse_expired(document, now_us)
        return document

    def _read(self, topic: str, raw: bytes) -> SignedDocument:
        if len(raw) > MAX_DOCUMENT_BYTES:
            raise Refused(Reason.TOO_LARGE, f"{len(raw)} bytes")
        try:
            document = _decoder.decode(jws.verify(raw, self._keys))
        except jws.BadSignature as error:
            raise Refused(Reason.UNSIGNED, str(error)) from error
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused(Reason.MALFORMED, str(error)[:200]) from error
        place = topics.parse(topic)
        kind = type(document).__struct_config__.tag
        if place is None or place.kind != kind or place.target != document.target:
            raise Refused(Reason.WRONG_TARGET, f"{kind} for {document.target}")
        return document


def _refuse_expired(document: SignedDocument, now_us: int) -> None:
    if document.expires_us <= now_us:
        raise Refused(Reason.EXPIRED)
