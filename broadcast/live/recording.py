"""Live sound and Ogg/Opus files, one made of the other without encoding again (does I/O)."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.packet import Packet

from broadcast.live.feed import MAX_CHUNKS, LiveFeed
from broadcast.wholefile import sync
from broadcast.wire.chunks import MAX_PACKET_BYTES, PACKET_FRAMES, PACKETS, PRE_SKIP_FRAMES, RATE_HZ, Chunk


class UnfitRecording(Exception):
    """The file is no recording whose packets can be passed on as they are; the message says why."""


def packets_of(ogg: Path) -> tuple[list[bytes], int]:
    """The packets of an Ogg/Opus file and its length in samples. Raises UnfitRecording."""
    raise NotImplementedError


class Recorder:
    """Context manager: everything that `feed` sends out from now on, as an Ogg/Opus file at `path` once it is whole."""

    def __init__(self, feed: LiveFeed, path: Path) -> None:
        raise NotImplementedError
