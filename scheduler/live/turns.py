"""Whose turn it is to speak (pure).

Rules
- Two talks meet where a zone of one is a zone of the other, or lies above or below one; but a relay never meets what is
  above it and is no relay: it goes on beneath, as receivers give the air to the higher and are back when that is over.
- Of talks that meet one is on the air. A higher class takes it from a lower one, at the moment at which it begins.
- Equals wait, in the order in which they were asked for. Those that meet nobody never wait.
- What is asked for while a higher class is on the air there is refused; what waited already goes on waiting.
- A turn that is not taken within TURN_US goes to the next.
"""

from collections.abc import Collection

from msgspec import Struct

TURN_US = 60_000_000


class Talk(Struct, frozen=True):
    """`rank` is its class's, `paths` are of its zones, `asked_us` is its place among equals."""

    id: str
    rank: int
    asked_us: int
    on_air: bool
    paths: tuple[str, ...]
    relay: bool = False

    @property
    def place(self) -> tuple[int, int, str]:
        """Smaller goes first."""
        return -self.rank, self.asked_us, self.id


def meet(one: Talk, other: Talk) -> bool:
    """Whether somewhere both would be heard, and only one of them can be on the air."""
    touch = any(a.startswith(b) or b.startswith(a) for a in one.paths for b in other.paths)
    return touch and not _beneath(one, other) and not _beneath(other, one)


def refused_by(talk: Talk, others: Collection[Talk]) -> tuple[Talk, ...]:
    """Those on the air that are above it."""
    return tuple(other for other in others if other.on_air and other.rank > talk.rank and _meets(talk, other))


def ahead(talk: Talk, others: Collection[Talk]) -> tuple[Talk, ...]:
    """Those that it waits for: on the air and not below it, then waiting before it."""
    before = (o for o in others if _meets(talk, o) and (o.rank >= talk.rank if o.on_air else o.place < talk.place))
    return tuple(sorted(before, key=lambda other: (not other.on_air, other.place)))


def displaced(talk: Talk, others: Collection[Talk]) -> tuple[Talk, ...]:
    """Those on the air that end when it begins."""
    return tuple(other for other in others if other.on_air and other.rank < talk.rank and _meets(talk, other))


def _meets(talk: Talk, other: Talk) -> bool:
    return other.id != talk.id and meet(talk, other)


def _beneath(talk: Talk, other: Talk) -> bool:
    """Whether it is a relay that goes on while the other is heard."""
    return talk.relay and not other.relay and other.rank > talk.rank
