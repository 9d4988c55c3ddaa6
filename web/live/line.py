"""A microphone's WebRTC connection (does I/O): sound in Opus, from the offerer to us."""

import contextlib
from collections.abc import Callable

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.exceptions import InvalidStateError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp

from web import i18n
from web.live.microphone import take_packets
from web.live.peer import BadOffer, Peer, only_sound
from web.live.placing import RtpPacket

MAX_CANDIDATES = 50


class Line(Peer):
    """Whose packets come to `put`."""

    def __init__(self) -> None:
        super().__init__()
        self._candidates = 0

    async def answer(self, offer_sdp: str, put: Callable[[RtpPacket], None]) -> str:
        """Our answer to an offer; `put` gets the packets that come. Raises BadOffer; call `close` in any case."""
        _check(offer_sdp)

        def listen(peer: RTCPeerConnection) -> None:
            (transceiver,) = peer.getTransceivers()
            transceiver.setCodecPreferences(_opus())
            take_packets(transceiver.receiver, put)

        return await self._agree(offer_sdp, listen)

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


def _check(offer_sdp: str) -> None:
    sound = only_sound(offer_sdp, "sendonly")
    if sound is None:
        raise BadOffer("not_one_microphone", i18n.N_("Offer one microphone and nothing else."), field="sdp")
    if not any(codec.mimeType.lower() == "audio/opus" for codec in sound.rtp.codecs):
        raise BadOffer("no_opus", i18n.N_("Offer the microphone as Opus."), field="sdp")


def _opus() -> list[RTCRtpCodecCapability]:
    capabilities = RTCRtpSender.getCapabilities("audio")
    return [codec for codec in capabilities.codecs if codec.mimeType == "audio/opus"] if capabilities else []
