"""Networks that only a kernel can make: names that do not resolve, and a link with small packets. For root on Linux."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from broadcast.broker.lab import HOST
from broadcast.clock import SystemClock
from broadcast.trustroot.folder import renew
from broadcast.wire.documents import SHORT_SHA_CHARS
from broadcast.wire.enrolment import BrokerAddress
from receivers import config
from receivers.lab.trial.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receivers.daemon.online.network.conftest import Station

S = 1_000_000
NAME = "broker.commune.test"
NEAR, FAR = "10.213.77.1", "10.213.77.2"
MTU = 1300
ETHERNET_BYTES = 14
NO_SUCH_NAME, ADDRESS, IPV4 = 3, 1, 1


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    """Skips where a container may not make them, though its user is root."""
    spare = f"loa{os.getpid()}"
    mine = 'mount --bind "$0" /etc/resolv.conf && ip link add "$1" type veth'
    tried = ["unshare", "--mount", "--net", "sh", "-c", mine, __file__, spare]
    done = subprocess.run(tried, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"namespaces cannot be made here: {done.stderr.strip()}")


@contextlib.asynccontextmanager
async def _daemon(station: Station, *inside: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The daemon as a process, begun by the command `inside`, which ends in taking another."""
    (station.folder / config.FILE_NAME).write_text("clock_kept_by_host = true\n")
    process = await asyncio.create_subprocess_exec(
        *(*inside, sys.executable, "-m", "receivers", "run", "--state", str(station.folder), "--device", "none"),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


def _known_as(station: Station, host: str) -> None:
    """Give the broker a certificate for `host` as well."""
    lab = station.centre.lab
    assert renew(lab.root, [HOST, host], lab.clock.now())
    lab.broker.renew_certificate()


class Names(asyncio.DatagramProtocol):
    """A name server at an address of its own that knows `NAME` once `knows` is set."""

    def __init__(self) -> None:
        self.knows = False
        self.asked = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        assert self._transport is not None
        self.asked.set()
        question = data[12 : data.index(b"\0", 12) + 5]
        kind = struct.unpack("!H", question[-4:-2])[0]
        answers = int(self.knows and kind == ADDRESS)
        flags = 0x8180 | (0 if self.knows else NO_SUCH_NAME)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0)
        answer = struct.pack("!HHHIH", 0xC00C, ADDRESS, IPV4, 1, 4) + bytes(map(int, HOST.split(".")))
        self._transport.sendto(head + question + answer * answers, addr)


async def test_a_name_that_does_not_resolve_is_asked_for_again_until_it_does(station: Station, tmp_path: Path) -> None:
    server = "127.77.0.1"
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, (server, 53))
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {server}\noptions timeout:1 attempts:1\n")
    _known_as(station, NAME)
    station.enrolled(broker=BrokerAddress(host=NAME, port=station.relay.port))
    own_names = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(resolv))
    async with _daemon(station, *own_names):
        told = await station.told(lambda told: told.link_error is not None)
        assert names.asked.is_set()
        assert "Name or service not known" in (told.link_error or "")
        names.knows = True
        await station.up()
    transport.close()


async def test_documents_and_recordings_pass_a_link_with_small_packets(station: Station) -> None:
    centre, near = station.centre, f"loa{os.getpid()}"
    bulk = station.media("bulk", 60, 200_000)
    many = [station.desk.airing(f"airing-{n:04d}", SystemClock().now_us() + (3600 + n) * S, bulk) for n in range(800)]
    await station.plan(*many)
    _known_as(station, NEAR)
    waiting = 'read -r _ && ip link set lo up && ip address add "$0"/30 dev far && ip link set far up && exec "$@"'
    async with _daemon(station, "unshare", "--net", "sh", "-c", waiting, FAR) as process:
        await _in_its_own_network(process.pid)
        _ip("link", "add", near, "mtu", str(MTU), "type", "veth")
        far = _peer_of(near)
        _ip("link", "set", far, "netns", str(process.pid), "name", "far", "mtu", str(MTU))
        _ip("address", "add", f"{NEAR}/30", "dev", near)
        _ip("link", "set", near, "up", "gso_max_segs", "1")
        documents, recordings = (Relay(port, host=NEAR) for port in (centre.lab.port, centre.http.port))
        await documents.mend()
        await recordings.mend()
        station.enrolled(
            broker=BrokerAddress(host=NEAR, port=documents.port),
            media_urls=(f"http://{NEAR}:{recordings.port}/media/",),
        )
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        await centre.until(lambda: _has_all(station, bulk.sha256))
        numbers = centre.states[-1].numbers
        packets, sent_bytes = (_sent(near, what) for what in ("packets", "bytes"))
        for relay in (documents, recordings):
            relay.cut()
    assert numbers["zones/tra-van/programme"] == station.desk.number
    assert sent_bytes > 200_000
    assert sent_bytes / packets <= MTU + ETHERNET_BYTES


def _has_all(station: Station, sha256: str) -> bool:
    states = station.centre.states
    return bool(states) and sha256[:SHORT_SHA_CHARS] in states[-1].ready


async def _in_its_own_network(pid: int) -> None:
    """Return once a process has left ours."""
    async with asyncio.timeout(60):
        while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):  # noqa: ASYNC110, PTH115 - no bell
            await asyncio.sleep(0.01)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _peer_of(near: str) -> str:
    """The name that the kernel gave to the other end of a veth pair."""
    shown = subprocess.run(["ip", "-oneline", "link", "show", near], check=True, capture_output=True, text=True).stdout
    return shown.split(f"{near}@", 1)[1].split(":", 1)[0]


def _sent(near: str, what: str) -> int:
    return int(Path(f"/sys/class/net/{near}/statistics/tx_{what}").read_text())
