"""Tells those who watch a page that something they look at has changed.

A change is a short word such as `recording:ID`, `broadcast:ID`, `receiver:ID`, `airing:ID`; it carries no data, so that
what a watcher may see is decided when the watcher asks. A slow watcher gets one merged set, never a backlog.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable


class Changes:
    """Thread-safe on the sending side; watchers live on the event loop that `attach` named."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchers: set[_Watcher] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def tell(self, words: Iterable[str]) -> None:
        """Let every watcher know; does nothing without words, before `attach` and after the loop has closed."""
        told = frozenset(words)
        if told and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, told)

    async def watch(self) -> AsyncIterator[frozenset[str]]:
        """Sets of words, each as soon as the last one was taken."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            while True:
                await watcher.wake.wait()
                watcher.wake.clear()
                words, watcher.words = frozenset(watcher.words), set()
                yield words
        finally:
            self._watchers.discard(watcher)

    def _spread(self, words: frozenset[str]) -> None:
        for watcher in self._watchers:
            watcher.words |= words
            watcher.wake.set()


class _Watcher:
    def __init__(self) -> None:
        self.words: set[str] = set()
        self.wake = asyncio.Event()
