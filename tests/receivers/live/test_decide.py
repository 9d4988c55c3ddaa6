from collections.abc import Container

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US, PRE_SKIP_FRAMES
from broadcast.wire.documents import Media
from broadcast.wire.now import LiveSession
from receivers.lab.trial.saying import NOON, URL, saying, spoken_at_noon
from receivers.live import decide
from receivers.live.decide import Growing, Taken

FEED = saying(1).feed(URL)
WHOLE = decide.of_made(FEED, Media(sha256="0" * 64, size_bytes=1, duration_us=60_000_000), NOON, NOON + 600_000_000)
PRE_SKIP_US = 6_500
S = 1_000_000

held_numbers = st.sets(st.integers(0, 120))
moments_us = st.integers(NOON - 60_000_000, NOON + 60_000_000)
delays_us = st.integers(600_000, 4_000_000)


@given(held=held_numbers, now_us=moments_us, delay_us=delays_us, last=st.none() | st.integers(0, 120))
def test_never_asked_for_is_what_is_late_or_held_nor_anything_after_the_end(
    held: set[int], now_us: int, delay_us: int, last: int | None
) -> None:
    growing = spoken_at_noon(FEED, delay_us)
    number = decide.ask_from(growing, held, last, now_us)
    due = decide.due_number(growing, now_us)
    if number is None:
        assert last is None or all(missing in held for missing in range(due, last + 1))
    else:
        assert number not in held
        assert number >= due
        assert last is None or number <= last
        assert all(between in held for between in range(due, number))
        assert growing.plays_us + (number + 1) * CHUNK_US - PRE_SKIP_US > now_us


@given(held=held_numbers, now_us=moments_us, last=st.none() | st.integers(0, 120))
def test_of_what_is_kept_whole_the_first_that_is_missing_is_asked_for(
    held: set[int], now_us: int, last: int | None
) -> None:
    missing = set(range(122 if last is None else last + 1)) - held
    assert decide.ask_from(WHOLE, held, last, now_us) == min(missing, default=None)


@given(held=held_numbers, number=st.integers(0, 5_000), now_us=moments_us, delay_us=delays_us)
def test_what_is_taken_is_fresh_not_past_and_within_bounds(
    held: set[int], number: int, now_us: int, delay_us: int
) -> None:
    growing = spoken_at_noon(FEED, delay_us)
    became, due = decide.taken(growing, held, None, number, now_us), decide.due_number(growing, now_us)
    expected = Taken.TWICE if number in held else Taken.PAST if number < due else Taken.TAKEN
    ahead_us = (number - due) * CHUNK_US
    if became is Taken.AHEAD:
        assert expected is Taken.TAKEN
        assert ahead_us > delay_us
    else:
        assert became is expected
        assert became is not Taken.TAKEN or ahead_us <= delay_us + 5_000_000


def test_a_chunk_is_past_when_its_last_sample_is() -> None:
    growing = spoken_at_noon(FEED)
    ends_us = growing.plays_us + CHUNK_US - PRE_SKIP_US
    assert decide.taken(growing, (), None, 0, ends_us - 1) is Taken.TAKEN
    assert decide.taken(growing, (), None, 0, ends_us) is Taken.PAST


def test_a_session_is_heard_its_delay_after_it_is_said() -> None:
    session = LiveSession(feed=FEED, start_us=NOON, until_us=NOON + 60_000_000, delay_us=1_500_000, frames=48_000)
    growing = decide.of_session(session)
    assert (growing.said_us, growing.plays_us, growing.frames) == (NOON, NOON + 1_500_000, 48_000)
    assert WHOLE.frames == 60 * 48_000


@given(delay_us=delays_us, moved_us=st.integers(-600_000_000, 600_000_000))
def test_a_session_is_asked_for_as_long_before_it_is_heard_again_as_before_it_begins(
    delay_us: int, moved_us: int
) -> None:
    growing = spoken_at_noon(FEED, delay_us)
    covered = structs.replace(growing, heard_us=growing.plays_us + moved_us)
    assert decide.opens_us(covered) - decide.opens_us(growing) == max(0, moved_us)
    assert decide.opens_us(structs.replace(WHOLE, heard_us=WHOLE.until_us)) == 0


