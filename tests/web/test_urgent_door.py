"""The order in which strangers come in, told by order alone."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from scheduler.errors import TooMany
from scheduler.people.actor import Actor
from scheduler.people.signin import Known
from scheduler.rights import Role
from web.urgent_door import AT_ONCE, MANY_ADDRESSES, STRANGERS, Door


class Queue:
    """Strangers at a door; each stays inside until `out` lets the first one go."""

    def __init__(self) -> None:
        self.door = Door()
        self.inside: list[str] = []
        self._go: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def comes(self, name: str) -> asyncio.Task[None]:
        """`name` begins with the address, a letter."""
        self._go[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._through(name))
        await asyncio.sleep(0)
        return self._tasks[name]

    async def out(self) -> None:
        name = self.inside.pop(0)
        self._go[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def _through(self, name: str) -> None:
        async with self.door.turn(name[0]):
            self.inside.append(name)
            await self._go[name].wait()


async def test_one_address_keeps_no_other_waiting() -> None:
    queue = Queue()
    for number in range(STRANGERS + AT_ONCE):
        await queue.comes(f"a{number}")
    await queue.comes("b0")
    came = []
    while queue.inside:
        came.append(queue.inside[0])
        await queue.out()
    assert came == ["a0", "a1", "a2", "b0", "a3", "a4", "a5"]


async def test_more_than_a_few_from_one_address_are_refused_and_room_comes_back() -> None:
    queue = Queue()
    for number in range(STRANGERS + AT_ONCE):
        await queue.comes(f"a{number}")
    with pytest.raises(TooMany):
        await (await queue.comes("a9"))
    while queue.inside:
        await queue.out()
    for number in range(STRANGERS + AT_ONCE):
        await queue.comes(f"a{number}")
    assert len(queue.inside) == STRANGERS


async def test_who_goes_away_while_waiting_takes_no_turn() -> None:
    queue = Queue()
    for name in ("a0", "a1", "b0", "c0"):
        await queue.comes(name)
    gone = queue._tasks["b0"]
    gone.cancel()
    await asyncio.wait({gone})
    await queue.out()
    assert queue.inside == ["a1", "c0"]


async def test_addresses_are_bounded() -> None:
    door = Door()
    async with door.turn("a"), door.turn("a"):
        waiting = [asyncio.create_task(_pass(door, str(number))) for number in range(MANY_ADDRESSES)]
        await asyncio.sleep(0)
        with pytest.raises(TooMany):
            await _pass(door, "one more")
    await asyncio.gather(*waiting)


async def test_a_household_has_many_ipv6_addresses_and_is_one_place() -> None:
    door = Door()
    addresses = [f"2001:db8::{number}" for number in range(AT_ONCE + 1)]
    async with door.turn("a"), door.turn("a"):
        tasks = [asyncio.create_task(_pass(door, address)) for address in (*addresses, "2001:db8:0:1::1")]
        await asyncio.sleep(0)
        refused = [task.done() for task in tasks]
    await asyncio.gather(*tasks, return_exceptions=True)
    assert refused == [False] * AT_ONCE + [True, False]


async def _pass(door: Door, address: str) -> None:
    async with door.turn(address):
        pass


@pytest.mark.parametrize(
    ("role", "urgent"),
    [(Role.OPERATOR, True), (Role.APPROVER, True), (Role.VIEWER, False)],
)
def test_who_may_do_something_urgent_is_told_from_who_may_not(
    add_person: Callable[..., Actor], places: Any, now: datetime, role: Role, urgent: bool
) -> None:
    door, actor = Door(), add_person("p", places.leng, role)
    assert door.met("t") is None
    assert door.meet(Known(actor, "t"), now).urgent is urgent
    assert door.met("t") == (actor.user_id, urgent)
