"""What has happened at this node, as the timeline must take it (pure): a plan that changes changes what is to come.

Rules
- What sounds goes on where it is. What sounded and lost the air follows its `after_cut` from now on. What could not
  begin so far is late. What was reported takes no more air.
- Lengths and quotas count what sounded. Where a power cut took the end of a piece it counts up to the next piece, or
  to now, or to the recording's end: a limit is rather kept too early than passed.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from broadcast.wire.documents import Airing, Late, Media
from receivers import ledger
from receivers.outbox import Outbox
from scheduler.timeline import Lived, Resolution, Segment


def lived(
    airings: Iterable[Airing],
    outbox: Outbox,
    before: Resolution,
    now_us: int,
    *,
    orders: Collection[str] = (),
    stopped: Collection[str] = (),
) -> dict[str, Lived]:
    """The past by airing id; `before` is the plan that held until now.

    What is `stopped` is over. The airings of `orders` keep to their place in the centre's time, though the node's clock
    may have been set since they began.
    """
    on_air = before.at(now_us)
    found: dict[str, Lived] = {}
    for airing in airings:
        if airing.id in outbox.over:
            known = outbox.sounded.get(airing.id)
            found[airing.id] = Lived(late_us=now_us, over_us=now_us, parts=_until(now_us, known.parts) if known else ())
        elif airing.start_us <= now_us or airing.id in stopped:
            mine = on_air if on_air is not None and on_air.airing_id == airing.id else None
            one = _lived(airing.id, outbox, mine, now_us)
            if airing.id in stopped:
                one = replace(one, over_us=now_us, goes_on=False)
            elif airing.id in orders and airing.late is Late.JOIN and one.anchor_us not in {None, airing.start_us}:
                one = replace(one, anchor_us=airing.start_us, goes_on=False)
            found[airing.id] = one
    return found


def gone(airings: Mapping[str, Airing], outbox: Outbox) -> list[Airing]:
    """What sounded, or still does, of airings that no programme tells of any more: quotas count it."""
    nothing = (Media(sha256="0" * 64, size_bytes=0, duration_us=0),)
    over = [
        Airing(id=key, broadcast_id="gone", cls=known.cls, start_us=known.parts[0][0], media=nothing)
        for key, known in outbox.sounded.items()
        if key not in airings and known.parts
    ]
    cancelled = (planned.airing for key, planned in outbox.planned.items() if key not in airings)
    return [*over, *(replace(airing, media=nothing) for airing in cancelled)]


def going_on(before: Resolution, after: Resolution, now_us: int) -> Resolution:
    """`after`, in which what goes on at `now_us` is told from its beginning."""
    on_air, still = before.at(now_us), after.at(now_us)
    if on_air is None or still is None or (still.airing_id, still.anchor_us) != (on_air.airing_id, on_air.anchor_us):
        return after
    whole = replace(still, start_us=on_air.start_us, offset_us=on_air.offset_us)
    return Resolution(tuple(whole if segment is still else segment for segment in after.segments), after.dropped)


def without(before: Resolution, airing_ids: Collection[str]) -> Resolution:
    """`before`, in which these were never on the air."""
    left = tuple(segment for segment in before.segments if segment.airing_id not in airing_ids)
    return Resolution(left, before.dropped)


def places(known: Mapping[str, int], before: Resolution, after: Resolution, now_us: int) -> dict[str, int]:
    """How many pieces each airing had before those in `after`, `known` being those before `before`."""
    found, still = dict(known), after.at(now_us)
    for segment in before.segments:
        begun = segment.start_us <= now_us
        goes_on = still is not None and (still.airing_id, still.start_us) == (segment.airing_id, segment.start_us)
        if begun and not goes_on:
            found[segment.airing_id] = found.get(segment.airing_id, 0) + 1
    return found


def _lived(airing_id: str, outbox: Outbox, on_air: Segment | None, now_us: int) -> Lived:
    begun_us = outbox.sounding.get(airing_id)
    if begun_us is None and on_air is not None:
        begun_us = on_air.start_us
    pieces = [one for one in outbox.pieces.get(airing_id, ()) if begun_us is None or (one.start_us or 0) < begun_us]
    planned = outbox.planned.get(airing_id)
    sounded = _until(begun_us or now_us, ledger.parts(pieces, planned.media.duration_us) if planned is not None else ())
    if begun_us is not None and begun_us < now_us:
        sounded = *sounded, (begun_us, now_us)
    if on_air is not None:
        return Lived(late_us=now_us, anchor_us=on_air.anchor_us, goes_on=True, parts=sounded)
    has_begun = begun_us is not None or any(piece.start_us is not None for piece in pieces)
    return Lived(late_us=now_us, anchor_us=outbox.anchors.get(airing_id) if has_begun else None, parts=sounded)


def _until(to_us: int, parts: Iterable[ledger.Part]) -> tuple[ledger.Part, ...]:
    return tuple((start_us, min(end_us, to_us)) for start_us, end_us in parts if start_us < to_us)
