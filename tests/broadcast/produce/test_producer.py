import itertools
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from broadcast.child import ChildCancelledError
from broadcast.media import MediaMissingError, sha256_of
from broadcast.produce.graph import Loudness
from broadcast.produce.producer import Producer
from broadcast.produce.request import (
    Chime,
    FileSource,
    OriginalSource,
    ProduceError,
    ProduceRequest,
    Recipe,
    Refusal,
    TextSource,
    Warn,
)
from broadcast.speech.neural import NeuralVoice

Make = Callable[..., Path]
Heard = Callable[[Path], Loudness]
BARE = Recipe(opening=None)
SIGNALS = {
    "speech": "anull",
    "soft speech": "volume=-25dB",
    "clipped speech": "volume=15dB",
    "stereo, 44.1 kHz": "aformat=sample_rates=44100:channel_layouts=stereo",
    "5.1": "aformat=channel_layouts=5.1",
    "speech with long pauses": "apad=pad_dur=20",
    "two speakers, 20 dB apart": "volume='if(lt(t,4),0.1,1)':eval=frame",
}


def stored_files(producer: Producer) -> list[str]:
    return [*producer.media, *producer.originals]


@pytest.mark.parametrize("name", SIGNALS)
def test_decoded_loudness_and_peak(name: str, speech: Path, make: Make, producer: Producer, heard: Heard) -> None:
    source = make("in.wav", "-i", str(speech), "-af", SIGNALS[name])
    produced = producer.produce(ProduceRequest(FileSource(source), BARE))
    after = heard(producer.media.path(produced.sha256))
    assert after.integrated_lufs == pytest.approx(-16, abs=0.7)
    assert after.true_peak_dbtp <= -1.5
    assert produced.loudness_lufs == pytest.approx(-15.7, abs=0.7)
    assert produced.true_peak_dbtp is not None
    assert produced.true_peak_dbtp <= -2
    assert produced.warnings == ()


def test_loudness_with_chimes_and_repeats(speech: Path, producer: Producer, heard: Heard) -> None:
    recipe = Recipe(Chime.EMERGENCY, Chime.NORMAL, repeat_count=3, pause_ms=2000)
    produced = producer.produce(ProduceRequest(FileSource(speech), recipe))
    after = heard(producer.media.path(produced.sha256))
    assert after.integrated_lufs == pytest.approx(-16, abs=1)
    assert after.true_peak_dbtp <= -1.5


def test_the_parts_add_up_to_the_sample(
    speech: Path, producer: Producer, decoded_samples: Callable[[Path], int]
) -> None:
    once = producer.produce(ProduceRequest(FileSource(speech), BARE))
    thrice = producer.produce(ProduceRequest(FileSource(speech), Recipe(None, None, 3, 2000)))
    for produced in (once, thrice):
        samples = decoded_samples(producer.media.path(produced.sha256))
        assert produced.duration_us == round(samples * 1_000_000 / 48_000)
    body_us = once.duration_us - 200_000
    assert thrice.duration_us == pytest.approx(3 * body_us + 2 * 2_000_000 + 200_000, abs=100)


def test_what_comes_out_is_mono_opus_in_20_ms_frames(speech: Path, producer: Producer) -> None:
    produced = producer.produce(ProduceRequest(FileSource(speech)))
    path = producer.media.path(produced.sha256)
    assert path.read_bytes()[:4] == b"OggS"
    show = "stream=codec_name,channels,sample_rate:packet=duration"
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", show, str(path)]
    *packets, stream = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert stream == "opus,48000,1"
    assert {packet for packet in packets[1:-1] if packet} == {"960"}
    bits_per_s = produced.size_bytes * 8 * 1_000_000 / produced.duration_us
    assert 15_000 < bits_per_s < 34_000


def test_the_same_input_gives_the_same_file(producer: Producer, speech: Path) -> None:
    for request in (ProduceRequest(FileSource(speech)), ProduceRequest(TextSource("Gọi số 112 ngay"))):
        first, second = producer.produce(request), producer.produce(request)
        assert first == second


