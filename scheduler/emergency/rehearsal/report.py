"""What a rehearsal found of one receiver, from what it said (pure).

Rules
- Only an answer that is newer than the test counts. While the test runs, a receiver `waits`: it has time to answer.
- The microphone's word is the last one: what it did not hear is not heard, whatever the device was given.
- What is wrong is told of each receiver, heard or not: its faults, and a message bank that is not whole.
"""

from collections.abc import Sequence
from datetime import datetime

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Hearing, ReceiverState
from broadcast.wire.fault_codes import FaultCode
from scheduler.emergency.models import OrderProgressRow
from scheduler.emergency.rehearsal.schemas import ReceiverResult, Verdict
from scheduler.fleet.models import Receiver

HEARD = frozenset({Verdict.HEARD, Verdict.FAINT})
_BY_MICROPHONE = {
    Hearing.HEARD: Verdict.HEARD,
    Hearing.FAINT: Verdict.FAINT,
    Hearing.NOT_HEARD: Verdict.NOT_HEARD,
}


def silent(
    receiver: Receiver,
    state: ReceiverState | None,
    asked_at: datetime,
    lacks: int | None,
    *,
    waits: bool,
    kept_silent: Sequence[str] = (),
) -> ReceiverResult:
    """Of the self-test asked for at `asked_at`; `kept_silent` is why it could not be done then."""
    test = state.self_test if state is not None else None
    if test is None or test.at_us < to_us(asked_at):
        return _result(receiver, state, _no_answer(receiver, waits=waits), lacks, troubles=kept_silent)
    verdict = _BY_MICROPHONE[test.heard.verdict] if test.heard is not None else Verdict.PLAYED
    level_dbfs = test.heard.level_dbfs if test.heard is not None else None
    return _result(receiver, state, verdict, lacks, level_dbfs=level_dbfs, at=from_us(test.at_us))


def audible(
    receiver: Receiver, state: ReceiverState | None, said: OrderProgressRow | None, lacks: int | None, *, waits: bool
) -> ReceiverResult:
    """Of the test announcement, of which the receiver `said` this."""
    if said is None:
        return _result(receiver, state, _no_answer(receiver, waits=waits), lacks)
    if said.microphone in {hearing.value for hearing in Hearing}:
        verdict = _BY_MICROPHONE[Hearing(said.microphone)]
    else:
        verdict = Verdict.HEARD if said.sounding_at is not None else Verdict.FAILED
    reason = [said.reason] if said.reason else []
    return _result(receiver, state, verdict, lacks, level_dbfs=said.level_dbfs, at=said.sounding_at, troubles=reason)


def in_order(results: Sequence[ReceiverResult]) -> list[ReceiverResult]:
    """Those with something wrong first."""
    return sorted(results, key=lambda one: (one.verdict in HEARD, not one.troubles, one.name, one.receiver_id))


def _no_answer(receiver: Receiver, *, waits: bool) -> Verdict:
    if not receiver.online:
        return Verdict.UNREACHABLE
    return Verdict.WAITING if waits else Verdict.NO_ANSWER


def _result(
    receiver: Receiver,
    state: ReceiverState | None,
    verdict: Verdict,
    lacks: int | None,
    *,
    level_dbfs: float | None = None,
    at: datetime | None = None,
    troubles: Sequence[str] = (),
) -> ReceiverResult:
    found = [fault.code for fault in state.faults] if state is not None else []
    bank = [FaultCode.BANK_MISSING.value] if lacks and FaultCode.BANK_MISSING not in found else []
    return ReceiverResult(
        receiver_id=receiver.id,
        name=receiver.name,
        zone_id=receiver.zone_id,
        verdict=verdict,
        level_dbfs=level_dbfs,
        at=at,
        troubles=[*troubles, *bank, *found],
    )
