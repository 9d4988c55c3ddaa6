"""Opens what a relay may hear, and nothing else (does I/O).

Rules
- Only http and https, only hosts that are allowed by name, at every step: redirects and the parts of a playlist too.
- A name that leads to a private address is refused, so that nobody's DNS turns a relay on the inside of this network,
  unless that address is itself an allowed host. The connection goes to the address that was checked.
- Every wait has a limit, and so has everything that is fetched: the head of an answer and what belongs to a playlist in
  seconds as well as in bytes. A stream lasts as long as its relay.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Self
from urllib.parse import urljoin, urlsplit

MAX_REDIRECTS = 3
LOOK_UP_S = 10.0
"""For the address of a name: the resolver's own patience is longer, and longer still with several servers."""
CONNECT_S = 10.0
HEAD_S = 15.0
"""From the beginning of a connection to the end of the answer's head."""
PART_S = 60.0
SILENT_S = 10.0
"""A stream that brings nothing for so long is broken."""
MAX_STREAM_BYTES = 1 << 30
MAX_PART_BYTES = 32 << 20
"""Of a playlist or one of its parts."""
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as NAT64 writes them (RFC 6052)."""
_HEADERS = {"User-Agent": "Loa", "Accept": "*/*"}


class NotAllowed(Exception):
    """The address may not be relayed; the message says why."""


class Origin:
    """Opens addresses on `hosts` (lower case names or addresses); `close` ends what is being read, from any thread."""

    def __init__(self, hosts: frozenset[str], head_s: float = HEAD_S) -> None:
        self._hosts = hosts
        self._head_s = head_s
        self._lines: set[socket.socket] = set()
        self._names = Names()
        self._lock = threading.Lock()
        self._closed = False

    def open(self, url: str, limit_bytes: int = MAX_STREAM_BYTES, limit_s: float | None = None) -> "Stream":
        """What is at `url`. Raises NotAllowed, OSError."""
        for _ in range(MAX_REDIRECTS + 1):
            line, answer = self._ask(url)
            if answer.status == http.client.OK:
                return Stream(self, line, answer, url, limit_bytes=limit_bytes, limit_s=limit_s)
            answer.close()
            self.leave(line)
            if answer.status not in _REDIRECTS:
                raise OSError(f"the host answers {answer.status} {answer.reason}")
            url = urljoin(url, answer.getheader("Location", ""))
        raise NotAllowed("The host sends the relay from address to address.")

    def close(self) -> None:
        """Whoever reads gets an error, and nothing is opened any more."""
        with self._lock:
            self._closed = True
            lines = tuple(self._lines)
        for line in lines:
            cut(line)

    def leave(self, line: socket.socket) -> None:
        """Close a connection."""
        with self._lock:
            self._lines.discard(line)
        line.close()

    def _ask(self, url: str) -> tuple[socket.socket, http.client.HTTPResponse]:
        line, connection, path = self._connect(url)
        hurry = Hurry(line, self._head_s)
        try:
            if isinstance(line, ssl.SSLSocket):
                line.do_handshake()
            connection.request("GET", path, headers=_HEADERS)
            answer = connection.getresponse()
        except http.client.HTTPException as error:
            self.leave(line)
            raise OSError(f"not an answer in HTTP: {error!r}") from error
        except Exception:
            self.leave(line)
            raise
        finally:
            hurry.cancel()
        if hurry.over:
            self.leave(line)
            raise TimeoutError("the host takes too long to answer")
        return line, answer

    def _connect(self, url: str) -> tuple[socket.socket, http.client.HTTPConnection, str]:
        parts = urlsplit(url)
        try:
            port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise NotAllowed("A relay takes addresses that begin with http:// or https://.") from None
        host = (parts.hostname or "").lower()
        if host not in self._hosts:
            raise NotAllowed(f"{host or 'The address'} is not among the hosts that may be relayed.")
        line = socket.create_connection((self._address(host, port), port), CONNECT_S)
        line.settimeout(SILENT_S)
        if parts.scheme == "https":
            tls = ssl.create_default_context()
            line = tls.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)
        with self._lock:
            self._lines.add(line)
            closed = self._closed
        if closed:
            self.leave(line)
            raise OSError("the relay is over")
        connection = http.client.HTTPConnection(host, port, timeout=SILENT_S)
        connection.sock = line
        return line, connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _address(self, host: str, port: int) -> str:
        """Where `host` is. Raises NotAllowed, OSError."""
        addresses = self._names.addresses(host, port)
        for address in addresses:
            if address not in self._hosts and not is_public(address):
                raise NotAllowed(f"{host} leads to the private address {address}: allow the address itself.")
        return addresses[0]


class Names:
    """Looks up where names lead."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], Future[list[str]]] = {}

    def addresses(self, host: str, port: int) -> list[str]:
        """Those of `host`, else OSError. A resolver cannot be broken off: one that is slow is asked once at a time."""
        asked = self._asked.get((host, port))
        if asked is None or asked.done():
            self._asked[host, port] = asked = Future()
            threading.Thread(target=_look_up, args=(host, port, asked), name="look-up", daemon=True).start()
        try:
            return asked.result(LOOK_UP_S)
        except TimeoutError:
            raise TimeoutError(f"the address of {host} is not found in time") from None


def _look_up(host: str, port: int, told: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        told.set_exception(error if isinstance(error, OSError) else OSError(f"{host} is no name: {error}"))
    else:
        told.set_result([str(entry[4][0]) for entry in found])


class Stream:
    """A file for FFmpeg to read from: the body of one answer. Not seekable."""

    def __init__(
        self,
        origin: Origin,
        line: socket.socket,
        answer: http.client.HTTPResponse,
        url: str,
        *,
        limit_bytes: int,
        limit_s: float | None,
    ) -> None:
        self.name = url
        self.content_type = answer.getheader("Content-Type", "")
        self._origin = origin
        self._answer = answer
        self._line = line
        self._left_bytes = limit_bytes
        self._hurry = None if limit_s is None else Hurry(line, limit_s)

    def read(self, size: int) -> bytes:
        """What there is, at least a byte; b"" at the end. Raises OSError."""
        if self._left_bytes <= 0:
            raise OSError("more than a relay may fetch at once")
        try:
            data = self._answer.read1(min(size, self._left_bytes))
        except http.client.HTTPException as error:
            raise OSError(f"the stream broke off: {error!r}") from error
        if self._hurry is not None and self._hurry.over:
            raise TimeoutError("a part of the stream takes too long to come")
        self._left_bytes -= len(data)
        return data

    def close(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
        self._answer.close()
        self._origin.leave(self._line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hurry:
    """Cuts a connection once its time is `over`, unless it is cancelled before."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self.over = False
        self._line = line
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        cut(self._line)


def is_public(address: str) -> bool:
    """Whether an address leads to one machine in the public network, whatever translates it on the way."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF) if found in _TRANSLATED else None
        found = found.ipv4_mapped or found.sixtofour or translated or found
    return found.is_global and not found.is_multicast


def cut(line: socket.socket) -> None:
    """Have whoever waits for this connection, in any thread, get an error or the end."""
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # of TLS too, which has no time for a farewell
