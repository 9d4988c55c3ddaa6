"""Keeps the recordings that the programme needs on the disk (does I/O): checks, fetches, makes room.

Rules
- One thing at a time, so at most one download; one that is needed within minutes makes a less urgent one step aside,
  and one that is no longer needed is given up.
- While a feed is to have the link to itself, what is not needed before it begins (`busy_from_us`) is not fetched.
- What is on disk is read and checked before anything is fetched, next needed first.
- The disk's limits hold before a fetch begins; reports and documents are never touched.
- What others write to the disk counts too: under `free_min_bytes` what is not needed goes, the oldest first, so that
  reports and documents find room. What is needed stays.
- While the disk cannot be written nothing is asked for: it would be paid for and lost.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from errno import ENOSPC
from secrets import SystemRandom

from broadcast.clock import Clock
from receivers import fetch
from receivers.config import Config
from receivers.media import MediaStore
from receivers.needs import RECHECK_AHEAD_US, Need, backoff_us, next_fetch, next_recheck, overtakes, to_let_go
from receivers.tasks import end

log = logging.getLogger(__name__)

IDLE_S = 5.0
NEAR_S = 0.2  # between two looks whether a feed has the link
LOOKS = 5  # so many of them, and it is looked whether a download still is right
NOT_SIGNED = "media_not_signed"
SHOWN_AFTER = 3  # failures in a row before a recording that does not come is a fault


class Stock:
    """The store kept as `wants` says; `changed` is called when a recording became ready or was lost.

    `refusals` counts what came and was not what was signed.
    """

    def __init__(
        self,
        store: MediaStore,
        urls: Sequence[str],
        config: Config,
        clock: Clock,
        *,
        wants: Callable[[], tuple[Need, ...]],
        changed: Callable[[], None],
        open_client: Callable[[], fetch.Client] = fetch.open_client,
        busy_from_us: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._open_client = open_client
        self._busy_from_us = busy_from_us
        self._store = store
        self._urls = urls
        self._config = config
        self._clock = clock
        self._wants = wants
        self._changed = changed
        self._random = SystemRandom()
        self._wake = asyncio.Event()
        self._failures: dict[str, int] = {}
        self._not_before_us: dict[str, int] = {}
        self._errors: dict[str, Exception] = {}
        self._corrupt: set[str] = set()
        self._unwritable: str | None = None
        self._low: str | None = None
        self.suspects: set[str] = set()
        self.refusals: Counter[str] = Counter()

    @property
    def corrupt(self) -> tuple[str, ...]:
        """Needed recordings that were found altered on disk and are not back yet."""
        return tuple(need.sha256 for need in self._wants() if need.sha256 in self._corrupt)

    @property
    def disk_full(self) -> str | None:
        """Why a needed recording has no room, or how far the disk is below what must be free."""
        return next((str(error) for error in self._disk_errors() if error.errno == ENOSPC), self._low)

    @property
    def disk_error(self) -> str | None:
        """Why the disk cannot be written."""
        return next((str(error) for error in self._disk_errors() if error.errno != ENOSPC), self._unwritable)

    @property
    def refused(self) -> str | None:
        """Why what came for a needed recording was not taken."""
        return next((str(error) for error in self._open_errors() if isinstance(error, fetch.FetchRefused)), None)

    @property
    def unfetched(self) -> str | None:
        """Why a needed recording does not come, once that has lasted."""
        return next((str(error) for error in self._open_errors(SHOWN_AFTER)), None)

    def nudge(self) -> None:
        """The network may be back: look and try again now."""
        self._not_before_us.clear()
        self._wake.set()

    def look(self) -> None:
        """The needs have changed."""
        self._wake.set()

    def doubt(self, suspects: Collection[str]) -> None:
        """These would not play: read them again before anything else."""
        if suspects:
            self.suspects |= set(suspects)
            self._wake.set()

    async def check_imminent(self) -> None:
        """Check what is on disk and plays within minutes; before the first plan is made."""
        horizon_us = self._clock.now_us() + RECHECK_AHEAD_US
        on_disk = self._store.on_disk()
        for need in self._wants():
            if need.sha256 in on_disk and need.due_us <= horizon_us:
                await self._check(need.sha256)

    async def run(self) -> None:
        """For ever."""
        async with self._open_client() as client:
            while True:
                self._wake.clear()
                try:
                    busy = await self._step(client)
                except OSError as error:
                    self._unwritable = str(error)
                    busy = False
                if not busy:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(IDLE_S if self._busy_from_us() is None else NEAR_S):
                            await self._wake.wait()

    async def _step(self, client: fetch.Client) -> bool:
        """Do the one most urgent thing; False when there is nothing to do now."""
        wanted, now_us = self._wants(), self._clock.now_us()
        unchecked = self._store.on_disk() - self._store.ready.keys()
        stale = next_recheck(wanted, self._store.ready, now_us)
        doubtful = next(iter(self.suspects), None) or (stale.sha256 if stale else None)
        due = next((need.sha256 for need in wanted if need.sha256 in unchecked), None) or doubtful
        if due is not None:
            await self._check(due)
            return True
        self._look_at_disk(wanted)
        need = self._next_fetch(wanted)
        if need is not None and not self._waits(need):
            await self._bring(client, need)
            return True
        if unchecked:
            await self._check(min(unchecked))
        return bool(unchecked)

    def _look_at_disk(self, wanted: Sequence[Need]) -> None:
        """Make what must be free; OSError while the disk cannot be written."""
        self._store.need_writable()
        self._unwritable = None
        if self._low_bytes() > 0:
            self._store.clear_aside()
        if self._low_bytes() > 0 and self._store.let_go_oldest({need.sha256 for need in wanted}, self._low_bytes()):
            self._changed()
        low_bytes = self._low_bytes()
        self._low = f"{low_bytes} bytes less are free than must be" if low_bytes > 0 else None

    def _low_bytes(self) -> int:
        return self._config.free_min_bytes - self._store.free_bytes()

    def _next_fetch(self, wanted: Sequence[Need]) -> Need | None:
        """Waiting is done in monotonic time: a wall clock that is set back must not hold a recording up."""
        return next_fetch(wanted, self._store.ready, self._not_before_us, self._clock.monotonic_us())

    async def _check(self, sha256: str) -> None:
        self.suspects.discard(sha256)
        was_ready = sha256 in self._store.ready
        right = await asyncio.to_thread(self._store.check, sha256, self._clock.now_us())
        if right is False:
            log.warning("recording %s was altered on disk and is fetched again", sha256)
            self._corrupt.add(sha256)
        if right is not was_ready:
            self._changed()

    async def _bring(self, client: fetch.Client, need: Need) -> None:
        failures = self._failures.get(need.sha256, 0)
        try:
            self._make_room(need)
            url = self._urls[failures % len(self._urls)] + need.sha256
            await self._watched(fetch.fetch(client, url, need, self._store, self._clock), need)
        except (fetch.FetchFailed, OSError) as error:
            self._failed(need, error)
        else:
            if need.sha256 in self._store.ready:
                for table in (self._failures, self._errors, self._not_before_us):
                    table.pop(need.sha256, None)
                self._corrupt.discard(need.sha256)
                self._changed()

    async def _watched(self, download: Coroutine[object, object, None], need: Need) -> None:
        """Await `download`, but leave it when it is not needed any more or must step aside."""
        task = asyncio.create_task(download, name="download")
        try:
            looks = 0
            while not (await asyncio.wait({task}, timeout=NEAR_S))[0]:
                looks += 1
                if self._waits(need) or (looks % LOOKS == 0 and self._is_wrong(need)):
                    return
            task.result()
        finally:
            await end((task,))

    def _waits(self, need: Need) -> bool:
        """Whether the link is a feed's that begins no later."""
        from_us = self._busy_from_us()
        return from_us is not None and need.due_us >= from_us

    def _is_wrong(self, need: Need) -> bool:
        """Whether it is not needed any more, or something else is sooner."""
        wanted = self._wants()
        unneeded = all(need.sha256 != still.sha256 for still in wanted)
        return unneeded or overtakes(self._next_fetch(wanted), need, self._clock.now_us())

    def _make_room(self, need: Need) -> None:
        wanted = self._wants()
        self._store.remove_parts(frozenset(still.sha256 for still in wanted))
        over_bytes = self._over_bytes(need)
        if over_bytes > 0:
            self._store.clear_aside()
            over_bytes = self._over_bytes(need)
        if over_bytes <= 0:
            return
        chosen = to_let_go(self._store.ready, wanted, need, over_bytes)
        for sha256 in chosen:
            self._store.remove(sha256)
        if not chosen:
            raise OSError(ENOSPC, f"{over_bytes} bytes too few for recording {need.sha256}")
        self._changed()

    def _over_bytes(self, need: Need) -> int:
        coming_bytes = need.size_bytes - self._store.done_bytes(need.sha256)
        over_limit = self._store.used_bytes() + coming_bytes - self._config.cache_limit_bytes
        return max(over_limit, coming_bytes + self._config.free_min_bytes - self._store.free_bytes())

    def _failed(self, need: Need, error: Exception) -> None:
        failures = self._failures.get(need.sha256, 0) + 1
        level = logging.WARNING if failures == 1 else logging.DEBUG
        log.log(level, "recording %s did not come: %s", need.sha256, error)
        self._failures[need.sha256] = failures
        self._errors[need.sha256] = error
        if isinstance(error, fetch.FetchRefused):
            self.refusals[NOT_SIGNED] += 1
        self._not_before_us[need.sha256] = self._clock.monotonic_us() + backoff_us(failures, self._random.random())

    def _disk_errors(self) -> list[OSError]:
        return [error for error in self._open_errors() if isinstance(error, OSError)]

    def _open_errors(self, failures: int = 1) -> list[Exception]:
        needed = (need.sha256 for need in self._wants() if need.sha256 not in self._store.ready)
        return [self._errors[key] for key in needed if self._failures.get(key, 0) >= failures]
