"""Opus packets out of a WebM stream that comes in pieces, and nothing out of anything else."""

import subprocess
import wave
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.live.lab import voice
from web.live.placing import RATE_HZ, frames_of
from web.live.webm import MAX_ELEMENT_BYTES, NotOpusInWebmError, WebmReader

HEAD = bytes.fromhex("1a45dfa380")
TRACK = bytes.fromhex("18538067ff1654ae6bff")
OPUS = bytes.fromhex("ae88") + b"\x86\x86A_OPUS"
CLUSTER = bytes.fromhex("1f43b675ff")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds as FFmpeg streams them: open lengths, many clusters."""
    return recorded(tmp_path_factory.mktemp("webm"), "-c:a", "libopus", "-live", "1", "-cluster_time_limit", "100")


def recorded(folder: Path, *how: str) -> bytes:
    path = folder / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((voice(2) * 32767).astype(np.int16).tobytes())
    command = ["ffmpeg", "-v", "error", "-i", str(path), *how, "-f", "webm", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def demuxed(stream: bytes) -> list[bytes]:
    with av.open(BytesIO(stream), "r") as container:
        return [bytes(packet) for packet in container.demux() if packet.size]


def test_a_stream_has_the_packets_that_ffmpeg_finds_in_it(stream: bytes) -> None:
    packets = WebmReader().feed(stream)
    assert packets == demuxed(stream)
    assert sum(map(frames_of, packets)) == pytest.approx(2 * RATE_HZ, abs=RATE_HZ // 10)


def test_a_file_with_lengths_and_block_groups_has_them_too(tmp_path: Path) -> None:
    stream = recorded(tmp_path, "-c:a", "libopus")
    assert WebmReader().feed(stream)[: len(demuxed(stream))] == demuxed(stream)


@given(st.data())
def test_pieces_may_be_cut_anywhere(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    reader, packets = WebmReader(), list[bytes]()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        packets += reader.feed(stream[begin:end])
    assert packets == WebmReader().feed(stream)


@given(st.data())
def test_whatever_else_comes_is_refused_or_waited_for_and_nothing_else(stream: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 400))
    changed = stream[:at] + data.draw(st.binary(max_size=20)) + stream[at + data.draw(st.integers(0, 20)) :]
    reader = WebmReader()
    try:
        reader.feed(changed)
    except NotOpusInWebmError:
        return
    assert len(reader._waiting) <= max(MAX_ELEMENT_BYTES + 12, 12)


@pytest.mark.parametrize(
    "stream",
    [
        b"OggS" + bytes(40),
        b"\0" * 12,
        HEAD + TRACK + b"\xae\x88\x86\x86A_AAC " + CLUSTER + b"\xa3\x85\x81\0\0\x80x",
        HEAD + TRACK + CLUSTER + b"\xa3\x85\x81\0\0\x80x",
        HEAD + TRACK + OPUS + OPUS,
        HEAD + TRACK + OPUS + CLUSTER + b"\xa3\x85\x81\0\0\x02x",
        HEAD + TRACK + OPUS + CLUSTER + b"\xa3\x82\x81\0",
        HEAD + TRACK + OPUS + CLUSTER + b"\xa3\x10\x20\0\0",
        HEAD + TRACK + OPUS + CLUSTER + b"\xec\x01" + b"\xff" * 7,
    ],
)
def test_what_is_no_webm_with_one_track_of_opus_is_refused(stream: bytes) -> None:
    with pytest.raises(NotOpusInWebmError):
        WebmReader().feed(stream)


def test_the_smallest_stream_there_is() -> None:
    block = b"\xa3\x85\x81\0\0\x80x"
    assert WebmReader().feed(HEAD + TRACK + OPUS + CLUSTER + block + b"\xa0\x87\xa1\x85\x81\0\0\0y") == [b"x", b"y"]
