"""Flash wears: what is written, and how often it is synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broadcast.wire import topics
from broadcast.wire.documents import ReceiverState
from receivers import status
from receivers.lab.trial.disklog import recording
from receivers.lab.trial.powercut import Step, Synced
from receivers.lab.trial.shelf import NOON_US, RECEIVER, Shelf, began, programme, report, settings, sha256_of
from receivers.ledger import lost_piece
from receivers.outbox import Sounded

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _syncs(steps: list[Step]) -> int:
    return sum(isinstance(step, Synced) for step in steps)


def test_while_nothing_happens_nothing_is_written(memory: Path) -> None:
    document = settings(1, "village")
    with recording(memory) as log:
        shelf = Shelf(memory)
        shelf.vault.accept(topics.settings(RECEIVER), document, NOON_US)
        shelf.outbox.add(report(1, "a1"))
        shelf.outbox.to_send()
        shelf.outbox.acknowledge(1, NOON_US)
        before = len(log.steps)
        shelf.vault.accept(topics.settings(RECEIVER), document, NOON_US)  # the broker sends it at each connection
        shelf.outbox.acknowledge(1, NOON_US)
        for _ in range(100):
            shelf.vault.flush()
            shelf.outbox.flush()
        assert len(log.steps) == before
        shelf.boot()
        assert len(log.steps) == before


def test_an_airing_costs_three_syncs_and_a_document_four(memory: Path) -> None:
    with recording(memory) as log:
        shelf = Shelf(memory)
        shelf.outbox.add(began("first"))
        shelf.vault.accept(topics.settings(RECEIVER), settings(1, "village"), NOON_US)
        before = _syncs(log.steps)
        shelf.outbox.add(began("a1"))
        shelf.outbox.add(Sounded(piece=lost_piece("a1", NOON_US)))
        shelf.outbox.add(report(1, "a1"))
        assert _syncs(log.steps) == before + 3
        shelf.vault.accept(topics.programme("village"), programme("village", 2), NOON_US)
        assert _syncs(log.steps) == before + 3 + 4
        shelf.fetch("x")
        shelf.media.finish(sha256_of("x"), NOON_US)
        assert _syncs(log.steps) == before + 3 + 4 + 3


def _status(written_us: int) -> status.Status:
    return status.Status(
        receiver_id=RECEIVER,
        broker="127.0.0.1:1",
        pid=1,
        written_us=written_us,
        linked=False,
        link_since_us=0,
        link_error=None,
        state=ReceiverState(online=False, at_us=written_us),
    )


def test_a_status_is_never_synced_and_lies_in_memory_where_there_is_a_place(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(memory) as log:
        status.write(memory, _status(1))
    assert _syncs(log.steps) == 0
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
    status.write(memory, _status(2))
    link = (memory / status.STATUS).stat(follow_symlinks=False)
    for written_us in (3, 4):
        status.write(memory, _status(written_us))
        assert (memory / status.STATUS).stat(follow_symlinks=False) == link
    monkeypatch.delenv("RUNTIME_DIRECTORY")  # whoever asks has no such place
    assert status.read(memory) == _status(4)
    status.write(memory, _status(5))
    assert status.read(memory) == _status(5)
    assert not (memory / status.STATUS).is_symlink()


def test_a_folder_in_the_place_of_the_status_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / status.STATUS).mkdir()
    status.write(tmp_path, _status(1))
    assert status.read(tmp_path) == _status(1)
