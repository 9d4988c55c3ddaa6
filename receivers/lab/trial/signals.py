"""Sounds to measure with, and Ogg/Opus files of them."""

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from receivers.sound.cue import RATE_HZ

Sound = NDArray[np.float32]

BIT_RATE = 24_000
PACKET_FRAMES = 960
EDGE_FRAMES = 240  # 5 ms of rise and fall, so that a chirp does not click


def chirp(seconds: float, low_hz: float = 400.0, high_hz: float = 3_000.0, level: float = 0.5) -> Sound:
    """A tone that rises steadily: its correlation has one sharp peak."""
    frames = round(seconds * RATE_HZ)
    t = np.arange(frames) / RATE_HZ
    tone = level * np.sin(2 * np.pi * (low_hz + (high_hz - low_hz) * t / (2 * seconds)) * t)
    edge = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / EDGE_FRAMES)
    return (tone * edge).astype(np.float32)


def murmur(seconds: float, seed: int, level: float = 0.2) -> Sound:
    """Speech-like sound that is like nothing else with another seed: noise below 2 kHz in syllables, without pauses."""
    frames = round(seconds * RATE_HZ)
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal(frames))
    hertz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum * ((hertz > 150) & (hertz < 2_000)), frames)  # noqa: PLR2004 the band of a voice
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(frames) / RATE_HZ)
    return np.asarray(level * syllables * noise / np.sqrt(np.mean(noise * noise)), dtype=np.float32)


def warble(seconds: float, seed: int, level: float = 0.4) -> Sound:
    """A tone of constant amplitude that wanders between 150 and 400 Hz as with no other seed: any click stands out."""
    frames = round(seconds * RATE_HZ)
    slow = np.random.default_rng(seed).uniform(150.0, 400.0, frames // 2_400 + 2)
    hertz = np.interp(np.arange(frames), np.arange(len(slow)) * 2_400, slow)
    tone = level * np.sin(2 * np.pi * np.cumsum(hertz) / RATE_HZ)
    edge = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / EDGE_FRAMES)
    return (tone * edge).astype(np.float32)


def write_opus(path: Path, sound: Sound) -> Path:
    """Write 48 kHz mono sound as the centre does: Opus in Ogg, 24 kbit/s, packets of 20 ms."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono", options={"frame_duration": "20"})
        stream.bit_rate = BIT_RATE
        for start in range(0, len(sound), PACKET_FRAMES):
            block = sound[start : start + PACKET_FRAMES].reshape(1, -1)
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="flt", layout="mono")
            frame.sample_rate = RATE_HZ
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_opus(path: Path) -> Sound:
    """A whole file as decoded in one go; only for files that fit into memory."""
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(blocks).astype(np.float32)
