"""Sending a mail by SMTP, on a thread (does I/O).

Rules
- `smtps://` speaks TLS from the first byte, `smtp://` after STARTTLS, which the server must offer. Only with `?tls=no`,
  for a relay on the same machine, is there none; then no password is sent.
- What the server says in refusing is told, the password never.
- `abort` has a conversation that is going on end at once: then it did not take place, as far as the server is asked.
"""

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from broadcast.live.origin import cut

TIMEOUT_S = 30
_PORTS = {"smtp": 587, "smtps": 465}


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
        self._line: smtplib.SMTP | None = None
        self._aborted = False

    def send(self, message: EmailMessage) -> None:
        """Raises NotDelivered. Once it returns, the server has taken it on."""
        try:
            line = self._open()
            try:
                self._greet(line)
                line.send_message(message)
            finally:
                self._line = None
                with suppress(smtplib.SMTPException, OSError):
                    line.quit()
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

    def abort(self) -> None:
        """From another thread: end the conversation that is going on, and begin none any more."""
        self._aborted = True
        line = self._line
        if line is not None and line.sock is not None:
            cut(line.sock)

    def _open(self) -> smtplib.SMTP:
        server = self._server
        if server.scheme == "smtps":
            line: smtplib.SMTP = smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=self._tls or ssl.create_default_context())
        else:
            line = smtplib.SMTP(timeout=TIMEOUT_S)
        line._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001 -- what TLS asks for; `connect` sets none
        self._line = line
        if self._aborted:
            raise ConnectionAbortedError
        line.connect(server.host, server.port)
        return line

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
