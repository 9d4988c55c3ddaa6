"""A disk without room, and one that is read-only: nothing is lost while the process lives, and all is written later."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from broadcast.wire import topics
from receivers import status
from receivers.lab.trial.shelf import NOON_US, RECEIVER, Shelf, began, programme, report, settings, sha256_of
from receivers.ledger import lost_piece
from receivers.outbox import MAX_PENDING, Outbox, Sounded
from receivers.vault import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from receivers.lab.trial.smalldisk import SmallDisk

SETTINGS = topics.settings(RECEIVER)
VILLAGE = topics.programme("village")


@pytest.fixture(params=["full", "read-only"])
def spoil(request: pytest.FixtureRequest, small_disk: SmallDisk) -> tuple[Callable[[], object], Callable[[], object]]:
    """How the disk becomes unusable, and how it is mended."""
    if request.param == "full":
        return small_disk.fill, (small_disk.path / "filler").unlink
    return partial(small_disk.set_read_only, True), partial(small_disk.set_read_only, False)


def _live(shelf: Shelf, number: int) -> None:
    """What a receiver writes while an airing sounds and is reported, and while documents come."""
    shelf.outbox.add(began(f"a{number}"))
    shelf.outbox.add(Sounded(piece=lost_piece(f"a{number}", NOON_US)))
    shelf.outbox.add(report(number, f"a{number}"))
    shelf.vault.accept(VILLAGE, programme("village", number * 2, airings=20), NOON_US)


def test_what_cannot_be_written_is_in_force_and_on_disk_once_it_can_be(
    small_disk: SmallDisk, spoil: tuple[Callable[[], object], Callable[[], object]]
) -> None:
    shelf = Shelf(small_disk.path)
    shelf.vault.accept(SETTINGS, settings(1, "village"), NOON_US)
    _live(shelf, 1)
    spoil[0]()
    for number in range(2, 5):
        _live(shelf, number)
    assert shelf.vault.disk_error
    assert shelf.outbox.disk_error
    assert list(shelf.outbox.pending) == [1, 2, 3, 4]
    assert shelf.vault.programmes()[0].number == 8
    spoil[1]()
    shelf.vault.flush()
    shelf.outbox.flush()
    assert not any((shelf.vault.disk_error, shelf.outbox.disk_error))
    again = Shelf(small_disk.path)
    assert again.outbox.pending == shelf.outbox.pending
    assert again.vault.programmes() == shelf.vault.programmes()
    assert not again.quarantined


def test_a_table_of_numbers_that_could_not_be_written_is_written_later(shelf: Shelf) -> None:
    numbers = shelf.documents / NUMBERS
    numbers.mkdir()
    assert shelf.vault.accept(SETTINGS, settings(1, "village"), NOON_US)
    assert shelf.vault.disk_error
    numbers.rmdir()
    shelf.vault.flush()
    assert shelf.vault.disk_error is None
    assert numbers.is_file()


def test_what_is_there_opens_on_a_disk_that_cannot_be_written(
    small_disk: SmallDisk, spoil: tuple[Callable[[], object], Callable[[], object]]
) -> None:
    shelf = Shelf(small_disk.path)
    shelf.vault.accept(SETTINGS, settings(1, "village"), NOON_US)
    _live(shelf, 1)
    shelf.outbox.add(began("a2"))  # the power goes while it sounds
    shelf.fetch("x")
    spoil[0]()
    again = Shelf(small_disk.path)
    assert again.vault.programmes() == shelf.vault.programmes()
    assert again.outbox.pending == shelf.outbox.pending
    assert again.outbox.disk_error
    assert [piece.airing_id for piece in again.outbox.pieces["a2"]] == ["a2"]
    with status.only_one(small_disk.path):
        assert status.is_running(small_disk.path)


def test_a_number_that_only_memory_knew_is_not_given_out_again(small_disk: SmallDisk) -> None:
    shelf = Shelf(small_disk.path)
    shelf.outbox.add(report(1, "a1"))
    shelf.outbox.to_send()
    small_disk.set_read_only(True)
    shelf.outbox.add(report(2, "a2"))
    shelf.outbox.acknowledge(2, NOON_US)  # the centre has both; then the power goes
    again = Shelf(small_disk.path)
    again.outbox.acknowledge(2, NOON_US)  # it says so before anything is sent
    again.outbox.add(report(again.outbox.number + 1, "a3"))
    assert [(number > 2, one.airing_id) for number, one in again.outbox.pending.items()][-1] == (True, "a3")
    assert min(again.outbox.pending) > 2


def test_a_file_that_rots_on_a_read_only_disk_is_missing_and_is_not_read_for_ever(small_disk: SmallDisk) -> None:
    shelf = Shelf(small_disk.path)
    shelf.fetch("x")
    assert shelf.media.finish(sha256_of("x"), NOON_US)
    path = shelf.media.path(sha256_of("x"))
    path.write_bytes(b"rot")
    small_disk.set_read_only(True)
    assert shelf.media.check(sha256_of("x"), NOON_US) is False
    assert not shelf.media.ready
    assert not shelf.media.on_disk()
    small_disk.set_read_only(False)
    shelf.fetch("x")
    assert shelf.media.finish(sha256_of("x"), NOON_US)
    assert shelf.media.on_disk() == {sha256_of("x")}


def test_reports_that_nobody_takes_are_bounded_and_the_oldest_go(memory: Path) -> None:
    outbox = Outbox(memory / "blocked" / "reports")
    (memory / "blocked").write_text("no disk at all")
    for number in range(1, MAX_PENDING + 2):
        outbox.add(report(number, f"a{number}"))
    assert outbox.disk_error
    assert list(outbox.pending) == list(range(outbox.acknowledged + 1, MAX_PENDING + 2))
    assert len(outbox.pending) <= MAX_PENDING
    assert outbox.acknowledged >= 1
