"""Loa's own Mosquitto: started, watched, started again, and ended with its parent (does I/O)."""

import asyncio
import contextlib
import logging
import os
import resource
import shutil
import signal
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from broadcast.broker import config, folder
from broadcast.clock import US_PER_S, Clock
from broadcast.trustroot.folder import TrustRoot

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
STEADY_S = 30
"""A broker that ran for so long is started again at once."""
START_ATTEMPTS = 5
"""About three seconds: a centre that is just stopping may still hold the port."""
STOP_LIMIT_S = 10.0
ASK_AGAIN_S = 0.5
OPEN_FILES = 65_536
SEARCHED = "/usr/sbin:/usr/local/sbin:/sbin"


class BrokerUnavailable(Exception):
    """The broker cannot be started; the message says what to do."""


class Broker:
    """One Mosquitto in `where`, listening at `bind`:`port` (0 finds a free one)."""

    def __init__(self, where: Path, root: TrustRoot, bind: str, port: int, clock: Clock) -> None:
        self._folder = where
        self._root = root
        self._bind = bind
        self._clock = clock
        self.port = port or folder.free_port(bind)
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=20)
        self.running = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The running Mosquitto's."""
        return self._process.pid if self._process is not None else None

    def prepare(self, revoked: Iterable[tuple[int, datetime]]) -> None:
        """Write what Mosquitto reads; once, before `run`."""
        folder.prepare(self._folder, self._root, self._bind, self.port)
        folder.write_revocations(self._folder, self._root, revoked, self._clock.now())

    def refuse(self, revoked: Iterable[tuple[int, datetime]]) -> bool:
        """Refuse these serials, and only these, from the next connection on; whether that is new."""
        if not folder.write_revocations(self._folder, self._root, revoked, self._clock.now()):
            return False
        self._reload()
        return True

    def renew_certificate(self) -> None:
        """Use the server certificate as it is now in the key folder."""
        folder.write_certificate(self._folder, self._root)
        self._reload()

    async def run(self) -> None:
        """Keep the broker running until cancelled. Raises BrokerUnavailable if it never starts."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{SEARCHED}")
        if program is None:
            raise BrokerUnavailable(
                "Mosquitto is not installed. Install it (Debian: apt install mosquitto), "
                "or set LOA_BROKER_EXTERNAL to use another broker."
            )
        delay_s, failures, ever = FIRST_DELAY_S, 0, False
        while True:
            began_us = self._clock.monotonic_us()
            status = await self._run_once(program)
            ever = ever or self.running.is_set()
            self.running.clear()
            failures += 1
            if not ever and failures >= START_ATTEMPTS:
                raise BrokerUnavailable(self._why(status))
            if self._clock.monotonic_us() - began_us > STEADY_S * US_PER_S:
                delay_s = FIRST_DELAY_S
            log.warning("the broker ended (%s); next start in %.1f s", status, delay_s)
            await self._clock.sleep(delay_s)
            delay_s = min(delay_s * 2, LONGEST_DELAY_S)

    async def _run_once(self, program: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *_as_account(),
            program,
            "-c",
            config.CONFIG_FILE,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._process = process
        try:
            _allow_many_connections(process.pid)
            if process.stderr is not None:
                async for line in process.stderr:
                    self._heard(line.decode("utf-8", "replace").strip())
            return await process.wait()
        finally:
            await asyncio.shield(_end(process))
            self._process = None

    def _heard(self, line: str) -> None:
        self._tail.append(line)
        if line.startswith("mosquitto version") and line.endswith("running"):
            self.running.set()
        if line.startswith("Error"):
            log.warning("broker: %s", line)
        else:
            log.debug("broker: %s", line)

    def _why(self, status: int) -> str:
        if any("Address already in use" in line for line in self._tail):
            return (
                f"Port {self.port} on {self._bind} is used by another program (`ss -ltnp` shows which). "
                "Stop it, or set LOA_BROKER_PORT to another port."
            )
        if any("Cannot assign requested address" in line for line in self._tail):
            return f"This machine has no address {self._bind}: set LOA_BROKER_BIND to one that it has."
        return f"Mosquitto ended at once with status {status}: {' / '.join(self._tail) or 'it said nothing'}"

    def _reload(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)


def _as_account() -> list[str]:
    """Drops root before Mosquitto begins, and has the kernel end it when this process is gone, however it went.

    KILL rather than TERM: Mosquitto overlooks a TERM in its first moments and would hold the port for ever. What it
    had not saved by then is sent again.
    """
    owner = folder.account()
    drop = [] if owner is None else [f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups"]
    return ["setpriv", *drop, "--no-new-privs", "--pdeathsig=KILL"]


def _allow_many_connections(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (wanted, hard))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask Mosquitto to save and stop, again and again because it overlooks that while it starts; at last kill it."""
    for _attempt in range(round(STOP_LIMIT_S / ASK_AGAIN_S)):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_S):
                await process.wait()
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
