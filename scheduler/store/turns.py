"""One at a time, the urgent ones first."""

import threading
from collections import deque


class Turns:
    """A lock for threads in the order in which they asked; an urgent one goes before all that wait."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._urgent: deque[threading.Lock] = deque()
        self._others: deque[threading.Lock] = deque()

    def take(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Whether it was this thread's turn within `timeout_s`; then `give_back` must follow."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            gate = threading.Lock()
            gate.acquire()
            queue = self._urgent if urgent else self._others
            queue.append(gate)
        if gate.acquire(timeout=timeout_s):
            return True
        with self._guard:
            if gate in queue:
                queue.remove(gate)
                return False
        return True  # it was handed over in the last moment

    def give_back(self) -> None:
        """Hand over to the next."""
        with self._guard:
            queue = self._urgent or self._others
            if queue:
                queue.popleft().release()
            else:
                self._taken = False
