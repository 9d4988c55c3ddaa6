"""What became of an airing on one receiver, by its device and its microphone together (pure).

Rules
- The device speaks of what was written to it. Where a microphone heard nothing of that, nothing was heard.
- What did not play to its end with sound is what the device says, whatever the microphone heard of it.
"""

from enum import StrEnum

from broadcast.wire.documents import Hearing, Outcome


class Result(StrEnum):
    """`Outcome`, and what a microphone adds to `heard`."""

    HEARD = "heard"
    FAINT = "faint"  # by the microphone
    UNHEARD = "unheard"  # written to the device, but the microphone heard nothing of it
    SILENT = "silent"
    CUT = "cut"
    SKIPPED = "skipped"
    FAILED = "failed"


HEARD = frozenset({Result.HEARD, Result.FAINT})
_BY_MICROPHONE = {Hearing.FAINT: Result.FAINT, Hearing.NOT_HEARD: Result.UNHEARD}


def result(outcome: str, microphone: str | None) -> Result:
    """`outcome` and `microphone` are words of `Outcome` and `Hearing`; without a microphone the device counts."""
    if outcome == Outcome.HEARD and microphone is not None:
        return _BY_MICROPHONE.get(Hearing(microphone), Result.HEARD)
    return Result(outcome)
