"""What is put on the air for each kind of talk (does I/O)."""

import asyncio
from dataclasses import dataclass

from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.live.feed import LiveFeed
from broadcast.live.recording import UnfitRecording
from broadcast.live.relay import Relay
from broadcast.media import MediaStore
from scheduler.live.models import LiveTalk
from web.live.acts import Playing, Relaying
from web.live.booth import Booth

US_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class Repertoire:
    """`media` has the recordings; streams are relayed from `relay_hosts` alone."""

    desk: LiveDesk
    clock: Clock
    media: MediaStore
    relay_hosts: frozenset[str]

    def booth(self, talk: LiveTalk) -> Booth:
        """For somebody who speaks."""
        return Booth(self._open(talk), self.clock, cls=talk.cls, limit_s=talk.limit_s)

    async def alone(self, talk: LiveTalk) -> Playing | Relaying:
        """For a talk that no person begins. Raises UnfitRecording where it cannot be."""
        if talk.source_url is not None:
            feed = self._open(talk)
            stand_in = self.media.path(talk.sha256) if talk.sha256 is not None else None
            relay = Relay(talk.source_url, feed, self.clock, hosts=self.relay_hosts, stand_in=stand_in)
            return Relaying(relay, feed, self.clock, limit_s=talk.limit_s)
        if talk.sha256 is None:
            raise UnfitRecording("the recording is no more")
        feed = await asyncio.to_thread(self.desk.from_recording, talk.id, self.media.path(talk.sha256))
        return Playing(feed, self.clock, delay_us=talk.delay_ms * US_PER_MS)

    def _open(self, talk: LiveTalk) -> LiveFeed:
        return self.desk.open(talk.id, delay_us=talk.delay_ms * US_PER_MS, bitrate_bps=talk.bitrate_bps)
