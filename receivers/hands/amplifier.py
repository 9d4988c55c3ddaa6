"""When the amplifier's relay is closed (pure).

Rules
- It closes `lead_us` before a cue and opens `tail_us` after it; where that leaves no gap before the next, it stays.
- What sounds without notice closes it at once. So that such a sound loses nothing, an airing that comes to be known now
  counts as able only when the amplifier is warm (`Node.lead_us`). What is played whole then begins with its first
  syllable; what joins at its timeline place enters there a little later, in step with its neighbours as ever. Nothing
  in the sound path knows of the relay, and unison is not touched: an airing known in time begins where it was planned.
- A sound that is cut off has its tail from then on; STOP opens the relay at once.
- Without a lead and a tail the relay follows the cues.
"""

from collections.abc import Iterable

from msgspec import Struct

from broadcast.wire.documents import Amplifier
from receivers.sound.cue import Cue


class Relay(Struct, frozen=True, kw_only=True):
    """Where the relay stands. `sound_end_us` is when the last sound ends or ended, None before the first.

    `change_us` is when the relay moves next if the plan stays; None when it does not.
    """

    on: bool = False
    sound_end_us: int | None = None
    change_us: int | None = None


OPEN = Relay()


def relay(before: Relay, cues: Iterable[Cue], amplifier: Amplifier, now_us: int, *, sounding: bool = False) -> Relay:
    """The relay at `now_us`; `sounding` says that the sound path gives out something, planned or not."""
    plan = tuple(cues)
    end_us = _sound_end_us(before, plan, now_us, sounding)
    held_us = now_us if end_us is None else end_us + amplifier.tail_us
    spans = sorted((cue.start_us - amplifier.lead_us, cue.end_us + amplifier.tail_us) for cue in plan)
    for begin_us, until_us in spans:
        if begin_us > max(held_us, now_us):
            held = held_us > now_us
            return Relay(on=held or sounding, sound_end_us=end_us, change_us=held_us if held else begin_us)
        held_us = max(held_us, until_us)
    held = held_us > now_us
    return Relay(on=held or sounding, sound_end_us=end_us, change_us=held_us if held else None)


def _sound_end_us(before: Relay, plan: Iterable[Cue], now_us: int, sounding: bool) -> int | None:
    ends = [cue.end_us for cue in plan if cue.start_us <= now_us]
    if sounding:
        ends.append(now_us)
    if before.sound_end_us is not None:
        ends.append(min(before.sound_end_us, now_us))
    return max(ends, default=None)