CONTAINERS = {
    "webm of Chrome": ("rec.webm", ("-c:a", "libopus", "-b:a", "32k", "-f", "webm", "-live", "1")),
    "ogg of Firefox": ("rec.ogg", ("-c:a", "libopus", "-f", "ogg")),
    "mp4 of Safari": ("rec.mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4")),
    "mp4 without lengths": ("rec.m4a", ("-c:a", "aac", "-movflags", "frag_every_frame+empty_moov", "-f", "mp4")),
    "adts": ("rec.aac", ("-c:a", "aac", "-f", "adts")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_recordings_as_browsers_write_them(name: str, speech: Path, make: Make, producer: Producer) -> None:
    file_name, arguments = CONTAINERS[name]
    recording = make(file_name, "-i", str(speech), "-ar", "48000", *arguments, piped=True)
    produced = producer.produce(ProduceRequest(FileSource(recording), BARE))
    plain = producer.produce(ProduceRequest(FileSource(speech), BARE))
    assert produced.duration_us == pytest.approx(plain.duration_us, abs=100_000)
    assert produced.warnings == ()
    assert producer.originals.verify(produced.original_sha256)


def test_a_recording_whose_timestamps_start_late_plays_from_its_first_sample(
    speech: Path, make: Make, producer: Producer, decoded_samples: Callable[[Path], int]
) -> None:
    late = make("late.webm", "-i", str(speech), "-c:a", "libopus", "-output_ts_offset", "30", "-f", "webm", piped=True)
    produced = producer.produce(ProduceRequest(FileSource(late), BARE))
    plain = producer.produce(ProduceRequest(FileSource(speech), BARE))
    assert produced.duration_us == pytest.approx(plain.duration_us, abs=100_000)
    samples = decoded_samples(producer.media.path(produced.sha256))
    assert produced.duration_us == round(samples * 1_000_000 / 48_000)


def test_text_is_spoken_and_its_speech_kept_as_original(producer: Producer) -> None:
    produced = producer.produce(ProduceRequest(TextSource("Gọi số 112 lúc 15h30", "vi-south", 1.2)))
    assert produced.spoken_text == "gọi số một một hai lúc mười lăm giờ ba mươi phút"
    assert produced.warnings == ()
    with producer.originals.open(produced.original_sha256) as original:
        assert original.read(4) == b"fLaC"


def test_an_announcement_again_from_its_original(speech: Path, producer: Producer) -> None:
    first = producer.produce(ProduceRequest(FileSource(speech), BARE))
    again = producer.produce(ProduceRequest(OriginalSource(first.original_sha256), BARE))
    assert (again.sha256, again.original_sha256) == (first.sha256, first.original_sha256)
    assert first.original_sha256 == sha256_of(speech)
    with pytest.raises(MediaMissingError):
        producer.produce(ProduceRequest(OriginalSource("0" * 64), BARE))


def test_silence_is_warned_not_refused_and_not_amplified(make: Make, producer: Producer, heard: Heard) -> None:
    hush = make("in.wav", "-f", "lavfi", "-i", "anoisesrc=a=0.0005:d=5")
    for source in (hush, make("zero.wav", "-f", "lavfi", "-i", "anullsrc=d=5")):
        produced = producer.produce(ProduceRequest(FileSource(source), BARE))
        assert produced.warnings == (Warn.SILENCE_ONLY,)
        assert (produced.loudness_lufs, produced.true_peak_dbtp) == (None, None)
        assert heard(producer.media.path(produced.sha256)).integrated_lufs < -60


def test_a_very_soft_source_is_lifted_so_far_and_no_further(
    speech: Path, make: Make, producer: Producer, heard: Heard
) -> None:
    source = make("in.wav", "-i", str(speech), "-af", "volume=-38dB", "-c:a", "pcm_s24le")
    produced = producer.produce(ProduceRequest(FileSource(source), BARE))
    assert produced.warnings == (Warn.VERY_QUIET,)
    assert heard(producer.media.path(produced.sha256)).integrated_lufs < -20


def test_half_a_second_is_enough(make: Make, producer: Producer) -> None:
    source = make("in.wav", "-f", "lavfi", "-i", "sine=f=500:d=0.2")
    assert producer.produce(ProduceRequest(FileSource(source), BARE)).duration_us == pytest.approx(400_000, abs=1000)


def test_a_failing_voice_is_replaced_and_warned(producer: Producer, tmp_path: Path) -> None:
    broken = NeuralVoice(tmp_path / "broken.onnx", "vi-VN", piper=("false",))
    with_broken = Producer(producer.media, producer.originals, (broken, *producer.voices))
    produced = with_broken.produce(ProduceRequest(TextSource("Xin chào", broken.info.id)))
    assert produced.warnings == (Warn.VOICE_FALLBACK,)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ProduceRequest(TextSource("😀 … !")), Refusal.EMPTY_TEXT),
        (ProduceRequest(TextSource("")), Refusal.EMPTY_TEXT),
        (ProduceRequest(TextSource("a" * 100_001)), Refusal.TEXT_TOO_LONG),
        (ProduceRequest(TextSource("Xin chào", "nobody")), Refusal.UNKNOWN_VOICE),
        (ProduceRequest(TextSource("Xin chào", speed=3)), Refusal.BAD_SPEED),
        (ProduceRequest(TextSource("Xin chào"), Recipe(repeat_count=0)), Refusal.BAD_RECIPE),
        (ProduceRequest(TextSource("Xin chào"), Recipe(repeat_count=11)), Refusal.BAD_RECIPE),
        (ProduceRequest(TextSource("Xin chào"), Recipe(pause_ms=-1)), Refusal.BAD_RECIPE),
    ],
)
def test_requests_that_are_refused(request_: ProduceRequest, code: Refusal, producer: Producer) -> None:
    with pytest.raises(ProduceError) as caught:
        producer.produce(request_)
    assert caught.value.code == code
    assert stored_files(producer) == []


