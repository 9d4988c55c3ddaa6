"""How the node asks over HTTP, by the standard library alone: proxies, redirects, TLS (talks HTTP; meant for a thread).

Rules
- A proxy from the settings is taken for everything. Without one the environment's is, but for what it leaves out.
- An answer is an answer, whatever its status. Redirects are followed MAX_REDIRECTS times, to HTTP and HTTPS alone, and
  nothing of their bodies is read.
"""

import base64
import socket
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import (
    BaseHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    UnknownHandler,
    getproxies,
    proxy_bypass,
)

from receivers.version import SOFTWARE

MAX_REDIRECTS = 5
PROXY_PORT = 80

Dial = Callable[[tuple[str, int], float, Any], socket.socket]


class NoAnswer(Exception):
    """The words say why."""


class Opener:
    """Asks with `trust` for HTTPS, by `proxy`; `dial` makes the TCP connections, as socket.create_connection does."""

    def __init__(
        self, trust: ssl.SSLContext, proxy: str | None, *, dial: Dial = socket.create_connection, redirects: bool
    ) -> None:
        self._director = OpenerDirector()
        self._director.addheaders = [("User-Agent", SOFTWARE)]
        handlers = [_Proxies(proxy), _Plain(dial), _Secure(dial, trust), UnknownHandler(), HTTPErrorProcessor()]
        for handler in (*handlers, _Redirects() if redirects else _AsItIs()):
            self._director.add_handler(handler)

    def open(self, request: Request, timeout_s: float) -> HTTPResponse:
        """The answer to `request`, its head read, or NoAnswer. `timeout_s` is for each step, later reads too."""
        try:
            return cast("HTTPResponse", self._director.open(request, timeout=timeout_s))
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswer(said(error)) from None


def asked(url: str, headers: Mapping[str, str], body: bytes | None = None) -> Request:
    """A request: POST where there is a body; NoAnswer for what is no address."""
    try:
        return Request(url, body, dict(headers))  # noqa: S310 - the opener knows HTTP and HTTPS alone
    except ValueError as error:
        raise NoAnswer(said(error)) from None


def said(error: Exception) -> str:
    """Why, in words."""
    reason = error.reason if isinstance(error, URLError) else error
    return str(reason) or type(reason).__name__


class _Proxies(BaseHandler):
    handler_order = 100  # before the connection's own, which names the host that is asked

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy

    def http_request(self, request: Request) -> Request:
        proxy = self._proxy or _environments(request)
        if proxy:
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            if parts.username is not None:
                words = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
                request.add_unredirected_header("Proxy-Authorization", f"Basic {base64.b64encode(words).decode()}")
            place = parts.netloc.rpartition("@")[2]
            request.set_proxy(place if parts.port else f"{place.rstrip(':')}:{PROXY_PORT}", parts.scheme)
        return request

    https_request = http_request


def _environments(request: Request) -> str | None:
    if not request.host or proxy_bypass(request.host):
        return None
    proxies = getproxies()
    return proxies.get(request.type) or proxies.get("all")


class _Plain(HTTPHandler):
    def __init__(self, dial: Dial) -> None:
        super().__init__()
        self._dial = dial

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(cast("Any", _dialled(HTTPConnection, self._dial)), req)


class _Secure(HTTPSHandler):
    def __init__(self, dial: Dial, trust: ssl.SSLContext) -> None:
        super().__init__()
        self._dial, self._trust = dial, trust

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(cast("Any", _dialled(HTTPSConnection, self._dial)), req, context=self._trust)


def _dialled(kind: type[HTTPConnection], dial: Dial) -> Callable[..., HTTPConnection]:
    def connection(host: str, **options: Any) -> HTTPConnection:
        made = kind(host, **options)
        made._create_connection = dial  # type: ignore[attr-defined]  # noqa: SLF001 - nothing else shows it this early
        return made

    return connection


class _AsItIs(BaseHandler):
    """Every answer is handed on."""

    def http_error_default(self, _request: Request, answer: HTTPResponse, *_: object) -> HTTPResponse:
        return answer


class _Redirects(HTTPRedirectHandler, _AsItIs):
    max_redirections = MAX_REDIRECTS

    def redirect_request(self, req: Request, fp: Any, *told: Any) -> Request | None:
        fp.close()  # else urllib reads the body to its end, however long
        return super().redirect_request(req, fp, *told)
