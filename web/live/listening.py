"""Listening in (WHEP): a live talk's own packets to a browser, as its zone hears them (does I/O).

Nothing is decoded or encoded: aiortc passes packets on. One that is missing is left out, and the browser conceals it.
"""

import asyncio
import contextlib
import secrets
from fractions import Fraction
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription
from av.packet import Packet

from broadcast.clock import US_PER_S, Clock
from broadcast.live.feed import LiveFeed
from broadcast.wire.chunks import CHUNK_FRAMES, PACKET_FRAMES, RATE_HZ, Chunk
from web import i18n
from web.live.line import BadOffer

MAX_CHUNKS = 50
"""12 s: more than any delay; a listener that stands still loses what is older."""
_SAMPLE = Fraction(1, RATE_HZ)


class FeedTrack(MediaStreamTrack):
    """The packets of `feed`, each when its zone hears it: sample k at `heard_us` (monotonic) + k / 48000."""

    kind = "audio"

    def __init__(self, feed: LiveFeed, clock: Clock, heard_us: int) -> None:
        super().__init__()
        self._clock = clock
        self._heard_us = heard_us
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue(MAX_CHUNKS)
        self._packets: list[tuple[int, bytes]] = []
        self._last = False
        self._unfollow = feed.follow(self._take)

    async def recv(self) -> "Packet[Any]":
        """The next packet that is there, at its time. Raises MediaStreamError at the end."""
        frame, payload = await self._next()
        await self._clock.sleep((self._heard_us + frame * US_PER_S // RATE_HZ - self._clock.monotonic_us()) / US_PER_S)
        packet = Packet(payload)
        packet.pts, packet.time_base = frame, _SAMPLE
        return packet

    def stop(self) -> None:
        self._unfollow()
        super().stop()

    async def _next(self) -> tuple[int, bytes]:
        while not self._packets:
            if self._last or self.readyState != "live":
                self.stop()
                raise MediaStreamError
            chunk = await self._chunks.get()
            self._last = chunk.last
            first = chunk.number * CHUNK_FRAMES
            self._packets = [(first + at * PACKET_FRAMES, p) for at, p in enumerate(chunk.packets) if p]
        return self._packets.pop(0)

    def _take(self, chunk: Chunk, _sealed: bytes) -> None:
        if self._chunks.full():
            self._chunks.get_nowait()
        self._chunks.put_nowait(chunk)


class ListeningLine:
    """One connection that listens. `connected` and `lost` are as a microphone's `Line` has them."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(16)
        self.etag = secrets.token_urlsafe(12)
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track: FeedTrack | None = None

    async def answer(self, offer_sdp: str, track: FeedTrack) -> str:
        """Our answer to an offer to listen. Raises BadOffer; call `close` in any case."""
        self._track = track
        _check(offer_sdp)
        peer = self._peer

        @peer.on("connectionstatechange")  # type: ignore[misc, unused-ignore]
        async def changed() -> None:
            if peer.connectionState == "connected":
                self.connected.set()
            elif peer.connectionState in ("failed", "closed"):
                self.lost.set()

        try:
            await peer.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
            peer.addTrack(track)
            await peer.setLocalDescription(await peer.createAnswer())
        except (ValueError, OperationError, InvalidAccessError, InvalidStateError, AssertionError) as refused:
            raise BadOffer(
                "bad_offer", i18n.N_("This offer of sound could not be understood."), field="sdp"
            ) from refused
        return peer.localDescription.sdp

    async def close(self) -> None:
        self.lost.set()
        if self._track is not None:
            self._track.stop()
        with contextlib.suppress(ConnectionError):
            await self._peer.close()


def _check(offer_sdp: str) -> None:
    try:
        media = SessionDescription.parse(offer_sdp).media
    except Exception as refused:  # a parser of hostile text without a list of what it raises
        raise BadOffer("bad_offer", i18n.N_("This offer of sound could not be understood."), field="sdp") from refused
    if [one.kind for one in media] != ["audio"] or media[0].direction not in ("recvonly", "sendrecv"):
        raise BadOffer("not_one_listener", i18n.N_("Offer to receive one sound and nothing else."), field="sdp")
