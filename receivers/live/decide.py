"""What a receiver asks of a growing recording, and what of it is too late (pure).

Rules
- Sample k of a feed is heard at `plays_us + k / 48000`, wherever it came from and whenever it came.
- Asked for is the first chunk that is missing and can still be heard; never what is past. Of a recording that is kept
  whole nothing is past: it may begin late, and has repetitions.
- While something else is to have the air all the time a session has no connection: what is heard has the link to
  itself. It is asked for again as one that is announced for later is, so that it is back in its place.
- A connection that brings no byte for as long as the delay, between QUIET_US and QUIET_MAX_US, and a bit more is left
  for a new one: after a cut a carrier sends what it held back first, and a new connection does not. Sooner is worse:
  what is in hand lasts nearly so long, and where much is lost an old connection recovers before a new one is made.
- Attempts begin apart by a gap that grows to GAP_MAX_US; one that took as long itself is followed at once. So sound is
  back soon after a long cut, and a centre that starts again is not overrun.
- A text that is still coming has the link to itself: with its own file beside it, it would not come in time where the
  link carries one of them. That ends when no chunk has come for HURRY_US; the file may come where the feed does not.
- A text that is late may begin when what is missing of it comes in time though the link brought only PACE_SHARE of what
  it has brought since it was opened, and goes on bringing: all of it takes thrice as long over 64 kbit/s.
- An attempt is given KNOCKING_US to be let in, and then OPEN_US to be answered. After one that was let in and not
  answered in that time the link is slow, and the next is given SLOW_OPEN_US.
"""

from collections.abc import Container
from enum import StrEnum

from msgspec import Struct

from broadcast.wire.chunks import CHUNK_FRAMES, CHUNK_US, PRE_SKIP_FRAMES
from broadcast.wire.documents import Media
from broadcast.wire.now import Feed, LiveSession

FRAMES_PER_MS = 48
QUIET_US, QUIET_MAX_US, QUIET_SPREAD_US = 1_000_000, 3_000_000, 500_000
BARREN_US = 3_000_000  # bytes that become no chunk for so long are someone's game
GAP_FIRST_US, GAP_MAX_US = 100_000, 1_600_000
OPEN_US, SLOW_OPEN_US = 2_000_000, 6_000_000
KNOCKING_US = 4_000_000
HURRY_US = 5_000_000
PACE_SHARE, PACE_CHUNKS = 0.6, 5  # so many are here before anything is said of the pace
STEADY_US = 1_000_000  # a connection that brought sound and lasted so long was no failure
EARLY_US = 5_000_000  # a session that is announced for later is asked for so long before it is spoken
SPARE_CHUNKS = 16  # held beyond what the delay needs: four seconds
WHOLE_CHUNKS = 2_500  # ten minutes
BEHIND_CHUNKS = 4  # kept after they were heard, for whoever joins between two chunks
USELESS_CHUNKS = 8  # that one connection may bring one after another: what lies two seconds back will not catch up


class Growing(Struct, frozen=True, kw_only=True):
    """A feed in force. `said_us` is when its sample 0 is spoken; None: all of it is there, or comes as it is made.

    `frames` is its length once known. From `until_us` on nothing of it sounds. With `said_us` None it is kept whole.
    Before `heard_us` something else has the air, by the plan.
    """

    feed: Feed
    plays_us: int
    until_us: int
    said_us: int | None = None
    frames: int | None = None
    heard_us: int = 0


class Taken(StrEnum):
    """What became of a chunk that came. What is not TAKEN is never played."""

    TAKEN = "taken"
    TWICE = "chunk_twice"
    PAST = "chunk_past"
    AHEAD = "chunk_ahead"  # further on than anything that was said, or than there is room for


def of_session(session: LiveSession) -> Growing:
    return Growing(
        feed=session.feed,
        plays_us=session.start_us + session.delay_us,
        until_us=session.until_us,
        said_us=session.start_us,
        frames=session.frames,
    )


