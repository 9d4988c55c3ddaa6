"""A real mail server and a real program that is called, each on a port of this machine."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Post:
    """What the mail server took, and how it is to behave: `held` keeps it from answering to the end of a mail."""

    url: str = ""
    tls: ssl.SSLContext | None = None
    mails: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        post: Post = self.server.post  # type: ignore[attr-defined]
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.upper().split()[0]
            if word == "AUTH":
                self._say("235 fine" if "AHgAeQ==" in line else "535 5.7.8 no")
            elif word == "DATA":
                self._say("354 go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n") and (more := self.rfile.readline()):
                    text += more
                post.begun.set()
                if post.held.is_set():
                    self.rfile.readline()
                    return
                post.mails.append(text.decode())
                self._say("250 taken")
            elif word == "EHLO":
                self._say("250-here\r\n250 AUTH PLAIN")
            else:
                self._say("221 bye" if word == "QUIT" else "250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A conversation that is cut off is what some tests are about."""


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A mail server with TLS that knows the user x by the password y."""
    server = _Server(("127.0.0.1", 0), _Conversation)
    here, there = _certified(tmp_path)
    server.socket = here.wrap_socket(server.socket, server_side=True)
    server.post = post = Post(f"smtps://x:y@127.0.0.1:{server.server_address[1]}", there)  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield post
    server.shutdown()
    server.server_close()


@pytest.fixture
def program() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]], list[int]]]:
    """Its address, what it was told, and the numbers it answers with, 200 when there are none."""
    told: list[tuple[dict[str, str], bytes]] = []
    answers: list[int] = []

    class Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.append((dict(self.headers), body))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    server = HTTPServer(("127.0.0.1", 0), Told)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/loa", told, answers
    server.shutdown()
    server.server_close()


def _certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the server speaks by, and what trusts it and nobody else."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    subject = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime.max.replace(tzinfo=UTC))
    made = made.add_extension(subject, critical=True).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "mail.pem"
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem + certificate)
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(path)
    return here, ssl.create_default_context(cadata=certificate.decode())
