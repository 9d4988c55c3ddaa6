"""JSON Web Signatures over Loa's documents (pure): RFC 7515 compact form, EdDSA with Ed25519 as in RFC 8037.

Rules
- The header is `{"alg":"EdDSA","kid":…}` in just this spelling and nothing else is accepted: no algorithm is ever
  chosen by the sender, and no member can be there twice.
- `kid` is the first 16 hex digits of SHA-256 of the raw public key.
- Any input gives a payload or `BadSignature`, never another error.
"""

import hashlib
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PARTS = 3
ALGORITHM = "EdDSA"


class BadSignature(Exception):
    """The bytes are not a document signed by a key that is trusted here."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str


def key_id(key: Ed25519PublicKey) -> str:
    """The key's short name: 16 hex digits."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """`payload` as compact JWS."""
    header = msgspec.json.encode(_Header(alg=ALGORITHM, kid=key_id(key.public_key())))
    signed = _encode(header) + b"." + _encode(payload)
    return signed + b"." + _encode(key.sign(signed))


def verify(token: bytes, trusted: Mapping[str, Ed25519PublicKey]) -> bytes:
    """The payload of `token` if one of the `trusted` keys (by key id) signed it, else BadSignature."""
    parts = token.split(b".")
    if len(parts) != PARTS:
        raise BadSignature("not a signed document")
    try:
        head = _decode(parts[0])
        header = msgspec.json.decode(head, type=_Header)
        payload, signature = _decode(parts[1]), _decode(parts[2])
    except (Base64Error, ValueError, msgspec.MsgspecError) as error:
        raise BadSignature("not a signed document") from error
    key = trusted.get(header.kid)
    if header.alg != ALGORITHM or key is None or head != msgspec.json.encode(header):
        raise BadSignature("signed by a key that is not trusted here")
    try:
        key.verify(signature, parts[0] + b"." + parts[1])
    except InvalidSignature as error:
        raise BadSignature("the signature does not fit") from error
    return payload


def unverified(token: bytes) -> bytes:
    """The payload of a token that was made here and kept; what comes from elsewhere goes through `verify`."""
    return _decode(token.split(b".")[1])


def _encode(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    """Strict base64url: one spelling for each value, so that no byte of a token can be changed unnoticed."""
    if b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("not base64url")
    raw = a2b_base64(text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4), strict_mode=True)
    if _encode(raw) != text:
        raise ValueError("not the shortest base64url")
    return raw
