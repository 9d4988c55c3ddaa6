import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from receivers.lab.trial.signals import murmur, read_opus, write_opus
from receivers.sound.cue import RATE_HZ
from receivers.sound.decode import AHEAD_FRAMES, DecodedFile
from receivers.sound.mixer import Samples

BLOCK = 960
PATIENCE = 2_000  # attempts of 10 ms


def _until(done: Callable[[], bool]) -> None:
    """Wait for another thread to bring something about."""
    pause = threading.Event()
    for _ in range(PATIENCE):
        if done():
            return
        pause.wait(0.01)
    pytest.fail("it never came about")


def _read(source: DecodedFile, position: int, frames: int) -> Samples:
    """All of `[position, position + frames)` that the file has, however long decoding takes."""
    sound = np.zeros(frames, dtype=np.float32)
    done = 0

    def more() -> bool:
        nonlocal done
        while count := source.fill(position + done, sound[done : done + BLOCK]):
            done += count
        ended = source.end_frame
        return done == frames or (ended is not None and position + done >= ended)

    _until(more)
    return sound[:done]


@pytest.fixture(scope="module")
def decoded(announcement: Path) -> Samples:
    return read_opus(announcement)


def test_a_whole_file_is_what_decoding_in_one_go_gives(announcement: Path, decoded: Samples) -> None:
    source = DecodedFile(announcement, 0)
    sound = _read(source, 0, 10 * RATE_HZ)
    source.close()
    assert np.array_equal(sound, decoded)
    assert source.end_frame == 6 * RATE_HZ
    assert source.error is None


@given(position=st.integers(0, 6 * RATE_HZ - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_place_is_entered_to_the_sample(announcement: Path, decoded: Samples, position: int) -> None:
    source = DecodedFile(announcement, position)
    sound = _read(source, position, RATE_HZ)
    source.close()
    assert np.abs(sound - decoded[position : position + RATE_HZ]).max() < 1e-4


@example(jumps=[2261448])  # with a pre-roll of 120 ms it was 0.008 off here
@given(jumps=st.lists(st.integers(0, 59 * RATE_HZ), min_size=1, max_size=6))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_jump_anywhere_and_back_finds_its_place(long_file: tuple[Path, Samples], jumps: list[int]) -> None:
    path, whole = long_file
    source = DecodedFile(path, 0)
    for position in jumps:
        sound = np.zeros(BLOCK, dtype=np.float32)
        _until(lambda at=position, out=sound: source.fill(at, out) == BLOCK)  # type: ignore[misc]
        assert np.abs(sound - whole[position : position + BLOCK]).max() < 1e-4
    source.close()


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Samples]:
    path = write_opus(tmp_path_factory.mktemp("long") / "minute.opus", murmur(60.0, seed=3))
    return path, read_opus(path)


def test_a_long_file_is_not_held_in_memory(long_file: tuple[Path, Samples]) -> None:
    source = DecodedFile(long_file[0], 0)
    most = 0
    for position in range(0, 59 * RATE_HZ, RATE_HZ):
        _read(source, position, RATE_HZ)
        most = max(most, sum(len(block) for _, block in tuple(source._blocks)))
    source.close()
    assert RATE_HZ < most <= AHEAD_FRAMES + 2 * BLOCK


def test_a_place_past_the_end_is_an_end(announcement: Path) -> None:
    source = DecodedFile(announcement, 60 * RATE_HZ)
    _until(lambda: source.end_frame is not None)
    source.close()
    assert source.fill(60 * RATE_HZ, np.zeros(BLOCK, dtype=np.float32)) == 0


def _cut_short(path: Path, announcement: Path) -> None:
    path.write_bytes(announcement.read_bytes()[:2_000])


def _scrambled(path: Path, announcement: Path) -> None:
    content = bytearray(announcement.read_bytes())
    content[3_000:9_000] = bytes(6_000)
    path.write_bytes(content)


def _text(path: Path, _announcement: Path) -> None:
    path.write_text("this is not sound\n" * 100)


def _empty(path: Path, _announcement: Path) -> None:
    path.write_bytes(b"")


def _missing(_path: Path, _announcement: Path) -> None:
    return


@pytest.mark.parametrize("spoil", [_cut_short, _scrambled, _text, _empty, _missing])
def test_a_spoilt_file_ends_and_raises_nothing(
    spoil: Callable[[Path, Path], None], tmp_path: Path, announcement: Path
) -> None:
    path = tmp_path / "spoilt.opus"
    spoil(path, announcement)
    source = DecodedFile(path, 0)
    sound = _read(source, 0, 10 * RATE_HZ)
    source.close()
    assert source.ready
    assert len(sound) <= 6 * RATE_HZ
    if spoil in (_text, _empty, _missing):
        assert source.error is not None
        assert source.end_frame == 0


def test_the_decoder_never_takes_reading_on_for_a_jump_back(long_file: tuple[Path, Samples]) -> None:
    """Whenever the reader lets go of a block the decoder may look; it would seek anew, and leave a hole."""
    source = DecodedFile(long_file[0], 0)

    class Watched(deque[tuple[int, Samples]]):
        def popleft(self) -> tuple[int, Samples]:
            block = super().popleft()
            looked.append(source._is_far())
            return block

    looked: list[bool] = []
    _until(lambda: len(source._blocks) >= AHEAD_FRAMES // BLOCK)
    source._blocks = Watched(source._blocks)
    assert source.fill(0, np.zeros(RATE_HZ, dtype=np.float32)) == RATE_HZ
    source.close()
    assert len(looked) >= RATE_HZ // BLOCK - 1
    assert not any(looked)


def test_closing_ends_the_thread_while_it_waits_for_room(long_file: tuple[Path, Samples]) -> None:
    source = DecodedFile(long_file[0], 0)
    _until(lambda: source.ready)
    source.close()
    assert not source._thread.is_alive()