@given(random=st.floats(0, 1, exclude_max=True), number=st.integers(0, 100), now_us=moments_us, delay_us=delays_us)
def test_the_watchdog_waits_for_what_is_not_said_yet_and_as_long_as_what_is_in_hand_may_last(
    random: float, number: int, now_us: int, delay_us: int
) -> None:
    growing = spoken_at_noon(FEED, delay_us)
    waits_us = decide.quiet_us(growing, number, now_us, random) - max(0, NOON + (number + 1) * CHUNK_US - now_us)
    assert 1_000_000 <= waits_us <= 3_500_000
    assert min(delay_us, 3_000_000) <= waits_us <= max(delay_us, 1_000_000) + 500_000
    assert 1_000_000 <= decide.quiet_us(WHOLE, number, now_us, random) <= 1_500_000


@given(chunks=st.integers(1, 200), here=st.integers(0, 200), took_us=st.integers(0, 60_000_000))
def test_a_text_begins_early_only_where_the_rest_comes_in_time_at_less_than_its_pace_so_far(
    chunks: int, here: int, took_us: int
) -> None:
    growing = structs.replace(WHOLE, frames=chunks * CHUNK_FRAMES - PRE_SKIP_FRAMES)
    begins = decide.comes_in_time(growing, range(here), NOON, NOON + took_us, NOON + took_us)
    if here < min(5, chunks):
        assert not begins
    elif begins:
        for number in range(here, chunks):
            comes_us = (number + 1 - here) * took_us / min(here, chunks) / 0.6
            assert comes_us <= (number + 1) * CHUNK_US + 1
    else:
        assert (chunks - here) * took_us / here / 0.6 > chunks * CHUNK_US


def test_a_text_begins_after_a_second_of_sound_on_a_link_that_brings_twice_as_much_as_is_heard() -> None:
    growing, second, opened_us = structs.replace(WHOLE, frames=50 * CHUNK_FRAMES), range(5), NOON

    def begins(held: Container[int], *, moved_s: float, now_s: float, of: Growing = growing) -> bool:
        return decide.comes_in_time(of, held, opened_us, NOON + round(moved_s * S), NOON + round(now_s * S))

    assert begins(second, moved_s=0.6, now_s=0.6)
    assert not begins(second, moved_s=1.2, now_s=1.2)
    assert begins(range(30), moved_s=0.6, now_s=1.5)
    assert not begins(range(30), moved_s=0.6, now_s=1.6)  # a link that stands still
    assert not begins({0, 1, 2, 3, *range(5, 40)}, moved_s=0.6, now_s=0.6)
    assert not begins(range(50), moved_s=0.6, now_s=0.6, of=structs.replace(growing, frames=None))
    assert not begins(range(50), moved_s=0.6, now_s=0.6, of=structs.replace(growing, said_us=NOON))


@given(random=st.floats(0, 1, exclude_max=True), took_us=st.integers(0, 3_000_000))
def test_attempts_keep_apart_and_never_long(random: float, took_us: int) -> None:
    apart_us = [took_us + decide.rest_us(failures, took_us, random) for failures in range(1, 12)]
    assert apart_us == sorted(apart_us)
    assert apart_us[0] <= max(100_000, took_us)
    assert max(500_000, took_us) <= apart_us[-1] <= max(1_600_000, took_us)


def test_a_slow_link_is_given_more_time() -> None:
    assert decide.open_us(slow=True) > decide.open_us(slow=False)


def test_a_text_hurries_while_it_comes_and_a_talk_never() -> None:
    """A text of eight seconds never sounded on 64 kbit/s, as its own file took the link from its feed."""
    assert decide.hurries(WHOLE, missing=True, quiet_us=decide.HURRY_US - 1)
    assert not decide.hurries(WHOLE, missing=True, quiet_us=decide.HURRY_US)
    assert not decide.hurries(WHOLE, missing=False, quiet_us=0)
    assert not decide.hurries(spoken_at_noon(FEED, 2_000_000), missing=True, quiet_us=0)
