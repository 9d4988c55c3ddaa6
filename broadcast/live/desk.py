"""What is being said live at this centre process: every feed by its id."""

from collections import OrderedDict
from pathlib import Path

from broadcast.live.encoder import BITRATE_BPS
from broadcast.live.feed import LiveFeed
from broadcast.live.leveller import Leveller
from broadcast.live.recording import packets_of
from broadcast.wire.now import DELAY_US, MAX_DELAY_US, MIN_DELAY_US, Feed

REMEMBERED = 1_000
"""So many feeds that are closed are told apart from those that never were."""


class FeedTaken(Exception):
    """There is, or was, a feed of that id."""


class LiveDesk:
    """The feeds of this process. Everything but `from_recording` belongs to the event loop's thread.

    `url` is how receivers reach this process's `FeedServer`, without a path.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._feeds: dict[str, LiveFeed] = {}
        self._closed: OrderedDict[str, None] = OrderedDict()

    def open(
        self,
        feed_id: str,
        *,
        delay_us: int | None = DELAY_US,
        bitrate_bps: int = BITRATE_BPS,
        levelled: bool = True,
    ) -> LiveFeed:
        """A new feed with a key of its own. `delay_us=None`: nothing of it gets stale, all of it is kept (a text).

        Raises FeedTaken, ValueError for a delay or bit rate outside the limits.
        """
        if delay_us is not None and not MIN_DELAY_US <= delay_us <= MAX_DELAY_US:
            raise ValueError(f"a delay of {delay_us} us")
        leveller = Leveller() if levelled else None
        return self._add(LiveFeed(feed_id, delay_us=delay_us, bitrate_bps=bitrate_bps, leveller=leveller))

    def from_recording(self, feed_id: str, ogg: Path) -> LiveFeed:
        """The packets of a produced recording, passed on as they are, all chunks at once; may run in any thread.

        Raises FeedTaken, UnfitRecording.
        """
        packets, frames = packets_of(ogg)
        feed = LiveFeed(feed_id, delay_us=None)
        feed.pass_on(packets, frames)
        return self._add(feed)

    def get(self, feed_id: str) -> LiveFeed | None:
        return self._feeds.get(feed_id)

    def close(self, feed_id: str) -> None:
        """End a feed if it has not ended, and serve it no more: whoever listens has what there was."""
        feed = self._feeds.pop(feed_id, None)
        if feed is None:
            return
        feed.end()
        self._closed[feed_id] = None
        while len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)

    def is_closed(self, feed_id: str) -> bool:
        return feed_id in self._closed

    def announced(self, feed: LiveFeed) -> Feed:
        """What a now document says of a feed of this desk."""
        return Feed(id=feed.id, key=feed.public_key, urls=(f"{self.url}/live/{feed.id}",))

    def _add(self, feed: LiveFeed) -> LiveFeed:
        if feed.id in self._closed or self._feeds.setdefault(feed.id, feed) is not feed:
            raise FeedTaken(f"there is a feed {feed.id} already")
        return feed
