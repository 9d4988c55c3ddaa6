"""The stage in virtual time, with sources whose every sample says which position of the file it is."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from receivers.sound.anchor import US_PER_FRAME, Timebase
from receivers.sound.cue import NO_CHUNKS, RATE_HZ, Counts, Cue, Played, check_plan
from receivers.sound.mixer import FADE_FRAMES, FULL_SCALE, Samples
from receivers.sound.stage import LEAD_US, Stage
from receivers.sound.voice import Lost

T0_US = 1_800_000_000_000_000
BLOCK = 960
PCM = NDArray[np.int16]


def _value(file: str, position: NDArray[np.int64]) -> NDArray[np.int64]:
    """A sample that is different at nearly every position and in every file, and never 0."""
    return 1 + (position * 7_919 + 104_729 * (1 + int(file))) % 9_973


@dataclass
class NumberedSource:
    """A Source (see decode) of `frames` samples, from memory."""

    file: str
    first_frame: int
    frames: int
    ready: bool = True
    error: str | None = None
    counts: Counts = NO_CHUNKS
    holes: list[range] = field(default_factory=list)
    closed: bool = False

    @property
    def end_frame(self) -> int | None:
        return self.frames

    def fill(self, position: int, out: Samples) -> int:
        count = min(len(out), max(0, self.frames - position))
        if not self.ready or any(position in hole for hole in self.holes):
            return 0
        out[:count] = _value(self.file, np.arange(position, position + count)) / FULL_SCALE
        return count

    def close(self) -> None:
        self.closed = True


class Horn:
    """A stage with a device of perfect clock: frame f is heard at T0 + f / 48000."""

    def __init__(self, file_frames: int = 10 * RATE_HZ) -> None:
        self.stage = Stage()
        self.file_frames = file_frames
        self.frame = 0
        self.heard: list[PCM] = []
        self.played: list[Played] = []
        self.opened: list[tuple[Cue, NumberedSource]] = []
        self.shift_us = 0.0
        self.lost = Lost()
        self.timed = True

    @property
    def now_us(self) -> int:
        return T0_US + round(self.frame * US_PER_FRAME + self.shift_us)

    def plan(self, *cues: Cue) -> None:
        self.stage.set_plan(check_plan(cues), self.now_us)

    def serve(self) -> None:
        """What the player's thread does between blocks."""
        for cue, position in self.stage.due(self.now_us):
            source = NumberedSource(cue.path.name, position, self.file_frames)
            self.opened.append((cue, source))
            self.stage.attach(cue, source)
        self.played += self.stage.take_failures(self.now_us)
        while self.stage.ended:
            self.played.append(self.stage.ended.popleft()[0])

    def run(self, frames: int, block: int = BLOCK) -> None:
        while frames > 0:
            count = min(block, frames)
            self.serve()
            line = Timebase(0, T0_US + self.shift_us) if self.timed else None
            pcm = self.stage.render(self.frame, count, line, self.lost)
            self.heard.append(np.zeros(count, dtype=np.int16) if pcm is None else pcm)
            self.frame += count
            frames -= count
        self.serve()

    def sound(self) -> PCM:
        return np.concatenate(self.heard)


def _cue(key: str, start_frame: int, frames: int, offset_frames: int = 0, file: str = "0") -> Cue:
    start_us = T0_US + round(start_frame * US_PER_FRAME)
    offset_us = round(offset_frames * US_PER_FRAME)
    return Cue(key, Path(file), start_us, offset_us, start_us + round(frames * US_PER_FRAME))


# Plans on a grid of 48 frames, 1 ms, so that microseconds and frames agree.
@st.composite
def _plans(draw: st.DrawFn) -> list[Cue]:
    at, cues = 15_000, []
    for number in range(draw(st.integers(1, 4))):
        at += 48 * draw(st.sampled_from([0, 0, 1, 500]))
        length = 48 * draw(st.integers(100, 600))
        offset = 48 * draw(st.sampled_from([0, 0, 30, 700]))
        cues.append(_cue(f"c{number}", at, length, offset, file=str(number)))
        at += length
    return cues


def _oracle(cues: list[Cue], frames: int, file_frames: int) -> NDArray[np.int64]:
    """What should be heard at each frame, fades apart."""
    heard = np.zeros(frames, dtype=np.int64)
    for cue in cues:
        first = round((cue.start_us - T0_US) / US_PER_FRAME)
        last = round((cue.end_us - T0_US) / US_PER_FRAME)
        position = np.arange(last - first) + round(cue.offset_us / US_PER_FRAME)
        heard[first:last] += np.where(position < file_frames, _value(cue.path.name, position), 0)[
            : max(0, frames - first)
        ]
    return heard


