"""What a receiver and the centre say once, over `POST /api/v1/enrolments` (pure).

Rules
- The receiver makes its own key; only a CSR leaves it, and the centre alone chooses the subject (CN = receiver id).
- The reply names the order keys; the receiver believes it only if one of them fits the code that was typed.
"""

from typing import Annotated

from msgspec import Meta, Struct

from broadcast.wire.documents import Id

MAX_ENROLMENT_BYTES = 64 * 1024

Pem = Annotated[str, Meta(max_length=32 * 1024)]


class EnrolmentRequest(Struct, frozen=True, kw_only=True):
    """`code` as `enrolment_code` writes it; `csr` is PEM (P-256); `software` is name/version."""

    code: Annotated[str, Meta(max_length=64)]
    csr: Pem
    software: Annotated[str, Meta(max_length=64)] = ""


class BrokerAddress(Struct, frozen=True, kw_only=True):
    """Where MQTT over TLS is spoken; `host` is a name or address in the broker's certificate."""

    host: Annotated[str, Meta(min_length=1, max_length=255)]
    port: Annotated[int, Meta(ge=1, le=65535)]


class EnrolmentReply(Struct, frozen=True, kw_only=True):
    """What makes a receiver of a machine; `order_keys` are base64url raw Ed25519 keys, `media_urls` end in a slash."""

    receiver_id: Id
    certificate: Pem
    ca: Pem
    order_keys: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1, max_length=8)]
    broker: BrokerAddress
    media_urls: Annotated[tuple[Annotated[str, Meta(max_length=500)], ...], Meta(min_length=1, max_length=8)]
