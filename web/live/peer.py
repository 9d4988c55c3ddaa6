"""Our side of one WebRTC connection, from its offer to its end (does I/O).

aiortc answers with all its own addresses, so that it never trickles. No STUN or TURN server is asked: the centre is
where browsers reach its pages.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

import aioice.ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import MediaDescription, SessionDescription

from scheduler.errors import Invalid
from web import i18n

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


class Peer:
    """`connected` is set once packets can come and go; `lost` once none can any more."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(16)
        self.etag = secrets.token_urlsafe(12)
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def _agree(self, offer_sdp: str, prepare: Callable[[RTCPeerConnection], object]) -> str:
        """Our answer, once `prepare` has said what we do with what is offered. Raises BadOffer."""
        peer = self._peer

        @peer.on("connectionstatechange")  # type: ignore[misc, unused-ignore]
        async def changed() -> None:
            if peer.connectionState == "connected":
                self.connected.set()
            elif peer.connectionState in ("failed", "closed"):
                self.lost.set()

        try:
            await peer.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
            prepare(peer)
            await peer.setLocalDescription(await peer.createAnswer())
        except (ValueError, OperationError, InvalidAccessError, InvalidStateError, AssertionError) as refused:
            raise _not_understood() from refused
        return peer.localDescription.sdp

    async def close(self) -> None:
        self.lost.set()
        with contextlib.suppress(ConnectionError):
            await self._peer.close()


def only_sound(offer_sdp: str, direction: str) -> MediaDescription | None:
    """The one sound that is offered in this direction, None where it is not one alone. Raises BadOffer."""
    try:
        media = SessionDescription.parse(offer_sdp).media
    except Exception as refused:  # a parser of hostile text without a list of what it raises
        raise _not_understood() from refused
    is_one = [one.kind for one in media] == ["audio"] and media[0].direction in (direction, "sendrecv")
    return media[0] if is_one else None


def _not_understood() -> BadOffer:
    return BadOffer("bad_offer", i18n.N_("This offer of sound could not be understood."), field="sdp")
