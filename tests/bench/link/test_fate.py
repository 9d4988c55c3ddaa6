"""What becomes of packets on an emulated link, in made-up time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.link.fate import FADE_US, Fades, Passage, Sky, Way

S = 1_000_000
SIZES = st.integers(20, 1_500)
OFFERS = st.lists(st.tuples(SIZES, st.integers(0, 50_000)), min_size=1, max_size=200)
SEEDS = st.text(max_size=5)


@st.composite
def ways(draw: st.DrawFn) -> Way:
    delay_us = draw(st.integers(0, 300_000))
    return Way(
        delay_us=delay_us,
        jitter_us=draw(st.integers(0, delay_us)),
        loss=draw(st.floats(0, 1)),
        rate_bps=draw(st.sampled_from((0, 8_000, 64_000, 10_000_000))),
        queue=draw(st.integers(1, 50)),
        reorders=draw(st.booleans()),
    )


def _timed(offers: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(size, when) from (size, time since the one before)."""
    at_us, timed = 0, []
    for size_bytes, wait_us in offers:
        at_us += wait_us
        timed.append((size_bytes, at_us))
    return timed


@given(ways(), OFFERS, SEEDS)
def test_the_same_seed_gives_the_same_fate_and_later_packets_change_nothing(
    way: Way, offers: list[tuple[int, int]], seed: str
) -> None:
    timed = _timed(offers)
    whole, part = Passage(way, Sky(), seed), Passage(way, Sky(), seed)
    fates = [whole.offer(*one) for one in timed]
    half = len(timed) // 2
    assert [part.offer(*one) for one in timed[:half]] == fates[:half]


@given(ways(), OFFERS, SEEDS)
def test_none_is_early_and_each_is_counted_once(way: Way, offers: list[tuple[int, int]], seed: str) -> None:
    passage = Passage(way, Sky(), seed)
    timed = _timed(offers)
    fates = [passage.offer(*one) for one in timed]
    arrived = [(at_us, fate) for (_, at_us), fate in zip(timed, fates, strict=True) if fate is not None]
    assert all(fate - at_us >= way.delay_us - way.jitter_us for at_us, fate in arrived)
    counted = passage.counted
    assert counted.sent + counted.dropped == len(timed)
    assert counted.sent - counted.lost == len(arrived)


@given(ways(), OFFERS, SEEDS)
def test_nothing_overtakes_unless_asked(way: Way, offers: list[tuple[int, int]], seed: str) -> None:
    passage = Passage(way, Sky(), seed)
    arrived = [fate for one in _timed(offers) if (fate := passage.offer(*one)) is not None]
    if not way.reorders:
        assert arrived == sorted(arrived)


@given(st.integers(1_000, 10_000_000), st.integers(1, 20), OFFERS)
def test_the_rate_holds_and_the_queue_is_bounded(rate_bps: int, queue: int, offers: list[tuple[int, int]]) -> None:
    passage = Passage(Way(rate_bps=rate_bps, queue=queue), Sky(), "")
    timed = _timed(offers)
    left = [(size, at_us, fate) for size, at_us in timed if (fate := passage.offer(size, at_us)) is not None]
    for (_, _, before_us), (size, at_us, us) in pairwise([(0, 0, 0), *left]):
        assert us - max(before_us, at_us) >= size * 8 * S // rate_bps
    for _, at_us in timed:
        assert sum(1 for _, came_us, us in left if came_us <= at_us < us) <= queue


@given(st.lists(st.tuples(st.integers(0, 10 * S), st.integers(1, 3 * S)), max_size=4), OFFERS)
def test_a_cut_takes_all_that_leaves_in_it_and_nothing_else(
    cuts: list[tuple[int, int]], offers: list[tuple[int, int]]
) -> None:
    sky = Sky()
    for start_us, length_us in cuts:
        sky.cut(start_us, start_us + length_us)
    passage = Passage(Way(delay_us=70_000), sky, "")
    for size_bytes, at_us in _timed(offers):
        is_cut = any(start_us <= at_us < start_us + length_us for start_us, length_us in cuts)
        assert (passage.offer(size_bytes, at_us) is None) == is_cut


@given(st.lists(st.integers(0, 600 * S), min_size=1, max_size=50))
def test_fades_do_not_depend_on_when_they_are_looked_at(times: list[int]) -> None:
    in_order, as_asked = Fades(0.1, "seed"), Fades(0.1, "seed")
    expected = {us: in_order.at(us) for us in sorted(times)}
    assert {us: as_asked.at(us) for us in times} == expected


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_fades_take_their_share(share: float) -> None:
    fades = Fades(share, "seed")
    looked = [fades.at(us) for us in range(0, 1_800 * S, 10_000)]
    assert sum(looked) / len(looked) == pytest.approx(share, rel=0.3)


def test_a_fade_lasts_as_long_as_it_should() -> None:
    fades, step_us = Fades(0.02, "seed"), 1_000
    looked = [fades.at(us) for us in range(0, 120 * S, step_us)]
    edges = [place for place, (before, after) in enumerate(pairwise(looked)) if before != after]
    lengths_us = [(end - start) * step_us for start, end in zip(edges[::2], edges[1::2], strict=False)]
    assert FADE_US[0] - step_us <= min(lengths_us) <= max(lengths_us) <= FADE_US[1] + step_us


def test_independent_loss_takes_its_share() -> None:
    passage = Passage(Way(loss=0.1), Sky(), "seed")
    fates = [passage.offer(100, us) for us in range(20_000)]
    assert fates.count(None) / len(fates) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("wrong", [{"jitter_us": 1}, {"loss": 1.5}, {"rate_bps": -1}, {"queue": 0}])
def test_a_way_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"jitter|loss"):
        Way(**wrong)  # type: ignore[arg-type]
