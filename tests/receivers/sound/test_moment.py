from hypothesis import given
from hypothesis import strategies as st

from receivers.sound.moment import SET_US, SETTLE_US, WallWatch

BLOCK_US = 20_000
AHEAD_US = 1_800_000_000_000_000


@given(
    st.lists(st.integers(-SET_US, SET_US), max_size=50),
    st.integers(SET_US + 1, AHEAD_US) | st.integers(-AHEAD_US, -SET_US - 1),
)
def test_a_clock_that_is_set_is_unsettled_for_a_while_and_one_that_is_slewed_never(
    slews_us: list[int], set_us: int
) -> None:
    watch, monotonic_us, ahead_us = WallWatch(), 0, AHEAD_US
    for slew_us in slews_us:
        monotonic_us, ahead_us = monotonic_us + BLOCK_US, ahead_us + slew_us
        assert watch.settled(monotonic_us, monotonic_us + ahead_us)
    assert watch.settled(monotonic_us, monotonic_us + ahead_us)
    ahead_us += set_us
    for block in range(SETTLE_US // BLOCK_US + 3):
        now_us = monotonic_us + block * BLOCK_US
        assert watch.settled(now_us, now_us + ahead_us) is (block * BLOCK_US >= SETTLE_US)


def test_set_again_while_unsettled_it_waits_anew() -> None:
    watch = WallWatch()
    assert watch.settled(0, AHEAD_US)
    assert not watch.settled(BLOCK_US, 0)
    assert not watch.settled(SETTLE_US, AHEAD_US)
    assert not watch.settled(2 * SETTLE_US - 1, AHEAD_US + 2 * SETTLE_US)
    assert watch.settled(2 * SETTLE_US, AHEAD_US + 2 * SETTLE_US)
