"""When a state is worth its bytes on a link that is paid by the byte (pure).

Rules
- Nothing is told while nothing changes, but for one state every REFRESH_S. That the receiver lives is said by the
  connection, its last will and the beats.
- A change in what the receiver does or suffers is told at once; so is that its last recording is there, or that one
  is wanted. What moves by itself waits since the last telling: counts, recordings that come and their progress
  COUNTS_S, the level LEVEL_S, slow measures and the details of faults SLOW_S.
- A measure has changed when it is a step or more away from what was told last. So one that trembles at a border, or
  anywhere within a step, is told once. To be there or not to be there is a change as well.
- What becomes of an order is told at once, always. But that it came is told with its first sample where that follows
  within SOON_US: all receivers have it in the same second, and their answers would meet it on its way to the others.
- However often other things change, after BURST tellings there is one every MINUTE_S: a fault that comes and goes, or
  orders that are refused in numbers, do not use up the month's data.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import log2

from msgspec import Struct
from msgspec.structs import replace

from broadcast.wire.documents import ClockState, Fault, OrderProgress, PowerState, ReceiverState

REFRESH_S = 6 * 3600
AT_ONCE_S = 0
SOON_US = 1_000_000
COUNTS_S = 10
LEVEL_S = 60
SLOW_S = 600
MINUTE_S = 60
BURST = 20

MIB = 1024**2
SIZE_FLOOR_BYTES = 64 * MIB
LEVEL_STEP_DB = 6.0
PROGRESS_STEP = 0.1  # of a recording on its way
ERROR_FLOOR_US = 1_000  # below this an error bound is as good as any other
OFFSET_ERROR_FLOOR_US = 100_000  # what it grows to between two beats, as crystals drift
SLOW_STEPS: Mapping[str, float] = {
    "cache": 1.0,  # twice as large or small
    "free": 1.0,
    "temperature_c": 5.0,
    "battery_percent": 10.0,
    "battery_v": 0.5,
    "signal_percent": 20.0,
    "signal_dbm": 10.0,
    "data_day": MIB,
    "data_month": MIB,
    "clock_error": 2.0,  # four times as large or small
    "clock_offset_error": 2.0,
    "clock_offset_us": 100_000,  # a mobile link tells no better
}


class Pace(Struct, frozen=True):
    """How many tellings are left at `at_s`, a monotonic time."""

    left: float = BURST
    at_s: float = 0.0

    def later(self, now_s: float) -> "Pace":
        return Pace(min(BURST, self.left + max(0.0, now_s - self.at_s) / MINUTE_S), now_s)

    def told(self, now_s: float) -> "Pace":
        """After one more telling."""
        later = self.later(now_s)
        return replace(later, left=max(0.0, later.left - 1))


def is_due(fresh: ReceiverState, told: ReceiverState | None, waited_s: float, pace: Pace) -> bool:
    """Whether `fresh` is to be told now, `waited_s` after `told` was; `pace` is of now."""
    if told is None or _orders(fresh) != _orders(told):
        return True
    return waited_s >= wait_s(fresh, told) and pace.left >= 1


def is_soon_heard(orders: Iterable[OrderProgress], now_us: int) -> bool:
    """Whether an order has come just now that may sound any moment; `now_us` is the centre's time, as in `orders`."""
    silent = (one for one in orders if one.sounding_us is None and one.ended_us is None and not one.reason)
    return any(0 <= now_us - one.received_us < SOON_US for one in silent)


def wait_s(fresh: ReceiverState, told: ReceiverState) -> int:
    """How long after `told` was told `fresh` is worth telling."""
    return min(_waits(fresh, told), default=REFRESH_S)


def _waits(fresh: ReceiverState, told: ReceiverState) -> Iterator[int]:
    if _at_once(fresh) != _at_once(told):
        yield AT_ONCE_S
    if _counts(fresh) != _counts(told) or _any_moved(_progress(fresh), _progress(told), {}, PROGRESS_STEP):
        yield COUNTS_S
    if _moved(fresh.level_dbfs, told.level_dbfs, LEVEL_STEP_DB):
        yield LEVEL_S
    if fresh.faults != told.faults or _way(fresh) != _way(told) or _any_moved(_slow(fresh), _slow(told), SLOW_STEPS):
        yield SLOW_S


def _at_once(state: ReceiverState) -> tuple[bool, ReceiverState]:
    """What of a state is told at once when it changes: whether it lacks a recording, and the rest."""
    return bool(state.media), replace(
        state,
        at_us=0,
        level_dbfs=None,
        orders=_orders(state),
        pending_reports=0,
        acknowledged=0,
        ready=(),
        media=(),
        faults=tuple(Fault(code=fault.code) for fault in state.faults),
        cache_bytes=0,
        free_bytes=None,
        clock=ClockState(trusted=state.clock.trusted, reason=state.clock.reason) if state.clock else None,
        power=PowerState(on_mains=state.power.on_mains) if state.power else None,
        signal=None,
        temperature_c=None,
        data=None,
    )


def _orders(state: ReceiverState) -> tuple[OrderProgress, ...]:
    return tuple(replace(order, level_dbfs=None) for order in state.orders)


def _counts(state: ReceiverState) -> tuple[object, ...]:
    return state.pending_reports, state.acknowledged, state.ready


def _progress(state: ReceiverState) -> dict[str, float | None]:
    return {progress.sha256: progress.done_bytes / max(1, progress.size_bytes) for progress in state.media}


def _way(state: ReceiverState) -> tuple[str, str] | None:
    return (state.signal.kind, state.signal.operator) if state.signal else None


def _slow(state: ReceiverState) -> dict[str, float | None]:
    """The measures of SLOW_STEPS."""
    power, signal, data, clock = state.power, state.signal, state.data, state.clock
    return {
        "cache": _magnitude(state.cache_bytes, SIZE_FLOOR_BYTES),
        "free": _magnitude(state.free_bytes, SIZE_FLOOR_BYTES),
        "temperature_c": state.temperature_c,
        "battery_percent": power.battery_percent if power else None,
        "battery_v": power.battery_v if power else None,
        "signal_percent": signal.percent if signal else None,
        "signal_dbm": signal.dbm if signal else None,
        "data_day": data.day_up_bytes + data.day_down_bytes if data else None,
        "data_month": data.month_bytes if data else None,
        "clock_error": _magnitude(clock.error_us, ERROR_FLOOR_US) if clock else None,
        "clock_offset_error": _magnitude(clock.offset_error_us, OFFSET_ERROR_FLOOR_US) if clock else None,
        "clock_offset_us": clock.offset_us if clock else None,
    }


def _magnitude(measure: int | None, floor: int) -> float | None:
    return None if measure is None else log2(max(measure, floor))


def _any_moved(
    fresh: Mapping[str, float | None], told: Mapping[str, float | None], steps: Mapping[str, float], step: float = 0.0
) -> bool:
    return any(_moved(value, told.get(name), steps.get(name, step)) for name, value in fresh.items())


def _moved(fresh: float | None, told: float | None, step: float) -> bool:
    """Whether a measure is a step away from what was told."""
    if fresh is None or told is None:
        return fresh is not told
    return abs(fresh - told) >= step