def test_repeats_that_make_it_too_long(make: Make, producer: Producer) -> None:
    long = make("in.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "3700")
    with pytest.raises(ProduceError) as caught:
        producer.produce(ProduceRequest(FileSource(long), Recipe(repeat_count=2)))
    assert caught.value.code == Refusal.TOO_LONG


def test_progress_rises_from_stage_to_stage(make: Make, speech: Path, producer: Producer) -> None:
    shares: list[float] = []
    source = make("in.wav", "-stream_loop", "10", "-i", str(speech))
    producer.produce(ProduceRequest(FileSource(source)), shares.append)
    assert len(shares) > 5
    assert shares == sorted(set(shares))
    assert shares[-1] == pytest.approx(1.0)
    assert max(after - before for before, after in itertools.pairwise(shares)) < 0.5


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.mark.parametrize("at", [0.01, 0.1, 0.5])
def test_cancel_at_any_stage_leaves_nothing(
    at: float, make: Make, speech: Path, producer: Producer, work: Path
) -> None:
    source = make("in.wav", "-stream_loop", "20", "-i", str(speech))
    cancel = threading.Event()
    with pytest.raises(ChildCancelledError):
        producer.produce(ProduceRequest(FileSource(source)), lambda share: cancel.set() if share > at else None, cancel)
    assert stored_files(producer) == []
    assert [path for path in work.parent.rglob("*") if path.is_file() and path != source] == []


def test_a_missing_program_is_said_without_a_trace(
    speech: Path, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for request in (ProduceRequest(FileSource(speech)), ProduceRequest(TextSource("Xin chào"))):
        with pytest.raises(ProduceError) as caught:
            producer.produce(request)
        assert caught.value.code in (Refusal.PRODUCE_FAILED, Refusal.SPEECH_FAILED)


def test_ten_thousand_words_are_spoken(producer: Producer) -> None:
    text = ("Thông báo đến bà con: ngày 05/11, lúc 15h30, gọi số 112. " * 10 + "\n") * 90
    assert len(text.split()) > 9_900
    shares: list[float] = []
    cancel = threading.Event()

    def report(share: float) -> None:
        shares.append(share)
        if share > 0.25:
            cancel.set()

    with pytest.raises(ChildCancelledError):
        producer.produce(ProduceRequest(TextSource(text, speed=2.0)), report, cancel)
    assert len(shares) > 100
