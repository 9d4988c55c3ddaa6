"""The running centre: one process, every part named (does I/O); `web.parts` says what the parts are.

Rules
- What cannot start is said in a sentence (`CannotStart`) before anything is served.
- Asked to stop, it takes no new requests, lets the parts end in order, the broker last, and leaves no child behind.
- A part that ends by itself or fails ends the process (`PartEnded`, or what it raised), and whoever supervises it
  starts it again; what must survive that is in the database. A database that is away for a while ends no part.
"""

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from broadcast.broker.process import BrokerUnavailable
from broadcast.clock import Clock, SystemClock
from web.api.microphone import MAX_PIECE_BYTES
from web.app import create_app
from web.centre import Centre
from web.middleware import InTurn
from web.pages.errors import problem_page
from web.pages.router import router as pages
from web.parts import CannotStart, Parts, assemble, build_centre
from web.settings import Settings

log = logging.getLogger(__name__)

LAST_REQUESTS_S = 3
"""How long requests that are being answered may still take when the centre stops."""
ASK_AGAIN_S = 2
BACKLOG = 2048
OPEN_FILES = 65_536
GARBAGE = (10_000, 20, 50)
"""After so many objects the new ones are looked through; so many of these looks go before one at older ones."""
SWITCH_S = 0.001
"""How long a thread that computes lets others wait: an urgent one waits after each of its questions to the database."""

Ready = Callable[[str], None]


class PartEnded(Exception):
    """A part that runs for ever did not."""


async def serve(settings: Settings, clock: Clock | None = None, ready: Ready | None = None) -> None:
    """Run the centre until SIGINT or SIGTERM; `ready` gets the URL once pages are served and the broker listens.

    Raises CannotStart, PartEnded, or what a part raised.
    """
    clock = clock or SystemClock()
    _allow_many_files()
    for doubt in settings.doubts:
        log.warning(doubt)
    with contextlib.ExitStack() as stack:
        sole = stack.enter_context(_lock(settings))
        web_socket = stack.enter_context(_listen(settings))
        settings = settings.model_copy(update={"port": web_socket.getsockname()[1]})
        centre = await asyncio.to_thread(build_centre, settings, clock)
        stack.callback(centre.store.close)
        if not sole and centre.store.is_sqlite:
            raise CannotStart(f"Another centre is running on {settings.data_dir}.")
        if sole:
            _clear(centre)
        parts = assemble(centre)
        await _run(parts, _Server(parts.centre, web_socket), ready or _say)


async def _run(parts: Parts, server: "_Server", ready: Ready) -> None:
    """Run the parts until SIGINT or SIGTERM, or until one of them ends; then end all, the broker last."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop.set)
    tasks = [asyncio.create_task(_for_ever(name, part), name=name) for name, part in parts.running().items()]
    web = asyncio.create_task(_until_stopped(server, stop), name="web")
    up, asked = asyncio.create_task(_up(parts, server)), asyncio.create_task(_set(stop))
    watched = [*tasks, web, asked]
    try:
        await asyncio.wait([*watched, up], return_when=asyncio.FIRST_COMPLETED)
        if not any(task.done() for task in watched):
            settle()
            ready(parts.centre.settings.base_url)
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    finally:
        log.info("stopping")
        stop.set()
        server.should_exit = True
        for task in (up, asked):
            await _end(task)
        await _end(web, cancel=False)
        for task in reversed(tasks):
            await _end(task)
        for wanted in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(wanted)
    _raise_first([*tasks, web])


def settle() -> None:
    """Have nothing hold up what is urgent: no looking for garbage among all that stays, no thread that goes on long.

    Each look through what was made until now would stop every thread for a third of a second. A page makes tens of
    thousands of objects and lets go of them at its end: looking through all that lives meanwhile finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    sys.setswitchinterval(SWITCH_S)


async def _for_ever(name: str, part: Coroutine[Any, Any, None]) -> None:
    await part
    raise PartEnded(f"the {name} ended by itself")


async def _up(parts: Parts, server: "_Server") -> None:
    await server.up.wait()
    if parts.broker is not None:
        await parts.broker.running.wait()


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _end(task: asyncio.Task[None], *, cancel: bool = True) -> None:
    """Wait for a task to end, asking again: before Python 3.12 `wait_for` can swallow a cancellation.

    That is why a task group does not do here: it asks once.
    """
    while not task.done():
        if cancel:
            task.cancel()
        await asyncio.wait([task], timeout=ASK_AGAIN_S)


def _raise_first(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BrokerUnavailable):
            raise CannotStart(str(error)) from None
        if error is not None:
            raise error


async def _until_stopped(server: "_Server", stop: asyncio.Event) -> None:
    await server.run_here()
    if not stop.is_set():
        raise PartEnded("the web server ended by itself")


class _Server(uvicorn.Server):
    """uvicorn on a socket of ours; signals are the centre's business."""

    def __init__(self, centre: Centre, listening: socket.socket) -> None:
        app = create_app(centre, problem_page)
        app.include_router(pages)
        super().__init__(
            uvicorn.Config(
                InTurn(app, "/media/"),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=LAST_REQUESTS_S,
                ws_max_size=MAX_PIECE_BYTES,
                ws_per_message_deflate=False,
            )
        )
        self._listening = listening
        self.up = asyncio.Event()

    async def run_here(self) -> None:
        await self.serve(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _lock(settings: Settings) -> Iterator[bool]:
    """Whether this is the only centre process on the data folder, for as long as the block runs."""
    try:
        settings.data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(settings.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as refused:
        raise CannotStart(f"The data folder {settings.data_dir} cannot be used: {refused}") from refused
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def _listen(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as refused:
        raise CannotStart(
            f"Pages cannot be served at {settings.host} port {settings.port}: {refused.strerror}. "
            "Stop what uses the port (`ss -ltnp` shows it), or set LOA_HOST and LOA_PORT."
        ) from refused
    with listening:
        yield listening


def _allow_many_files() -> None:
    """Each listener and each page that follows events holds one open."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _clear(centre: Centre) -> None:
    for files in (centre.media, centre.originals):
        if files is not None:
            files.clear_incoming()


def _say(url: str) -> None:
    log.info("ready at %s", url)
