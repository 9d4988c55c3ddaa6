"""The journal of reports: every one once, in order, without a hole, whatever the power does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broadcast.wire.documents import Airing, BroadcastClass, Media, Outcome, PlayReport
from receivers.ledger import Piece, Planned, lost_piece
from receivers.outbox import COMPACT_BYTES, JOURNAL, LOST, MIN_REMEMBERED, REMEMBER_US, Began, Outbox, Reported, Sounded

NOON = 1_800_000_000_000_000
MEDIA = Media(sha256="0" * 64, size_bytes=1, duration_us=1)


def _report(number: int, airing_id: str | None = None) -> Reported:
    return Reported(
        report=PlayReport(
            number=number,
            airing_id=airing_id or f"a{number}",
            broadcast_id="b",
            outcome=Outcome.HEARD,
            planned_start_us=NOON,
            planned_duration_us=1,
        )
    )


def _began(airing_id: str) -> Began:
    airing = Airing(id=airing_id, broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=NOON, media=(MEDIA,))
    return Began(planned=Planned(airing, MEDIA), at_us=NOON)


def _piece(airing_id: str) -> Piece:
    return Piece(
        airing_id=airing_id,
        offset_us=0,
        late_us=0,
        start_us=NOON,
        start_error_us=0,
        end_us=NOON + 5,
        frames=240,
        gap_us=0,
        underruns=0,
        rms_dbfs=-20.0,
        peak_dbfs=-3.0,
        finished=True,
    )


def _open(folder: Path) -> Outbox:
    outbox = Outbox(folder)
    outbox.open(NOON)
    return outbox


def test_a_cut_at_every_byte_loses_only_what_was_being_written(fast_path: Path) -> None:
    whole = _open(fast_path)
    for record in (_began("a"), Sounded(piece=_piece("a")), _report(1, "a"), _began("b"), _report(2), _report(3, "b")):
        whole.add(record)
    raw = (fast_path / JOURNAL).read_bytes()
    reports = list(whole.pending.values())
    for cut in range(len(raw) + 1):
        (fast_path / JOURNAL).write_bytes(raw[:cut])
        outbox = _open(fast_path)
        written = sum(b'"type":"report"' in line for line in raw[:cut].split(b"\n")[:-1])
        assert list(outbox.pending.values()) == reports[:written]
        assert outbox.number == written
        outbox.add(_report(written + 1, "after"))
        assert list(_open(fast_path).pending.values()) == [*reports[:written], _report(written + 1, "after").report]


def test_a_piece_whose_end_was_never_written_counts_as_begun(tmp_path: Path) -> None:
    _open(tmp_path).add(_began("a"))
    for _ in range(2):  # it stays so however often the power goes
        assert _open(tmp_path).pieces == {"a": [lost_piece("a", NOON, ended_by_us=NOON)]}


def test_rot_in_the_middle_leaves_no_hole_in_the_numbers(tmp_path: Path) -> None:
    outbox = _open(tmp_path)
    for number in range(1, 6):
        outbox.add(_report(number))
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:20] + b"?" + lines[3][21:]
    (tmp_path / JOURNAL).write_bytes(b"".join(lines))
    mended = _open(tmp_path)
    assert list(mended.pending) == [1, 2, 3, 4, 5]
    assert [number for number, report in mended.pending.items() if report.reason == LOST] == [lines.index(lines[3])]
    assert list(tmp_path.glob("journal.bad-*"))
    assert _open(tmp_path).pending == mended.pending


@given(st.binary(max_size=300))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_for_a_journal_are_survived(fast_path: Path, raw: bytes) -> None:
    folder = Path(tempfile.mkdtemp(dir=fast_path))
    (folder / JOURNAL).write_bytes(raw)
    outbox = _open(folder)
    outbox.add(_report(outbox.number + 1))
    assert _open(folder).pending == outbox.pending
    assert outbox.disk_error is None


def test_a_centre_that_knows_more_than_we_do_makes_us_number_on_after_it(tmp_path: Path) -> None:
    outbox = _open(tmp_path)
    outbox.add(_report(1, "x"))
    outbox.add(_report(2, "y"))
    outbox.acknowledge(40, NOON)
    assert {number: report.airing_id for number, report in outbox.pending.items()} == {41: "x", 42: "y"}
    assert [report.number for report in _open(tmp_path).pending.values()] == [41, 42]
    assert outbox.number == 42


def test_a_new_journal_goes_on_after_what_the_centre_has_also_when_it_holds_more(tmp_path: Path) -> None:
    outbox = _open(tmp_path)
    for number, name in enumerate("vwxyz", 1):
        outbox.add(_report(number, name))
    outbox = _open(tmp_path)
    outbox.acknowledge(2, NOON)  # of a journal that was lost
    assert {number: report.airing_id for number, report in outbox.to_send().items()} == dict(enumerate("vwxyz", 3))
    again = _open(tmp_path)
    again.acknowledge(4, NOON)
    assert {number: report.airing_id for number, report in again.pending.items()} == dict(enumerate("xyz", 5))


def test_what_was_sent_keeps_its_number_whenever_the_answer_comes(tmp_path: Path) -> None:
    outbox = _open(tmp_path)
    outbox.add(_report(1, "x"))
    assert list(outbox.to_send()) == [1]
    outbox.add(_report(2, "y"))
    again = _open(tmp_path)
    again.acknowledge(1, NOON)
    assert {number: report.airing_id for number, report in again.to_send().items()} == {2: "y"}


def test_what_is_over_is_remembered_for_days_and_then_let_go_but_for_the_newest(tmp_path: Path) -> None:
    """A clock that was ahead when the acknowledgement came makes the node forget nothing that it may play again."""
    outbox = _open(tmp_path)
    for number in range(1, MIN_REMEMBERED + 3):
        outbox.add(_report(number))
    outbox.to_send()
    outbox.acknowledge(outbox.number, NOON + 1)
    assert len(_open(tmp_path).over) == MIN_REMEMBERED + 2
    outbox.add(_report(outbox.number + 1))
    outbox.acknowledge(outbox.number, NOON + 10 * REMEMBER_US)
    assert list(_open(tmp_path).over) == [f"a{number}" for number in range(4, MIN_REMEMBERED + 4)]
    assert _open(tmp_path).number == MIN_REMEMBERED + 3


def test_a_journal_that_is_never_empty_does_not_grow_for_ever(tmp_path: Path) -> None:
    outbox = _open(tmp_path)
    for number in range(1, 800):
        outbox.add(_report(number))
        outbox.to_send()
        outbox.acknowledge(number - 1, NOON + number * REMEMBER_US)
    assert (tmp_path / JOURNAL).stat().st_size < 2 * COMPACT_BYTES
    assert max(_open(tmp_path).pending) == 799


def test_a_disk_that_cannot_be_written_is_a_fault_and_loses_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    outbox = Outbox(blocked)
    outbox.add(_report(1))
    assert outbox.disk_error
    assert list(outbox.pending) == [1]
    blocked.unlink()
    outbox.flush()
    assert outbox.disk_error is None
    assert list(_open(blocked).pending) == [1]


class Mail(RuleBasedStateMachine):
    """An outbox against a list: whatever is added, acknowledged or rebooted, in whatever order."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.root))
        self.outbox = _open(self.folder)
        self.numbers = 0
        self.stored = 0

    root: Path

    @rule()
    def add(self) -> None:
        self.numbers += 1
        self.outbox.add(_report(self.outbox.number + 1))

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.outbox.to_send()
        self.stored = max(self.stored, round(self.numbers * share))
        self.outbox.acknowledge(round(self.numbers * share), NOON)

    @rule()
    def power_cut(self) -> None:
        self.outbox.to_send()
        self.outbox = _open(self.folder)
        self.outbox.acknowledge(self.stored, NOON)  # the retained Ack comes with the connection

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if hasattr(self, "outbox"):
            assert list(self.outbox.pending) == list(range(self.stored + 1, self.numbers + 1))
            assert len(self.outbox.over) == self.numbers


def test_no_report_is_lost_or_doubled(fast_path: Path) -> None:
    class Here(Mail):
        root = fast_path

    Here.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
    Here.TestCase("runTest").runTest()
