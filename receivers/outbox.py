"""Play reports until the centre has them, and what is needed to make each once (does I/O).

Rules
- One append-only journal; a record is a line `crc32 json`, written and synced before anything is done with it.
- A line that a power cut left torn ends the journal and is dropped: its number was never sent and is given out again.
  A bad line in the middle is rot: what it held is gone, its number is not, so a report saying so takes its place.
- A report leaves only when the centre's Ack covers it. What is over is remembered for REMEMBER_US, and the newest
  MIN_REMEMBERED whatever the clock says, so that no airing is played or reported twice, and pieces that sounded are
  kept until their airing is over.
- A centre that has stored more than was ever numbered here knows of a journal that was lost: numbers go on after its.
  So they do for a new journal that hears of the centre's number before it has sent anything.
- What cannot be written is held in memory, shown as a fault, and written by the next `flush` that succeeds.
- A node that nobody acknowledges for half a year lets the oldest MAX_PENDING // 10 reports go at MAX_PENDING, so that
  it does not die of them; its state says how far the centre need not wait.
"""

import contextlib
import os
import zlib
from errno import EROFS
from pathlib import Path

import msgspec
from msgspec import Struct

from broadcast.wholefile import append, make_folder, write_whole
from broadcast.wire.documents import Outcome, PlayReport
from receivers.ledger import Past, Piece, Planned, lost_piece, parts
from receivers.quarantine import keep_copy, open_folder, put_aside

JOURNAL = "journal"
COMPACT_BYTES = 128 * 1024
REMEMBER_US = 3 * 24 * 3600 * 1_000_000  # longer than the 24 h that are looked back on
MIN_REMEMBERED = 300  # a village has less than 60 airings a day
LOST = "record_lost"
MAX_NUMBER = 2**40  # no receiver gives so many; what lies further on would leave no room for the next
MAX_PENDING = 10_000  # some 8 MB of memory


class Reported(Struct, frozen=True, kw_only=True, tag="report"):
    """An airing is over and this is its report."""

    report: PlayReport


class Sounded(Struct, frozen=True, kw_only=True, tag="piece"):
    """A piece of an airing that is not over has ended."""

    piece: Piece


class Began(Struct, frozen=True, kw_only=True, tag="began"):
    """A piece of `planned` sounds from `at_us` on; its end is a `Sounded`, or the power went.

    `anchor_us` is when the recording would have begun to sound at that place.
    """

    planned: Planned
    at_us: int
    anchor_us: int = 0


class Base(Struct, frozen=True, kw_only=True, tag="base"):
    """The state at the last compaction: the highest number given out, the highest acknowledged, and what is over.

    `counted`: the centre knows this journal's numbers, or may by now.
    """

    number: int
    acknowledged: int
    over: dict[str, int]
    sounded: dict[str, Past] = {}
    counted: bool = False


