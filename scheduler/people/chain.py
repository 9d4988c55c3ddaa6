"""The chain of the audit record: each entry carries the hash of the one before it (pure).

Rules
- The SHA-256 of an entry is that of the canonical bytes of all it says, its number and the hash before it: nothing can
  be changed, taken out or put in without every later hash being another.
- The canonical bytes are JSON in UTF-8 without spaces, keys in order, times in microseconds since 1970, and whole
  numbers without a fraction, so that they are the same whichever database kept the entry. They never change: what is
  written today is verified in ten years.
- Numbers begin with 1 and have no gap. An export may be a selection: there a gap is no fault, and each line carries the
  hash before it.
- What was cut off at the end is noticed by an anchor: number and hash of the newest entry, signed by the centre's key
  and kept outside the database.
"""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from broadcast.clock import to_us
from scheduler.zones.names import fold

FIRST = "0" * 64
"""What stands for the hash before the first entry."""
_FOUND_BY = 4000
_KIND = "loa-audit-1"
_ANCHOR = b"loa audit anchor 1\n"  # no order that receivers take begins so: its bytes are base64url


class Entry(Struct, frozen=True):
    """What is hashed of an entry, and the hash that it carries."""

    number: int
    at: datetime
    user_id: str | None
    action: str
    subject: str
    zone_path: str | None
    detail: Mapping[str, Any]
    sha256: str


class Anchor(Struct, frozen=True):
    """The chain ended with entry `number`, which had this hash, at `at`; `signature` is base64 of Ed25519."""

    number: int
    sha256: str
    at: datetime
    signature: str


class Fault(StrEnum):
    CHANGED = "changed"  # its own hash does not fit what it says
    BROKEN = "broken"  # it does not follow the entry before it
    MISSING = "missing"  # numbers are left out
    UNCHAINED = "unchained"  # it was put in past the program
    CUT_OFF = "cut_off"  # an anchor knows of later entries
    OTHER_HISTORY = "other_history"  # an anchor knows this entry with another hash
    FORGED = "forged"  # an anchor that the centre did not sign
    UNSIGNED = "unsigned"  # an export without the centre's signature, whose own hashes anybody can make
    UNREADABLE = "unreadable"


class Found(Struct, frozen=True):
    """The first thing that is wrong: `number` is the entry's, or the line's of a file that cannot be read."""

    fault: Fault
    number: int


def plain(value: Any) -> Any:
    """JSON as any database gives it back: text keys, lists, and whole numbers without a fraction."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, StrEnum) else value


def sha256_of(entry: Entry, before: str) -> str:
    """The hash that `entry` must carry after an entry with the hash `before`."""
    said = [
        *(_KIND, before, entry.number, to_us(entry.at)),
        *(entry.user_id, entry.action, entry.subject, entry.zone_path, plain(entry.detail)),
    ]
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def next_fault(entry: Entry, last: int, before: str) -> Found | None:
    """What is wrong with `entry` after the entry with the number `last` and the hash `before`; None if it follows."""
    if entry.number <= last:
        return Found(Fault.BROKEN, entry.number)
    if entry.number != last + 1:
        return Found(Fault.MISSING, last + 1)
    return None if sha256_of(entry, before) == entry.sha256 else Found(Fault.CHANGED, entry.number)


def check(entries: Iterable[tuple[Entry, str]], *, whole: bool) -> tuple[Found | None, dict[int, str]]:
    """The first fault of an export, whose entries come with the hash before them; and the hashes by number up to it.

    Of a selection only those that follow each other can be held against each other.
    """
    hashes: dict[int, str] = {}
    last, before = 0, FIRST
    for entry, told in entries:
        if not whole and entry.number > last + 1:
            last, before = entry.number - 1, told
        found = next_fault(entry, last, before)
        if found is None and told != before:
            found = Found(Fault.BROKEN, entry.number)
        if found is not None:
            return found, hashes
        last, before = entry.number, entry.sha256
        hashes[last] = before
    return None, hashes


def check_anchors(
    anchors: Iterable[Anchor], key: Ed25519PublicKey, sha256_at: Callable[[int], str | None]
) -> Found | None:
    """The first anchor that does not fit; `sha256_at` gives the hash of the entry with a number, None past the end."""
    for anchor in anchors:
        if not signed_by(anchor, key):
            return Found(Fault.FORGED, anchor.number)
        known = sha256_at(anchor.number)
        if known != anchor.sha256:
            return Found(Fault.CUT_OFF if known is None else Fault.OTHER_HISTORY, anchor.number)
    return None


def anchor(key: Ed25519PrivateKey, number: int, sha256: str, at: datetime) -> Anchor:
    """That the chain ended so at `at`."""
    signature = key.sign(_anchor_bytes(number, sha256, at))
    return Anchor(number, sha256, at, base64.b64encode(signature).decode())


def signed_by(told: Anchor, key: Ed25519PublicKey) -> bool:
    """Whether the centre with this key signed the anchor."""
    try:
        key.verify(base64.b64decode(told.signature, validate=True), _anchor_bytes(told.number, told.sha256, told.at))
    except (InvalidSignature, ValueError):
        return False
    return True


def words_of(action: str, subject: str, detail: Mapping[str, Any]) -> str:
    """What an entry is found by: its texts in small letters, and once more without diacritics."""
    said = composed(" ".join([action, subject, *_texts(detail)])[:_FOUND_BY])
    bare = fold(said)
    return said if bare == said else f"{said}\n{bare}"


def composed(text: str) -> str:
    """In small letters, each of them one sign whichever way it was typed."""
    return unicodedata.normalize("NFC", text).lower()


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for key in sorted(value) for text in _texts(value[key])]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return [str(value)] if isinstance(value, str | int | float) and not isinstance(value, bool) else []


def _anchor_bytes(number: int, sha256: str, at: datetime) -> bytes:
    return _ANCHOR + f"{number} {sha256} {to_us(at)}".encode()
