"""Neural voices from the operator's model folder, spoken by Piper in a process of its own.

A model is a pair `NAME.onnx` and `NAME.onnx.json`. Piper is GPL: Loa starts it as a program and never imports it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from broadcast.speech.engine import Engine
from broadcast.speech.voice import VoiceInfo

MAX_CONFIG_BYTES = 4_000_000
PIPER = (sys.executable, "-m", "piper")


class NeuralVoice(Engine):
    passage_chars = 1500  # loading the model costs two seconds each time

    def __init__(self, model: Path, language: str, piper: Sequence[str] = PIPER) -> None:
        self._model = model
        self._piper = tuple(piper)
        self.info = VoiceInfo(f"neural-{model.stem}", model.stem, language, "", "piper")

    def command(self, speed: float, out_wav: Path) -> Sequence[str]:
        files = ["-m", str(self._model), "-c", f"{self._model}.json", "-f", str(out_wav)]
        return [*self._piper, *files, "--length-scale", f"{1 / speed:.3f}", "--sentence-silence", "0.3"]


def neural_voices(model_folder: Path | None, piper: Sequence[str] = PIPER) -> tuple[NeuralVoice, ...]:
    """A voice for every complete model in the folder, by name; a model with an unreadable description is left out."""
    if model_folder is None or not model_folder.is_dir():
        return ()
    voices = [(model, _language(model)) for model in sorted(model_folder.glob("*.onnx"))]
    return tuple(NeuralVoice(model, language, piper) for model, language in voices if language)


def _language(model: Path) -> str | None:
    """The BCP 47 tag in the model's description ("vi-VN"), else None."""
    description = model.with_name(model.name + ".json")
    try:
        if description.stat().st_size > MAX_CONFIG_BYTES:
            return None
        config = json.loads(description.read_text("utf-8"))
        code = config.get("language", {}).get("code") or config["espeak"]["voice"]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return str(code).replace("_", "-")
