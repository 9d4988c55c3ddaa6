"""When a fault begins, is over, and comes back, as EN 54-16 has faults (pure).

Rules
- Its condition, that somebody knows of it (acknowledge), that nobody is called for it any more (silence) and that it
  is done with (reset) are four things. None of them changes another, and none hides a fault.
- It stays on the list after it is over, until somebody resets it. What holds still cannot be reset.
- What comes back before that is the same fault, once more: it calls again, whoever silenced it before.
- What comes back after a reset is a new one.
- A receiver that cannot be reached tells of nothing: its other faults stay as they were.
- A receiver that was shut out has no fault that holds.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Fault, ReceiverState
from broadcast.wire.fault_codes import FaultCode
from scheduler.fleet.upkeep.models import CODE_LETTERS

UNREACHABLE = "unreachable"
"""The one fault that the centre finds itself."""
UNREACHABLE_AFTER = timedelta(seconds=60)
"""A link that is back sooner was no fault; with the centre's look each half minute it shows within 100 s."""
CALM = timedelta(minutes=10)
"""What comes back sooner held on all the while: so what comes and goes lasts too, and is told."""
SAMPLE_US = 15 * 60 * 1_000_000


class Known(Struct, frozen=True):
    """A fault that nobody reset yet."""

    id: str
    code: str
    detail: str
    holds: bool


class Begun(Struct, frozen=True):
    code: str
    detail: str
    since: datetime


class Changes(Struct, frozen=True):
    """Faults that are new, ids of those that are over, and of those that are back or said otherwise, with the words."""

    begun: tuple[Begun, ...]
    over: tuple[str, ...]
    back: tuple[tuple[str, str], ...]
    reworded: tuple[tuple[str, str], ...]


def changes(known: Collection[Known], said: Iterable[Fault], now: datetime) -> Changes:
    """What a receiver that can be reached says now, against what is known of it."""
    said_now = {fault.code[:CODE_LETTERS]: fault for fault in said}
    mine = {one.code: one for one in known if one.code != UNREACHABLE}
    both = [(mine[code], fault) for code, fault in said_now.items() if code in mine]
    return Changes(
        begun=tuple(Begun(code, f.detail, _since(f, now)) for code, f in said_now.items() if code not in mine),
        over=tuple(one.id for one in known if one.holds and one.code not in said_now),
        back=tuple((one.id, fault.detail) for one, fault in both if not one.holds),
        reworded=tuple((one.id, fault.detail) for one, fault in both if one.holds and one.detail != fault.detail),
    )


def is_stopped(changes: Changes, known: Collection[Known]) -> bool:
    """Whether STOP was pressed at the receiver since it said the last time what is wrong."""
    back = {fault_id for fault_id, _detail in changes.back}
    codes = [*(one.code for one in changes.begun), *(one.code for one in known if one.id in back)]
    return FaultCode.STOPPED_LOCALLY in codes


def sample(state: ReceiverState) -> dict[str, float | int | bool | None]:
    """What a state measured; what it did not is None."""
    power, signal = state.power, state.signal
    return {
        "signal_percent": signal.percent if signal else None,
        "signal_dbm": signal.dbm if signal else None,
        "on_mains": power.on_mains if power else None,
        "battery_percent": power.battery_percent if power else None,
        "battery_v": power.battery_v if power else None,
        "temperature_c": state.temperature_c,
        "level_dbfs": state.level_dbfs,
        "month_bytes": state.data.month_bytes if state.data else None,
    }


def sampled_at(now: datetime) -> datetime:
    """The quarter of an hour that `now` is in."""
    return from_us(to_us(now) // SAMPLE_US * SAMPLE_US)


def _since(fault: Fault, now: datetime) -> datetime:
    """As the node says, whose clock may be wrong: nothing began later than now."""
    return min(from_us(fault.since_us), now) if fault.since_us else now
