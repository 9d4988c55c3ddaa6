"""The log of what happened to a receiver, and its replay (`IncidentLog` does I/O, the rest is pure).

Rules
- One JSON line an event: when, what, a detail, and the life after it. A line that cannot be read ends its life's story.
- The log is for people, so it may be lost: it is not synced, two files of `LIMIT_BYTES` at most, and a full disk never
  disturbs what sounds.
"""

import contextlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from receivers.life import Effect, Event, Impossible, Life, Seen, events, step

FILE_NAME = "incidents.jsonl"
OLDER_NAME = "incidents.1.jsonl"
LIMIT_BYTES = 256 * 1024
MAX_LINE_BYTES = 4096
MAX_LOG_BYTES = 16 * LIMIT_BYTES
MAX_DETAIL = 200


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`life` is the life after `event`."""

    at_us: int
    event: Event
    life: Life
    detail: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Incident)


class IncidentLog:
    """The log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._older = folder / OLDER_NAME

    def add(self, incident: Incident) -> None:
        line = _encoder.encode(incident) + b"\n"
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size + len(line) > LIMIT_BYTES:
                self._path.replace(self._older)
            with self._path.open("ab") as file:
                file.write(line)


class Diary:
    """The life of one process, written into `log` as it goes."""

    def __init__(self, log: IncidentLog) -> None:
        self.life = Life()
        self._log = log
        self._seen = Seen()

    def note(self, event: Event, now_us: int, detail: str = "") -> tuple[Effect, ...]:
        """`event` has happened; what is to be done. Impossible when it cannot have."""
        self.life, effects = step(self.life, event)
        self._log.add(Incident(at_us=now_us, event=event, life=self.life, detail=detail[:MAX_DETAIL]))
        return effects

    def look(self, seen: Seen, now_us: int) -> tuple[Effect, ...]:
        """What is to be done now that the receiver looks like `seen`."""
        happened, self._seen = tuple(events(self._seen, seen)), seen
        done = (self.note(event, now_us, detail) for event, detail in happened)
        return tuple(dict.fromkeys(chain.from_iterable(done)))


class Replayed(Struct, frozen=True, kw_only=True):
    """One line of a log: what it says, and what the tables make of its event now (None: they call it impossible)."""

    line: int
    incident: Incident | None
    life: Life | None

    @property
    def agrees(self) -> bool:
        return self.incident is not None and self.incident.life == self.life


def replay(raw: bytes) -> Iterator[Replayed]:
    """Each line of a log against the tables.

    A life begins with ENROLLED; a log whose beginning is missing is taken up at its first line.
    """
    life: Life | None = None
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            incident = _decoder.decode(line[:MAX_LINE_BYTES])
        except (msgspec.MsgspecError, ValueError):
            life = None
            yield Replayed(line=number, incident=None, life=None)
            continue
        life = _after(Life() if incident.event is Event.ENROLLED else life, incident)
        yield Replayed(line=number, incident=incident, life=life)


def told(entry: Replayed, local_time: Callable[[int], str]) -> str:
    """One line of a replay for people."""
    if entry.incident is None:
        return f"{entry.line:5}  cannot be read"
    incident = entry.incident
    word = f"{incident.event}{f' ({incident.detail})' if incident.detail else ''}"
    states = " ".join(asdict(incident.life).values())
    differs = f"  BUT the rules give: {' '.join(asdict(entry.life).values()) if entry.life else 'impossible'}"
    return f"{entry.line:5}  {local_time(incident.at_us)}  {word:30} {states}{'' if entry.agrees else differs}"


def _after(before: Life | None, incident: Incident) -> Life | None:
    if before is None:
        return incident.life
    try:
        return step(before, incident.event)[0]
    except Impossible:
        return None
