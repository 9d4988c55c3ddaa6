"""The receiver's life as tables: `step(life, event)` gives the next life and what is to be done (pure).

Rules
- A life is six regions side by side, each a table `(state, event) -> (state, effects)`; an event moves every region
  whose table knows it. docs/life.md is made from these tables (`python -m receivers.life > docs/life.md`).
- Within a running life every region knows what each of its events does in each of its states; anything else raises
  Impossible and changes nothing.
- Loss of the link or of health never touches the horn: no effect of theirs silences or holds anything.
- What may sound is read off the life by `hold`; where the daemon stands for the centre and for people, by `player`.
- Events come from comparing what was seen before with what is seen now (`events`), so a log of them is the whole story.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain

from msgspec import Struct
from msgspec.structs import asdict, replace


class Being(StrEnum):
    UNENROLLED = "unenrolled"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class Link(StrEnum):
    OFFLINE = "offline"
    ONLINE = "online"


class Time(StrEnum):
    UNTRUSTED = "untrusted"
    TRUSTED = "trusted"


class Horn(StrEnum):
    NO_DEVICE = "no_device"
    IDLE = "idle"
    PLAYING = "playing"
    INTERRUPTED = "interrupted"  # a higher airing sounds, and one that it cut off waits to come back
    EMERGENCY = "emergency"
    FALLBACK = "fallback"


class Hands(StrEnum):
    FREE = "free"
    STOPPED = "stopped"  # someone at the node has pressed STOP


class Health(StrEnum):
    WELL = "well"
    DEGRADED = "degraded"  # at least one fault holds


class Event(StrEnum):
    ENROLLED = "enrolled"
    READY = "ready"
    ENDING = "ending"
    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    CLOCK_PROVEN = "clock_proven"
    CLOCK_DOUBTED = "clock_doubted"
    DEVICE_BACK = "device_back"
    DEVICE_LOST = "device_lost"
    SILENCE = "silence"
    SOUND = "sound"
    INTERRUPTION = "interruption"
    EMERGENCY = "emergency"
    FALLBACK = "fallback"
    STOP = "stop"
    GO = "go"
    FAULT = "fault"
    WELL = "well"


class Effect(StrEnum):
    TELL = "tell"  # the centre learns of the new state at once
    FETCH = "fetch"  # recordings that did not come are asked for again now
    ASK_AGAIN = "ask_again"  # the broker sends what it keeps once more
    REPLAN = "replan"  # what may sound has changed
    FADE_OUT = "fade_out"
    FAREWELL = "farewell"


class Hold(StrEnum):
    """What must not sound."""

    NOTHING = "nothing"
    ALL_BUT_EMERGENCIES = "all_but_emergencies"
    EVERYTHING = "everything"
    EVERYTHING_UNTIMED = "everything_untimed"  # and the clock does not tell what should have sounded meanwhile


class Impossible(Exception):
    """The event cannot happen in this life; nothing has changed."""


class Life(Struct, frozen=True, kw_only=True):
    """Where a receiver stands; a process begins with these."""

    being: Being = Being.UNENROLLED
    link: Link = Link.OFFLINE
    time: Time = Time.UNTRUSTED
    horn: Horn = Horn.NO_DEVICE
    hands: Hands = Hands.FREE
    health: Health = Health.WELL


State = Being | Link | Time | Horn | Hands | Health
Table = Mapping[tuple[State, Event], tuple[State, tuple[Effect, ...]]]

BEING: Table = {
    (Being.UNENROLLED, Event.ENROLLED): (Being.STARTING, ()),
    (Being.STARTING, Event.READY): (Being.RUNNING, (Effect.REPLAN,)),
    (Being.STARTING, Event.ENDING): (Being.ENDED, (Effect.FAREWELL,)),
    (Being.RUNNING, Event.ENDING): (Being.ENDED, (Effect.FADE_OUT, Effect.FAREWELL)),
}
LINK: Table = {
    (Link.OFFLINE, Event.LINK_UP): (Link.ONLINE, (Effect.FETCH,)),
    (Link.ONLINE, Event.LINK_UP): (Link.ONLINE, ()),
    (Link.ONLINE, Event.LINK_DOWN): (Link.OFFLINE, ()),
    (Link.OFFLINE, Event.LINK_DOWN): (Link.OFFLINE, ()),
}
TIME: Table = {
    (Time.UNTRUSTED, Event.CLOCK_PROVEN): (Time.TRUSTED, (Effect.REPLAN, Effect.ASK_AGAIN, Effect.TELL)),
    (Time.TRUSTED, Event.CLOCK_PROVEN): (Time.TRUSTED, ()),
    (Time.TRUSTED, Event.CLOCK_DOUBTED): (Time.UNTRUSTED, (Effect.REPLAN, Effect.TELL)),
    (Time.UNTRUSTED, Event.CLOCK_DOUBTED): (Time.UNTRUSTED, ()),
}
HANDS: Table = {
    (Hands.FREE, Event.STOP): (Hands.STOPPED, (Effect.REPLAN, Effect.TELL)),
    (Hands.STOPPED, Event.STOP): (Hands.STOPPED, ()),
    (Hands.STOPPED, Event.GO): (Hands.FREE, (Effect.REPLAN, Effect.TELL)),
    (Hands.FREE, Event.GO): (Hands.FREE, ()),
}
HEALTH: Table = {
    (Health.WELL, Event.FAULT): (Health.DEGRADED, (Effect.TELL,)),
    (Health.DEGRADED, Event.FAULT): (Health.DEGRADED, (Effect.TELL,)),
    (Health.DEGRADED, Event.WELL): (Health.WELL, (Effect.TELL,)),
    (Health.WELL, Event.WELL): (Health.WELL, ()),
}
_HEARD = {
    Event.SILENCE: Horn.IDLE,
    Event.SOUND: Horn.PLAYING,
    Event.INTERRUPTION: Horn.INTERRUPTED,
    Event.EMERGENCY: Horn.EMERGENCY,
    Event.FALLBACK: Horn.FALLBACK,
    Event.DEVICE_LOST: Horn.NO_DEVICE,
}
HORN: Table = {
    (Horn.NO_DEVICE, Event.DEVICE_BACK): (Horn.IDLE, (Effect.TELL,)),
    (Horn.NO_DEVICE, Event.DEVICE_LOST): (Horn.NO_DEVICE, ()),
    **{
        (state, event): (heard, (Effect.TELL,) if heard is not state else ())
        for state in Horn
        for event, heard in _HEARD.items()
        if state is not Horn.NO_DEVICE
    },
}
REGIONS: Mapping[str, Table] = {
    "being": BEING,
    "link": LINK,
    "time": TIME,
    "horn": HORN,
    "hands": HANDS,
    "health": HEALTH,
}
_ALPHABET = {name: frozenset(event for _, event in table) for name, table in REGIONS.items()}
_HOLDS = {
    (Hands.FREE, Time.TRUSTED): Hold.NOTHING,
    (Hands.FREE, Time.UNTRUSTED): Hold.ALL_BUT_EMERGENCIES,
    (Hands.STOPPED, Time.TRUSTED): Hold.EVERYTHING,
    (Hands.STOPPED, Time.UNTRUSTED): Hold.EVERYTHING_UNTIMED,
}


def step(life: Life, event: Event) -> tuple[Life, tuple[Effect, ...]]:
    """The life after `event`, and what is to be done, each once; Impossible where no table knows it."""
    if event not in _ALPHABET["being"] and life.being not in {Being.STARTING, Being.RUNNING}:
        raise Impossible(f"{event} of a receiver that is {life.being}")
    moved: dict[str, State] = {}
    effects: list[tuple[Effect, ...]] = []
    for name, table in REGIONS.items():
        if event not in _ALPHABET[name]:
            continue
        found = table.get((getattr(life, name), event))
        if found is None:
            raise Impossible(f"{event} while {name} is {getattr(life, name)}")
        moved[name] = found[0]
        effects.append(found[1])
    return replace(life, **moved), tuple(dict.fromkeys(chain.from_iterable(effects)))


def hold(life: Life) -> Hold:
    return _HOLDS[life.hands, life.time]


def player(life: Life) -> str:
    """The one word for the state that is published."""
    if life.being is Being.ENDED:
        return "off"
    if life.hands is Hands.STOPPED and life.horn is not Horn.NO_DEVICE:
        return life.hands.value
    return life.horn.value


class Seen(Struct, frozen=True, kw_only=True):
    """What the daemon sees at one moment. `horn` is what sounds, `faults` the codes that hold."""

    online: bool = False
    clock_trusted: bool = False
    horn: Horn = Horn.NO_DEVICE
    stopped: bool = False
    faults: frozenset[str] = frozenset()


_SOUNDS = {
    Horn.IDLE: Event.SILENCE,
    Horn.PLAYING: Event.SOUND,
    Horn.INTERRUPTED: Event.INTERRUPTION,
    Horn.EMERGENCY: Event.EMERGENCY,
    Horn.FALLBACK: Event.FALLBACK,
}


def events(before: Seen, now: Seen) -> Iterator[tuple[Event, str]]:
    """What has happened between two looks, with a detail for people, in an order that every life understands."""
    if now.stopped != before.stopped:
        yield (Event.STOP if now.stopped else Event.GO), ""
    if now.clock_trusted != before.clock_trusted:
        yield (Event.CLOCK_PROVEN if now.clock_trusted else Event.CLOCK_DOUBTED), ""
    if now.horn is not before.horn:
        if now.horn is Horn.NO_DEVICE:
            yield Event.DEVICE_LOST, ""
        else:
            if before.horn is Horn.NO_DEVICE:
                yield Event.DEVICE_BACK, ""
            if (before.horn, now.horn) != (Horn.NO_DEVICE, Horn.IDLE):
                yield _SOUNDS[now.horn], ""
    if now.online != before.online:
        yield (Event.LINK_UP if now.online else Event.LINK_DOWN), ""
    if now.faults - before.faults:
        yield Event.FAULT, ", ".join(sorted(now.faults - before.faults))
    elif before.faults and not now.faults:
        yield Event.WELL, ""


INTRODUCTION = """Made by `python -m receivers.life`; change `receivers/life.py`, not this file. Six regions stand side
by side, and an event moves every region that knows it. After the colon: the event, then what is done."""


def diagram() -> str:
    """The tables as Mermaid state diagrams, one a region."""
    parts = [
        "# A receiver's life",
        INTRODUCTION,
    ]
    first = asdict(Life())
    for name, table in REGIONS.items():
        lines = [f"## {name}", "```mermaid", "stateDiagram-v2", f"    [*] --> {first[name]}"]
        for (state, event), (to, effects) in table.items():
            if state is to and not effects:
                continue
            done = f" / {', '.join(effects)}" if effects else ""
            lines.append(f"    {state} --> {to}: {event}{done}")
        parts.append("\n".join([*lines, "```"]))
    holds = [f"| {hands} | {time} | {held} |" for (hands, time), held in _HOLDS.items()]
    parts.append("\n".join(["## What is held", "| hands | time | held |", "|---|---|---|", *holds]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(diagram(), end="")  # noqa: T201 - its purpose
