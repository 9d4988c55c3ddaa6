"""The broadcast's life, written out a second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire.documents import BroadcastClass
from scheduler.workflow import Event, NotPossible, State, approval_needed, diagram, possible, step

# Rows: states. Columns: edit, submit, approve, return, cancel, start, rest, finish. "-" is not possible.
COLUMNS = (
    Event.EDIT, Event.SUBMIT, Event.APPROVE, Event.RETURN, Event.CANCEL, Event.START, Event.REST, Event.FINISH,
)  # fmt: skip
EXPECTED = """
draft      draft     submitted  -         -         cancelled  -       -         -
submitted  draft     -          approved  returned  cancelled  -       -         -
returned   draft     submitted  -         -         cancelled  -       -         -
approved   draft     -          -         returned  cancelled  on_air  -         done
on_air     -         -          -         -         cancelled  -       approved  done
done       -         -          -         -         -          -       -         -
cancelled  -         -          -         -         -          -       -         -
"""
WITHOUT_APPROVAL = {
    (State.DRAFT, Event.SUBMIT): State.APPROVED,
    (State.RETURNED, Event.SUBMIT): State.APPROVED,
    (State.APPROVED, Event.EDIT): State.APPROVED,
}
LINES = [line.split() for line in EXPECTED.strip().splitlines()]
CELLS = [
    (State(line[0]), event, None if cell == "-" else State(cell))
    for line in LINES
    for event, cell in zip(COLUMNS, line[1:], strict=True)
]


def test_the_written_table_names_every_state_and_event() -> None:
    assert {state for state, _, _ in CELLS} == set(State)
    assert set(COLUMNS) == set(Event)


@pytest.mark.parametrize(("state", "event", "after"), CELLS)
@pytest.mark.parametrize("approval", [True, False])
def test_each_state_takes_each_event_as_written(
    state: State, event: Event, after: State | None, *, approval: bool
) -> None:
    if after is None:
        with pytest.raises(NotPossible) as refusal:
            step(state, event, approval=approval, other_person=True)
        assert (refusal.value.state, refusal.value.event) == (state, event)
        assert event not in possible(state)
        return
    wanted = after if approval else WITHOUT_APPROVAL.get((state, event), after)
    assert step(state, event, approval=approval, other_person=True) is wanted
    assert event in possible(state)


def test_the_author_is_never_the_approver() -> None:
    with pytest.raises(NotPossible) as refusal:
        step(State.SUBMITTED, Event.APPROVE)
    assert refusal.value.code == "own_broadcast"


@given(st.lists(st.sampled_from(Event)))
def test_nothing_goes_on_the_air_without_another_person(events: list[Event]) -> None:
    state = State.DRAFT
    for event in events:
        try:
            state = step(state, event)
        except NotPossible:
            continue
    assert state not in {State.APPROVED, State.ON_AIR, State.DONE}


@given(st.lists(st.tuples(st.sampled_from(Event), st.booleans())))
def test_an_edited_broadcast_needs_its_approval_again(events: list[tuple[Event, bool]]) -> None:
    state, approved_since_edit = State.DRAFT, False
    for event, other_person in events:
        try:
            state = step(state, event, other_person=other_person)
        except NotPossible:
            continue
        if event in {Event.EDIT, Event.APPROVE}:
            approved_since_edit = event is Event.APPROVE
        if state in {State.APPROVED, State.ON_AIR, State.DONE}:
            assert approved_since_edit


def test_nothing_is_free_of_approval_unless_a_zone_says_so() -> None:
    assert all(approval_needed(cls, None) for cls in BroadcastClass)
    assert not any(approval_needed(cls, ()) for cls in BroadcastClass)
    assert approval_needed(BroadcastClass.PRIORITY, {BroadcastClass.PRIORITY})
    assert not approval_needed(BroadcastClass.NORMAL, {BroadcastClass.PRIORITY})


def test_the_diagram_draws_every_step_and_no_other() -> None:
    steps = {f"    {state} --> {after}: {event}" for state, event, after in CELLS if after}
    free = {f"    {a} --> {b}: {event} (no approval needed)" for (a, event), b in WITHOUT_APPROVAL.items()}
    ends = {"    [*] --> draft", "    done --> [*]", "    cancelled --> [*]"}
    assert diagram().splitlines()[0] == "stateDiagram-v2"
    assert set(diagram().splitlines()[1:]) == steps | free | ends