def _fades(cues: list[Cue], frames: int) -> NDArray[np.bool_]:
    """Frames at which a fade may make the sound quieter: after each start, before each end."""
    fading = np.zeros(frames, dtype=np.bool_)
    for cue in cues:
        first = round((cue.start_us - T0_US) / US_PER_FRAME)
        last = round((cue.end_us - T0_US) / US_PER_FRAME)
        fading[last - FADE_FRAMES : last] = True
        if cue.offset_us:
            fading[first : first + FADE_FRAMES] = True
    return fading


@given(plan=_plans(), block=st.integers(64, 2_000))
@settings(max_examples=60, deadline=None)
def test_every_frame_is_the_place_of_the_timeline_in_any_blocks(plan: list[Cue], block: int) -> None:
    frames = 230_000  # past the end of the longest plan
    horn = Horn()
    horn.plan(*plan)
    horn.run(frames, block)
    due, heard = _oracle(plan, frames, horn.file_frames), horn.sound().astype(np.int64)
    steady = ~_fades(plan, frames)
    assert np.array_equal(heard[steady], due[steady])
    assert (np.abs(heard) <= due).all()
    assert [played.key for played in horn.played] == [cue.key for cue in plan]
    assert all(played.start_error_us == pytest.approx(0, abs=12) for played in horn.played)
    assert not any(played.gap_us or played.finished for played in horn.played)


@given(plan=_plans(), late=st.integers(0, 100_000))
@settings(max_examples=60, deadline=None)
def test_a_late_plan_is_joined_at_its_place_within_a_third_of_a_second(plan: list[Cue], late: int) -> None:
    frames = 170_000
    horn = Horn()
    horn.run(late)
    horn.plan(*plan)
    horn.run(frames - late)
    due, heard = _oracle(plan, frames, horn.file_frames), horn.sound().astype(np.int64)
    assert (np.abs(heard) <= due).all()
    steady = ~_fades(plan, frames)
    steady[: late + 16_000 + FADE_FRAMES] = False
    assert np.array_equal(heard[steady], due[steady])


@given(plan=_plans(), again=st.lists(st.integers(1, 30_000), max_size=5))
@settings(max_examples=40, deadline=None)
def test_the_same_plan_again_changes_nothing(plan: list[Cue], again: list[int]) -> None:
    once, often = Horn(), Horn()
    once.plan(*plan)
    once.run(170_000)
    left = 170_000
    for frames in again:
        often.plan(*plan)
        run = min(frames, left)
        often.run(run, BLOCK)
        left -= run
    often.plan(*plan)
    often.run(left)
    assert np.array_equal(once.sound(), often.sound())
    assert once.played == often.played


@given(plan=_plans(), cut=st.integers(15_000, 120_000))
@settings(max_examples=40, deadline=None)
def test_an_emptied_plan_is_silent_after_one_fade_and_reports_what_was_cut(plan: list[Cue], cut: int) -> None:
    horn = Horn()
    horn.plan(*plan)
    horn.run(cut)
    sounding = horn.stage.sounding()[0]
    horn.plan()
    horn.run(20_000)
    assert not horn.sound()[cut + FADE_FRAMES :].any()
    if sounding is not None:
        assert horn.played[-1].key == sounding
        assert not horn.played[-1].finished


def test_a_file_shorter_than_its_cue_is_finished_and_not_begun_again() -> None:
    horn = Horn(file_frames=24_000)
    cue = _cue("a", 15_000, 100_000)
    horn.plan(cue)
    for _ in range(10):
        horn.run(12_000)
        horn.plan(cue)
    (played,) = horn.played
    assert played.finished
    assert played.frames_played == 24_000
    assert len(horn.opened) == 1
    sound = horn.sound()
    assert np.array_equal(sound[15_000:39_000], _value("0", np.arange(24_000)))
    assert not sound[39_000:].any()


def test_a_file_as_long_as_its_cue_is_heard_to_its_last_sample_without_a_fade() -> None:
    horn = Horn(file_frames=24_000)
    horn.plan(_cue("a", 15_000, 23_952), _cue("b", 38_952, 24_000, file="1"))
    horn.run(100_000)
    assert [played.finished for played in horn.played] == [True, True]


