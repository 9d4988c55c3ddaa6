"""Calls into a library that may never return (does I/O)."""

import threading
from collections.abc import Callable


class Stuck(Exception):
    """A call has not returned in time, or an earlier one still has not."""


class Patience:
    """Makes calls one at a time, each on a thread of its own, and waits no longer than `limit_s` for any.

    A call that takes longer is left behind; until it has returned after all no other is made. So there is never more
    than one such thread.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._left: threading.Thread | None = None

    @property
    def is_out(self) -> bool:
        """Whether a call was left behind and has not returned yet."""
        return self._left is not None and self._left.is_alive()

    def call(self, name: str, what: Callable[[], None]) -> None:
        """Call `what`; raises what it raises, or Stuck."""
        if self.is_out:
            raise Stuck(f"{self._left.name if self._left else name} has not returned")
        raised: list[Exception] = []

        def run() -> None:
            try:
                what()
            except Exception as error:  # noqa: BLE001 - raised where it was called from
                raised.append(error)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        thread.join(self._limit_s)
        if thread.is_alive():
            self._left = thread
            raise Stuck(f"{name} has not returned within {self._limit_s:g} s")
        if raised:
            raise raised[0]
