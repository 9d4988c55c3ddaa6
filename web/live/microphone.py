"""A microphone's sound out of a WebRTC connection, past aiortc's own receive path (does I/O).

aiortc's audio JitterBuffer throws away several good packets for each one that is lost and stays full afterwards
(tests/web/live/test_microphone.py shows it), so the packets are taken where they would enter it. That place is private:
`take_packets` says so loudly where it has moved, and pyproject pins the version.
"""

from collections.abc import Callable

import av
import numpy as np
from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket as AiortcPacket
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet
from numpy.typing import NDArray

from web.live.placing import RATE_HZ, Placed, Placing, RtpPacket

Samples = NDArray[np.float32]

_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_ONE_FRAME = 0b1111_1100


class AiortcMovedError(Exception):
    """This aiortc is not built like the one that Loa was written for."""


def take_packets(receiver: RTCRtpReceiver, put: Callable[[RtpPacket], None]) -> None:
    """Have `put` called with each audio packet of a known codec, and nothing decoded by aiortc itself.

    Statistics and RTCP stay as they are. Raises AiortcMovedError.
    """
    if not isinstance(getattr(receiver, _BUFFER, None), JitterBuffer):
        raise AiortcMovedError("aiortc.RTCRtpReceiver keeps its jitter buffer elsewhere; only 1.16 is known to work")
    setattr(receiver, _BUFFER, _Sluice(put))


class _Sluice:
    """Stands where the jitter buffer stood, and never has a frame for the decoder behind it."""

    def __init__(self, put: Callable[[RtpPacket], None]) -> None:
        self._put = put

    def add(self, packet: AiortcPacket) -> tuple[bool, JitterFrame | None]:
        self._put(RtpPacket(packet.sequence_number, packet.timestamp, packet.payload))
        return False, None


class OpusDecoder:
    """Opus packets of any length to mono samples at 48 kHz."""

    def __init__(self) -> None:
        codec = AudioCodecContext.create("libopus", "r")
        codec.sample_rate = RATE_HZ
        codec.layout = "mono"
        self._codec = codec
        self._first_byte = 0xF8  # 20 ms, full band

    def decode(self, payload: bytes) -> Samples:
        """The samples of a packet; none of one that is no Opus."""
        if not payload:
            return _nothing()
        made = self._decoded(payload)
        if len(made):
            self._first_byte = payload[0] & _ONE_FRAME
        return made

    def conceal(self, frames: int) -> Samples:
        """`frames` samples that go on from what was decoded last, fading: packets without content (RFC 6716, 3.2)."""
        parts, count = [], 0
        while count < frames:
            made = self._decoded(bytes((self._first_byte,)))
            if not len(made):
                break
            parts.append(made)
            count += len(made)
        return np.concatenate(parts)[:frames] if parts else _nothing()

    def _decoded(self, payload: bytes) -> Samples:
        try:
            frames = self._codec.decode(Packet(payload))
        except av.FFmpegError:
            return _nothing()
        return np.concatenate([_full_scale_1(frame) for frame in frames]) if frames else _nothing()


class Microphone:
    """The packets of one connection as sound in its place: `heard(samples, at_frame)`, in order.

    `timeline` says at which frame of the talk we are.
    """

    def __init__(self, timeline: Callable[[], int], heard: Callable[[Samples, int], None]) -> None:
        self.placing = Placing()
        self._decoder = OpusDecoder()
        self._timeline = timeline
        self._heard = heard

    def put(self, packet: RtpPacket) -> None:
        for placed in self.placing.put(packet, self._timeline()):
            samples = self._samples(placed)
            if len(samples) and placed.frame + len(samples) > 0:
                before = max(0, -placed.frame)
                self._heard(samples[before:], placed.frame + before)

    def _samples(self, placed: Placed) -> Samples:
        if placed.payload is None:
            return self._decoder.conceal(placed.frames)
        return self._decoder.decode(placed.payload)


def _full_scale_1(frame: AudioFrame) -> Samples:
    """Whichever the decoder chose, 16 bits or floating point."""
    samples = frame.to_ndarray().reshape(-1)
    scale = 32768 if samples.dtype == np.int16 else 1
    return samples.astype(np.float32) / np.float32(scale)


def _nothing() -> Samples:
    return np.zeros(0, dtype=np.float32)