def test_an_interrupted_piece_comes_back_at_its_place() -> None:
    horn = Horn()
    lower = _cue("a", 15_000, 300_000)
    horn.plan(lower)
    horn.run(48_000)
    upper = _cue("b", 48_000 + 24_000, 24_000, file="1")
    before = _cue("a", 15_000, 57_000)
    after = _cue("a again", 96_000, 219_000, offset_frames=81_000)
    horn.plan(before, upper, after)
    horn.run(100_000)
    sound = horn.sound()
    assert np.array_equal(sound[16_000 : 72_000 - FADE_FRAMES], _value("0", np.arange(1_000, 57_000 - FADE_FRAMES)))
    assert np.array_equal(sound[72_000 : 96_000 - FADE_FRAMES], _value("1", np.arange(24_000 - FADE_FRAMES)))
    assert np.array_equal(sound[100_000:140_000], _value("0", np.arange(85_000, 125_000)))


def test_an_end_moved_while_it_sounds_is_kept() -> None:
    horn = Horn()
    horn.plan(_cue("a", 15_000, 200_000))
    horn.run(48_000)
    horn.plan(_cue("a", 15_000, 60_000))
    horn.run(100_000)
    assert len(horn.played) == 1
    sound = horn.sound()
    assert sound[75_000 - FADE_FRAMES - 1] == _value("0", np.array([60_000 - FADE_FRAMES - 1]))[0]
    assert not sound[75_000:].any()


def test_a_new_gain_is_reached_within_a_fade_and_without_a_step() -> None:
    horn = Horn()
    loud = _cue("a", 14_400, 200_000)
    horn.plan(loud)
    horn.run(48_000)
    horn.plan(replace(loud, gain_db=-20.0))
    horn.run(48_000)
    sound = horn.sound().astype(float)
    gain = sound[14_400:96_000] / _value("0", np.arange(81_600))
    assert gain[: 48_000 - 14_400].min() == 1.0
    assert np.abs(gain[48_000 + FADE_FRAMES - 14_400 :] - 0.1)[sound[48_000 + FADE_FRAMES :] > 100].max() < 0.01
    assert np.abs(np.diff(gain[sound[14_400:] > 500])).max() < 0.01


def test_a_starved_piece_is_silent_counted_and_goes_on_at_its_place() -> None:
    horn = Horn()
    horn.plan(_cue("a", 15_000, 200_000))
    horn.run(30_000)
    horn.opened[0][1].holes = [range(15_000, 40_000)]
    horn.run(190_000)
    (played,) = horn.played
    assert played.gap_us == pytest.approx(25_000 * US_PER_FRAME, abs=2 * BLOCK * US_PER_FRAME)
    assert np.array_equal(horn.sound()[60_000:200_000], _value("0", np.arange(45_000, 185_000)))


def test_a_slip_is_a_gap_and_the_piece_moves_to_its_place() -> None:
    horn = Horn()
    horn.plan(_cue("a", 15_000, 200_000))
    horn.run(60_000)
    horn.shift_us, horn.lost = 100_000.0, Lost(1, 100_000.0)
    horn.run(155_000)
    (played,) = horn.played
    assert (played.gap_us, played.underruns) == (100_000, 1)
    assert np.array_equal(horn.sound()[65_000:190_000], _value("0", np.arange(65_000, 190_000) - 15_000 + 4_800))


@given(at_ms=st.integers(2_000, 4_000), step_ms=st.integers(-1_500, 1_500).filter(lambda ms: abs(ms) > 100))
def test_a_clock_set_in_the_middle_of_a_piece_loses_or_repeats_what_it_was_set_by_and_no_more(
    at_ms: int, step_ms: int
) -> None:
    horn, whole, at, step = Horn(), 6 * RATE_HZ, at_ms * 48, step_ms * 48
    horn.plan(_cue("a", 15_000, whole))
    horn.run(at)
    horn.shift_us = step_ms * 1_000.0
    horn.run(15_000 + whole - at - step + 2_000)
    (played,) = horn.played
    assert played.frames_played == pytest.approx(whole - step, abs=BLOCK)
    assert played.gap_us == 0
    sound, settled = horn.sound(), at + BLOCK + 2 * FADE_FRAMES
    after = np.arange(settled, 15_000 + whole - step - FADE_FRAMES)
    assert np.array_equal(sound[after], _value("0", after + step - 15_000))
    assert not sound[15_000 + whole - step :].any()