Record = Reported | Sounded | Began | Base
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class Outbox:
    """The journal in `folder`, opened with `open`. `over` maps airing ids to their planned start.

    `sounded` says when what is over sounded. Of the airings in `planned` `begun` says when the first piece began,
    `anchors` how the last one is anchored, `sounding` since when one sounds that has no end yet.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._unwritten: list[Record] = []
        self._must_compact = False
        self._size_bytes = 0
        self._counted = False
        self.number = 0
        self.acknowledged = 0
        self.pending: dict[int, PlayReport] = {}
        self.over: dict[str, int] = {}
        self.sounded: dict[str, Past] = {}
        self.pieces: dict[str, list[Piece]] = {}
        self.planned: dict[str, Planned] = {}
        self.sounding: dict[str, int] = {}
        self.begun: dict[str, int] = {}
        self.anchors: dict[str, int] = {}
        self.disk_error: str | None = None

    def open(self, now_us: int) -> None:
        """Take in what is on disk. Never raises for what is wrong there."""
        open_folder(self._path.parent, now_us)
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self.disk_error = str(error)
            put_aside(self._path, now_us)
            return
        lines = raw.split(b"\n")
        records = [_parse(line) for line in lines[:-1]]
        rotten = any(record is None for record in records)
        for record in records:
            if record is not None:
                self._apply(record)
        if rotten:
            keep_copy(self._path, now_us)
            if not any(isinstance(record, Base) for record in records):
                self._counted = True
                self.acknowledged = min(self.pending, default=self.number + 1) - 1
        self._fill_holes(now_us)
        self._size_bytes = len(raw)
        if rotten or lines[-1] or self.sounding:
            for airing_id in list(self.sounding):
                self._apply(self._lost(airing_id, now_us))
            self._must_compact = True
            self.flush()

    def add(self, record: Reported | Sounded | Began) -> None:
        """Remember `record` now and on disk."""
        self._apply(record)
        self._unwritten.append(record)
        if len(self.pending) > MAX_PENDING:
            self._let_go()
        self.flush()

    def end_lost(self, airing_id: str, now_us: int) -> None:
        """What sounded of an airing has ended by now, and nobody told how."""
        if airing_id in self.sounding:
            self.add(self._lost(airing_id, now_us))

    def acknowledge(self, number: int, now_us: int) -> None:
        """The centre has stored every report up to `number`; more than MAX_NUMBER is no centre's word."""
        if number > MAX_NUMBER:
            return
        if number > self.number or not self._counted:
            self._renumber(number)
            self._counted = True
        if number <= self.acknowledged:
            return
        self.acknowledged = number
        self.pending = {key: report for key, report in self.pending.items() if key > number}
        newest = set(list(self.over)[-MIN_REMEMBERED:])
        self.over = {key: us for key, us in self.over.items() if key in newest or us > now_us - REMEMBER_US}
        self.sounded = {key: past for key, past in self.sounded.items() if key in self.over}
        self._must_compact = self._must_compact or not self.pending or self._size_bytes > COMPACT_BYTES
        if self._must_compact:
            self.flush()

    def to_send(self) -> dict[int, PlayReport]:
        """The reports that the centre does not have; their numbers stay from now on."""
        if self.pending and not self._counted:
            self._counted = self._must_compact = True
            self.flush()
        return self.pending

    def flush(self) -> None:
        """Write what is not on disk yet; `disk_error` says why it cannot be."""
        if not self._unwritten and not self._must_compact:
            return
        try:
            if self._must_compact or not self._path.exists():
                self._compact()
            else:
                self._append(b"".join(map(_line, self._unwritten)))
        except OSError as error:
            self.disk_error = str(error)
            self._must_compact = True  # the end of the file is not known now, and all is written anew
        else:
            self.disk_error = None
        self._unwritten.clear()

    def _apply(self, record: Record) -> None:
        match record:
            case Base():
                self.number, self.acknowledged, self._counted = record.number, record.acknowledged, record.counted
                self.over, self.sounded = dict(record.over), dict(record.sounded)
            case Reported(report=report):
                self.number = max(self.number, report.number)
                self.pending[report.number] = report
                self.over[report.airing_id] = report.planned_start_us
                planned, pieces = self.planned.get(report.airing_id), self.pieces.get(report.airing_id)
                if planned is not None and pieces:
                    past = Past(planned.airing.cls, parts(pieces, report.planned_duration_us))
                    self.sounded[report.airing_id] = past
                self.planned.pop(report.airing_id, None)
                self.pieces.pop(report.airing_id, None)
                self.sounding.pop(report.airing_id, None)
                self.begun.pop(report.airing_id, None)
                self.anchors.pop(report.airing_id, None)
            case Sounded(piece=piece):
                self.pieces.setdefault(piece.airing_id, []).append(piece)
                self.sounding.pop(piece.airing_id, None)
            case Began(planned=planned):
                self.planned[planned.airing.id] = planned
                self.sounding[planned.airing.id] = record.at_us
                self.begun.setdefault(planned.airing.id, record.at_us)
                self.anchors[planned.airing.id] = record.anchor_us or planned.airing.start_us

    def _lost(self, airing_id: str, now_us: int) -> Sounded:
        at_us = self.sounding[airing_id]
        offset_us = max(at_us - self.anchors[airing_id], 0)
        return Sounded(piece=lost_piece(airing_id, at_us, offset_us, now_us))

    def _began(self, airing_id: str, at_us: int) -> Began:
        return Began(planned=self.planned[airing_id], at_us=at_us, anchor_us=self.anchors[airing_id])

    def _fill_holes(self, now_us: int) -> None:
        for number in range(self.acknowledged + 1, self.number + 1):
            if number not in self.pending:
                self.pending[number] = PlayReport(
                    number=number,
                    airing_id=f"lost-{number}",
                    broadcast_id="lost",
                    outcome=Outcome.FAILED,
                    planned_start_us=now_us,
                    planned_duration_us=0,
                    reason=LOST,
                )
        self.pending = dict(sorted(self.pending.items()))

    def _renumber(self, number: int) -> None:
        pending = list(self.pending.values())
        self.pending = {
            fresh: msgspec.structs.replace(report, number=fresh) for fresh, report in enumerate(pending, number + 1)
        }
        self.number = number + len(pending)
        self._must_compact = True

    def _let_go(self) -> None:
        for number in list(self.pending)[: MAX_PENDING // 10]:
            self.over.pop(self.pending.pop(number).airing_id, None)
            self.acknowledged = number
        self._must_compact = True

    def _append(self, data: bytes) -> None:
        append(self._path, data)
        self._size_bytes += len(data)

    def _compact(self) -> None:
        make_folder(self._path.parent)
        if not os.access(self._path.parent, os.W_OK, effective_ids=True):  # asked each second: no work for nothing
            raise OSError(EROFS, os.strerror(EROFS), str(self._path))
        records: list[Record] = [
            Base(
                number=self.number,
                acknowledged=self.acknowledged,
                over=self.over,
                sounded=self.sounded,
                counted=self._counted,
            )
        ]
        records += (Reported(report=report) for report in self.pending.values())
        records += (self._began(key, self.begun[key]) for key in self.planned)
        records += (Sounded(piece=piece) for pieces in self.pieces.values() for piece in pieces)
        records += (self._began(key, at_us) for key, at_us in self.sounding.items())
        data = b"".join(map(_line, records))
        write_whole(self._path, data)
        self._size_bytes = len(data)
        self._must_compact = False


def _line(record: Record) -> bytes:
    body = msgspec.json.encode(record)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _parse(line: bytes) -> Record | None:
    with contextlib.suppress(ValueError):
        if zlib.crc32(line[9:]) == int(line[:8], 16) and line[8:9] == b" ":
            return _decoder.decode(line[9:])
    return None
