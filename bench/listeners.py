"""Many listeners of one HTTP stream in one process, and when the last of them had each chunk.

`python -m bench.listeners PORT PATH COUNT TLS` says `ready` once all are connected and have heard something. It then
reads a line of JSON, the sizes of the chunks to come and when each is due (UTC in us), and answers with one: how late
each was at the last listener, in us, and how many deliveries were missing when the time was over. A listener has a
chunk when it has as many bytes as all chunks so far: nobody looks into them.
"""

import json
import selectors
import socket
import ssl
import sys
from contextlib import suppress
from itertools import accumulate

from broadcast.clock import SystemClock

HOST = "127.0.0.1"
PATIENCE_US = 3_000_000
CONNECT_LIMIT_S = 60.0
AT_ONCE_BYTES = 65_536
HEARD_EVERY = 100


class Ear:
    """A listener: its connection and what it has of the chunks."""

    __slots__ = ("connection", "has", "heard_bytes")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard_bytes = 0
        self.has = 0


def connect(port: int, path: str, tls: bool) -> Ear:
    """A listener that has asked for the stream."""
    connection = socket.create_connection((HOST, port), CONNECT_LIMIT_S)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
    connection.setblocking(False)
    return Ear(connection)


def hear(ear: Ear) -> int:
    """How many bytes came."""
    came = 0
    with suppress(BlockingIOError, ssl.SSLWantReadError):
        while data := ear.connection.recv(AT_ONCE_BYTES):
            came += len(data)
        raise RuntimeError("the server closed a connection")
    return came


def follow(selector: selectors.BaseSelector, ears: list[Ear], sizes: list[int], due_us: list[int]) -> dict[str, object]:
    """Hear all chunks, or as much as comes in time."""
    clock = SystemClock()
    ends, last_us, missing = list(accumulate(sizes)), [0] * len(sizes), len(sizes) * len(ears)
    until_us = due_us[-1] + PATIENCE_US
    while missing and clock.now_us() < until_us:
        for key, _ in selector.select(0.5):
            ear: Ear = key.data
            ear.heard_bytes += hear(ear)
            now_us = clock.now_us()
            while ear.has < len(ends) and ear.heard_bytes >= ends[ear.has]:
                last_us[ear.has] = now_us
                ear.has += 1
                missing -= 1
    return {"late_us": [last - due for last, due in zip(last_us, due_us, strict=True) if last], "missing": missing}


def _hear_some(selector: selectors.BaseSelector, deaf: set[Ear], wait_s: float | None) -> bool:
    """Hear what there is; whether something is asked."""
    asked = False
    for key, _ in selector.select(wait_s):
        if key.data is None:
            asked = True
        else:
            hear(key.data)
            deaf.discard(key.data)
    return asked


def main() -> None:
    port, path, count, tls = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "tls"
    selector = selectors.DefaultSelector()
    ears, deaf = [], set[Ear]()
    for number in range(count):
        ear = connect(port, path, tls)
        selector.register(ear.connection, selectors.EVENT_READ, ear)
        ears.append(ear)
        deaf.add(ear)
        if number % HEARD_EVERY == 0:  # who does not listen is given up by either server
            _hear_some(selector, deaf, 0)
    while deaf:
        _hear_some(selector, deaf, None)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    while not _hear_some(selector, deaf, None):
        pass
    asked = json.loads(sys.stdin.readline())
    selector.unregister(sys.stdin)
    for ear in ears:
        hear(ear)
    print(json.dumps(follow(selector, ears, asked["sizes"], asked["due_us"])), flush=True)


if __name__ == "__main__":
    main()