def test_a_clock_set_back_to_before_a_piece_s_start_lets_it_sound_again_at_its_time() -> None:
    horn = Horn()
    horn.plan(_cue("a", 15_000, 50_000))
    horn.run(30_000)
    horn.shift_us = -3_000_000.0
    horn.run(200_000)
    early, played = horn.played
    assert not early.finished
    assert not horn.sound()[30_000 + FADE_FRAMES : 159_000].any()
    assert np.array_equal(horn.sound()[159_000:207_000], _value("0", np.arange(48_000)))
    assert (played.start_us, played.late_us) == (played.planned_start_us, 0)


def test_while_the_clock_is_unknown_nothing_starts_and_what_sounds_holds() -> None:
    horn = Horn()
    horn.plan(_cue("a", 15_000, 50_000))
    horn.run(30_000)
    horn.timed = False
    horn.run(9_600)
    horn.timed = True
    horn.run(60_000)
    (played,) = horn.played
    assert played.gap_us == 200_000
    assert not horn.sound()[30_000:39_600].any()


def test_a_file_that_yields_nothing_is_told_before_its_time_and_once() -> None:
    horn = Horn()
    horn.plan(_cue("a", 96_000, 50_000))
    horn.serve()
    horn.opened[0][1].error, horn.opened[0][1].frames = "cannot be decoded", 0
    horn.run(200_000)
    (played,) = horn.played
    assert played.error == "cannot be decoded"
    assert horn.opened[0][1].closed
    assert played.start_us is None


def test_a_cue_that_passed_with_a_dead_device_is_reported_once() -> None:
    horn = Horn()
    horn.timed = False
    horn.plan(_cue("a", 15_000, 20_000))
    horn.run(300_000)
    (played,) = horn.played
    assert played.error is not None
    assert played.frames_played == 0


def test_a_cue_planned_when_it_is_past_is_neither_played_nor_reported() -> None:
    horn = Horn()
    horn.run(100_000)
    horn.plan(_cue("a", 15_000, 20_000))
    horn.run(300_000)
    assert (horn.played, horn.opened) == ([], [])


def test_a_file_is_opened_two_seconds_ahead_and_closed_when_its_cue_goes() -> None:
    horn = Horn()
    horn.plan(_cue("a", 200_000, 20_000))
    horn.run(200_000 - LEAD_US * 48 // 1_000 - 2 * BLOCK)
    assert horn.opened == []
    horn.run(4 * BLOCK)
    assert len(horn.opened) == 1
    horn.plan()
    assert horn.stage.take_unwanted() == [horn.opened[0][1]]


@pytest.mark.parametrize(
    "cues",
    [
        [_cue("a", 0, 100), _cue("a", 200, 100)],
        [_cue("a", 0, 100), _cue("b", 50, 100)],
        [_cue("a", 200, 100), _cue("b", 0, 100)],
        [_cue("a", 0, 0)],
        [Cue("a", Path("0"), T0_US, -1, T0_US + 10)],
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(cues: list[Cue]) -> None:
    with pytest.raises(ValueError, match=r"cue|key"):
        check_plan(cues)


def test_a_piece_that_sounds_from_a_feed_goes_on_when_its_file_has_come_and_the_next_takes_the_file() -> None:
    horn = Horn()
    once, again = _cue("once", 14_400, 24_000), _cue("again", 48_000, 24_000)
    horn.plan(replace(once, feed_id="f1"), replace(again, feed_id="f1"))
    horn.run(24_000)
    horn.plan(once, again)
    horn.run(60_000)
    assert [piece.key for piece in horn.played if piece.frames_played] == ["once", "again"]
    assert [cue.key for cue, _ in horn.opened] == ["once", "again"]


@pytest.mark.parametrize(("ready_at", "begins"), [(14_400, True), (62_400, False)])
def test_a_piece_that_is_to_be_heard_from_its_beginning_does_not_begin_later(ready_at: int, begins: bool) -> None:
    horn = Horn()
    cue = _cue("a", 24_000, 200_000)
    horn.plan(replace(cue, begin_by_us=cue.start_us + 500_000))
    horn.serve()
    horn.opened[0][1].ready = False
    horn.run(ready_at)
    horn.opened[0][1].ready = True
    horn.run(96_000)
    assert bool(horn.sound().any()) is begins
