"""Commands from this machine: a Unix socket in the state folder, and two signals (does I/O).

Rules
- Who may open the socket may command: it is its owner's alone (mode 600).
- One line of JSON in, one out, then the connection ends. A line is at most MAX_LINE_BYTES, an exchange lasts at most
  EXCHANGE_S, and MAX_GUESTS are heard at a time: who holds a connection open costs nothing but itself.
- SIGUSR1 stops, SIGUSR2 goes, also where the folder cannot be written.
- A socket that is gone, or has something else in its place, is made anew within AGAIN_S.
- A socket's path may have 107 bytes and a folder's more: it is reached through an open folder.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from broadcast.clock import Clock
from receivers.hands.command import By, Command, Go, Obey, Reply, Stop

log = logging.getLogger(__name__)

NAME = "control.sock"
MAX_LINE_BYTES = 1024
MAX_GUESTS = 8
EXCHANGE_S = 5.0
AGAIN_S = 60.0  # between attempts to make the socket where the folder cannot be written
SIGNALS: dict[signal.Signals, Command] = {signal.SIGUSR1: Stop(), signal.SIGUSR2: Go()}


class NoDaemon(Exception):
    """Nobody listens in this state folder."""


class NoAnswer(Exception):
    """The daemon did not answer in time, or not sensibly."""


class Control:
    """Gives `obey` what comes through `folder`'s socket or as a signal; made in the loop that `run` runs in."""

    def __init__(
        self, folder: Path, clock: Clock, obey: Obey, exchange_s: float = EXCHANGE_S, again_s: float = AGAIN_S
    ) -> None:
        self._folder = folder
        self._exchange_s = exchange_s
        self._again_s = again_s
        self._clock = clock
        self._obey = obey
        self._guests = 0
        loop = asyncio.get_running_loop()
        for number, command in SIGNALS.items():
            loop.add_signal_handler(number, self._on_signal, command)

    async def run(self) -> None:
        """For ever."""
        known: str | None = None
        while True:
            try:
                listening = self._listen()
            except OSError as error:
                log.log(logging.DEBUG if known == str(error) else logging.WARNING, "no local commands: %s", error)
                known = str(error)
                await self._clock.sleep(self._again_s)
                continue
            made = self._there()
            try:
                async with await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_LINE_BYTES):
                    while self._there() == made:
                        await self._clock.sleep(self._again_s)
            finally:
                if self._there() == made:
                    with contextlib.suppress(OSError):
                        (self._folder / NAME).unlink()

    def _there(self) -> int | None:
        """Which file stands where the socket should."""
        try:
            return (self._folder / NAME).stat().st_ino
        except OSError:
            return None

    def _listen(self) -> socket.socket:
        """The socket, in place of one that a daemon before left; it never stands there with another mode."""
        new = f".{NAME}.new"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _reachable(self._folder) as folder:
                (folder / new).unlink(missing_ok=True)
                listening.bind(str(folder / new))
                (folder / new).chmod(0o600)
                listening.listen(MAX_GUESTS)
                (folder / new).replace(folder / NAME)
        except BaseException:
            listening.close()
            raise
        return listening

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._guests += 1
        try:
            if self._guests <= MAX_GUESTS:
                async with asyncio.timeout(self._exchange_s):
                    reply = self._answer(await reader.readuntil(b"\n"))
                    writer.write(msgspec.json.encode(reply) + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it said nothing that can be answered
        finally:
            self._guests -= 1
            writer.close()

    def _answer(self, line: bytes) -> Reply:
        try:
            command = msgspec.json.decode(line, type=Command)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Reply(done=False, said=f"this is no command: {error}")
        reply = self._obey(command, By.COMMAND)
        log.info("local command %s: %s", type(command).__name__, reply.said)
        return reply

    def _on_signal(self, command: Command) -> None:
        log.info("signal: %s", self._obey(command, By.SIGNAL).said)


def ask(folder: Path, command: Command, timeout_s: float = EXCHANGE_S) -> Reply:
    """Give `command` to the daemon of `folder`, blocking; NoDaemon, NoAnswer, or OSError where one may not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talking:
        talking.settimeout(timeout_s)
        try:
            with _reachable(folder) as reachable:
                talking.connect(str(reachable / NAME))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoDaemon(f"no daemon listens in {folder}") from None
        try:
            talking.sendall(msgspec.json.encode(command) + b"\n")
            line = b""
            while not line.endswith(b"\n") and len(line) <= 2 * MAX_LINE_BYTES and (part := talking.recv(4096)):
                line += part
            return msgspec.json.decode(line, type=Reply)
        except (TimeoutError, ConnectionError, msgspec.MsgspecError):
            raise NoAnswer(f"the daemon of {folder} does not answer") from None


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[Path]:
    """A short path to `folder`."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
