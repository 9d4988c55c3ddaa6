"""Speech-like sound, a desk, and what a receiver makes of its chunks."""

import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet

from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import Samples
from broadcast.live.feed import LiveFeed
from broadcast.live.lab import HOST
from broadcast.wire.chunks import Chunk, ChunkReader
from broadcast.wire.enrolment import order_key
from receivers.lab.trial.signals import murmur

Read = Callable[[LiveFeed, Sequence[bytes]], list[Chunk]]
Decode = Callable[[Sequence[bytes]], Samples]


@pytest.fixture
def desk() -> LiveDesk:
    return LiveDesk("http://centre.example:8001/")


@pytest.fixture(scope="session")
def speech() -> Samples:
    """Three seconds that are like nothing else."""
    return murmur(3.0, seed=11, level=0.1)


@pytest.fixture
def read() -> Read:
    """The chunks in sealed bytes, each checked against the feed's key."""

    def reading(feed: LiveFeed, sealed: Sequence[bytes]) -> list[Chunk]:
        reader = ChunkReader(feed.id, order_key(feed.public_key))
        return list(reader.feed(b"".join(sealed)))

    return reading


@pytest.fixture
def decode() -> Decode:
    """What packets decode to, all of it; a missing one is silence here."""

    def decoding(packets: Sequence[bytes]) -> Samples:
        codec = AudioCodecContext.create("libopus", "r")
        codec.sample_rate, codec.layout = 48_000, "mono"
        blocks = []
        for packet in packets:
            frames = codec.decode(Packet(packet)) if packet else []
            blocks += [frame.to_ndarray().reshape(-1) / 32_768 for frame in frames] or [np.zeros(960)]
        return np.concatenate(blocks).astype(np.float32)

    assert "libopus" in av.codecs_available
    return decoding


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Files by HTTP, and the folder that they are in."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer((HOST, 0), lambda *a: _Files(*a, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()
