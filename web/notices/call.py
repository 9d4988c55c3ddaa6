"""Telling a program by HTTP, on a thread (does I/O).

Rules
- Only https, to one public machine; hosts that the centre's settings name may be private and may be plain http.
- Where a name leads is looked up once and that very address is connected to. What it answers with is not read but for
  its number; where it sends us on to, nobody goes.
- The body is signed: `Loa-Signature: t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY` with the program's secret.
  `Loa-Delivery` is the same at each try, so that what came twice is known.
"""

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Collection, Mapping
from contextlib import closing
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from broadcast.live.origin import cut, is_public
from scheduler.errors import Invalid
from web.notices.mail import NotDelivered

TIMEOUT_S = 15
_PORTS = {"http": 80, "https": 443}


def signature(secret: str, body: bytes, at_s: int) -> str:
    """The value of `Loa-Signature`."""
    said = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={said}"


class Caller:
    """One call at a time."""

    def __init__(self, private_hosts: Collection[str] = (), tls: ssl.SSLContext | None = None) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._tls = tls
        self._line: socket.socket | None = None
        self._aborted = False

    def check(self, url: str) -> None:
        """Return if a program may be there; else Invalid, in words for whoever typed it."""
        try:
            self._parts(url)
        except NotDelivered:
            message = "Write an address that begins with https://. Other hosts are set by LOA_WEBHOOK_HOSTS."
            raise Invalid("bad_hook_url", message, field="url") from None

    def call(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """POST it. Raises NotDelivered; once it returns, the program has taken it."""
        parts = self._parts(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with closing(self._connected(parts)) as connection:
                connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as broken:
            raise NotDelivered(f"the program cannot be reached: {type(broken).__name__}") from None
        finally:
            self._line = None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotDelivered(f"the program answered with {status}")

    def abort(self) -> None:
        """From another thread: end the call that is going on, and begin none any more."""
        self._aborted = True
        if self._line is not None:
            cut(self._line)

    def _parts(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            known = parts.port is None or parts.port > 0
        except ValueError:
            raise NotDelivered("the address cannot be read") from None
        host = (parts.hostname or "").lower()
        safe = parts.scheme == "https" or (parts.scheme == "http" and host in self._private_hosts)
        if not (safe and host and known and parts.username is None and url.isascii() and url.isprintable()):
            raise NotDelivered("nothing is sent to this address")
        return parts

    def _connected(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = (parts.hostname or "").lower()
        port = parts.port or _PORTS[parts.scheme]
        address = self._address(host, port)
        if self._aborted:
            raise ConnectionAbortedError
        line = socket.create_connection((address, port), TIMEOUT_S)
        self._line = line
        if parts.scheme == "https":
            tls = self._tls or ssl.create_default_context()
            self._line = line = tls.wrap_socket(line, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        connection.sock = line
        return connection

    def _address(self, host: str, port: int) -> str:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if host not in self._private_hosts and not all(map(is_public, found)):
            raise NotDelivered("the address leads to a private machine: name its host in LOA_WEBHOOK_HOSTS")
        return found[0]
