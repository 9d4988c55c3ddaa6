"""Listening in (WHEP): a live talk's own packets to a browser, as its zone hears them (does I/O).

Nothing is decoded or encoded: aiortc passes packets on. One that is missing is left out, and the browser conceals it.
"""

import asyncio
from fractions import Fraction
from typing import Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet

from broadcast.clock import US_PER_S, Clock
from broadcast.live.feed import LiveFeed
from broadcast.wire.chunks import CHUNK_FRAMES, PACKET_FRAMES, RATE_HZ, Chunk
from web import i18n
from web.live.peer import BadOffer, Peer, only_sound

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


class ListeningLine(Peer):
    """One connection that listens."""

    def __init__(self) -> None:
        super().__init__()
        self._track: FeedTrack | None = None

    async def answer(self, offer_sdp: str, track: FeedTrack) -> str:
        """Our answer to an offer to listen. Raises BadOffer; call `close` in any case."""
        self._track = track
        if only_sound(offer_sdp, "recvonly") is None:
            raise BadOffer("not_one_listener", i18n.N_("Offer to receive one sound and nothing else."), field="sdp")
        return await self._agree(offer_sdp, lambda peer: peer.addTrack(track))

    async def close(self) -> None:
        if self._track is not None:
            self._track.stop()
        await super().close()
