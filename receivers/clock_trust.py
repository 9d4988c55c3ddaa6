"""Whether the wall clock may be believed (pure).

Rules
- The kernel's word goes before all that the centre says: who has only taken the broker, or a centre whose own clock is
  off, cannot silence a receiver whose clock is disciplined. The centre's word goes before a clock nobody disciplines.
- Once believed a clock stays so until the machine starts anew or somebody sets it: seven days alone need no time
  server. It was set when it moved against the monotonic clock; set back to where it was, it is believed again.
- A clock earlier than the documents held is wrong. A disciplined one is so only past a programme's length: nearer than
  that it is rather the centre's that is off, and further off nothing that is held could play at its hour anyway.
- After a start with no other witness a clock that runs on a battery is believed, if it is later than what this receiver
  saw last and not so much later that all it holds has expired. The system clock alone is not: it may go on where the
  power went off.
- Who is not believed plays emergencies only, and does not judge by time what certificates say.
- Seconds that make no wrong hour make an order begin late and leave live sound nothing to play. A clock that is off by
  so much and that nobody disciplines any more is still believed, but orders and sessions go by the centre's.
"""

from enum import StrEnum

from msgspec import Struct

US_PER_S = 1_000_000
DAY_US = 24 * 3600 * US_PER_S

MADE_US = 1_767_225_600 * US_PER_S  # 2026 began: no receiver ran before
TOLERANCE_US = 120 * US_PER_S  # centre and receiver may differ so much before a document is from the future
PROGRAMME_US = 7 * DAY_US  # how far ahead a programme tells what to play
EXPIRED_US = 30 * DAY_US  # what was held so long ago has expired
SET_US = 3 * US_PER_S  # a clock that moved so much against the monotonic one was set; time servers slew what is less
NEAR_US = 60 * US_PER_S  # a poor crystal's drift in a week: less than this is no wrong hour
OFF_US = 2 * US_PER_S  # neighbours hear it as an echo: worth a fault


class Doubt(StrEnum):
    """Why a clock is not believed: `ClockState.reason`."""

    BEFORE_DOCUMENTS = "before_documents"  # earlier than what the centre has signed
    OFF_CENTRE = "off_centre"  # nobody disciplines it and the centre has another time
    WENT_BACK = "went_back"  # earlier than this receiver has seen
    WAS_SET = "was_set"  # somebody set it and nothing confirms it
    UNPROVEN = "unproven"  # the machine started and nothing confirms it


DOUBTS = {
    Doubt.BEFORE_DOCUMENTS: "the clock is earlier than the documents the centre has signed",
    Doubt.OFF_CENTRE: "no time server keeps the clock and the centre has another time",
    Doubt.WENT_BACK: "the clock is earlier than when this receiver ran last",
    Doubt.WAS_SET: "the clock was set and nothing confirms it",
    Doubt.UNPROVEN: "nothing confirms the clock since the machine started",
}


class Measured(Struct, frozen=True):
    """Another clock less this one, right within `error_us`."""

    offset_us: int
    error_us: int

    def is_near(self, limit_us: int = NEAR_US) -> bool:
        """It differs by no more than `limit_us` for certain."""
        return abs(self.offset_us) + self.error_us <= limit_us

    def is_off(self, limit_us: int) -> bool:
        """It differs by more than `limit_us` for certain."""
        return abs(self.offset_us) - self.error_us > limit_us


class Proof(Struct, frozen=True, kw_only=True):
    """The clock was believed in boot `boot_id` when it was `ahead_us` ahead of the monotonic clock."""

    boot_id: str
    ahead_us: int
    by_kernel: bool


class Facts(Struct, frozen=True, kw_only=True):
    """All that is known at one moment. `documents_us` is when the newest document held was issued."""

    now_us: int
    monotonic_us: int
    boot_id: str
    disciplined: bool
    documents_us: int = 0
    centre: Measured | None = None
    battery: Measured | None = None

    @property
    def ahead_us(self) -> int:
        return self.now_us - self.monotonic_us


class Memory(Struct, frozen=True, kw_only=True):
    """What is kept: the last instant at which the clock was believed, and the last proof."""

    seen_us: int = 0
    proof: Proof | None = None


class Verdict(Struct, frozen=True):
    """`doubt` is None for a clock that is believed; `memory` is to be kept."""

    doubt: Doubt | None
    memory: Memory


def judge(facts: Facts, memory: Memory) -> Verdict:
    """Whether the clock is believed, and what to remember."""
    proof = memory.proof if memory.proof and _holds(memory.proof, facts) else None
    by_kernel = facts.disciplined or (proof is not None and proof.by_kernel)
    doubt = _doubt_of_disciplined(facts) if by_kernel else _doubt(facts, memory, proven=proof is not None)
    if doubt is not None:
        return Verdict(doubt, memory)
    if proof is None or facts.disciplined:
        proof = Proof(boot_id=facts.boot_id, ahead_us=facts.ahead_us, by_kernel=by_kernel)
    return Verdict(None, Memory(seen_us=facts.now_us, proof=proof))


def _doubt_of_disciplined(facts: Facts) -> Doubt | None:
    wrong = facts.now_us < max(facts.documents_us, MADE_US) - PROGRAMME_US
    return Doubt.BEFORE_DOCUMENTS if wrong else None


def _doubt(facts: Facts, memory: Memory, *, proven: bool) -> Doubt | None:
    if facts.now_us < max(facts.documents_us, MADE_US) - TOLERANCE_US:
        return Doubt.BEFORE_DOCUMENTS
    if facts.centre and facts.centre.is_off(NEAR_US):
        return Doubt.OFF_CENTRE
    if proven or (facts.centre and facts.centre.is_near()):
        return None
    if facts.now_us < memory.seen_us - TOLERANCE_US:
        return Doubt.WENT_BACK
    recent = facts.now_us <= max(facts.documents_us, memory.seen_us) + EXPIRED_US
    if recent and facts.battery and facts.battery.is_near():
        return None
    was_set = memory.proof is not None and memory.proof.boot_id == facts.boot_id
    return Doubt.WAS_SET if was_set else Doubt.UNPROVEN


def _holds(proof: Proof, facts: Facts) -> bool:
    return proof.boot_id == facts.boot_id and abs(facts.ahead_us - proof.ahead_us) <= SET_US
