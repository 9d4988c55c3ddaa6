"""Where sound belongs that comes whole and in order, but in bursts; and how much of it may come."""

from hypothesis import given
from hypothesis import strategies as st

from web.live.placing import RATE_HZ
from web.live.pouring import AHEAD_FRAMES, Pouring
from web.live.socket import STRANGERS, STRANGERS_OF_ADDRESS, Allowance, Strangers

PIECE = RATE_HZ // 10
WAITED = RATE_HZ // 2


def placed(arrivals: list[int]) -> list[int | None]:
    """Where pieces of 100 ms go that come at these times; what is half a second old on the timeline is passed by."""
    pouring, written, places = Pouring(), 0, list[int | None]()
    for now in arrivals:
        written = max(written, now - WAITED)
        at = pouring.put(PIECE, now, written)
        places.append(at)
        if at is not None:
            written = max(written, at + PIECE)
    return places


def test_the_first_ends_where_the_timeline_is_and_all_else_follows() -> None:
    assert placed([5 * PIECE, 6 * PIECE, 7 * PIECE]) == [4 * PIECE, 5 * PIECE, 6 * PIECE]


def test_a_burst_after_a_short_stand_changes_no_place() -> None:
    assert placed([PIECE, 5 * PIECE, 5 * PIECE, 5 * PIECE, 5 * PIECE]) == [n * PIECE for n in range(5)]


def test_a_long_stand_is_a_pause_and_what_was_said_meanwhile_comes_after_it() -> None:
    stood = [PIECE, *[20 * PIECE] * 19]
    places = placed([*stood, *(n * PIECE for n in range(21, 25)), *[40 * PIECE] * 16])
    assert places[1] == 19 * PIECE
    assert places[1:] == [n * PIECE for n in range(19, 19 + len(places) - 1)]  # nor is the next one heard


gaps = st.lists(st.integers(0, 30 * PIECE), min_size=1, max_size=60)


@given(gaps)
def test_places_go_forward_never_overlap_and_are_never_over_or_too_far_ahead(between: list[int]) -> None:
    now, ends, arrivals = 0, 0, list[int]()
    for gap in between:
        now += gap
        arrivals.append(now)
    for now, at in zip(arrivals, placed(arrivals), strict=True):
        if at is not None:
            assert at >= max(ends, now - WAITED)
            ends = at + PIECE
            assert ends <= now + AHEAD_FRAMES


def test_a_sender_faster_than_time_is_heard_no_further_ahead_than_the_limit() -> None:
    places = placed([0] * 60)
    assert places.index(None) == AHEAD_FRAMES // PIECE
    assert not any(places[places.index(None) :])


def test_so_much_a_second_and_a_burst_at_once() -> None:
    allowance = Allowance(100, 300)
    assert allowance.spend(300, 0)
    assert not allowance.spend(1, 0)
    assert allowance.spend(99, 1_010_000)
    assert not allowance.spend(400, 1_000_000_000)


def test_the_strangers_of_one_address_leave_room_for_those_of_others() -> None:
    strangers = Strangers()
    flood = [object() for _ in range(STRANGERS)]
    assert sum(strangers.take_in(one, "192.0.2.1") for one in flood) == STRANGERS_OF_ADDRESS
    assert strangers.take_in(object(), "192.0.2.2")
    strangers.forget(flood[0])
    assert strangers.take_in(object(), "192.0.2.1")
    many = sum(strangers.take_in(object(), f"198.51.100.{number}") for number in range(STRANGERS))
    assert (many, len(strangers)) == (STRANGERS - STRANGERS_OF_ADDRESS - 1, STRANGERS)


def test_a_household_has_many_ipv6_addresses_and_is_one_place() -> None:
    strangers = Strangers()
    flood = [strangers.take_in(object(), f"2001:db8::{number:x}") for number in range(1, STRANGERS + 1)]
    assert sum(flood) == STRANGERS_OF_ADDRESS
    assert strangers.take_in(object(), "2001:db8:0:1::1")
