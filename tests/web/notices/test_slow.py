"""Whoever speaks slowly, or not at all, holds up nobody but themselves, and not for long."""

import asyncio
import socketserver
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from broadcast.clock import ManualClock
from scheduler.notices import service
from scheduler.notices.models import Channel, Kind, Notice
from scheduler.notices.schemas import ChoiceIn, HookIn
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.notices.call import Caller
from web.notices.courier import Courier
from web.notices.mail import Mailer, NotDelivered, parsed
from web.settings import Settings

LIMIT_S = 30
TALK_S = 0.2
DRIPS, BETWEEN_S = 2000, 0.005
Slow = Callable[[bytes, bytes], int]


@pytest.fixture
def slow() -> Iterator[Slow]:
    """The port of a server that begins so, then gives one letter after another for 10 s, and ends so."""
    servers: list[socketserver.ThreadingTCPServer] = []
    stopped = threading.Event()

    def serve(begins: bytes, ends: bytes) -> int:
        class Drips(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    self.request.sendall(begins)
                    for _drip in range(DRIPS):
                        if stopped.wait(BETWEEN_S):
                            return
                        self.request.sendall(b"x")
                    self.request.sendall(ends)
                except OSError:
                    """It was cut off."""

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drips)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return int(server.server_address[1])

    yield serve
    stopped.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_program_that_never_comes_to_the_number_of_its_answer_is_left(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = slow(b"", b"")
    monkeypatch.setattr("web.notices.call.TALK_S", TALK_S)
    with pytest.raises(NotDelivered, match="TimeoutError"):
        Caller({"127.0.0.1"}).call(f"http://127.0.0.1:{port}/", b"{}", {})


def test_a_program_that_never_finishes_its_handshake_is_left(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    port = slow(b"\x16\x03\x03\x40\x00", b"")
    monkeypatch.setattr("web.notices.call.TALK_S", TALK_S)
    with pytest.raises(NotDelivered, match="TimeoutError"):
        Caller({"127.0.0.1"}).call(f"https://127.0.0.1:{port}/", b"{}", {})


@pytest.mark.parametrize(
    ("url", "begins"),
    [("smtp://127.0.0.1:{port}?tls=no", b"220-"), ("smtps://127.0.0.1:{port}", b"\x16\x03\x03\x40\x00")],
)
def test_a_mail_server_that_never_finishes_a_sentence_is_left(
    slow: Slow, monkeypatch: pytest.MonkeyPatch, url: str, begins: bytes
) -> None:
    monkeypatch.setattr("web.notices.mail.TALK_S", TALK_S)
    with pytest.raises(NotDelivered, match="TimeoutError"):
        Mailer(parsed(url.format(port=slow(begins, b"\r\n")))).send(EmailMessage())


def test_a_mail_server_that_wants_nobody_is_said_so(slow: Slow) -> None:
    port = slow(b"554 5.7.1 no\r\n", b"")
    with pytest.raises(NotDelivered, match=r"refused it \(554\): 5.7.1 no"):
        Mailer(parsed(f"smtp://127.0.0.1:{port}?tls=no")).send(EmailMessage())


async def test_mail_goes_out_while_a_program_takes_its_time(  # noqa: PLR0917 -- fixtures
    store: Store, clock: ManualClock, places: Any, add_person: Any, post: Any, unanswered: str
) -> None:
    lan = add_person("lan", places.leng, Role.ADMINISTRATOR)
    caller = Caller({"127.0.0.1"})
    asked = HookIn(zone_id=places.leng, name="IOC", url=unanswered, kinds=[Kind.CANCELLED])
    with store.writing() as db:
        made = service.add_hook(db, lan, clock.now(), asked, caller.check)
        db.add(
            Notice(
                id="N", key="k", channel=Channel.HOOK, hook_id=made.id, kind=Kind.CANCELLED, subject="broadcast:1",
                zone_path="", at=clock.now(), created_at=clock.now(), next_at=clock.now(),
            )
        )  # fmt: skip
        service.choose(db, lan, clock.now(), ChoiceIn(address="lan@traleng.example"))
        service.try_out(db, lan, clock.now())
    settings = Settings(public_url="https://centre.example", smtp_url=SecretStr(post.url))
    courier = Courier(store, clock, settings, mailer=Mailer(parsed(post.url), post.tls), caller=caller)
    running = asyncio.create_task(courier.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            assert await asyncio.to_thread(post.begun.wait, LIMIT_S)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def unanswered() -> Iterator[str]:
    """The address of a program that answers nobody while the test lasts."""
    over = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            over.wait()

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    server = HTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    over.set()
    server.shutdown()
    server.server_close()
