import gzip
import random
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadcast.media import MediaStore
from broadcast.produce import probe as probing
from broadcast.produce.producer import Producer
from broadcast.produce.request import FileSource, ProduceError, ProduceRequest, Recipe, Refusal, Warn

Make = Callable[..., Path]
BARE = Recipe(opening=None)
SINE = ("-f", "lavfi", "-i", "sine=f=500:d=5")


def refused(producer: Producer, path: Path) -> ProduceError:
    with pytest.raises(ProduceError) as caught:
        producer.produce(ProduceRequest(FileSource(path), BARE))
    assert list(producer.media) == []
    assert list(producer.originals) == []
    assert str(path) not in str(caught.value)
    return caught.value


def test_an_empty_file(producer: Producer, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    assert refused(producer, tmp_path / "a.mp3").code == Refusal.EMPTY_FILE


@pytest.mark.parametrize("lines", [1, 2000])
def test_a_text_file_named_mp3(lines: int, producer: Producer, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("đây là văn bản, không phải âm thanh\n" * lines, encoding="utf-8")
    assert refused(producer, tmp_path / "a.mp3").code == Refusal.NOT_AUDIO


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.ogg", "a.webm", "a"])
def test_random_bytes(name: str, producer: Producer, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(random.Random(7).randbytes(300_000))  # noqa: S311 the same each time
    assert refused(producer, tmp_path / name).code == Refusal.NOT_AUDIO


@pytest.mark.parametrize("packed", ["zip", "gzip"])
def test_an_archive_is_not_unfolded(packed: str, producer: Producer, tmp_path: Path) -> None:
    """A few kilobytes that say fifty megabytes of sound, under the name of a sound."""
    path, sound = tmp_path / "a.wav", bytes(50_000_000)
    if packed == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.wav", sound)
    else:
        path.write_bytes(gzip.compress(sound, 1))
    assert refused(producer, path).code == Refusal.NOT_AUDIO


def test_an_mp4_cut_before_its_index(make: Make, producer: Producer, tmp_path: Path) -> None:
    whole = make("a.m4a", *SINE, "-c:a", "aac").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(whole[: len(whole) // 2])
    assert refused(producer, tmp_path / "cut.m4a").code == Refusal.NOT_AUDIO


def test_a_picture_and_a_silent_film(make: Make, producer: Producer) -> None:
    film = make("a.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64")
    assert refused(producer, film).code == Refusal.NO_AUDIO_STREAM
    picture = make("a.png", "-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1")
    assert refused(producer, picture).code == Refusal.NOT_AUDIO


def test_three_hours_of_sound(make: Make, producer: Producer) -> None:
    long = make("a.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "10800")
    assert refused(producer, long).code == Refusal.TOO_LONG


def test_more_than_200_mb_is_refused_unread(producer: Producer, tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(200_000_001)
    assert refused(producer, tmp_path / "a.wav").code == Refusal.TOO_LARGE


def playlist(kind: str, target: Path) -> str:
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "m3u8_uri": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{target}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "dash": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
        f"<Representation id='1'><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    }[kind]


@pytest.mark.parametrize("kind", ["m3u8", "m3u8_uri", "ffconcat", "sdp", "dash"])
@pytest.mark.parametrize("name", ["a.m3u8", "a.mp3", "a.ffconcat", "a.wav"])
def test_a_playlist_never_opens_another_file(
    kind: str, name: str, make: Make, producer: Producer, tmp_path: Path
) -> None:
    secret = make("secret.wav", *SINE)
    (tmp_path / name).write_text(playlist(kind, secret))
    assert refused(producer, tmp_path / name).code == Refusal.NOT_AUDIO


@pytest.mark.parametrize("name", ["-i.wav", "concat:a|b.wav", "http:x.wav", "%d.wav", "a b'\"$(id).wav", "Đà Nẵng.wav"])
def test_a_file_name_means_nothing(name: str, make: Make, producer: Producer, tmp_path: Path) -> None:
    make("plain.wav", *SINE).rename(tmp_path / name)
    produced = producer.produce(ProduceRequest(FileSource(tmp_path / name), BARE))
    assert produced.duration_us == pytest.approx(5_200_000, abs=1000)


def test_a_streamed_wav_whose_header_claims_hours_is_taken_for_what_it_holds(make: Make, producer: Producer) -> None:
    streamed = make("a.wav", *SINE, "-f", "wav", piped=True)
    produced = producer.produce(ProduceRequest(FileSource(streamed), BARE))
    assert produced.duration_us == pytest.approx(5_200_000, abs=1000)
    assert Warn.DAMAGED not in produced.warnings


def test_a_download_cut_short_is_warned(make: Make, producer: Producer, tmp_path: Path) -> None:
    whole = make("a.mp3", "-f", "lavfi", "-i", "sine=f=500:d=60", "-c:a", "libmp3lame").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    produced = producer.produce(ProduceRequest(FileSource(tmp_path / "cut.mp3"), BARE))
    assert produced.warnings == (Warn.DAMAGED,)


def test_every_refusal_of_a_file_has_its_code() -> None:
    assert {"empty_file", "not_audio", "too_long", "too_large", "no_audio_stream"} <= {code.value for code in Refusal}
    assert probing.GUARD["protocol_whitelist"] == "file,pipe"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A second of sound in the containers that people send."""
    folder = tmp_path_factory.mktemp("whole")
    for name in ("a.wav", "a.mp3", "a.ogg", "a.flac", "a.webm"):
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=f=500:d=1", str(folder / name)]
        subprocess.run(command, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=20, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_broken_of_it_is_produced_or_refused_in_words(
    whole: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    """Cut, garbled in its header or in its sound, doubled, or under a wrong name."""
    sound = bytearray(data.draw(st.sampled_from(sorted(whole)).map(whole.__getitem__)))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.one_of(st.integers(0, 64), st.integers(0, len(sound) - 1)))
        sound[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(min_size=1, max_size=40))
    sound = sound[: data.draw(st.integers(1, len(sound)))] if data.draw(st.booleans()) else sound * 2
    path = tmp_path / data.draw(st.sampled_from(["a.mp3", "a.wav", "a.ogg", "a.exe", "a"]))
    path.write_bytes(sound)
    with tempfile.TemporaryDirectory() as kept:
        producer = Producer(MediaStore(Path(kept) / "media"), MediaStore(Path(kept) / "originals"), ())
        made: list[str] = []
        with suppress(ProduceError):
            made = [producer.produce(ProduceRequest(FileSource(path), BARE)).sha256]
        assert list(producer.media) == made
