"""One connection to the broker: aiomqtt, and what it does not do by itself (does I/O).

Rules
- TLS 1.3 lets a client in before the broker has looked at its certificate; the refusal comes while the client waits to
  be welcomed. paho says it in its log only, so that is listened to, and the waiting ends when the socket is closed.
- Whatever way it ends, its socket is closed.
- aiomqtt has the loop watch a socket a moment later. By then it may be closed and its number another's, and the loop
  would spin for ever. Here it is looked at once more before.
- Whether a ping is due is looked at as often as the keep-alive asks for; aiomqtt wakes the board each second for it.
- What aiomqtt keeps to itself is touched here and nowhere else.
"""

import asyncio
import logging
import ssl
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS

from receivers.odometer import Connection
from receivers.tasks import end

PROXY_PORT = 8080
LOOKS = 12  # whether a ping is due, in a keep-alive: the broker waits for half of one more


class CertificateRefused(aiomqtt.MqttError):
    """The broker does not let this receiver's certificate in: it was revoked, has expired or is another CA's."""


class Conduit:
    """A client that connects when it is entered, or raises aiomqtt.MqttError. For one use.

    `timeout_s` is for each step: a handshake, an answer. `proxy` is the URL of an HTTP proxy that knows CONNECT.
    """

    def __init__(self, host: str, port: int, timeout_s: float, proxy: str | None = None, **options: Any) -> None:
        self._closed = asyncio.Event()
        self._reason = _Reason()
        logger = logging.Logger("loa.mqtt", logging.ERROR)  # noqa: LOG001 - one for each connection, and gone with it
        logger.addHandler(self._reason)
        self.client = aiomqtt.Client(
            host,
            port,
            timeout=timeout_s,
            proxy=_proxy(proxy) if proxy else None,
            protocol=aiomqtt.ProtocolVersion.V5,
            logger=logger,
            **options,
        )
        self._paho = self.client._client  # noqa: SLF001
        self._paho.connect_timeout = timeout_s
        self.client._misc_loop = self._ping_when_due  # type: ignore[method-assign]  # noqa: SLF001
        self._unhook, self._paho.on_socket_close = self._paho.on_socket_close, self._on_socket_close
        self._paho.on_socket_register_write = self._on_socket_register_write
        self._loop = asyncio.get_running_loop()

    @property
    def socket(self) -> Connection | None:
        """The TCP connection, while there is one."""
        return self._paho.socket()  # type: ignore[return-value]

    async def __aenter__(self) -> aiomqtt.Client:
        opening = asyncio.ensure_future(self.client.__aenter__())
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({opening, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise self._refusal()  # noqa: TRY301 - the socket is closed as for any other
            return opening.result()
        except BaseException:
            self._paho._reset_sockets()  # noqa: SLF001 - nothing else closes a connection that was not welcomed
            raise
        finally:
            await end((opening, closed))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.client.__aexit__(kind, error, trace)
        finally:
            self._paho._reset_sockets()  # noqa: SLF001

    def _refusal(self) -> aiomqtt.MqttError:
        error = self._reason.error
        words = getattr(error, "reason", None) or ""
        if isinstance(error, ssl.SSLError) and "ALERT" in words and ("CERTIFICATE" in words or "UNKNOWN_CA" in words):
            why = words.rpartition("ALERT_")[2].replace("_", " ").lower()
            return CertificateRefused(f"the broker refuses this receiver's certificate: {why}")
        return aiomqtt.MqttError(str(error or "the broker ended the connection before it began"))

    def _on_socket_close(self, *arguments: Any) -> None:
        if self._unhook is not None:
            self._unhook(*arguments)
        self._closed.set()

    async def _ping_when_due(self) -> None:
        while self._paho.loop_misc() == MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - nothing tells when a ping is due
            await asyncio.sleep(self._paho.keepalive / LOOKS)

    def _on_socket_register_write(self, _client: object, _data: object, socket: Any) -> None:
        """Called on any thread."""
        self._loop.call_soon_threadsafe(self._watch_writable, socket)

    def _watch_writable(self, socket: Any) -> None:
        held = self._paho.socket()
        if held is not None and held is socket:
            self._loop.add_writer(held.fileno(), self._write)

    def _write(self) -> None:
        try:
            self._paho.loop_write()
        except Exception as error:  # noqa: BLE001 - as aiomqtt does: whatever it is, the connection is broken
            if not self.client._disconnected.done():  # noqa: SLF001
                self.client._disconnected.set_exception(error)  # noqa: SLF001


class _Reason(logging.Handler):
    """The last error that paho logged."""

    error: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.error = next((argument for argument in arguments if isinstance(argument, OSError)), self.error)


def _proxy(address: str) -> aiomqtt.ProxySettings:
    import socks  # type: ignore[import-untyped]  # noqa: PLC0415 - few nodes are behind a proxy

    url = urlsplit(address)
    return aiomqtt.ProxySettings(
        proxy_type=socks.HTTP,
        proxy_addr=url.hostname or "",
        proxy_port=url.port or PROXY_PORT,
        proxy_rdns=True,
        proxy_username=unquote(url.username) if url.username else None,
        proxy_password=unquote(url.password) if url.password else None,
    )
