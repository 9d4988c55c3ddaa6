"""What a listener asks of the feed server, and how it is told no (pure): the little of HTTP/1.1 that it takes.

GET /live/{feed}?from={number}     the chunks from that one on, until the feed or the connection ends
HEAD /live/{feed}                  whether there is such a feed

Everything else is refused, in a sentence.
"""

import re
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from broadcast.wire.chunks import CONTENT_TYPE

MAX_HEAD_BYTES = 4096
_PATH = re.compile(r"/live/([A-Za-z0-9_-]{1,64})", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_LINE_PARTS = 3


class Asked(NamedTuple):
    """`number` of the first chunk that is wanted."""

    feed_id: str
    number: int
    body: bool


class Refused(Exception):
    """The request gets `status` for an answer; the text says why."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def parse(head: bytes) -> Asked:
    """The request whose head, up to the empty line, is `head`. Raises Refused."""
    line = head.partition(b"\r\n")[0].split(b" ")
    if len(line) != _LINE_PARTS or not line[2].startswith(b"HTTP/1."):
        raise Refused(HTTPStatus.BAD_REQUEST, "This is not a request in HTTP/1.1.")
    try:
        target = urlsplit(line[1].decode("ascii"))
        wanted = parse_qs(target.query, keep_blank_values=True, max_num_fields=8).get("from", ["0"])
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "The address cannot be read.") from error
    path = _PATH.fullmatch(target.path)
    if path is None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here: a feed is at /live/ and its id.")
    if line[0] not in (b"GET", b"HEAD"):
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "A feed can only be read.")
    if len(wanted) != 1 or not _NUMBER.fullmatch(wanted[0]):
        raise Refused(HTTPStatus.BAD_REQUEST, "`from` is the number of a chunk.")
    return Asked(path[1], int(wanted[0]), line[0] == b"GET")


def accepted(now: datetime) -> bytes:
    """The head before the chunks; the body goes on until the connection ends."""
    return _head(HTTPStatus.OK, now, f"Content-Type: {CONTENT_TYPE}", "X-Accel-Buffering: no")


def refusal(refused: Refused, now: datetime) -> bytes:
    """The whole answer to a request that is refused: a problem as in RFC 9457."""
    status = refused.status
    told = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": str(refused)}
    body = msgspec.json.encode(told)
    lines = ["Content-Type: application/problem+json", f"Content-Length: {len(body)}"]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 2")
    return _head(status, now, *lines) + body


def _head(status: HTTPStatus, now: datetime, *lines: str) -> bytes:
    first = (f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {format_datetime(now, usegmt=True)}")
    return "\r\n".join((*first, *lines, "Cache-Control: no-store", "Connection: close", "", "")).encode()
