"""A player on a stand-in for PyAudio that keeps PyAudio's promises: faults that no real card can be asked for."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from broadcast.clock import SystemClock
from receivers.sound.cue import RATE_HZ, Cue, Played, PlayerStatus
from receivers.sound.device import BLOCK_FRAMES, Device
from receivers.sound.mixer import Pcm
from receivers.sound.player import BAD_BLOCKS, HUNG_US, REOPEN_US, Player, Tap

CLOCK = SystemClock()
S = 1_000_000
BLOCK_S = BLOCK_FRAMES / RATE_HZ
SOON_US = S // 2
LIMIT_S = 60
LATENCY_S = 0.1

Callback = Callable[[None, int, Mapping[str, float], int], tuple[bytes, int]]


class Card:
    """A sound card: gives out blocks at its pace while `moves`."""

    def __init__(self) -> None:
        self.moves = threading.Event()
        self.moves.set()
        self.opened = 0
        self.given_out: queue.SimpleQueue[Pcm] = queue.SimpleQueue()

    def PyAudio(self) -> "Card":  # noqa: N802 - as the library calls it
        return self

    def open(self, *, stream_callback: Callback, **_: object) -> "Stream":
        self.opened += 1
        return Stream(self, stream_callback)

    def get_device_count(self) -> int:
        return 1

    def get_device_info_by_index(self, index: int) -> Mapping[str, object]:
        return {"name": "card", "index": index, "maxOutputChannels": 2}

    def terminate(self) -> None: ...


class Stream:
    """What calls back, on a thread of its own, until it is closed."""

    def __init__(self, card: Card, callback: Callback) -> None:
        self._card = card
        self._callback = callback
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        began_s, blocks = CLOCK.monotonic_us() / S, 0
        while not self._closed.wait(max(0.0, began_s + blocks * BLOCK_S - CLOCK.monotonic_us() / S)):
            if self._card.moves.is_set():
                dac_s = began_s + blocks * BLOCK_S + LATENCY_S
                times = {"output_buffer_dac_time": dac_s, "current_time": CLOCK.monotonic_us() / S}
                data, _ = self._callback(None, BLOCK_FRAMES, times, 0)
                self._card.given_out.put(np.frombuffer(data, dtype=np.int16))
            blocks += 1


class Rig:
    def __init__(self, card: Card, tap: Tap | None = None) -> None:
        self.card = card
        self.played: queue.SimpleQueue[Played] = queue.SimpleQueue()
        self.player = Player(Device("card", CLOCK), CLOCK, self.played.put, tap)

    def until(self, what: Callable[[PlayerStatus], bool], seen: Callable[[PlayerStatus], None] | None = None) -> None:
        """Return once the status is so; `seen` is given each on the way."""
        for _ in range(round(LIMIT_S / BLOCK_S)):
            self.card.given_out.get(timeout=LIMIT_S) if self.card.moves.is_set() else threading.Event().wait(BLOCK_S)
            status = self.player.status()
            if what(status):
                return
            if seen is not None:
                seen(status)
        raise TimeoutError(self.player.status())

    def sound(self, blocks: int) -> Pcm:
        return np.concatenate([self.card.given_out.get(timeout=LIMIT_S) for _ in range(blocks)])


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card()
    monkeypatch.setattr("receivers.sound.device.pyaudio.PyAudio", card.PyAudio)
    return card


@contextlib.contextmanager
def _running(card: Card, tap: Tap | None = None) -> Iterator[Rig]:
    rig = Rig(card, tap)
    with rig.player:
        yield rig


def test_a_card_that_opens_and_never_calls_back_is_a_fault_all_the_while_and_is_opened_anew(card: Card) -> None:
    card.moves.clear()
    told: list[tuple[str, ...]] = []
    with _running(card) as rig:
        rig.until(lambda status: "device-silent" in status.faults)
        rig.until(lambda _status: card.opened >= 3, lambda status: told.append(status.faults))
        assert {faults[0] for faults in told} == {"device-silent"}
        assert len(told) * BLOCK_S >= (HUNG_US + REOPEN_US) / S / 2
        card.moves.set()
        rig.until(lambda status: status.faults == ())


def test_a_listener_that_fails_does_not_silence_the_horn(card: Card, another: Path) -> None:
    def tap(*_: Any) -> None:
        raise ValueError("a mistake in Loa")

    with _running(card, tap) as rig:
        rig.until(lambda status: status.clock_ready)
        start_us = CLOCK.now_us() + SOON_US
        rig.player.set_plan([Cue("heard", another, start_us, 0, start_us + 2 * S)])
        played = rig.played.get(timeout=LIMIT_S)
    assert (played.error, played.finished, played.gap_us) == (None, True, 0)


def test_a_piece_that_cannot_be_rendered_is_given_up_and_the_next_sounds(
    card: Card, announcement: Path, another: Path
) -> None:
    with _running(card) as rig:
        rig.until(lambda status: status.clock_ready)
        start_us = CLOCK.now_us() + SOON_US
        next_us = start_us + 3 * S
        after = Cue("next", another, next_us, 0, next_us + 2 * S)
        rig.player.set_plan([Cue("bad", announcement, start_us, 0, next_us), after])
        rig.until(lambda status: status.playing == "bad")
        beyond_db = 1e6  # no number is so large
        rig.player.set_plan([Cue("bad", announcement, start_us, 0, next_us, beyond_db), after])
        rig.until(lambda status: "render-failed" in status.faults)
        bad, good = (rig.played.get(timeout=LIMIT_S) for _ in range(2))
    assert (bad.key, bad.finished) == ("bad", False)
    assert "OverflowError" in (bad.error or "")
    assert (good.key, good.error, good.finished) == ("next", None, True)


def test_blocks_that_could_not_be_rendered_are_silence_and_a_gap(card: Card) -> None:
    device, lost_us = Device("card", CLOCK), []
    loud = np.full(BLOCK_FRAMES, 1_000, dtype=np.int16)
    blocks = iter(range(10_000))

    def render(_first: int, _count: int, _line: object, lost: Any) -> bytes:
        lost_us.append(lost.slipped_us)
        if next(blocks) in range(3, 3 + BAD_BLOCKS):
            raise ValueError("a mistake in Loa")
        return loud.tobytes()

    device.open(render)
    rig = Rig(card)
    sound = rig.sound(12).reshape(12, BLOCK_FRAMES)
    failed_age_us = device.state().failed_age_us
    device.close()
    assert [block.any() for block in sound] == [number not in range(3, 3 + BAD_BLOCKS) for number in range(12)]
    assert lost_us[11] == pytest.approx(BAD_BLOCKS * BLOCK_S * S)
    assert failed_age_us is not None
    assert failed_age_us >= 0