def of_made(feed: Feed, media: Media, start_us: int, until_us: int) -> Growing:
    """A sound made for an order, which sounds (next) from `start_us` on."""
    frames = media.duration_us * FRAMES_PER_MS // 1000
    return Growing(feed=feed, plays_us=start_us, until_us=until_us, frames=frames)


def due_number(growing: Growing, now_us: int) -> int:
    """The first chunk that is not wholly past at `now_us`."""
    frames = (now_us - growing.plays_us) * FRAMES_PER_MS // 1000
    return max(0, (frames + PRE_SKIP_FRAMES) // CHUNK_FRAMES)


def room(growing: Growing, now_us: int) -> range:
    """The chunks that are of use at `now_us`, whether there or not."""
    if growing.said_us is None:
        return range(WHOLE_CHUNKS)
    due = due_number(growing, now_us)
    return range(due, due + (growing.plays_us - growing.said_us) // CHUNK_US + SPARE_CHUNKS)


def taken(growing: Growing, held: Container[int], last: int | None, number: int, now_us: int) -> Taken:
    """What to do with chunk `number`; `last` is the number of the last chunk, where that is known."""
    if number in held:
        return Taken.TWICE
    of_use = room(growing, now_us)
    if number < of_use.start:
        return Taken.PAST
    return Taken.TAKEN if number in of_use and (last is None or number <= last) else Taken.AHEAD


def ask_from(growing: Growing, held: Container[int], last: int | None, now_us: int) -> int | None:
    """The chunk to ask from; None when all that is of use has come."""
    of_use = room(growing, now_us)
    stop = of_use.stop if last is None else last + 1
    return next((number for number in range(of_use.start, stop) if number not in held), None)


def opens_us(growing: Growing) -> int:
    """When to begin asking; the past: now. Before that a connection is left."""
    if growing.said_us is None:
        return 0
    return max(growing.plays_us, growing.heard_us) - growing.plays_us + growing.said_us - EARLY_US


def quiet_us(growing: Growing, number: int, now_us: int, random: float) -> int:
    """How long a connection asked from `number` may bring nothing from `now_us` on; `random` in [0, 1)."""
    ready_us, quiet_us = now_us, QUIET_US
    if growing.said_us is not None:
        ready_us = growing.said_us + (number + 1) * CHUNK_US
        quiet_us = min(QUIET_MAX_US, max(QUIET_US, growing.plays_us - growing.said_us))
    return max(0, ready_us - now_us) + round(quiet_us + random * QUIET_SPREAD_US)


def hurries(growing: Growing, *, missing: bool, quiet_us: int) -> bool:
    """Whether recordings that can wait shall leave the link to this feed, of which something is `missing`.

    `quiet_us` is how long ago its last chunk came, or it was asked for first.
    """
    return growing.said_us is None and missing and quiet_us < HURRY_US


def comes_in_time(growing: Growing, held: Container[int], opened_us: int, moved_us: int, now_us: int) -> bool:
    """Whether a recording of known length that is heard from now on would not have to wait for a chunk.

    `held` came since `opened_us`, the last of it at `moved_us`.
    """
    if growing.frames is None or growing.said_us is not None or now_us - moved_us >= QUIET_US:
        return False
    chunks = -(-(growing.frames + PRE_SKIP_FRAMES) // CHUNK_FRAMES)
    here = next((number for number in range(chunks) if number not in held), chunks)
    if here < min(chunks, PACE_CHUNKS):
        return False
    return (chunks - here) * (now_us - opened_us) / here <= chunks * CHUNK_US * PACE_SHARE


def open_us(*, slow: bool) -> int:
    """How long an attempt may take to be answered; `slow`: the one before was let in and was not."""
    return SLOW_OPEN_US if slow else OPEN_US


def rest_us(failures: int, took_us: int, random: float) -> int:
    """How long to wait after the last of `failures` in a row, which took `took_us`."""
    gap_us = min(GAP_FIRST_US << min(failures - 1, 10), GAP_MAX_US)
    return max(0, round(gap_us * (0.5 + random / 2)) - took_us)
