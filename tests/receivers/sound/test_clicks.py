"""Whatever happens to a plan, a clock and a gain, no step is heard that the sound itself does not make.

The sound is of constant amplitude, so every step is one that the stage has made.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from receivers.sound.anchor import US_PER_FRAME, Timebase
from receivers.sound.cue import NO_CHUNKS, Cue, check_plan
from receivers.sound.mixer import FADE_FRAMES, FULL_SCALE, Samples
from receivers.sound.resample import RIPPLE
from receivers.sound.stage import Stage
from receivers.sound.voice import Lost

T0_US = 1_800_000_000_000_000
PEAK = 0.45  # two of them at once are below full scale
EDGE_FRAMES = 4 * FADE_FRAMES  # over which a file begins and ends
FILE_FRAMES = 120_000
# Two things may happen to one sound at once (a fade and a new gain), each with the step of a fade.
STEP = PEAK * (2 / FADE_FRAMES + 1 / EDGE_FRAMES + RIPPLE) + 1.5 / FULL_SCALE


class Plateau:
    """A Source (see decode) that rises, stays, and falls."""

    ready = True
    error = None
    counts = NO_CHUNKS
    end_frame = FILE_FRAMES

    def __init__(self, first_frame: int) -> None:
        self.first_frame = first_frame

    def fill(self, position: int, out: Samples) -> int:
        count = min(len(out), max(0, FILE_FRAMES - position))
        at = np.arange(position, position + count)
        out[:count] = PEAK * np.clip(np.minimum(at, FILE_FRAMES - at) / EDGE_FRAMES, 0, 1)
        return count

    def close(self) -> None: ...


@st.composite
def _plans(draw: st.DrawFn) -> list[Cue]:
    at_us, cues = T0_US + draw(st.integers(300_000, 700_000)), []
    for number in range(draw(st.integers(0, 3))):
        end_us = at_us + draw(st.integers(5_000, 900_000))
        name = draw(st.sampled_from(["a", "b"]))
        offset_us = draw(st.sampled_from([0, 0, 150_000, 1_300_000]))
        cues.append(Cue(f"{name}{number}", Path(name), at_us, offset_us, end_us, draw(st.sampled_from([0.0, -9.0]))))
        at_us = end_us + draw(st.sampled_from([0, 0, 1_000, 40_000]))
    return cues


@given(
    plans=st.lists(_plans(), min_size=1, max_size=5),
    ends_us=st.lists(st.integers(-800_000, 200_000), min_size=5, max_size=5),
    shifts_us=st.lists(st.sampled_from([0, 0, 900, -2_000, 5_000, -40_000, 300_000]), min_size=5, max_size=5),
    moments=st.lists(st.integers(1, 40_000), min_size=5, max_size=5),
    card=st.tuples(st.sampled_from([0.0, 100.0, -300.0]), st.sampled_from([64, 480, 960, 1_920, 2_400])),
)
@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_no_step_is_larger_than_two_fades_make(
    plans: list[list[Cue]],
    ends_us: list[int],
    shifts_us: list[int],
    moments: list[int],
    card: tuple[float, int],
) -> None:
    """Plans replaced, ends moved, gains changed, clocks shifted, pieces cut, joined, resumed, at any moment."""
    stage, frame, shift_us, heard = Stage(), 0, 0, [np.zeros(1, dtype=np.int16)]
    drift_ppm, block = card
    us_per_frame = US_PER_FRAME * (1 + drift_ppm / 1e6)
    changes = [(plan, 0) for plan in plans] + [
        (_moved(plans[-1], end_us), shift) for end_us, shift in zip(ends_us, shifts_us, strict=True)
    ]
    for (plan, jump_us), frames in zip(changes, moments * 2, strict=False):
        shift_us += jump_us
        stage.set_plan(check_plan(plan), T0_US + round(frame * us_per_frame) + shift_us)
        for first in range(frame, frame + frames, block):
            line = Timebase(0, T0_US + shift_us, us_per_frame)
            for cue, position in stage.due(round(line.us_at(first))):
                stage.attach(cue, Plateau(position))
            pcm = stage.render(first, block, line, Lost())
            heard.append(np.zeros(block, dtype=np.int16) if pcm is None else pcm)
            frame = first + block
    steps = np.abs(np.diff(np.concatenate(heard).astype(float))) / FULL_SCALE
    assert steps.max() <= STEP


def _moved(plan: list[Cue], by_us: int) -> list[Cue]:
    """The plan with its last end elsewhere and its gain another."""
    if not plan:
        return []
    last = plan[-1]
    end_us = max(last.start_us + 1_000, last.end_us + by_us)
    return [*plan[:-1], replace(last, end_us=end_us, gain_db=-abs(by_us) / 100_000)]
