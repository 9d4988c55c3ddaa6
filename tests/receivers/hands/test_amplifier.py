"""The amplifier's relay: on for every cue and its lead, off outside, and never chattering."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import Amplifier
from receivers.hands.amplifier import OPEN, Relay, relay
from receivers.sound.cue import Cue, check_plan

S = 1_000_000
NOON = 1_800_000_000 * S
WARM = Amplifier(lead_us=2 * S, tail_us=5 * S)

gaps = st.lists(st.tuples(st.integers(0, 20 * S), st.integers(1, 20 * S)), max_size=6)
amplifiers = st.builds(Amplifier, lead_us=st.integers(0, 10 * S), tail_us=st.integers(0, 20 * S))
steps = st.lists(st.integers(1, 3 * S), max_size=60)


def plan_of(pieces: list[tuple[int, int]], first_us: int = NOON) -> tuple[Cue, ...]:
    """Cues by the gap before each and its length."""
    cues, at_us = [], first_us
    for number, (gap_us, length_us) in enumerate(pieces):
        start_us = at_us + gap_us
        at_us = start_us + length_us
        cues.append(Cue(str(number), Path("x"), start_us, 0, at_us))
    return check_plan(cues)


def followed(cues: tuple[Cue, ...], amplifier: Amplifier, looks_us: list[int], from_us: int) -> list[tuple[int, Relay]]:
    """The relay at each moment at which it is looked at: those given, and those at which it said it would move."""
    at_us, seen, state = from_us, [], OPEN
    queue = [from_us]
    for step_us in looks_us:
        at_us += step_us
        queue.append(at_us)
    while queue:
        now_us = queue.pop(0)
        current = tuple(cue for cue in cues if cue.end_us > now_us)  # as the plan is: what is over is not in it
        state = relay(state, current, amplifier, now_us)
        seen.append((now_us, state))
        if state.change_us is not None and (not queue or state.change_us < queue[0]):
            queue.insert(0, state.change_us)
    return seen


@given(gaps, amplifiers, steps)
def test_on_for_all_of_each_cue_with_its_lead_and_tail_and_for_nothing_else(
    pieces: list[tuple[int, int]], amplifier: Amplifier, looks_us: list[int]
) -> None:
    cues = plan_of(pieces)
    for now_us, state in followed(cues, amplifier, looks_us, NOON - 30 * S):
        due = any(cue.start_us - amplifier.lead_us <= now_us < cue.end_us + amplifier.tail_us for cue in cues)
        assert state.on == due


@given(gaps, amplifiers, steps)
def test_it_moves_twice_a_cue_at_most_and_keeps_through_short_gaps(
    pieces: list[tuple[int, int]], amplifier: Amplifier, looks_us: list[int]
) -> None:
    cues = plan_of(pieces)
    seen = [state.on for _, state in followed(cues, amplifier, looks_us, NOON - 30 * S)]
    moves = sum(one != other for one, other in zip([False, *seen], [*seen, seen[-1]], strict=True))
    long_gaps = sum(gap_us > amplifier.lead_us + amplifier.tail_us for gap_us, _ in pieces[1:])
    assert moves == (2 * (1 + long_gaps) if pieces else 0)


@given(gaps, amplifiers, st.integers(-5 * S, 60 * S))
def test_when_it_will_move_it_says_so(pieces: list[tuple[int, int]], amplifier: Amplifier, after_us: int) -> None:
    cues = plan_of(pieces)
    state = relay(OPEN, cues, amplifier, NOON + after_us)
    if state.change_us is None:
        assert not state.on
    else:
        assert state.change_us > NOON + after_us
        assert relay(state, cues, amplifier, state.change_us - 1).on == state.on
        assert relay(state, cues, amplifier, state.change_us).on != state.on


@given(gaps, amplifiers, st.integers(0, 30 * S))
def test_what_comes_without_notice_and_waits_until_the_earliest_has_its_lead(
    pieces: list[tuple[int, int]], amplifier: Amplifier, length_us: int
) -> None:
    first_us = NOON + amplifier.lead_us
    cues = plan_of([(0, length_us + 1), *pieces], first_us)
    assert amplifier.lead_us == 0 or relay(OPEN, cues, amplifier, NOON).on
    assert relay(OPEN, cues, amplifier, first_us).on


def test_a_late_join_closes_it_at_once() -> None:
    cues = plan_of([(0, 60 * S)])
    assert relay(OPEN, cues, WARM, NOON + 20 * S).on
    assert relay(OPEN, (), Amplifier(), NOON, sounding=True).on


def test_what_is_cut_off_has_its_tail_from_then_on() -> None:
    cues = plan_of([(0, 60 * S)])
    playing = relay(OPEN, cues, WARM, NOON + 20 * S)
    cut = relay(playing, (), WARM, NOON + 21 * S)
    assert (cut.on, cut.change_us) == (True, NOON + 26 * S)
    assert not relay(cut, (), WARM, NOON + 26 * S).on


def test_a_clock_set_back_leaves_it_on_for_no_more_than_a_tail() -> None:
    ended = relay(relay(OPEN, plan_of([(0, 10 * S)]), WARM, NOON), (), WARM, NOON + 10 * S)
    back = relay(ended, (), WARM, NOON - 3600 * S)
    assert (back.on, back.change_us) == (True, NOON - 3600 * S + WARM.tail_us)


def test_the_lead_counts_for_a_cue_far_ahead_too() -> None:
    cues = plan_of([(300 * S, 10 * S)])
    state = relay(OPEN, cues, replace(WARM, lead_us=10 * S), NOON)
    assert (state.on, state.change_us) == (False, NOON + 290 * S)
