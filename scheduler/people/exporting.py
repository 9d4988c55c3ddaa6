"""The audit record as a file that proves itself: JSON lines with hashes, and a table for people (pure).

Rules
- The first line says what the file is: `whole` where nothing was left out.
- Then one entry a line, oldest first, each with its own hash and the one before it.
- The last line counts them, has the SHA-256 of all bytes before it and, where the centre has keys, its signature of
  that: a line cut off, changed or put in is found, also in a selection.
- The hashes need no secret, so only the signature says that the centre wrote the file: whoever has the centre's key
  finds a file without one at fault.
"""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from scheduler.people import chain
from scheduler.people.schemas import AuditView

COLUMNS = tuple(AuditView.model_fields)
_SIGNED = b"loa audit export 1\n"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Read(Struct, frozen=True):
    """What checking a file came to; `signed` is None where no key was at hand, `anchors` how many were held to it."""

    entries: int
    whole: bool
    found: chain.Found | None
    signed: bool | None = None
    anchors: int = 0


def json_lines(
    views: Iterable[AuditView], *, whole: bool, now: datetime, key: Ed25519PrivateKey | None
) -> Iterator[bytes]:
    """The file, line by line."""
    digest, count = hashlib.sha256(), 0
    first = json.dumps({"loa_audit": 1, "whole": whole, "made_at": now.isoformat()}).encode() + b"\n"
    digest.update(first)
    yield first
    for view in views:
        line = json.dumps(view.model_dump(mode="json"), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        digest.update(line)
        count += 1
        yield line
    end: dict[str, Any] = {"entries": count, "sha256": digest.hexdigest()}
    if key is not None:
        end["signature"] = base64.b64encode(key.sign(_SIGNED + digest.hexdigest().encode())).decode()
    yield json.dumps({"end": end}).encode() + b"\n"


def table(views: Iterable[AuditView]) -> Iterator[bytes]:
    """The same as CSV that a spreadsheet opens without running anything in it."""
    yield b"\xef\xbb\xbf" + _row(COLUMNS)
    for view in views:
        said = view.model_dump(mode="json")
        said["detail"] = json.dumps(said["detail"], ensure_ascii=False)
        yield _row([_harmless(said[name]) for name in COLUMNS])


def check(lines: Iterable[bytes], key: Ed25519PublicKey | None, anchors: Iterable[chain.Anchor] = ()) -> Read:
    """Whether a file of JSON lines is as it was written; an unreadable line is named by its number in the file.

    With the centre's key it must be signed, and a whole record must fit those of the `anchors` that it is not older
    than.
    """
    reader = _Reader()
    try:
        whole = reader.begin(rest := iter(lines))
        found, hashes = chain.check(reader.entries(rest), whole=whole)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return Read(reader.count, reader.whole, chain.Found(chain.Fault.UNREADABLE, reader.line))
    if found is None and reader.end is None:
        found = chain.Found(chain.Fault.CUT_OFF, reader.count + 1)
    if found is None and reader.end != {"entries": reader.count, "sha256": reader.digest.hexdigest()}:
        found = chain.Found(chain.Fault.CHANGED, 0)
    if key is None:
        return Read(reader.count, whole, found)
    signed = _signed(reader, key)
    if found is None and not signed:
        found = chain.Found(chain.Fault.FORGED if reader.signature else chain.Fault.UNSIGNED, 0)
    held = [one for one in anchors if one.number in hashes or one.at.timestamp() <= reader.made_at_s] if whole else []
    if found is None:
        found = chain.check_anchors(held, key, hashes.get)
    return Read(reader.count, whole, found, signed, len(held))


class _Reader:
    """Takes a file apart, line by line."""

    def __init__(self) -> None:
        self.line = self.count = 0
        self.whole = False
        self.digest = hashlib.sha256()
        self.end: dict[str, Any] | None = None
        self.signature = ""
        self.made_at_s = 0.0

    def begin(self, lines: Iterator[bytes]) -> bool:
        self.line, first = 1, next(lines, b"")
        said = json.loads(first)
        if said["loa_audit"] != 1:
            raise ValueError("of another kind")
        self.digest.update(first)
        self.whole = bool(said["whole"])
        self.made_at_s = datetime.fromisoformat(said["made_at"]).timestamp()
        return self.whole

    def entries(self, lines: Iterator[bytes]) -> Iterator[tuple[chain.Entry, str]]:
        for line in lines:
            self.line += 1
            said = json.loads(line)
            if self.end is not None:
                raise ValueError("after the end")
            if "end" in said:
                self.end = dict(said["end"])
                self.signature = str(self.end.pop("signature", None) or "")
                continue
            self.digest.update(line)
            self.count += 1
            at = datetime.fromisoformat(said["at"])
            told = (said["user_id"], said["action"], said["subject"], said["zone_path"], said["detail"])
            yield chain.Entry(int(said["number"]), at, *told, said["sha256"]), said["before"]


def _signed(reader: _Reader, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.b64decode(reader.signature), _SIGNED + reader.digest.hexdigest().encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _row(cells: Iterable[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
