from collections.abc import Callable
from pathlib import Path

import pytest

from broadcast.media import MediaMissingError
from broadcast.produce.graph import Loudness
from broadcast.produce.producer import Producer
from broadcast.produce.request import Chime, OriginalSource, PartsSource, ProduceError, ProduceRequest, Recipe, Refusal

BARE = Recipe(opening=None)


def test_parts_of_different_levels_become_one_recording_as_loud_as_any(
    speech: Path, make: Callable[..., Path], producer: Producer, heard: Callable[[Path], Loudness]
) -> None:
    soft = make("soft.wav", "-i", str(speech), "-af", "volume=-25dB")
    parts = tuple(producer.originals.put(path) for path in (speech, soft, speech))
    once = producer.produce(ProduceRequest(OriginalSource(parts[0]), BARE))
    whole = producer.produce(ProduceRequest(PartsSource(parts, 2000), BARE))
    body_us = once.duration_us - 200_000
    assert whole.duration_us == pytest.approx(3 * body_us + 2 * 2_000_000 + 200_000, abs=500)
    assert heard(producer.media.path(whole.sha256)).integrated_lufs == pytest.approx(-16, abs=0.7)
    chimed = producer.produce(ProduceRequest(PartsSource(parts, 2000, Chime.NORMAL), BARE))
    assert chimed.duration_us > whole.duration_us


def test_no_parts_or_one_that_is_missing(producer: Producer) -> None:
    with pytest.raises(ProduceError) as refused:
        producer.produce(ProduceRequest(PartsSource(()), BARE))
    assert refused.value.code is Refusal.BAD_RECIPE
    with pytest.raises(MediaMissingError):
        producer.produce(ProduceRequest(PartsSource(("a" * 64,)), BARE))
