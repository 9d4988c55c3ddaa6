"""Telling a program by HTTP, on a thread (does I/O).

Rules
- Only https, to one public machine; hosts that the centre's settings name may be private and may be plain http.
- Where a name leads is looked up once and that very address is connected to. What it answers with is not read but for
  its number; where it sends us on to, nobody goes.
- A call that takes longer than LOOK_UP_S, CONNECT_S and TALK_S together, half a minute, is broken off.
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

from broadcast.live.origin import Names, cut, is_public
from scheduler.errors import Invalid
from web.notices.line import within
from web.notices.mail import NotDelivered

CONNECT_S = 5.0
TALK_S = 15.0
"""From the beginning of a connection to the number of the answer."""
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
        self._names = Names()
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
        try:
            status = self._asked(parts, body, headers)
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

    def _asked(self, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
        host = (parts.hostname or "").lower()
        port = parts.port or _PORTS[parts.scheme]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        line = socket.create_connection((self._address(host, port), port), CONNECT_S)
        with closing(http.client.HTTPConnection(host, port)) as connection:
            connection.sock = line
            with within(line, TALK_S) as self._line:
                if self._aborted:
                    raise ConnectionAbortedError
                line.settimeout(TALK_S)
                if parts.scheme == "https":
                    tls = self._tls or ssl.create_default_context()
                    connection.sock = tls.wrap_socket(line, server_hostname=host)
                connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
                return connection.getresponse().status

    def _address(self, host: str, port: int) -> str:
        found = self._names.addresses(host, port)
        if host not in self._private_hosts and not all(map(is_public, found)):
            raise NotDelivered("the address leads to a private machine: name its host in LOA_WEBHOOK_HOSTS")
        return found[0]
