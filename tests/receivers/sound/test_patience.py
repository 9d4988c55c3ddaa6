import threading

import pytest

from receivers.sound.patience import Patience, Stuck

LONG_S = 20.0


def test_what_is_called_is_done_and_what_it_raises_is_raised() -> None:
    done: list[int] = []
    Patience(LONG_S).call("it", lambda: done.append(1))
    assert done == [1]
    with pytest.raises(ZeroDivisionError):
        Patience(LONG_S).call("it", lambda: done.append(1 // 0))


def test_while_a_call_hangs_no_other_is_made_and_after_it_they_are() -> None:
    go_on, gone, patience = threading.Event(), threading.Event(), Patience(0.01)

    def hang() -> None:
        go_on.wait(LONG_S)
        gone.set()

    before = threading.active_count()
    with pytest.raises(Stuck, match="closing it has not returned within"):
        patience.call("closing it", hang)
    for _ in range(50):
        with pytest.raises(Stuck, match="closing it has not returned"):
            patience.call("opening it", gone.clear)
    assert (patience.is_out, threading.active_count()) == (True, before + 1)
    [left] = [thread for thread in threading.enumerate() if thread.name == "closing it"]
    go_on.set()
    left.join(LONG_S)
    assert gone.is_set()
    patience.call("opening it", gone.clear)
    assert (patience.is_out, gone.is_set()) == (False, False)
