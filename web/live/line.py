"""One WebRTC connection of a microphone, from its offer to its end (does I/O).

Only sound in Opus is taken, from the offerer to us; aiortc answers with all its own addresses, so that it never
trickles. No STUN or TURN server is asked: the centre is where browsers reach its pages.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import SessionDescription, candidate_from_sdp

from scheduler.errors import Invalid
from web import i18n
from web.live.microphone import take_packets
from web.live.placing import RtpPacket

log = logging.getLogger(__name__)

MAX_CANDIDATES = 50
LOOPBACK = "127.0.0.1"
_addresses_of_the_machine = aioice.ice.get_host_addresses


def offer_addresses(addresses: frozenset[str], *, loopback: bool) -> None:
    """Have connections made from now on use only these of the machine's addresses, all where none are named.

    `loopback` adds this machine itself, which aioice leaves out: for a centre whose pages are served there.
    """

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        found = _addresses_of_the_machine(use_ipv4=use_ipv4, use_ipv6=use_ipv6)
        kept = [address for address in found if not addresses or address in addresses]
        return [*kept, *([LOOPBACK] if use_ipv4 and (loopback or LOOPBACK in addresses) else [])]

    aioice.ice.get_host_addresses = chosen


class BadOffer(Invalid):
    """The offer is none, or offers nothing that we take."""


class Line:
    """Made by `answered`. `connected` is set once packets can come; `lost` once none can come any more."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(16)
        self.etag = secrets.token_urlsafe(12)
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._candidates = 0

    async def answer(self, offer_sdp: str, put: Callable[[RtpPacket], None]) -> str:
        """Our answer to an offer; `put` gets the packets that come. Raises BadOffer; call `close` in any case."""
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
            (transceiver,) = peer.getTransceivers()
            transceiver.setCodecPreferences(_opus())
            take_packets(transceiver.receiver, put)
            await peer.setLocalDescription(await peer.createAnswer())
        except (ValueError, OperationError, InvalidAccessError, InvalidStateError, AssertionError) as refused:
            raise BadOffer(
                "bad_offer", i18n.N_("This offer of sound could not be understood."), field="sdp"
            ) from refused
        return peer.localDescription.sdp

    async def add_candidates(self, fragment: str) -> None:
        """Take what an SDP fragment (RFC 8840) names. Raises BadOffer."""
        mid, index = None, 0
        for line in fragment.splitlines():
            name, _, value = line.strip().partition(":")
            if name == "a=mid":
                mid = value
            elif name == "a=candidate":
                self._candidates += 1
                if self._candidates > MAX_CANDIDATES:
                    raise BadOffer("too_many_candidates", i18n.N_("Too many addresses were offered."), field="sdp")
                await self._add(value, mid, index)

    async def _add(self, value: str, mid: str | None, index: int) -> None:
        try:
            candidate = candidate_from_sdp(value)
        except (ValueError, IndexError, AssertionError) as refused:
            raise BadOffer(
                "bad_candidate", i18n.N_("One of the addresses could not be read."), field="sdp"
            ) from refused
        candidate.sdpMid, candidate.sdpMLineIndex = mid, index
        # one that this side has no use for, such as TCP, is passed over
        with contextlib.suppress(ValueError, InvalidStateError):
            await self._peer.addIceCandidate(candidate)

    async def close(self) -> None:
        self.lost.set()
        await self._peer.close()


def _check(offer_sdp: str) -> None:
    try:
        media = SessionDescription.parse(offer_sdp).media
    except Exception as refused:  # a parser of hostile text without a list of what it raises
        raise BadOffer("bad_offer", i18n.N_("This offer of sound could not be understood."), field="sdp") from refused
    if [one.kind for one in media] != ["audio"] or media[0].direction not in ("sendonly", "sendrecv"):
        raise BadOffer("not_one_microphone", i18n.N_("Offer one microphone and nothing else."), field="sdp")
    if not any(codec.mimeType.lower() == "audio/opus" for codec in media[0].rtp.codecs):
        raise BadOffer("no_opus", i18n.N_("Offer the microphone as Opus."), field="sdp")


def _opus() -> list[RTCRtpCodecCapability]:
    capabilities = RTCRtpSender.getCapabilities("audio")
    return [codec for codec in capabilities.codecs if codec.mimeType == "audio/opus"] if capabilities else []
