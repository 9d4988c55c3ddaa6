"""What someone at the node can ask for, whichever way they ask (pure)."""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from broadcast.wire.documents import MessageName


class Stop(Struct, frozen=True, tag_field="do", tag="stop"):
    """Silence, emergencies too, within a block; held until `Go` or the hold's end."""


class Go(Struct, frozen=True, tag_field="do", tag="go"):
    """End the hold. What began before it does not come back."""


class Say(Struct, frozen=True, tag_field="do", tag="say"):
    """Play a prepared message."""

    name: MessageName


class SelfTest(Struct, frozen=True, tag_field="do", tag="test"):
    """Give out the chirp of the self-test as soon as nothing sounds."""


Command = Stop | Go | Say | SelfTest


class By(StrEnum):
    """Which hand it was."""

    CONTACT = "contact"
    COMMAND = "command"
    SIGNAL = "signal"


class Reply(Struct, frozen=True):
    """What came of a command; `said` is a sentence for whoever gave it."""

    done: bool
    said: str


Obey = Callable[[Command, By], Reply]
"""Never waits and never raises."""
