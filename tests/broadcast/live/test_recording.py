import os
from pathlib import Path

import av
import numpy as np
import pytest

from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import Samples
from broadcast.live.recording import Recorder, RecordingFailed, UnfitRecording, packets_of
from broadcast.produce.ogg import TAIL_BYTES, duration_us
from broadcast.wire.chunks import PACKET_FRAMES
from receivers.lab.trial.signals import write_opus
from tests.broadcast.live.conftest import Read


def sound_of(path: Path) -> Samples:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_session_is_kept_as_it_went_out(desk: LiveDesk, speech: Samples, read: Read, tmp_path: Path) -> None:
    feed, path = desk.open("talk"), tmp_path / "kept" / "talk.opus"
    recorder = Recorder(feed, path)
    sent: list[bytes] = []
    feed.follow(lambda chunk, _sealed: sent.extend(chunk.packets))
    feed.write(speech[:-100], 0)
    assert not path.exists()
    frames = feed.end()
    assert await recorder.finish() == frames == len(speech) - 100
    assert packets_of(path) == (sent, frames)
    assert len(sound_of(path)) == frames
    assert duration_us(path.read_bytes()[:500], path.read_bytes()[-TAIL_BYTES:]) == round(frames * 1_000_000 / 48_000)
    assert names_in(path.parent) == ["talk.opus"]


async def test_what_was_missing_is_concealed_and_moves_nothing(desk: LiveDesk, speech: Samples, tmp_path: Path) -> None:
    feed, path = desk.open("talk", levelled=False), tmp_path / "talk.opus"
    recorder = Recorder(feed, path)
    feed.write(speech[:48_000], 0)
    feed.write(speech[:48_000], 48_000 + 50 * PACKET_FRAMES)
    feed.end()
    assert await recorder.finish() == 96_000 + 50 * PACKET_FRAMES
    heard = sound_of(path)
    assert len(heard) == 96_000 + 50 * PACKET_FRAMES
    second = heard[48_000 + 50 * PACKET_FRAMES :]
    assert np.corrcoef(second[24_000:], speech[24_000:48_000])[0, 1] > 0.9
    assert np.abs(heard[72_000 : 48_000 + 45 * PACKET_FRAMES]).max() < 0.05


async def test_a_session_that_goes_on_is_kept_until_now(desk: LiveDesk, speech: Samples, tmp_path: Path) -> None:
    feed, path = desk.open("talk"), tmp_path / "talk.opus"
    recorder = Recorder(feed, path)
    feed.write(speech, 0)
    frames = await recorder.finish()
    feed.write(speech, len(speech))
    assert 0 < frames <= len(speech)
    assert len(sound_of(path)) == frames


async def test_what_is_discarded_leaves_nothing(desk: LiveDesk, speech: Samples, tmp_path: Path) -> None:
    feed = desk.open("talk")
    recorder = Recorder(feed, tmp_path / "talk.opus")
    feed.write(speech, 0)
    await recorder.discard()
    assert names_in(tmp_path) == []


async def test_a_disk_that_fails_ends_the_recording_and_not_the_talk(
    desk: LiveDesk, speech: Samples, read: Read, tmp_path: Path
) -> None:
    feed = desk.open("talk", delay_us=None)
    (tmp_path / "file").touch()
    recorder = Recorder(feed, tmp_path / "file" / "talk.opus")
    feed.write(speech, 0)
    feed.end()
    with pytest.raises(RecordingFailed, match="could not be written"):
        await recorder.finish()
    assert read(feed, feed.chunks)[-1].last


def test_a_produced_recording_is_passed_on_as_it_is(
    desk: LiveDesk, speech: Samples, read: Read, tmp_path: Path
) -> None:
    path = write_opus(tmp_path / "made.opus", speech)
    feed = desk.from_recording("text", path)
    assert feed.ended
    assert feed.frames == len(speech)
    packets, frames = packets_of(path)
    chunks = read(feed, feed.chunks)
    assert [packet for chunk in chunks for packet in chunk.packets] == packets
    assert frames == len(speech)
    assert chunks[-1].last
    assert desk.get("text") is feed


@pytest.mark.parametrize(
    ("options", "layout"), [({"frame_duration": "60"}, "mono"), ({"frame_duration": "20"}, "stereo")]
)
def test_a_recording_of_other_packets_is_refused(
    desk: LiveDesk, speech: Samples, tmp_path: Path, options: dict[str, str], layout: str
) -> None:
    path = tmp_path / "other.opus"
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout=layout, options=options)
        size = stream.codec_context.frame_size or 2_880
        for at in range(0, 28_800, size):
            block = np.tile(speech[at : at + size], (1, 2 if layout == "stereo" else 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="flt", layout=layout)
            frame.sample_rate, frame.pts = 48_000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UnfitRecording):
        desk.from_recording("text", path)
    assert desk.get("text") is None


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, speech: Samples) -> None:
    whole = write_opus(tmp_path / "made.opus", speech).read_bytes()
    for name, content in (("empty", b""), ("text", b"loa" * 1000), ("cut", whole[:90]), ("noise", os.urandom(5_000))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnfitRecording):
            packets_of(tmp_path / name)
    with pytest.raises(UnfitRecording):
        packets_of(tmp_path / "nothing")
