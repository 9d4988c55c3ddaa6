"""A microphone that is no browser's, and what it said found again: for tests and benches (does I/O)."""

from fractions import Fraction
from http import HTTPStatus

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame

from broadcast.clock import US_PER_S, SystemClock
from broadcast.wire.chunks import Chunk
from web.live.microphone import OpusDecoder, Samples
from web.live.placing import PACKET_FRAMES, RATE_HZ


def voice(seconds: float) -> Samples:
    """Something like speech, that never repeats: every place in it can be told, whatever a codec does to it."""
    chance = np.random.default_rng(4)
    frames = round(seconds * RATE_HZ)
    pitch_hz = 170 + 60 * np.interp(
        np.arange(frames), np.arange(0, frames, 4800), chance.uniform(-1, 1, -(-frames // 4800))
    )
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    tone = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(2, 9))
    at = np.arange(frames) / RATE_HZ
    loud = 0.3 + 0.7 * np.clip(np.sin(2 * np.pi * 3.1 * at + np.sin(at)), 0, 1)
    return (0.15 * tone * loud).astype(np.float32)


class VoiceTrack(MediaStreamTrack):
    """`samples` in real time, and silence after them."""

    kind = "audio"

    def __init__(self, samples: Samples) -> None:
        super().__init__()
        self._samples = samples
        self._at = 0
        self._clock = SystemClock()
        self._began_us = self._clock.monotonic_us()

    async def recv(self) -> AudioFrame:
        due_us = self._began_us + self._at * US_PER_S // RATE_HZ
        await self._clock.sleep((due_us - self._clock.monotonic_us()) / US_PER_S)
        block = np.zeros(PACKET_FRAMES, dtype=np.float32)
        found = self._samples[self._at : self._at + PACKET_FRAMES]
        block[: len(found)] = found
        frame = AudioFrame.from_ndarray((block * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, Fraction(1, RATE_HZ)
        self._at += PACKET_FRAMES
        return frame


class HandMicrophone:
    """A WHIP client made of aiortc and httpx."""

    def __init__(self, client: httpx.AsyncClient, samples: Samples) -> None:
        self.client = client
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTransceiver(VoiceTrack(samples), direction="sendonly")
        self.location = ""
        self.etag = ""

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def connect(self, talk_id: str, **headers: str) -> httpx.Response:
        kind = {"content-type": "application/sdp"}
        answer = await self.client.post(
            f"/api/v1/live/{talk_id}/whip", content=await self.offer(), headers=kind | headers
        )
        if answer.status_code == HTTPStatus.CREATED:
            self.location, self.etag = answer.headers["location"], answer.headers["etag"]
            await self.peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return answer

    async def close(self) -> None:
        await self.peer.close()


def decoded(chunks: list[Chunk]) -> Samples:
    """What the chunks sound like; a missing packet is silence."""
    decoder = OpusDecoder()
    parts = [
        decoder.decode(packet) if packet else np.zeros(PACKET_FRAMES, dtype=np.float32)
        for chunk in chunks
        for packet in chunk.packets
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def alignment(heard: Samples, said: Samples) -> tuple[float, int]:
    """How well a part of `said` is found again in `heard` (correlation), and where `heard` begins in it."""
    size = 1 << (len(heard) + len(said)).bit_length()
    spectrum = np.fft.rfft(said, size) * np.conj(np.fft.rfft(heard, size))
    scores = np.fft.irfft(spectrum, size)[: max(1, len(said) - len(heard) + 1)]
    at = int(np.argmax(scores))
    part = said[at : at + len(heard)]
    return float(np.corrcoef(part, heard[: len(part)])[0, 1]), at
