"""What a receiver and the centre say once, over `POST /api/v1/enrolments` (pure).

Rules
- The receiver makes its own key; only a CSR leaves it, and the centre alone chooses the subject (CN = receiver id).
- The centre answers an `EnrolmentReply` signed by its order key. The receiver takes the key that fits the code that was
  typed and believes nothing that this key did not sign: the way to the centre may be plain HTTP.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from broadcast.wire import jws
from broadcast.wire.documents import Id
from broadcast.wire.enrolment_code import EnrolmentCode

MAX_ENROLMENT_BYTES = 64 * 1024

Pem = Annotated[str, Meta(max_length=32 * 1024)]


class NotTheCodes(Exception):
    """No order key of the answer fits the code."""


class EnrolmentRequest(Struct, frozen=True, kw_only=True):
    """`code` as `enrolment_code` writes it; `csr` is PEM (P-256); `software` is name/version."""

    code: Annotated[str, Meta(max_length=64)]
    csr: Pem
    software: Annotated[str, Meta(max_length=64)] = ""


class BrokerAddress(Struct, frozen=True, kw_only=True):
    """Where MQTT over TLS is spoken; `host` is a name or address in the broker's certificate."""

    host: Annotated[str, Meta(min_length=1, max_length=255)]
    port: Annotated[int, Meta(ge=1, le=65535)]


class EnrolmentReply(Struct, frozen=True, kw_only=True, tag_field="kind", tag="enrolment"):
    """What makes a receiver of a machine; `media_urls` end in a slash. The tag tells it from what else is signed."""

    receiver_id: Id
    certificate: Pem
    ca: Pem
    broker: BrokerAddress
    media_urls: Annotated[tuple[Annotated[str, Meta(max_length=500)], ...], Meta(min_length=1, max_length=8)]


class EnrolmentAnswer(Struct, frozen=True, kw_only=True):
    """`reply` is an `EnrolmentReply` as compact JWS; `order_keys` are base64url Ed25519 keys, one of which signed."""

    reply: Annotated[str, Meta(max_length=MAX_ENROLMENT_BYTES)]
    order_keys: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1, max_length=8)]


def seal(reply: EnrolmentReply, key: Ed25519PrivateKey) -> EnrolmentAnswer:
    """`reply` signed by the order `key`."""
    signed = jws.sign(msgspec.json.encode(reply), key)
    return EnrolmentAnswer(reply=signed.decode(), order_keys=(order_key_text(key.public_key()),))


def opened(answer: EnrolmentAnswer, code: EnrolmentCode) -> tuple[EnrolmentReply, Ed25519PublicKey]:
    """What the key that `code` pins has signed, and that key. Raises NotTheCodes, jws.BadSignature or ValueError."""
    fitting = next((key for key in map(order_key, answer.order_keys) if code.pins(key)), None)
    if fitting is None:
        raise NotTheCodes
    payload = jws.verify(answer.reply.encode(), {jws.key_id(fitting): fitting})
    return msgspec.json.decode(payload, type=EnrolmentReply), fitting


def order_key(text: str) -> Ed25519PublicKey:
    """The key of 32 raw bytes in base64url; ValueError for anything else."""
    try:
        return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (Base64Error, ValueError) as error:
        raise ValueError("not an Ed25519 key in base64url") from error


def order_key_text(key: Ed25519PublicKey) -> str:
    """`key` as `order_key` reads it."""
    return urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()
