"""What a receiver's state says of the message bank, in few letters: thousands are asked without reading their states.

Rules
- The numbers of the bank's documents that it has, one of each root zone that it was in, then what it lacks.
- Of no document at all: None. Topics are without their prefix, as in a `ReceiverState`.
- Whatever a receiver sends, it stays short enough for an index.
"""

import re
from typing import NamedTuple

from broadcast.wire.documents import ReceiverState
from broadcast.wire.fault_codes import FaultCode

_TOPIC = re.compile(r"zones/[A-Za-z0-9_-]{1,64}/bank")
_MOST = 8


class Said(NamedTuple):
    """The number of the document that it has, 0 for none, and what it says that it lacks."""

    number: int
    missing: str


def in_short(state: ReceiverState) -> str | None:
    """What `read` reads: `TOPIC=NUMBER …`, and what is missing in a line of its own."""
    if not state.numbers:
        return None
    numbers = [f"{topic}={number}" for topic, number in sorted(state.numbers.items()) if _TOPIC.fullmatch(topic)]
    missing = next((fault.detail for fault in state.faults if fault.code == FaultCode.BANK_MISSING), "")
    return "\n".join((" ".join(numbers[:_MOST]), missing))


def read(said: str, topic: str) -> Said:
    """Of the document with this topic."""
    numbers, _, missing = said.partition("\n")
    found = dict(one.split("=") for one in numbers.split())
    return Said(int(found.get(topic, 0)), missing)
