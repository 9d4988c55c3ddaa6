"""Interrupting and coming back with real sound: a receiver's node, a player in its process, and what its horn gave out.

The sounds are of constant amplitude and slow, so a step that is larger than theirs is one that was made by a cut.
"""

from __future__ import annotations

import hashlib
import queue
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Outcome
from receivers.lab.correlate import RIGHT, align
from receivers.lab.listen import Listener
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import read_opus, warble, write_opus
from receivers.sound.cue import RATE_HZ, PlayerStatus
from receivers.sound.mixer import FADE_FRAMES, FULL_SCALE
from receivers.sound.resample import RIPPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from receivers.lab.horns import VirtualHorns
    from receivers.lab.listen import Recording
    from receivers.lab.trial.signals import Sound
    from tests.receivers.daemon.conftest import Desk, Rig

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

CLOCK = SystemClock()
S = 1_000_000
WEEK_US = 7 * 24 * 3600 * S
TICK_S = 0.2
TOLD_S = 4  # the emergency is unknown until then
SETTLED_S = 4  # after the end, until all is reported
BOUND_US = 5_000
SYLLABLE_S = 0.05


class Planned(NamedTuple):
    start_s: float
    length_s: float
    cls: BroadcastClass
    after_cut: AfterCut


PLAN = {
    "music": Planned(0, 20, BroadcastClass.BACKGROUND, AfterCut.TIMELINE),
    "news": Planned(2, 6, BroadcastClass.NORMAL, AfterCut.RESTART),
    "warning": Planned(4, 6, BroadcastClass.PRIORITY, AfterCut.TIMELINE),
    "flood": Planned(6, 3, BroadcastClass.EMERGENCY, AfterCut.TIMELINE),
    "chime": Planned(16, 3, BroadcastClass.NORMAL, AfterCut.DROP),
    "notice": Planned(16.5, 2, BroadcastClass.PRIORITY, AfterCut.TIMELINE),
}


class Span(NamedTuple):
    """What is to sound from `start_s` to `end_s`: the piece from its second `place_s` on."""

    name: str
    start_s: float
    end_s: float
    place_s: float


SPANS = (
    Span("music", 0, 2, 0),
    Span("news", 2, 4, 0),
    Span("warning", 4, 6, 0),
    Span("flood", 6, 9, 0),  # an interruption of an interruption of an interruption
    Span("warning", 9, 10, 5),  # at its place
    Span("news", 10, 16, 0),  # anew
    Span("chime", 16, 16.5, 0),  # cut in its first second, and dropped
    Span("notice", 16.5, 18.5, 0),
    Span("music", 18.5, 20, 18.5),  # at its place
)
WHOLE = ("news", "flood", "notice")
OUTCOMES = {name: Outcome.HEARD if name in WHOLE else Outcome.CUT for name in PLAN}


def test_each_class_cuts_those_below_it_and_each_comes_back_as_it_is_to(
    horns: VirtualHorns, new_rig: Callable[[str], Rig], tmp_path: Path
) -> None:
    sounds = {}
    for seed, (name, planned) in enumerate(PLAN.items()):
        sounds[name] = read_opus(write_opus(tmp_path / name, _soft(warble(planned.length_s, seed))))
    with PlayerProcess("horn1", horns.environment) as player:
        rig = new_rig("node")
        rig.now_us = CLOCK.now_us()
        rig.boot()
        with Listener(horns, "horn1", tmp_path / "horn1.raw", CLOCK) as listener:
            start_us = _live_through(rig, player, tmp_path)
            recording = listener.stop()
    for span in SPANS:
        _assert_heard(recording, sounds[span.name], span, start_us)
    _assert_silent(recording, start_us - S, start_us - BOUND_US)
    _assert_silent(recording, start_us + 20 * S + BOUND_US, start_us + 21 * S)
    _assert_heard_as_often_as_due(recording, sounds)
    _assert_no_clicks(recording, sounds)
    reports = rig.reports
    assert {name: report.outcome for name, report in reports.items()} == OUTCOMES
    for name, report in reports.items():
        played_us = sum(span.end_s - span.start_s for span in SPANS if span.name == name) * S
        assert report.played_us == pytest.approx(played_us, abs=60_000), name
        assert (report.gap_us, report.underruns) == (0, 0), name


