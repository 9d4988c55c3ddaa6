"""Which stretches are compared, in streams whose crystals differ, and what becomes of the records."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from broadcast.wire.documents import Hearing
from receivers.ear.compare import EAR_HZ
from receivers.ear.listening import EVERY_US, FORGET_US, LATE_US, STRETCH_US, WAIT_US, Listening
from receivers.ear.trace import KEPT_FRAMES, Trace
from receivers.lab.trial.signals import murmur
from receivers.sound.anchor import US_PER_FRAME, Timebase
from receivers.sound.cue import RATE_HZ, Cue, Played

S = 1_000_000
START = 1_700_000_000 * S
BLOCK = 960
FAR_US = 60_000  # 20 m of air

Wave = NDArray[np.int16]


def pcm(seconds: float, seed: int) -> Wave:
    return np.asarray(np.rint(murmur(seconds, seed) * 32_767), dtype=np.int16)


def line(ppm: float, at_us: float = START - 5 * S, frame: int = 0) -> Timebase:
    return Timebase(frame, at_us, US_PER_FRAME * (1 + ppm / 1e6))


def cue(seconds: float, key: str = "a~1~0", start_us: int = START) -> Cue:
    return Cue(key, Path("a.opus"), start_us, 0, start_us + round(seconds * S))


def record(of: Cue, end_us: int | None = None) -> Played:
    return Played(
        key=of.key,
        planned_start_us=of.start_us,
        start_us=of.start_us,
        start_error_us=0,
        late_us=0,
        end_us=of.end_us if end_us is None else end_us,
        frames_played=1,
        gap_us=0,
        underruns=0,
        rms_dbfs=-14.0,
        peak_dbfs=-3.0,
        clipped_frames=0,
        finished=True,
        error=None,
    )


class Room:
    """A horn that plays `sound` from START on and a microphone that hears it, on crystals of their own."""

    def __init__(self, sound: Wave, ppm: float = 0.0, gain: float = 0.3) -> None:
        self.listening = Listening()
        self.listening.heard = Trace()
        self.records: list[Played] = []
        self.now_us = START - 2 * S
        self._sound = sound
        self._device, self._ear = line(ppm), line(-ppm, START - 7 * S)
        self._written = round(self._device.frame_at(START))
        self._recorded = round(self._ear.frame_at(self.now_us))
        self._gain = gain

    def run_to(self, end_us: int) -> None:
        while self.now_us < end_us:
            self.now_us += BLOCK * S // RATE_HZ
            self._write()
            self._record()
            self.records += self.listening.step(self.now_us, self.now_us)

    def _write(self) -> None:
        first = round(self._device.frame_at(START))
        while self._written < self._device.frame_at(self.now_us):
            block = self._sound[self._written - first : self._written - first + BLOCK]
            if len(block):
                self.listening.written.add(self._written, block, self._device)
            self._written += BLOCK

    def _record(self) -> None:
        heard = self.listening.heard
        while heard is not None and self._recorded < self._ear.frame_at(self.now_us):
            ends_us = [self._ear.us_at(self._recorded + k) - FAR_US for k in (0, BLOCK)]
            low, high = (self._device.frame_at(us) - self._device.frame_at(START) for us in ends_us)
            places = np.linspace(low, high, BLOCK, endpoint=False)
            near = np.arange(max(0, int(low)), max(0, min(len(self._sound), int(high) + 2)))
            block = self._gain * np.interp(places, near, self._sound[near], 0, 0) if len(near) else np.zeros(BLOCK)
            heard.add(self._recorded, np.rint(block).astype(np.int16), self._ear)
            self._recorded += BLOCK


@pytest.mark.parametrize("ppm", [0, 100])
def test_a_piece_is_heard_at_its_distance_whatever_the_crystals(ppm: float) -> None:
    room, piece = Room(pcm(5, seed=1), ppm), cue(5)
    room.listening.set_plan([piece], room.now_us)
    room.run_to(START + 5 * S)
    assert room.listening.take(record(piece), room.now_us) is None
    room.run_to(START + 5 * S + LATE_US + WAIT_US)
    (told,) = room.records
    assert told.heard is not None
    assert told.heard.verdict is Hearing.HEARD
    assert told.heard.correlation > 0.98
    assert told.heard.delay_us == pytest.approx(FAR_US, abs=1000)
    assert replace(told, heard=None) == record(piece)


def test_a_silenced_horn_is_not_heard() -> None:
    room, piece = Room(pcm(3, seed=1), gain=0.0), cue(3)
    room.listening.set_plan([piece], room.now_us)
    room.run_to(START + 3 * S)
    room.listening.take(record(piece), room.now_us)
    room.run_to(START + 3 * S + LATE_US + WAIT_US)
    assert [told.heard.verdict for told in room.records if told.heard] == [Hearing.NOT_HEARD]


def test_a_long_piece_is_compared_now_and_then_and_its_record_waits_for_the_last() -> None:
    room, piece = Room(pcm(18, seed=1)), cue(18)
    listening = room.listening
    listening.set_plan([piece], room.now_us)
    found = listening._pieces[piece.key].found
    counts = []
    for end_us in (START + STRETCH_US, START + STRETCH_US + LATE_US + S, START + EVERY_US + STRETCH_US + LATE_US + S):
        room.run_to(end_us)
        counts.append(len(found))
    assert counts == [0, 1, 2]
    room.run_to(START + 18 * S)
    listening.set_plan([], room.now_us)
    assert listening.take(record(piece), room.now_us) is None
    room.run_to(START + 18 * S + LATE_US - S)
    assert room.records == []
    room.run_to(START + 18 * S + LATE_US + WAIT_US)
    assert (len(room.records), len(found)) == (1, 3)


def test_a_piece_cut_off_is_judged_by_what_sounded() -> None:
    sound = pcm(10, seed=1)
    sound[2 * RATE_HZ :] = 0
    room, piece = Room(sound), cue(10)
    room.listening.set_plan([piece], room.now_us)
    room.run_to(START + 2 * S)
    room.listening.take(record(piece, START + 2 * S), room.now_us)
    room.run_to(START + 2 * S + LATE_US + WAIT_US)
    assert [told.heard.verdict for told in room.records if told.heard] == [Hearing.HEARD]


def test_without_a_microphone_a_record_passes_at_once_and_a_dead_one_delays_it_little() -> None:
    room, piece = Room(pcm(3, seed=1)), cue(3)
    listening = room.listening
    listening.set_plan([piece], room.now_us)
    listening.heard = None
    assert listening.take(record(piece), START + 3 * S) == record(piece)
    other = replace(piece, key="b~1~0")
    listening.set_plan([other], room.now_us)
    listening.heard = Trace()
    assert listening.take(record(other), START + 3 * S) is None
    assert listening.step(START + 3 * S, START + 3 * S) == []
    assert listening.step(START + 3 * S + LATE_US + WAIT_US, START + 4 * S) == [record(other)]


@pytest.mark.parametrize("jump_us", [-(10**15), 10**15])
def test_a_wall_clock_that_jumps_holds_no_record_back(jump_us: int) -> None:
    room, piece = Room(pcm(3, seed=1)), cue(3)
    room.listening.set_plan([piece], room.now_us)
    room.run_to(START + 3 * S)
    room.listening.take(record(piece), room.now_us)
    later_us = room.now_us + LATE_US + 2 * WAIT_US
    assert room.listening.step(later_us + jump_us, later_us) == [record(piece)]


def test_records_are_given_up_as_they_are_and_strange_ones_pass() -> None:
    room, piece = Room(pcm(3, seed=1)), cue(3)
    room.listening.set_plan([piece], room.now_us)
    room.run_to(START + 3 * S)
    room.listening.take(record(piece), room.now_us)
    assert room.listening.give_up() == [record(piece)]
    assert room.listening.give_up() == []
    strange = record(cue(3, key="never planned"))
    assert room.listening.take(strange, room.now_us) == strange
    failed = replace(record(piece), start_us=None, end_us=None, error="no file")
    assert room.listening.take(failed, room.now_us) == failed


def test_the_microphone_is_wanted_around_what_sounds_and_pieces_are_not_kept_for_ever() -> None:
    listening, piece = Listening(), cue(3)
    listening.set_plan([piece], START - 60 * S)
    wanted = [second for second in range(-60, 60) if listening.is_wanted(START + second * S)]
    assert (wanted[0], wanted[-1]) == (-5, 6)
    listening.set_plan([], START + 10 * S)
    assert listening.step(START + 10 * S, 0) == []
    listening.set_plan([], piece.end_us + FORGET_US)
    assert not listening.is_wanted(START)


def test_a_trace_keeps_seconds_and_gives_them_by_their_instants() -> None:
    trace = Trace()
    assert trace.span_us() is None
    assert trace.stretch(START, EAR_HZ) is None
    t = np.arange(30 * RATE_HZ) / RATE_HZ
    tone = np.asarray(np.rint(16_384 * np.sin(2 * np.pi * 1000 * t)), dtype=np.int16)
    for first in range(0, len(tone), BLOCK):
        trace.add(first, tone[first : first + BLOCK], line(50, START))
    span = trace.span_us()
    assert span is not None
    kept_us = KEPT_FRAMES * US_PER_FRAME
    assert kept_us <= span[1] - span[0] <= kept_us + 2 * BLOCK * US_PER_FRAME * 1.001
    stretch = trace.stretch(span[1] - 3 * S, 2 * EAR_HZ)
    assert stretch is not None
    instants_us = span[1] - 3 * S + np.arange(2 * EAR_HZ) * S / EAR_HZ
    frames = np.array([line(50, START).frame_at(us) for us in instants_us])
    assert np.abs(stretch - 0.5 * np.sin(2 * np.pi * 1000 * frames / RATE_HZ)).max() < 0.04
    beyond = trace.stretch(span[1] + S, EAR_HZ)
    assert beyond is not None
    assert not beyond.any()


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield
