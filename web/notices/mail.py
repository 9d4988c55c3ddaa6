"""Sending a mail by SMTP, on a thread (does I/O).

Rules
- `smtps://` speaks TLS from the first byte, `smtp://` after STARTTLS, which the server must offer. Only with `?tls=no`,
  for a relay on the same machine, is there none; then no password is sent.
- What the server says in refusing is told, the password never.
- A conversation that takes longer than TALK_S is broken off.
- `abort` has a conversation that is going on end at once: then it did not take place, as far as the server is asked.
"""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from broadcast.live.origin import cut
from web.notices.line import within

CONNECT_S = 10.0
TALK_S = 60.0
"""There is one mail server: the mails behind a slow one have nowhere else to go, and some greet late on purpose."""
_PORTS = {"smtp": 587, "smtps": 465}
_READY = 220


class NotDelivered(Exception):
    """What was to be delivered was not; the message says why, without anything secret."""


class MailServer(Struct, frozen=True):
    host: str
    port: int
    scheme: str
    user: str = ""
    password: str = ""
    plain: bool = False


def parsed(url: str) -> MailServer:
    """`smtp://user:password@host:587`; else ValueError."""
    parts = urlsplit(url)
    plain = parse_qs(parts.query).get("tls") == ["no"]
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("write it as smtp://user:password@host:587 or smtps://user:password@host:465")
    if plain and parts.password:
        raise ValueError("without TLS no password is sent: leave out ?tls=no or the password")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or (25 if plain else _PORTS[parts.scheme])
    return MailServer(parts.hostname, port, parts.scheme, user, password, plain)


class Mailer:
    """One conversation at a time."""

    def __init__(self, server: MailServer, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._tls = tls
        self._line: socket.socket | None = None
        self._aborted = False

    def send(self, message: EmailMessage) -> None:
        """Raises NotDelivered. Once it returns, the server has taken it on."""
        try:
            self._converse(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            raise NotDelivered(f"the mail server refused the address ({code}): {_text(said)}") from None
        except smtplib.SMTPAuthenticationError as refused:
            raise NotDelivered(f"the mail server refused user name or password ({refused.smtp_code})") from None
        except smtplib.SMTPResponseException as refused:
            why = _text(refused.smtp_error)
            raise NotDelivered(f"the mail server refused it ({refused.smtp_code}): {why}") from None
        except ssl.SSLError as refused:
            reason = refused.reason or "no secure connection"
            raise NotDelivered(f"no secure connection to the mail server: {reason}") from None
        except smtplib.SMTPNotSupportedError as refused:
            raise NotDelivered(f"the mail server cannot do this: {refused}") from None
        except (smtplib.SMTPException, OSError) as broken:
            raise NotDelivered(f"the mail server cannot be reached: {type(broken).__name__}") from None
        finally:
            self._line = None

    def abort(self) -> None:
        """From another thread: end the conversation that is going on, and begin none any more."""
        self._aborted = True
        if self._line is not None:
            cut(self._line)

    def _converse(self, message: EmailMessage) -> None:
        line = smtplib.SMTP()
        line.sock = raw = socket.create_connection((self._server.host, self._server.port), CONNECT_S)
        with within(raw, TALK_S) as self._line:
            try:
                self._open(line, raw)
                self._greet(line)
                line.send_message(message)
            finally:
                with suppress(smtplib.SMTPException, OSError):
                    line.quit()

    def _open(self, line: smtplib.SMTP, raw: socket.socket) -> None:
        if self._aborted:
            raise ConnectionAbortedError
        raw.settimeout(TALK_S)
        if self._server.scheme == "smtps":
            tls = self._tls or ssl.create_default_context()
            line.sock = tls.wrap_socket(raw, server_hostname=self._server.host)
        line._host = self._server.host  # type: ignore[attr-defined]  # noqa: SLF001 -- what STARTTLS asks for
        code, said = line.getreply()
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)

    def _greet(self, line: smtplib.SMTP) -> None:
        server = self._server
        line.ehlo()
        if server.scheme == "smtp" and not server.plain:
            line.starttls(context=self._tls or ssl.create_default_context())
            line.ehlo()
        if server.user and not server.plain:
            line.login(server.user, server.password)


def _text(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:120]
