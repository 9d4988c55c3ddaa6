"""Opens what a relay may hear, and nothing else (does I/O).

Rules
- Only http and https, only hosts that are allowed by name, at every step: redirects and the parts of a playlist too.
- A name that leads to a private address is refused, so that nobody's DNS turns a relay on the inside of this network;
  a private address is heard where it is itself the allowed host. The connection goes to the address that was checked.
- Every wait has a limit, and so has everything that is fetched.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

MAX_REDIRECTS = 3
CONNECT_S = 10.0
SILENT_S = 10.0
"""A stream that brings nothing for so long is broken."""
MAX_STREAM_BYTES = 1 << 30
MAX_PART_BYTES = 32 << 20
"""Of a playlist or one of its parts."""
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_HEADERS = {"User-Agent": "Loa", "Accept": "*/*"}


class NotAllowed(Exception):
    """The address may not be relayed; the message says why."""


class Origin:
    """Opens addresses on `hosts` (lower case names or addresses); `close` ends what is being read, from any thread."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts
        self._opened: set[Stream] = set()
        self._lock = threading.Lock()
        self._closed = False

    def open(self, url: str, limit_bytes: int = MAX_STREAM_BYTES) -> "Stream":
        """What is at `url`. Raises NotAllowed, OSError."""
        for _ in range(MAX_REDIRECTS + 1):
            connection, path = self._connect(url)
            line = connection.sock  # which the answer takes over
            try:
                connection.request("GET", path, headers=_HEADERS)
                answer = connection.getresponse()
            except http.client.HTTPException as error:
                connection.close()
                raise OSError(f"not an answer in HTTP: {error!r}") from error
            except OSError:
                connection.close()
                raise
            if answer.status in _REDIRECTS:
                url = urljoin(url, answer.getheader("Location", ""))
                connection.close()
                continue
            if answer.status != http.client.OK:
                connection.close()
                raise OSError(f"the host answers {answer.status} {answer.reason}")
            return self._keep(Stream(self, line, answer, url, limit_bytes))
        raise NotAllowed("The host sends the relay from address to address.")

    def close(self) -> None:
        """Whoever reads gets an error, and nothing is opened any more."""
        with self._lock:
            self._closed = True
            opened = tuple(self._opened)
        for stream in opened:
            stream.cut()

    def forget(self, stream: "Stream") -> None:
        with self._lock:
            self._opened.discard(stream)

    def _keep(self, stream: "Stream") -> "Stream":
        with self._lock:
            self._opened.add(stream)
            closed = self._closed
        if closed:
            stream.close()
            raise OSError("the relay is over")
        return stream

    def _connect(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(url)
        try:
            port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise NotAllowed("A relay takes addresses that begin with http:// or https://.") from None
        host = (parts.hostname or "").lower()
        if host not in self._hosts:
            raise NotAllowed(f"{host or 'The address'} is not among the hosts that may be relayed.")
        sound = socket.create_connection((self._address(host, port), port), CONNECT_S)
        sound.settimeout(SILENT_S)
        if parts.scheme == "https":
            sound = ssl.create_default_context().wrap_socket(sound, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=SILENT_S)
        connection.sock = sound
        return connection, _target(parts)

    def _address(self, host: str, port: int) -> str:
        """Where `host` is. Raises NotAllowed, OSError."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if address != host and not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise NotAllowed(f"{host} leads to the private address {address}: allow the address itself.")
        return addresses[0]


class Stream:
    """A file for FFmpeg to read from: the body of one answer. Not seekable."""

    def __init__(
        self,
        origin: Origin,
        line: socket.socket,
        answer: http.client.HTTPResponse,
        url: str,
        limit_bytes: int,
    ) -> None:
        self.name = url
        self.content_type = answer.getheader("Content-Type", "")
        self._origin = origin
        self._answer = answer
        self._line = line
        self._left_bytes = limit_bytes

    def read(self, size: int) -> bytes:
        """What there is, at least a byte; b"" at the end. Raises OSError."""
        if self._left_bytes <= 0:
            raise OSError("more than a relay may fetch at once")
        try:
            data = self._answer.read1(min(size, self._left_bytes))
        except http.client.HTTPException as error:
            raise OSError(f"the stream broke off: {error!r}") from error
        self._left_bytes -= len(data)
        return data

    def cut(self) -> None:
        """Have a read that waits end with an error or the end."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._origin.forget(self)
        self._answer.close()
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
