"""Starting again because the centre asks: once for each asking, also over restarts."""

from pathlib import Path

from receivers.restarts import DUE_US, Restarts

ASKED_US = 1_763_870_400_000_000


def test_once_for_each_asking_also_for_the_next_process(tmp_path: Path) -> None:
    first = Restarts(tmp_path)
    first.open()
    assert not first.is_due(None, ASKED_US)
    assert first.is_due(ASKED_US, ASKED_US)
    assert first.serve(ASKED_US)
    second = Restarts(tmp_path)
    second.open()
    assert not second.is_due(ASKED_US, ASKED_US + 1)
    assert second.is_due(ASKED_US + 1, ASKED_US + 1)


def test_not_for_an_old_asking(tmp_path: Path) -> None:
    node = Restarts(tmp_path)
    node.open()
    assert node.is_due(ASKED_US, ASKED_US + DUE_US - 1)
    assert not node.is_due(ASKED_US, ASKED_US + DUE_US)


def test_an_asking_by_a_clock_that_was_ahead_keeps_no_later_one_waiting(tmp_path: Path) -> None:
    node = Restarts(tmp_path)
    node.open()
    ahead_us = ASKED_US + 7 * DUE_US
    assert node.serve(ahead_us)
    assert not node.is_due(ahead_us, ASKED_US)
    assert node.is_due(ASKED_US, ASKED_US)
    assert node.serve(ASKED_US)
    assert not node.is_due(ASKED_US, ASKED_US)


def test_not_where_it_cannot_be_written_down(tmp_path: Path) -> None:
    node = Restarts(tmp_path / "nowhere" / "at all")
    (tmp_path / "nowhere").write_text("no folder")
    node.open()
    assert not node.serve(ASKED_US)
    assert not node.is_due(ASKED_US, ASKED_US)
