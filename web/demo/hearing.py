"""What the virtual horns gave out, held against what should have played."""

import io
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from broadcast.clock import Clock, to_us
from receivers.lab.correlate import Alignment, align
from receivers.lab.listen import Listener, Recording
from receivers.sound.cue import RATE_HZ
from web.demo.stage import Stage

MARGIN_S = 1.5
SILENT_PEAK = 33  # of 32768: -60 dBFS
US_PER_S = 1_000_000


@dataclass(frozen=True)
class Heard:
    """One horn. `alignment` is None for silence; `start_error_ms` is by the recording, not by the player."""

    horn: str
    alignment: Alignment | None
    start_error_ms: float | None

    @property
    def correlation(self) -> float:
        return self.alignment.correlation if self.alignment else 0.0

    @property
    def heard_once(self) -> bool:
        return self.alignment is not None and self.alignment.heard_once


def follow(stage: Stage, clock: Clock, end: datetime, progress: Callable[[float], None]) -> dict[str, Recording]:
    """Record all virtual horns of `stage` until a little after `end`; nothing where the sound card is a real one."""
    first, last = clock.now(), end + timedelta(seconds=MARGIN_S)
    with ExitStack() as stack:
        listeners = {
            name: stack.enter_context(Listener(stage.horns, name, stage.folder / f"{name}.raw", clock))
            for name in (stage.horn_names if stage.horns else ())
            if stage.horns
        }
        while (now := clock.now()) < last:
            progress((now - first) / (last - first))
            time.sleep(0.1)
        progress(1.0)
        return {name: listener.stop() for name, listener in listeners.items()}


def compare(horn: str, recording: Recording, reference: NDArray[Any], start: datetime) -> Heard:
    """Find `reference` (48 kHz mono) near its planned `start` in what the horn gave out."""
    start_us = to_us(start)
    from_us = start_us - MARGIN_S * US_PER_S
    first = max(0, recording.frame_at(from_us))
    part = recording.between(from_us, start_us + len(reference) / RATE_HZ * US_PER_S + MARGIN_S * US_PER_S)
    if not len(part) or int(np.abs(part).max()) < SILENT_PEAK:
        return Heard(horn, None, None)
    alignment = align(reference, part, RATE_HZ)
    began_us = recording.utc_us_at(first + alignment.offset_frames)
    return Heard(horn, alignment, (began_us - start_us) / 1000)


def decode(file: bytes) -> NDArray[np.float32]:
    """Any audio file as 48 kHz mono float samples."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    parts: list[NDArray[np.float32]] = []
    with av.open(io.BytesIO(file), "r") as container:
        for frame in container.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
    parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts)
