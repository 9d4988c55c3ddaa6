"""What receivers say, from bytes to values that can be stored, or a refusal (pure).

Rules
- Sizes are limited before anything is decoded; what the documents' types do not bound is bounded here, so that nothing
  a receiver sends can make a database refuse a batch.
- A receiver speaks for itself alone: whose state or report it is comes from the topic, which the broker checked.
"""

import math
from collections.abc import Iterable, Mapping

import msgspec

from broadcast.wire import topics
from broadcast.wire.documents import Beat, PlayReport, ReceiverState

MAX_STATE_BYTES = 256 * 1024
MAX_REPORT_BYTES = 4 * 1024
MAX_BEAT_BYTES = 128
LIMITS_BYTES = {"state": MAX_STATE_BYTES, "reports": MAX_REPORT_BYTES, "beat": MAX_BEAT_BYTES}
MAX_COUNT = 2**31 - 1
MAX_NUMBER = 2**53
MAX_NAMES = 64


class Malformed(Exception):
    """The message is not what its topic says."""


class StateSaid(msgspec.Struct, frozen=True):
    """`content` is the state without its time: equal contents need no writing."""

    receiver_id: str
    state: ReceiverState
    content: bytes
    retained: bool


class ReportSaid(msgspec.Struct, frozen=True):
    receiver_id: str
    report: PlayReport


class BeatSaid(msgspec.Struct, frozen=True):
    receiver_id: str
    beat: Beat


_states: msgspec.json.Decoder[ReceiverState] = msgspec.json.Decoder(ReceiverState)
_reports: msgspec.json.Decoder[PlayReport] = msgspec.json.Decoder(PlayReport)
_beats: msgspec.json.Decoder[Beat] = msgspec.json.Decoder(Beat)
_encoder = msgspec.json.Encoder()


def read(topic: str, payload: bytes, *, retained: bool) -> StateSaid | ReportSaid | BeatSaid:
    """What was said at `topic`. Raises Malformed, and nothing else for whatever bytes."""
    place = topics.parse(topic)
    if place is None or place.scope != "receivers" or place.kind not in LIMITS_BYTES:
        raise Malformed("not a receiver's topic")
    if len(payload) > LIMITS_BYTES[place.kind]:
        raise Malformed(f"{len(payload)} bytes")
    if b"\\u0000" in payload:
        raise Malformed("a NUL character")
    try:
        if place.kind == "state":
            return _state(place.target, _states.decode(payload), retained)
        if place.kind == "beat":
            return BeatSaid(place.target, _beats.decode(payload))
        return _report(place.target, _reports.decode(payload))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(str(error)[:200]) from error


def _state(receiver_id: str, state: ReceiverState, retained: bool) -> StateSaid:
    _bounded(msgspec.structs.replace(state, media=(), faults=()))  # what these hold is bounded by their types
    if len(state.numbers) > MAX_NAMES or len(state.refused) > MAX_NAMES:
        raise Malformed("too many names")
    return StateSaid(receiver_id, state, _encoder.encode(msgspec.structs.replace(state, at_us=0)), retained)


def _report(receiver_id: str, report: PlayReport) -> ReportSaid:
    _bounded(report)
    if not 0 <= report.underruns <= MAX_COUNT:
        raise Malformed("underruns")
    if report.clipped_frames < 0:
        raise Malformed("clipped frames")
    return ReportSaid(receiver_id, report)


def _bounded(said: object) -> None:
    """Refuse a number that no column holds, however deep it lies: none of a field to come is forgotten."""
    if isinstance(said, int | float):
        if not (math.isfinite(said) and abs(said) <= MAX_NUMBER):
            raise Malformed("a number without measure")
    elif isinstance(said, msgspec.Struct):
        _all_bounded(getattr(said, name) for name in said.__struct_fields__)
    elif isinstance(said, Mapping):
        _all_bounded(said.values())


def _all_bounded(said: Iterable[object]) -> None:
    for one in said:
        _bounded(one)
