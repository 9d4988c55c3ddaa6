"""Contacts: a press counts once, STOP is never undone by fear, and a stuck button means nothing."""

from hypothesis import given
from hypothesis import strategies as st

from receivers.hands.command import Go, Say, Stop
from receivers.hands.contacts import LONG_US, STUCK_US, Contacts

S = 1_000_000


def press(contacts: Contacts, at_us: int, held_us: int, *, stopped: bool, name: str = "stop") -> list[object]:
    """The commands of one press."""
    down = contacts.moved(name, closed=True, at_us=at_us, stopped=stopped)
    up = contacts.moved(name, closed=False, at_us=at_us + held_us, stopped=True)
    return [command for command in (down, up) if command is not None]


def test_stop_stops_as_it_closes_and_again_at_every_press() -> None:
    contacts = Contacts()
    assert press(contacts, 0, S, stopped=False) == [Stop()]
    assert press(contacts, 2 * S, S, stopped=True) == [Stop()]


def test_the_press_that_stopped_never_frees_however_long() -> None:
    assert press(Contacts(), 0, 10 * S, stopped=False) == [Stop()]


def test_a_long_press_while_stopped_frees_when_it_is_let_go() -> None:
    contacts = Contacts()
    assert press(contacts, 0, LONG_US, stopped=True) == [Stop(), Go()]
    assert press(contacts, 10 * S, LONG_US - 1, stopped=True) == [Stop()]
    assert press(contacts, 20 * S, STUCK_US, stopped=True) == [Stop()]


def test_a_message_counts_when_its_contact_closes() -> None:
    assert press(Contacts(), 0, 5 * S, stopped=True, name="messages.fire") == [Say("fire")]


def test_closed_already_when_first_seen_is_no_press() -> None:
    contacts = Contacts()
    contacts.first_seen("stop", closed=True, at_us=0)
    assert contacts.moved("stop", closed=True, at_us=S, stopped=False) is None
    assert contacts.moved("stop", closed=False, at_us=10 * S, stopped=True) is None
    assert press(contacts, 20 * S, S, stopped=False) == [Stop()]


def test_stuck_is_said_while_it_lasts() -> None:
    contacts = Contacts()
    contacts.moved("messages.fire", closed=True, at_us=0, stopped=False)
    assert contacts.stuck(STUCK_US - 1) == ()
    assert contacts.stuck(STUCK_US) == ("messages.fire",)
    contacts.moved("messages.fire", closed=False, at_us=STUCK_US + 1, stopped=False)
    assert contacts.stuck(2 * STUCK_US) == ()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 90 * S), st.booleans())))
def test_each_closing_is_one_stop_and_each_go_has_a_long_press_before_it(moves: list[tuple[bool, int, bool]]) -> None:
    contacts, at_us, closed_us, stopped_then = Contacts(), 0, None, False
    for closed, wait_us, stopped in moves:
        at_us += wait_us
        command = contacts.moved("stop", closed=closed, at_us=at_us, stopped=stopped)
        was_closed = closed_us is not None
        if closed and not was_closed:
            assert command == Stop()
            closed_us, stopped_then = at_us, stopped
        elif closed == was_closed:
            assert command is None
        else:
            assert closed_us is not None
            assert (command == Go()) == (stopped_then and LONG_US <= at_us - closed_us < STUCK_US)
            closed_us = None
