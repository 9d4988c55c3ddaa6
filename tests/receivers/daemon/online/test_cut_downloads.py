"""A cut or wrong download never counts as complete, whatever a server, a cache or a portal says of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.broker.lab import HOST
from broadcast.clock import SystemClock
from receivers.fetch import FetchFailed, fetch, open_client
from receivers.lab.trial.shelf import NOON_US, SIZE_BYTES, body, sha256_of
from receivers.media import MediaStore
from receivers.needs import Need

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOUND = body("sound")
NEED = Need(sha256_of("sound"), SIZE_BYTES, NOON_US)


class Answer(NamedTuple):
    """What is sent: a status, where the piece is said to begin, its bytes, and how many of them are announced."""

    status: int
    says_begin: int | None
    piece: bytes
    announced: int | None

    @property
    def raw(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} So", "Content-Type: audio/ogg", "Connection: close"]
        if self.announced is not None:
            lines.append(f"Content-Length: {self.announced}")
        if self.says_begin is not None:
            lines.append(f"Content-Range: bytes {self.says_begin}-{SIZE_BYTES - 1}/{SIZE_BYTES}")
        return "\r\n".join([*lines, "", ""]).encode() + self.piece


def _honest(begin: int) -> Answer:
    piece = SOUND[begin:]
    return Answer(206, begin, piece, len(piece)) if begin else Answer(200, None, piece, len(piece))


PLACES = st.integers(0, SIZE_BYTES + 50)
PIECES = st.one_of(
    st.builds(lambda begin, end: SOUND[begin:end], PLACES, PLACES),
    st.builds(lambda begin, at: SOUND[begin:at] + b"?" + SOUND[at + 1 :], PLACES, PLACES),
    st.builds(lambda begin, more: SOUND[begin:] + more, PLACES, st.binary(max_size=20)),
    st.binary(max_size=SIZE_BYTES + 50),
)
LIES = st.builds(
    lambda status, says_begin, piece, announced: Answer(
        status, says_begin, piece, len(piece) if announced == -1 else announced
    ),
    st.sampled_from((200, 206, 404, 416, 500)),
    st.one_of(st.none(), PLACES),
    PIECES,
    st.one_of(st.just(-1), st.none(), PLACES),
)


async def _attempts(folder: Path, answer: Callable[[int, int], Answer], begun: bytes, count: int) -> bool:
    """Whether the recording is ready after `count` attempts; whenever it is, it is right."""
    places: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        begin = int(head.partition("range: bytes=")[2].partition("-")[0] or 0)
        places.append(begin)
        writer.write(answer(len(places) - 1, begin).raw)
        writer.close()

    store = MediaStore(folder)
    store.open()
    store.part(NEED.sha256).write_bytes(begun)
    listener = await asyncio.start_server(serve, HOST, 0)
    url = f"http://{HOST}:{listener.sockets[0].getsockname()[1]}/x"
    async with open_client() as client:
        for _ in range(count):
            if NEED.sha256 not in store.ready:
                try:
                    await fetch(client, url, NEED, store, SystemClock())
                except FetchFailed:
                    assert NEED.sha256 not in store.ready
            assert (NEED.sha256 in store.ready) == store.path(NEED.sha256).exists()
            assert NEED.sha256 not in store.ready or store.path(NEED.sha256).read_bytes() == SOUND
    listener.close()
    return NEED.sha256 in store.ready


def _last(answer: Callable[[int, int], Answer], begun: bytes, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_attempts(Path(folder) / "media", answer, begun, count))


@given(lies=st.lists(LIES, max_size=4), begun=PIECES)
@settings(max_examples=60)
def test_after_any_lies_an_honest_server_is_believed(lies: Sequence[Answer], begun: bytes) -> None:
    def answer(attempt: int, begin: int) -> Answer:
        return lies[attempt] if attempt < len(lies) else _honest(begin)

    assert _last(answer, begun, len(lies) + 3)


@pytest.mark.parametrize(
    "always",
    [
        lambda begin: Answer(206, 0, SOUND, SIZE_BYTES) if begin else _honest(0),  # a part that is the whole
        lambda begin: Answer(206, begin, SOUND, SIZE_BYTES) if begin else _honest(0),  # and says that it is not
        lambda begin: Answer(206, None, SOUND[begin:], SIZE_BYTES - begin) if begin else _honest(0),
        lambda begin: Answer(416, None, b"", 0) if begin else _honest(0),
        lambda _begin: _honest(0),
    ],
)
def test_a_server_that_does_parts_wrong_is_asked_for_the_whole(always: Callable[[int], Answer]) -> None:
    assert _last(lambda _attempt, begin: always(begin), SOUND[:200], 3)
