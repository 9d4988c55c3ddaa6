"""Counts the bytes of TCP ports on the loopback, packet by packet, as a link outside would carry them.

A packet socket sees every packet of the machine, whoever sent it; a filter in the kernel leaves those of the ports.
The loopback carries segments of up to 64 KiB, which a real link would carry in pieces: for each piece of MSS_BYTES the
headers are counted again. The loopback's own Ethernet header is no part of it.
"""

import ctypes
import selectors
import socket
import struct
import threading
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple, Self

MSS_BYTES = 1448  # of an Ethernet link with time stamps
ETHERNET_BYTES = 14
ALL_PROTOCOLS = 3
SEEN_BYTES = 128  # enough for all headers
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
PACKET_STATISTICS = 6
SOL_PACKET = 263


class Counted(NamedTuple):
    """Bytes with all headers, and packets; up is to the ports, down is from them."""

    up_bytes: int = 0
    down_bytes: int = 0
    packets: int = 0

    @property
    def both_bytes(self) -> int:
        return self.up_bytes + self.down_bytes

    def less(self, other: "Counted") -> "Counted":
        """What was counted after `other`."""
        return Counted(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


class WireCount:
    """Context manager: counts from its beginning to its end. Needs the right to see packets (root)."""

    def __init__(self, ports: Collection[int]) -> None:
        self._ports = frozenset(ports)
        self._counted = Counted()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._count, name="wire-count", daemon=True)

    @property
    def counted(self) -> Counted:
        return self._counted

    def __enter__(self) -> Self:
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        code = _filter(sorted(self._ports))
        program = ctypes.create_string_buffer(code)
        pointed = struct.pack("HL", len(code) // 8, ctypes.addressof(program))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointed)
        self._socket.bind(("lo", ALL_PROTOCOLS))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        if dropped:
            raise RuntimeError(f"{dropped} packets passed uncounted")

    def _count(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while all(key.fileobj is self._socket for key, _ in selector.select()):
                self._take()

    def _take(self) -> None:
        with suppress(BlockingIOError):
            packet, address = self._socket.recvfrom(SEEN_BYTES, socket.MSG_DONTWAIT)
            if address[2] == socket.PACKET_OUTGOING:  # the loopback shows each twice, going out and coming in
                self._add(packet[ETHERNET_BYTES:])

    def _add(self, packet: bytes) -> None:
        ip_bytes = (packet[0] & 0x0F) * 4
        length_bytes = struct.unpack_from("!H", packet, 2)[0]
        to_port = struct.unpack_from("!H", packet, ip_bytes + 2)[0]
        header_bytes = ip_bytes + (packet[ip_bytes + 12] >> 4) * 4
        pieces = max(1, -(-(length_bytes - header_bytes) // MSS_BYTES))
        bytes_ = length_bytes + (pieces - 1) * header_bytes
        up, down, packets = self._counted
        is_up = to_port in self._ports
        self._counted = Counted(up + bytes_ * is_up, down + bytes_ * (not is_up), packets + pieces)


def _filter(ports: Collection[int]) -> bytes:
    """Classic BPF: IPv4, TCP, not a fragment, from or to one of `ports`."""
    load_half, load_byte, load_index, load_at_index = 0x28, 0x30, 0xB1, 0x48
    jump_equal, jump_set, answer = 0x15, 0x45, 0x06
    tests = 2 * len(ports) + 2  # instructions after the fixed head: both loads and their comparisons
    head = [
        (load_half, 0, 0, 12),
        (jump_equal, 0, tests + 5, 0x0800),
        (load_byte, 0, 0, 23),
        (jump_equal, 0, tests + 3, socket.IPPROTO_TCP),
        (load_half, 0, 0, 20),
        (jump_set, tests + 1, 0, 0x1FFF),
        (load_index, 0, 0, 14),
    ]
    body: list[tuple[int, int, int, int]] = []
    for offset in (14, 16):
        body.append((load_at_index, 0, 0, offset))
        body += [(jump_equal, 1, 0, port) for port in ports]
    # A match jumps to the accepting end, which stands behind the refusing one.
    body = [
        (code, tests - place, 0, value) if code == jump_equal else (code, yes, no, value)
        for place, (code, yes, no, value) in enumerate(body)
    ]
    end = [(answer, 0, 0, 0), (answer, 0, 0, 0xFFFF)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in (*head, *body, *end))
