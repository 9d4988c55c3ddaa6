"""A real link between two network namespaces: what goes over it is late, lost and cut as asked. For root on Linux."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.link.fate import Way
from bench.link.link import Link, NoLink

if TYPE_CHECKING:
    from collections.abc import Iterator

DELAY_MS, LOSS, MANY = 60, 0.2, 400
UDP_PACKET_BYTES = 20 + 8 + 100

ECHO = """
import socket, sys
datagrams, server = socket.socket(type=socket.SOCK_DGRAM), socket.create_server((sys.argv[1], 7777))
datagrams.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # room for all: SO_RCVBUFFORCE
datagrams.bind((sys.argv[1], 7777))
print("ready", flush=True)
connection, _ = server.accept()
while block := connection.recv(65536):
    connection.sendall(block)
datagrams.settimeout(1)
try:
    while True:
        datagrams.sendto(*datagrams.recvfrom(2048))
except TimeoutError:
    pass
"""
ASK = """
import socket, sys, time
address, many = (sys.argv[1], 7777), int(sys.argv[2])
connection = socket.create_connection(address)
before = time.monotonic()
connection.sendall(b"x")
connection.recv(1)
print(1000 * (time.monotonic() - before))
got, whole = 0, bytes(200_000)
connection.sendall(whole)
while got < len(whole):
    got += len(connection.recv(65536))
connection.close()
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
datagrams.settimeout(1)
for _ in range(many):
    datagrams.sendto(bytes(100), address)
back = 0
try:
    while True:
        datagrams.recv(2048)
        back += 1
except TimeoutError:
    print(back)
"""


@pytest.fixture
def link() -> Iterator[Link]:
    try:
        with Link(Way(delay_us=DELAY_MS * 1_000, loss=LOSS), Way(delay_us=DELAY_MS * 1_000), seed="test") as link:
            yield link
    except NoLink as why:
        pytest.skip(str(why))


def test_what_goes_over_it_is_late_and_lost_as_asked_and_counted(link: Link) -> None:
    echo = subprocess.Popen(link.far(sys.executable, "-c", ECHO, link.far_address), stdout=subprocess.PIPE)
    assert echo.stdout is not None
    assert echo.stdout.readline() == b"ready\n"
    try:
        asked = subprocess.run(
            link.near(sys.executable, "-c", ASK, link.far_address, str(MANY)),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        round_trip_ms, came_back = (float(word) for word in asked.stdout.split())
        echo.wait(60)
    finally:
        echo.kill()
        echo.wait()
        echo.stdout.close()
    assert round_trip_ms >= 2 * DELAY_MS
    assert came_back / MANY == pytest.approx(1 - LOSS, abs=0.08)
    told = link.counted()
    assert told.out.lost / told.out.sent == pytest.approx(LOSS, abs=0.08)
    assert told.back.lost == 0
    assert told.out.sent_bytes > MANY * UDP_PACKET_BYTES + 200_000


def test_nothing_comes_through_a_cut(link: Link) -> None:
    link.cut(3_600)
    knock = "import socket, sys; socket.create_connection((sys.argv[1], 7777), timeout=0.5)"
    knocked = subprocess.run(link.near(sys.executable, "-c", knock, link.far_address), capture_output=True, check=False)
    assert b"TimeoutError" in knocked.stderr or b"timed out" in knocked.stderr
    told = link.counted()
    assert told.out.sent == told.out.lost > 0


def test_an_end_knows_nothing_but_the_link(link: Link) -> None:
    shown = subprocess.run(link.far("ip", "-brief", "link"), capture_output=True, text=True, check=True).stdout
    assert len(shown.splitlines()) == 2
