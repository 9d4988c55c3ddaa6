"""Pieces to one report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import Heard, Hearing, Outcome
from receivers import ledger
from receivers.ledger import JOIN_TOLERANCE_US, SILENT_DBFS, Ending, Piece, Planned, level_dbfs, lost_piece
from receivers.plan import gain_db

if TYPE_CHECKING:
    from tests.receivers.daemon.conftest import Desk

NOON = 1_800_000_000_000_000
S = 1_000_000
WHOLE = Piece(
    airing_id="a",
    offset_us=0,
    late_us=0,
    start_us=NOON,
    start_error_us=40,
    end_us=NOON + 10 * S,
    frames=480_000,
    gap_us=3,
    underruns=1,
    rms_dbfs=-20.0,
    peak_dbfs=-3.0,
    finished=True,
)
FAILED_OPENING = replace(WHOLE, start_us=None, end_us=None, frames=0, rms_dbfs=None, finished=False, error="unreadable")
FIRST_HALF = replace(WHOLE, end_us=NOON + 5 * S, frames=240_000, finished=False)
SECOND_HALF = replace(WHOLE, start_us=NOON + 8 * S, start_error_us=9, offset_us=5 * S, frames=240_000, rms_dbfs=-30.0)
HEARD = Heard(verdict=Hearing.HEARD, correlation=0.9, delay_us=3000, level_dbfs=-30.0)
FAINT = Heard(verdict=Hearing.FAINT, correlation=0.3, delay_us=3000, level_dbfs=-60.0)
DEAF = Heard(verdict=Hearing.NOT_HEARD, correlation=0.0, level_dbfs=-90.0)
UNHEARD = (Outcome.SILENT, "not_heard_by_microphone")
MISSING = Ending(Outcome.FAILED, "media_missing")
QUIET = Ending(Outcome.SKIPPED, "quiet_hours")
HIGHER = Ending(Outcome.SKIPPED, "higher_class")


@pytest.mark.parametrize(
    ("pieces", "ending", "outcome"),
    [
        ([WHOLE], HIGHER, (Outcome.HEARD, "")),
        ([FIRST_HALF, WHOLE], HIGHER, (Outcome.HEARD, "")),
        ([replace(WHOLE, late_us=JOIN_TOLERANCE_US)], HIGHER, (Outcome.HEARD, "")),
        (
            [replace(WHOLE, late_us=JOIN_TOLERANCE_US + 1)],
            Ending(Outcome.FAILED, "media_late"),
            (Outcome.CUT, "media_late"),
        ),
        ([replace(WHOLE, rms_dbfs=SILENT_DBFS)], HIGHER, (Outcome.SILENT, "")),
        ([replace(WHOLE, rms_dbfs=None)], HIGHER, (Outcome.SILENT, "")),
        ([replace(WHOLE, heard=HEARD)], HIGHER, (Outcome.HEARD, "")),
        ([replace(WHOLE, heard=FAINT)], HIGHER, (Outcome.HEARD, "")),
        ([replace(WHOLE, heard=DEAF)], HIGHER, UNHEARD),
        ([replace(WHOLE, heard=DEAF), replace(WHOLE, heard=HEARD)], HIGHER, (Outcome.HEARD, "")),
        ([replace(WHOLE, heard=DEAF), WHOLE], HIGHER, (Outcome.HEARD, "")),
        ([replace(WHOLE, heard=DEAF, rms_dbfs=SILENT_DBFS)], HIGHER, (Outcome.SILENT, "")),
        ([replace(FIRST_HALF, heard=DEAF)], HIGHER, (Outcome.CUT, "higher_class")),
        ([FIRST_HALF], HIGHER, (Outcome.CUT, "higher_class")),
        ([FIRST_HALF, SECOND_HALF], HIGHER, (Outcome.CUT, "higher_class")),
        ([replace(FIRST_HALF, error="decoder")], HIGHER, (Outcome.CUT, "decoder")),
        ([lost_piece("a", NOON)], Ending(Outcome.FAILED, "not_running"), (Outcome.CUT, "not_running")),
        ([FAILED_OPENING], MISSING, (Outcome.FAILED, "unreadable")),
        ([], MISSING, (Outcome.FAILED, "media_missing")),
        ([], QUIET, (Outcome.SKIPPED, "quiet_hours")),
    ],
)
def test_outcomes(desk: Desk, pieces: list[Piece], ending: Ending, outcome: tuple[Outcome, str]) -> None:
    media = desk.media("a", 10)
    report = ledger.report(7, Planned(desk.airing("a", NOON, media), media), pieces, ending)
    assert (report.outcome, report.reason) == outcome
    assert report.number == 7


def test_pieces_add_up(desk: Desk) -> None:
    media = desk.media("a", 10)
    report = ledger.report(1, Planned(desk.airing("a", NOON, media), media, 5), [FIRST_HALF, SECOND_HALF], HIGHER)
    assert (report.start_us, report.start_error_us, report.end_us) == (NOON, 40, NOON + 10 * S)
    assert (report.played_us, report.gap_us, report.underruns, report.media_ready_us) == (10 * S, 6, 2, 5)
    assert report.peak_dbfs == -3.0
    assert report.rms_dbfs == pytest.approx(10 * math.log10((10**-2 + 10**-3) / 2))


def test_clipped_frames_add_up_and_the_longest_piece_with_a_verdict_speaks_for_all(desk: Desk) -> None:
    media = desk.media("a", 10)
    short = replace(FIRST_HALF, heard=DEAF, clipped_frames=3)
    pieces = [short, replace(short, frames=short.frames + 1, heard=FAINT), replace(WHOLE, clipped_frames=4)]
    report = ledger.report(1, Planned(desk.airing("a", NOON, media), media), pieces, HIGHER)
    assert (report.clipped_frames, report.heard) == (10, FAINT)
    assert ledger.report(1, Planned(desk.airing("a", NOON, media), media), [WHOLE], HIGHER).heard is None


LEVELS = st.lists(st.tuples(st.integers(1, 10**7), st.floats(-90, 0)), min_size=1, max_size=6)


@given(LEVELS, st.randoms())
def test_the_level_lies_between_those_of_the_pieces_whatever_their_order(
    parts: list[tuple[int, float]], random: object
) -> None:
    pieces = [replace(WHOLE, frames=frames, rms_dbfs=level) for frames, level in parts]
    level = level_dbfs(pieces)
    assert level is not None
    assert min(part for _, part in parts) - 1e-6 <= level <= max(part for _, part in parts) + 1e-6
    assert level_dbfs(pieces[::-1]) == pytest.approx(level)
    assert level_dbfs(pieces * 3) == pytest.approx(level)


@given(st.integers(1, 50))
def test_half_the_percentage_is_ten_decibels_less(percent: int) -> None:
    assert gain_db(2 * percent) - gain_db(percent) == pytest.approx(10)
    assert gain_db(100) == 0
    assert gain_db(0) < gain_db(percent) - 40
