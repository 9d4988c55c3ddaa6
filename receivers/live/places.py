"""Where hosts were found last: a name server that does not answer must not keep live sound away (asks the resolver)."""

import threading
from contextlib import suppress
from typing import Any

from receivers.line import look_up

Address = tuple[str, int]


class Places:
    """Places by host and port, thread-safe. Only who asks for a host first waits for the resolver."""

    def __init__(self) -> None:
        self._known: dict[Address, list[Any]] = {}
        self._doubted = False
        self._looking: threading.Thread | None = None

    def doubt(self) -> None:
        """What is known led nowhere: when it is asked for again it is looked up beside."""
        self._doubted = True

    def find(self, address: Address) -> list[Any]:
        """As `receivers.line.Find`."""
        if address not in self._known:
            self._look_up(address)
        elif self._doubted and (self._looking is None or not self._looking.is_alive()):
            self._doubted = False
            self._looking = threading.Thread(target=self._look_again, args=(address,), name="look up", daemon=True)
            self._looking.start()
        return self._known[address]

    def _look_up(self, address: Address) -> None:
        self._known[address] = look_up(address)

    def _look_again(self, address: Address) -> None:
        with suppress(OSError):
            self._look_up(address)
