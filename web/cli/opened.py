"""The centre's database for a command on the centre's own machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from broadcast.clock import SystemClock
from scheduler.store.engine import Store
from web.settings import Settings

clock = SystemClock()


@contextmanager
def store() -> Iterator[Store]:
    """The database of the settings in force, brought to this program's version."""
    opened = Store(Settings().database)
    try:
        opened.migrate()
        yield opened
    finally:
        opened.close()
