"""A conversation with a limit, however slowly the other side speaks (does I/O)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from broadcast.live.origin import Hurry


@contextmanager
def within(line: socket.socket, limit_s: float) -> Iterator[socket.socket]:
    """Cut the connection after so long: what fails by that is a TimeoutError.

    Gives what cuts it at once by `cut`: the same connection, whatever TLS makes of `line` meanwhile.
    """
    with line.dup() as same:
        hurry = Hurry(same, limit_s)
        try:
            yield same
        except Exception as error:
            if hurry.over:
                raise TimeoutError from error
            raise
        finally:
            hurry.cancel()
