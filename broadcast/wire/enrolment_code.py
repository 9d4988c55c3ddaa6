"""One-time enrolment codes `XXXXX-XXXXX-FFFFF-FFFFF` in Crockford's base32 (pure).

Rules
- The first ten characters are the secret: 50 random bits that the centre accepts once.
- The last ten are the first 50 bits of SHA-256 over the order key's raw public bytes, so that whoever types the code
  pins the key by which everything that sounds is signed, whatever the way to the centre.
- Reading forgives what people do: either case, spaces and dashes anywhere, O for 0, I and L for 1.
"""

import hashlib

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HALF = 10
GROUP = 5
BITS_PER_CHARACTER = 5
MISREAD = str.maketrans("OIL", "011", " -\t\r\n\u2010\u2011\u2012\u2013\u2014\u00a0")


class BadCode(ValueError):
    """The text cannot be an enrolment code; the message says why in words for whoever typed it."""


class EnrolmentCode(msgspec.Struct, frozen=True):
    """`secret` and `fingerprint`, ten characters each."""

    secret: str
    fingerprint: str

    def __str__(self) -> str:
        text = self.secret + self.fingerprint
        return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))

    def pins(self, key: Ed25519PublicKey) -> bool:
        """Whether `key` is the order key that this code was made for."""
        return fingerprint(key) == self.fingerprint


def make(secret_random: bytes, key: Ed25519PublicKey) -> str:
    """The code for the order `key` with a secret of the first 50 bits of `secret_random` (7 bytes or more)."""
    return str(EnrolmentCode(_characters(secret_random), fingerprint(key)))


def parse(text: str) -> EnrolmentCode:
    """What a person typed, or BadCode."""
    plain = text.upper().translate(MISREAD)
    strange = sorted({character for character in plain if character not in ALPHABET})
    if strange:
        raise BadCode(f"an enrolment code has no {' '.join(map(repr, strange))} in it")
    if len(plain) != 2 * HALF:
        raise BadCode(f"an enrolment code has {2 * HALF} letters and digits, this one has {len(plain)}")
    return EnrolmentCode(plain[:HALF], plain[HALF:])


def fingerprint(key: Ed25519PublicKey) -> str:
    """The ten characters that name an order key in a code."""
    return _characters(hashlib.sha256(key.public_bytes_raw()).digest())


def _characters(raw: bytes) -> str:
    bits = HALF * BITS_PER_CHARACTER
    if len(raw) * 8 < bits:
        raise ValueError(f"{bits} bits are needed")
    value = int.from_bytes(raw, "big") >> (len(raw) * 8 - bits)
    return "".join(ALPHABET[value >> (BITS_PER_CHARACTER * place) & 31] for place in reversed(range(HALF)))
