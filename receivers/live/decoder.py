"""Opus packets as samples, and what libopus makes up for one that is missing (calls a C library).

libopus itself is asked, as FFmpeg's binding has no way to say that a packet was lost. Where it is not there, in the
system or beside PyAV, PyAV decodes and what is missing is silent.
"""

import ctypes
import logging
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from broadcast.wire.chunks import PACKET_FRAMES, RATE_HZ
from receivers.sound.mixer import Samples

log = logging.getLogger(__name__)

SYSTEMS = "libopus.so.0"


class Decoder(Protocol):
    """Takes one feed's packets in order, each of PACKET_FRAMES samples."""

    def decode(self, packet: bytes) -> Samples | None:
        """None for bytes that are no such packet."""
        ...

    def conceal(self) -> Samples:
        """What goes best in place of a packet that is missing here."""
        ...


class OpusDecoder:
    """By libopus; ValueError when it gives no decoder."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        error = ctypes.c_int(0)
        self._state = library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
        if not self._state or error.value:
            raise ValueError(f"libopus gives no decoder: {error.value}")

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)

    def decode(self, packet: bytes) -> Samples | None:
        return self._decode(packet, len(packet)) if packet else None

    def conceal(self) -> Samples:
        made_up = self._decode(None, 0)
        return np.zeros(PACKET_FRAMES, dtype=np.float32) if made_up is None else made_up

    def _decode(self, packet: bytes | None, size_bytes: int) -> Samples | None:
        sound = np.empty(PACKET_FRAMES, dtype=np.float32)
        count = self._library.opus_decode_float(self._state, packet, size_bytes, sound.ctypes.data, PACKET_FRAMES, 0)
        return sound if count == PACKET_FRAMES else None


class PlainDecoder:
    """By PyAV, with silence for what is missing."""

    def __init__(self) -> None:
        self._codec = av.AudioCodecContext.create("libopus", "r")
        self._codec.sample_rate = RATE_HZ
        self._codec.layout = "mono"

    def decode(self, packet: bytes) -> Samples | None:
        try:
            frames = self._codec.decode(av.Packet(packet))
        except (av.FFmpegError, ValueError):
            return None
        blocks = [frame.to_ndarray().reshape(-1) for frame in frames]
        if sum(len(block) for block in blocks) != PACKET_FRAMES:
            return None
        scale = np.float32(1 / 32768 if blocks[0].dtype == np.int16 else 1.0)
        return np.asarray(np.concatenate(blocks), dtype=np.float32) * scale

    def conceal(self) -> Samples:
        return np.zeros(PACKET_FRAMES, dtype=np.float32)


def open_decoder() -> Decoder:
    """The best decoder that there is."""
    library = _library()
    return PlainDecoder() if library is None else OpusDecoder(library)


@cache
def _library() -> ctypes.CDLL | None:
    library = load((SYSTEMS, *_beside_pyav()))
    if library is None:
        log.warning("what is missing of live sound is silent: libopus cannot be loaded; install libopus0")
    return library


def load(names: Iterable[str]) -> ctypes.CDLL | None:
    """The first of `names` that is a libopus."""
    for name in names:
        try:
            library = ctypes.CDLL(name)
            _declare(library.opus_decoder_create, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int, ctypes.c_void_p)
            _declare(library.opus_decoder_destroy, None, ctypes.c_void_p)
            _declare(library.opus_decode_float, ctypes.c_int, *_DECODE)
        except (OSError, AttributeError):
            continue
        return library
    return None


_DECODE = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)


def _declare(function: Callable[..., Any], answer: Any, *arguments: Any) -> None:
    function.restype, function.argtypes = answer, arguments  # type: ignore[attr-defined]


def _beside_pyav() -> list[str]:
    """PyAV's wheels bring a libopus of their own."""
    return sorted(str(path) for path in (Path(av.__file__).parents[1] / "av.libs").glob("libopus*.so*"))
