"""The same Opus packets as Loa's chunks and as Icecast's pages, one every 240 ms: `python -m bench.talk loa|icecast`.

Each is a process of its own. It prints a line of JSON with its port and when its first chunk is due, and goes on until
it is ended. Loa's is the server that is measured; Icecast's is only what feeds the server.
"""

import asyncio
import base64
import json
import socket
import ssl
import struct
import sys
from pathlib import Path

from broadcast.clock import US_PER_S, SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import PacketEncoder
from broadcast.live.lab import HOST, PASSWORD
from broadcast.live.server import FeedServer
from broadcast.wire.chunks import CHUNK_US, PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, RATE_HZ
from receivers.lab.trial.signals import murmur

FEED = "talk"
CHUNKS = 100
"""After so many the sound begins again."""
SERIAL = 7
_PAGE = struct.Struct("<4sBBqIIIB")


def packets() -> list[bytes]:
    """What is said, always the same."""
    encoder = PacketEncoder()
    sound = murmur(CHUNKS * CHUNK_US / US_PER_S, seed=4)
    return [encoder.encode(sound[at : at + PACKET_FRAMES]) for at in range(0, len(sound), PACKET_FRAMES)]


def chunk(said: list[bytes], number: int) -> list[bytes]:
    """The packets of a chunk."""
    at = number % CHUNKS * PACKETS
    return said[at : at + PACKETS]


def loa_bytes(said: list[bytes], number: int) -> int:
    """How large the chunk is on Loa's line."""
    return sum(2 + len(packet) for packet in chunk(said, number)) + 71


def page(parts: list[bytes], number: int, granule: int, *, first: bool = False) -> bytes:
    """An Ogg page of whole packets (RFC 3533)."""
    lacing = b"".join(b"\xff" * (len(part) // 255) + bytes((len(part) % 255,)) for part in parts)
    head = (b"OggS", 0, 2 if first else 0, granule, SERIAL, number)
    body = lacing + b"".join(parts)
    unsummed = _PAGE.pack(*head, 0, len(lacing)) + body
    return _PAGE.pack(*head, _crc(unsummed), len(lacing)) + body


def sound_page(said: list[bytes], number: int) -> bytes:
    return page(chunk(said, number), number + 2, (number + 1) * PACKETS * PACKET_FRAMES)


def heads() -> bytes:
    head = b"OpusHead\x01\x01" + struct.pack("<HIhB", PRE_SKIP_FRAMES, RATE_HZ, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 3) + b"loa" + struct.pack("<I", 0)
    return page([head], 0, 0, first=True) + page([tags], 1, 0)


def _crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


def _table() -> list[int]:
    entries = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        entries.append(value)
    return entries


_TABLE = _table()


def _tell(port: int, due_us: int) -> None:
    print(json.dumps({"port": port, "due_us": due_us}), flush=True)


async def loa(certificate: str) -> None:
    """Serve the talk with Loa's own server."""
    clock, said, desk, tls = SystemClock(), packets(), LiveDesk(""), None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    server = FeedServer(desk, HOST, 0, clock, tls=tls)
    running = asyncio.create_task(server.run(), name="server")
    feed = desk.open(FEED, levelled=False)
    begin_us = clock.now_us() + US_PER_S
    _tell(server.port, begin_us)
    number = 0
    while not running.done():
        await clock.sleep((begin_us + number * CHUNK_US - clock.now_us()) / US_PER_S)
        feed.pass_on(chunk(said, number))
        number += 1


async def icecast(port: int, certificate: str) -> None:
    """Feed the talk to the Icecast at `port`."""
    clock, said, tls = SystemClock(), packets(), None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    account = base64.b64encode(f"source:{PASSWORD}".encode()).decode()
    writer.write(
        f"PUT /{FEED} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {account}\r\n"
        "Content-Type: application/ogg\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    answer = await reader.readline()
    if b" 100 " not in answer and b" 200 " not in answer:
        raise RuntimeError(f"Icecast takes no sound: {answer!r}")
    writer.write(heads())
    begin_us = clock.now_us() + US_PER_S
    _tell(port, begin_us)
    number = 0
    while True:
        made = sound_page(said, number)
        await clock.sleep((begin_us + number * CHUNK_US - clock.now_us()) / US_PER_S)
        writer.write(made)
        number += 1


def main() -> None:
    certificate = sys.argv[2] if Path(sys.argv[2]).is_file() else ""
    asyncio.run(loa(certificate) if sys.argv[1] == "loa" else icecast(int(sys.argv[3]), certificate))


if __name__ == "__main__":
    main()
