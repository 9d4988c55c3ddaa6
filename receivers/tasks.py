"""Ending tasks for certain (does nothing else).

Rules
- In Python 3.11 a cancelling can be lost: `asyncio.wait_for` swallows one that comes in the moment its future is done,
  and a TaskGroup that fails while it is cancelled tells only of the failure. So ask again until the task has ended.
- A TaskGroup that fails also leaves its parent marked as cancelled. The node's long tasks are therefore held by
  `run_until`, not by a TaskGroup.
"""

import asyncio
from collections.abc import Collection
from typing import Any

ASK_AGAIN_S = 5.0  # longer than an orderly farewell takes


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and return when all have ended, however they did."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN_S)


async def run_until(stopping: asyncio.Event, tasks: Collection[asyncio.Task[None]]) -> None:
    """Hold `tasks` until `stopping` is set or one of them ends, then end all; raises what one of them raised."""
    stop = asyncio.create_task(_set(stopping), name="stop")
    try:
        await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end((stop, *tasks))
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _set(event: asyncio.Event) -> None:
    await event.wait()
