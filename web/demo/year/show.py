"""The pages on a filled database, without broker and receivers (does I/O).

Its loudspeakers exist nowhere: those that are online say so again here each minute, where a centre that runs would tell
of all of them that they are silent. What time does to broadcasts, and producing sound, goes on as in a centre.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import uvicorn
from sqlalchemy import update
from sqlmodel import col

from broadcast.clock import Clock
from scheduler.announcements.worker import Worker
from scheduler.bank.maker import BankMaker
from scheduler.broadcasts.onair import tick
from scheduler.fleet.models import Receiver
from web.app import create_app
from web.centre import Centre
from web.demo.year.alarms import RELAY_HOST
from web.pages.errors import problem_page
from web.pages.router import router
from web.parts import build_centre
from web.settings import Settings

_PULSE_S = 60.0
_TICK_S = 1.0


async def show(settings: Settings, clock: Clock) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotStart."""
    settings = settings.model_copy(update={"live_relay_hosts": RELAY_HOST})
    centre = await asyncio.to_thread(build_centre, settings, clock)
    app = create_app(centre, problem_page)
    app.include_router(router)
    server = uvicorn.Server(
        uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None, access_log=False)
    )
    tasks = [asyncio.create_task(part) for part in _parts(centre)]
    try:
        await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        centre.store.close()


def _parts(centre: Centre) -> tuple[Coroutine[Any, Any, None], ...]:
    store, clock, changes = centre.store, centre.clock, centre.changes
    if centre.producer is None:
        return (_pulse(centre), _ticks(centre))
    worker = Worker(store, centre.producer, clock=clock, changes=changes)
    bank = BankMaker(store, centre.producer, clock=clock, changes=changes, rest_s=centre.settings.bank_delay_s)
    return _pulse(centre), _ticks(centre), worker.run(), bank.run()


async def _pulse(centre: Centre) -> None:
    def beat() -> None:
        with centre.store.writing() as db:
            db.execute(update(Receiver).where(col(Receiver.online)).values(seen_at=centre.clock.now()))

    while True:
        await asyncio.to_thread(beat)
        await centre.clock.sleep(_PULSE_S)


async def _ticks(centre: Centre) -> None:
    def once() -> None:
        with centre.store.writing() as db:
            words = tick(db, centre.clock.now())
        centre.changes.tell(words)

    while True:
        await asyncio.to_thread(once)
        await centre.clock.sleep(_TICK_S)
