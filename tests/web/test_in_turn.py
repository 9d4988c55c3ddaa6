"""Many who want the same at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from web.middleware import InTurn

AT_ONCE, MANY = 3, 20


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def _unheard(_message: Any) -> None:
    pass


class Answers:
    """An application: each answer begins when it may, and ends when it may."""

    def __init__(self) -> None:
        self.asked = self.begun = 0
        self.begin, self.end = asyncio.Event(), asyncio.Event()

    async def __call__(self, _scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        self.asked += 1
        await self.begin.wait()
        if self.asked > MANY:
            raise ConnectionResetError
        self.begun += 1
        await send({"type": "http.response.start", "status": 200})
        await self.end.wait()
        await send({"type": "http.response.body"})


async def _settle() -> None:
    for _ in range(MANY * 5):
        await asyncio.sleep(0)


async def test_a_few_at_a_time_are_answered_until_their_answers_begin_and_others_wait_for_none_of_them() -> None:
    answers = Answers()
    door = InTurn(answers, "/media/", AT_ONCE)
    asking = [asyncio.create_task(door({"type": "http", "path": "/media/x"}, _nothing, _unheard)) for _ in range(MANY)]
    await _settle()
    assert answers.asked == AT_ONCE
    page = asyncio.create_task(door({"type": "http", "path": "/emergency"}, _nothing, _unheard))
    await _settle()
    assert answers.asked == AT_ONCE + 1
    answers.asked -= 1
    answers.begin.set()
    await _settle()
    assert (answers.asked, answers.begun) == (MANY, MANY + 1)  # nobody waits for a slow link to take its answer
    assert not any(task.done() for task in asking)
    answers.end.set()
    await asyncio.gather(page, *asking)


async def test_who_fails_before_the_answer_keeps_no_turn() -> None:
    answers = Answers()
    answers.asked = MANY
    answers.begin.set()
    door = InTurn(answers, "/media/", AT_ONCE)
    asking = (door({"type": "http", "path": "/media/x"}, _nothing, _unheard) for _ in range(MANY))
    broken = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, ConnectionResetError) for one in broken)
