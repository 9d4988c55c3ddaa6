"""One talk as this process carries it: who sits at the microphone, and whether it is on the air."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from scheduler.live.models import LiveTalk
from web.live.acts import Act
from web.live.booth import Booth
from web.live.line import Line
from web.live.socket import SocketLine

P = TypeVar("P")


@dataclass(eq=False)
class Stage:
    """Belongs to the event loop. `act` is there once it begins; `refused` says why it could not go on the air.

    `sign_in` is the digest of the session or token that the microphone was connected with, None where there is none.
    `elsewhere`: another process of the centre carries it.
    """

    talk: LiveTalk
    line: Line | SocketLine | None = None
    booth: Booth | None = None
    act: Act | None = None
    on_air: bool = False
    refused: str | None = None
    sign_in: str | None = None
    elsewhere: bool = False
    _begun: bool = False
    _came: set[str] = field(default_factory=set)
    _microphones: dict[str, Callable[[Any], None]] = field(default_factory=dict)

    def seat(
        self, line: Line | SocketLine, begin: Callable[[], None], microphone: Callable[[Booth], Callable[[P], None]]
    ) -> Callable[[P], None]:
        """What takes the packets of `line`, by a `microphone` of its own; the first of the talk calls `begin`."""

        def put(packet: P) -> None:
            self._came.add(line.id)
            if not self._begun:
                self._begun = True
                begin()
            booth = self.booth
            if booth is None or line is not self.line:
                return
            if line.id not in self._microphones:
                self._microphones = {line.id: microphone(booth)}
            self._microphones[line.id](packet)

        return put

    def has_come(self, line: Line | SocketLine) -> bool:
        """Whether a packet came over this line."""
        return line.id in self._came
