"""Opus packets of 20 ms from samples: one encode for all who listen (a thin shell over PyAV)."""

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from broadcast.wire.chunks import MAX_PACKET_BYTES, PACKET_FRAMES, RATE_HZ

Samples = NDArray[np.float32]

BITRATE_BPS = 24_000
MIN_BITRATE_BPS, MAX_BITRATE_BPS = 12_000, 48_000


class PacketEncoder:
    """Encodes block after block; what a packet decodes to is PRE_SKIP_FRAMES behind what went in."""

    def __init__(self, bitrate_bps: int = BITRATE_BPS) -> None:
        if not MIN_BITRATE_BPS <= bitrate_bps <= MAX_BITRATE_BPS:
            raise ValueError(f"live sound takes {MIN_BITRATE_BPS} to {MAX_BITRATE_BPS} bit/s, not {bitrate_bps}")
        codec = AudioCodecContext.create("libopus", "w")
        codec.sample_rate = RATE_HZ
        codec.layout = "mono"
        codec.format = "flt"
        codec.bit_rate = bitrate_bps
        # A thin link has no room for what a variable rate spends at once.
        codec.options = {"application": "audio", "frame_duration": "20", "vbr": "constrained"}
        self._codec = codec
        self._frames = 0

    def encode(self, block: Samples) -> bytes:
        """The packet of PACKET_FRAMES samples."""
        if block.shape != (PACKET_FRAMES,):
            raise ValueError(f"a packet is made of {PACKET_FRAMES} samples")
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._frames
        self._frames += PACKET_FRAMES
        (packet,) = self._codec.encode(frame)
        made = bytes(packet)
        if not 0 < len(made) <= MAX_PACKET_BYTES:
            raise av.FFmpegError(0, f"a packet of {len(made)} bytes")
        return made
