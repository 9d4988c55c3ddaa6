"""Which recordings a receiver must have, in what order, and which it may let go (pure).

Rules
- Next needed is fetched first; the fallback and the prepared messages are taken to be needed within ten minutes, since
  any item may fail and any button be pressed.
- What a bank names is taken to be needed within five minutes, at any time: what plays sooner goes first, and nothing
  makes it go. So it is also read again each day.
- A failed fetch waits BACKOFF_FIRST_US, twice as long each time, up to BACKOFF_MAX_US, less a random part of up to a
  half, so that forty villages behind one mast do not come back in step. Another recording may go first meanwhile.
- Where room is short, what no programme needs goes, the oldest first, and then what is needed later than the one that
  comes, the latest first. If that is not enough nothing goes.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from broadcast.wire.documents import Airing, Media, ReceiverSettings

FALLBACK_DUE_US = 600_000_000
BANK_DUE_US = 300_000_000
BACKOFF_FIRST_US = 1_000_000
BACKOFF_MAX_US = 300_000_000
RECHECK_US = 24 * 3600 * 1_000_000  # a file is read again before play when it was last read longer ago than this
RECHECK_AHEAD_US = 600_000_000


class Need(Struct, frozen=True):
    """A recording that will be played; `due_us` is when first.

    What is `kept` is never let go. A bank's recordings are not each `told` of in the state.
    """

    sha256: str
    size_bytes: int
    due_us: int
    kept: bool = False
    told: bool = True


class Stored(Struct, frozen=True):
    """A recording that is whole. `ready_us` is when it first was, `checked_us` when it was last read and right."""

    size_bytes: int
    ready_us: int
    checked_us: int


def needs(
    airings: Iterable[Airing], settings: ReceiverSettings, now_us: int, bank: Iterable[Media] = ()
) -> tuple[Need, ...]:
    """What the airings that are not past and a `bank` need, next first. What has no bytes is no recording."""
    found: dict[str, Need] = {}

    def add(media: Media, due_us: int, *, kept: bool = False) -> None:
        known = found.get(media.sha256)
        due_us = due_us if known is None else min(due_us, known.due_us)
        told = not kept or (known is not None and known.told)
        found[media.sha256] = Need(
            media.sha256, media.size_bytes, due_us, kept or (known is not None and known.kept), told
        )

    for airing in airings:
        media = airing.media_for(settings.languages)
        if airing.start_us + airing.window_us + media.duration_us > now_us and media.size_bytes:
            add(media, airing.start_us)
    if settings.fallback is not None:
        add(settings.fallback, now_us + FALLBACK_DUE_US)
    for message in settings.messages:
        add(message.media, now_us + FALLBACK_DUE_US)
    for media in bank:
        add(media, now_us + BANK_DUE_US, kept=True)
    return tuple(sorted(found.values(), key=lambda need: (need.due_us, need.sha256)))


def next_fetch(
    wanted: Iterable[Need], stored: Mapping[str, Stored], not_before_us: Mapping[str, int], now_us: int
) -> Need | None:
    """What to fetch now."""
    missing = (need for need in wanted if need.sha256 not in stored)
    return next((need for need in missing if not_before_us.get(need.sha256, 0) <= now_us), None)


def overtakes(other: Need | None, current: Need, now_us: int) -> bool:
    """Whether `other` is so urgent that the fetch of `current` steps aside for it."""
    return other is not None and other.due_us < min(current.due_us, now_us + FALLBACK_DUE_US)


def next_recheck(wanted: Iterable[Need], stored: Mapping[str, Stored], now_us: int) -> Need | None:
    """What will play soon and was not read for long."""
    for need in wanted:
        held = stored.get(need.sha256)
        if held and need.due_us < now_us + RECHECK_AHEAD_US and not 0 <= now_us - held.checked_us < RECHECK_US:
            return need
    return None


def backoff_us(failures: int, random: float, max_us: int = BACKOFF_MAX_US) -> int:
    """How long to wait after `failures` in a row; `random` in [0, 1)."""
    whole_us = min(BACKOFF_FIRST_US << min(max(failures - 1, 0), 30), max_us)
    return round(whole_us * (0.5 + random / 2))


def to_let_go(stored: Mapping[str, Stored], wanted: Sequence[Need], coming: Need, over_bytes: int) -> tuple[str, ...]:
    """What to remove to win back `over_bytes` for `coming`."""
    due_us = {need.sha256: need.due_us for need in wanted}
    unneeded = sorted(stored.keys() - due_us.keys(), key=lambda sha256: (stored[sha256].ready_us, sha256))
    later = (need for need in wanted if need.sha256 in stored and need.due_us > coming.due_us and not need.kept)
    chosen: list[str] = []
    for sha256 in (*unneeded, *(need.sha256 for need in sorted(later, key=lambda need: -need.due_us))):
        if over_bytes <= 0:
            break
        chosen.append(sha256)
        over_bytes -= stored[sha256].size_bytes
    return tuple(chosen) if over_bytes <= 0 else ()
