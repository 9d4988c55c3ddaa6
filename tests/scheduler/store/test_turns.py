import threading
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from scheduler.store.engine import Store
from scheduler.store.turns import Turns

LIMIT_S = 30


def waiting(count: int, turns: Turns) -> Callable[[], bool]:
    return lambda: len(turns._urgent) + len(turns._others) == count


def queue_up(turns: Turns, kinds: list[bool]) -> list[int]:
    """In which order threads had their turn that asked one after another (`True`: urgent) while it was taken."""
    order: list[int] = []
    turns.take(LIMIT_S)

    def one(number: int, *, urgent: bool) -> None:
        assert turns.take(LIMIT_S, urgent=urgent)
        order.append(number)
        turns.give_back()

    threads = []
    for number, urgent in enumerate(kinds):
        thread = threading.Thread(target=one, args=(number,), kwargs={"urgent": urgent})
        thread.start()
        threads.append(thread)
        asked = waiting(number + 1, turns)
        while not asked():
            pass
    turns.give_back()
    for thread in threads:
        thread.join(LIMIT_S)
    return order


@given(st.lists(st.booleans(), max_size=8))
def test_urgent_ones_go_first_and_each_kind_in_the_order_of_asking(kinds: list[bool]) -> None:
    numbers = range(len(kinds))
    assert queue_up(Turns(), kinds) == [n for n in numbers if kinds[n]] + [n for n in numbers if not kinds[n]]


def test_who_gives_up_waiting_is_not_waited_for() -> None:
    turns = Turns()
    assert turns.take(LIMIT_S)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0.01)


def test_an_urgent_transaction_goes_before_the_writers_that_wait(sqlite_store: Store) -> None:
    order: list[str] = []

    def write(name: str, *, urgent: bool) -> None:
        with sqlite_store.writing(urgent=urgent):
            order.append(name)

    turns = sqlite_store._turns
    assert turns is not None
    threads: list[threading.Thread] = []
    with sqlite_store.writing():
        for number in range(12):
            thread = threading.Thread(target=write, args=(f"page {number}",), kwargs={"urgent": False})
            thread.start()
            threads.append(thread)
        threads.append(threading.Thread(target=write, args=("emergency",), kwargs={"urgent": True}))
        while not waiting(12, turns)():
            pass
        threads[-1].start()
        while not waiting(13, turns)():
            pass
    for thread in threads:
        thread.join(LIMIT_S)
    assert order[0] == "emergency"
    assert len(order) == 13
