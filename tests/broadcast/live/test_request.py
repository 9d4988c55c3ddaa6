import contextlib
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.live.request import Asked, Refused, accepted, parse, refusal

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (b"GET /live/talk HTTP/1.1", Asked("talk", 0, body=True)),
        (b"GET /live/talk?from=17 HTTP/1.0\r\nHost: x", Asked("talk", 17, body=True)),
        (b"GET /live/a-B_9?x=y&from=3 HTTP/1.1", Asked("a-B_9", 3, body=True)),
        (b"HEAD /live/talk?from=1 HTTP/1.1", Asked("talk", 1, body=False)),
        (b"GET http://centre/live/talk?from=2 HTTP/1.1", Asked("talk", 2, body=True)),
    ],
)
def test_what_is_asked(line: bytes, asked: Asked) -> None:
    assert parse(line) == asked


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", HTTPStatus.BAD_REQUEST),
        (b"GET /live/talk", HTTPStatus.BAD_REQUEST),
        (b"GET  /live/talk HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"PRI * HTTP/2.0", HTTPStatus.BAD_REQUEST),
        (b"GET /live/talk?from= HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /live/talk?from=-1 HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /live/talk?from=1&from=2 HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /live/talk?from=99999999999 HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /live/\xc3\xa0 HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /live/ HTTP/1.1", HTTPStatus.NOT_FOUND),
        (b"GET /live/a/../b HTTP/1.1", HTTPStatus.NOT_FOUND),
        (b"GET / HTTP/1.1", HTTPStatus.NOT_FOUND),
        (b"POST /live/talk HTTP/1.1", HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
def test_what_is_refused(line: bytes, status: HTTPStatus) -> None:
    with pytest.raises(Refused) as refused:
        parse(line)
    assert refused.value.status is status
    head, _, body = refusal(refused.value, NOW).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status.value} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    told = msgspec.json.decode(body)
    assert told["status"] == status.value
    assert told["detail"] == str(refused.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_asked_or_refused(head: bytes) -> None:
    with contextlib.suppress(Refused):
        assert parse(head).number >= 0


def test_an_answer_begins() -> None:
    assert accepted(NOW).startswith(b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 01:00:00 GMT\r\n")
    assert accepted(NOW).endswith(b"\r\n\r\n")
