"""What is told to residents (pure)."""

from datetime import datetime

from msgspec import Struct

from broadcast.wire.documents import BroadcastClass
from scheduler.residents.publishing import Said


class Time(Struct, frozen=True):
    """An airing; `heard` is None while nothing can be said of it."""

    id: str
    start: datetime
    end: datetime
    heard: bool | None = None


class Notice(Struct, frozen=True, kw_only=True):
    """What is announced at `times`, in the name of `sender`; the first of `recordings` is heard in the place.

    A `relay` of another station has no recordings and no page of its own, so its `id` is empty.
    """

    id: str
    title: str
    recordings: tuple[Said, ...]
    cls: BroadcastClass
    sender: str
    times: tuple[Time, ...]
    relay: bool = False

    @property
    def text(self) -> str | None:
        return next((said.text for said in self.recordings if said.text), None)

    def begun(self, now: datetime) -> bool:
        """Whether its sound can be had."""
        return any(time.start <= now for time in self.times)