def _soft(sound: Sound) -> Sound:
    """With 20 ms to come and go: where one piece follows another at once, the steps of both edges add up."""
    ramp = np.minimum(1, np.arange(len(sound), dtype=np.float32) / (RATE_HZ // 50))
    return sound * ramp * ramp[::-1]


def _live_through(rig: Rig, player: PlayerProcess, folder: Path) -> int:
    """Let the node play the plan; returns when it began."""
    desk, now_us = rig.desk, rig.now_us
    start_us = now_us + 2 * S
    live = {"issued_us": now_us, "expires_us": now_us + WEEK_US}
    airings = {}
    for name, planned in PLAN.items():
        body = (folder / name).read_bytes()
        media = replace(desk.media(name, planned.length_s), sha256=_keep(desk, body), size_bytes=len(body))
        rig.fetch(media)
        at_us = start_us + round(planned.start_s * S)
        kinds = {"cls": planned.cls, "after_cut": planned.after_cut, "late": Late.JOIN, "window_us": 60 * S}
        airings[name] = desk.airing(name, at_us, media, **kinds)
    rig.give(desk.settings(**live))
    rig.give(replace(desk.programme([airing for name, airing in airings.items() if name != "flood"]), **live))
    told = False
    while (rig.now_us - start_us) / S < SPANS[-1].end_s + SETTLED_S:
        rig.now_us = CLOCK.now_us()
        if not told and rig.now_us > start_us + TOLD_S * S:
            told = rig.give(replace(desk.programme(list(airings.values())), **live))
        while True:
            try:
                rig.node.on_played(player.played(timeout_s=0.001))
            except queue.Empty:
                break
        player.set_plan(rig.node.tick(rig.now_us, msgspec.convert(dict(player.status()), PlayerStatus)))
        time.sleep(TICK_S)
    return start_us


def _keep(desk: Desk, body: bytes) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    desk.bodies[sha256] = body
    return sha256


def _assert_heard(recording: Recording, sound: Sound, span: Span, origin_us: int) -> None:
    """The span of `sound` was heard at its instants, and it alone, from its first syllable on."""
    first = round(span.place_s * RATE_HZ)
    wanted = sound[first : first + round((span.end_s - span.start_s) * RATE_HZ)]
    faded = FADE_FRAMES if first else 0
    start_us = origin_us + span.start_s * S + faded / RATE_HZ * S
    wanted = wanted[faded : len(wanted) - FADE_FRAMES]
    margin = RATE_HZ // 10
    low = recording.frame_at(start_us) - margin
    found = align(wanted, recording.samples[low : low + len(wanted) + 2 * margin], RATE_HZ)
    assert abs(recording.utc_us_at(low + found.offset_frames) - start_us) < BOUND_US, span
    assert min(window.correlation for window in found.windows) >= RIGHT, (span, found)
    assert (found.gaps, found.slips) == ((), ()), span
    at = low + round(found.offset_frames)
    syllable = recording.samples[at : at + round(SYLLABLE_S * RATE_HZ)] / FULL_SCALE
    assert np.corrcoef(syllable, wanted[: len(syllable)])[0, 1] >= RIGHT, span
    assert np.std(syllable) == pytest.approx(np.std(wanted[: len(syllable)]), rel=0.1), span


def _assert_silent(recording: Recording, start_us: float, end_us: float) -> None:
    assert not recording.between(start_us, end_us).any()


def _assert_heard_as_often_as_due(recording: Recording, sounds: Mapping[str, Sound]) -> None:
    """The first seconds of each piece: once, those of the one that began anew twice."""
    spans = {span.name: span for span in reversed(SPANS) if not span.place_s}
    copies = {
        name: align(sounds[name][: round((span.end_s - span.start_s) * RATE_HZ)], recording.samples, RATE_HZ).copies
        for name, span in spans.items()
    }
    assert copies == {**dict.fromkeys(PLAN, 1), "news": 2}


def _assert_no_clicks(recording: Recording, sounds: Mapping[str, Sound]) -> None:
    own = max(np.abs(np.diff(sound, prepend=0.0, append=0.0)).max() for sound in sounds.values())
    peak = max(np.abs(sound).max() for sound in sounds.values())
    bound = own + peak * (2 / FADE_FRAMES + RIPPLE) + 1.5 / FULL_SCALE
    assert np.abs(np.diff(recording.samples.astype(float))).max() / FULL_SCALE <= bound
