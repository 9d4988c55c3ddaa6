"""Whatever a bad card makes of a receiver's files: it starts, puts aside what it cannot read, and gets it back."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from broadcast.wire import topics
from receivers import identity, quarantine, status
from receivers.lab.trial import shelf as things
from receivers.lab.trial.shelf import NOON_US, RECEIVER, Shelf, began, body, programme, report, settings, sha256_of
from receivers.outbox import JOURNAL, LOST

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = (topics.settings(RECEIVER), settings(3, "commune", "village"))
PROGRAMMES = (
    (topics.programme("commune"), programme("commune", 4)),
    (topics.programme("village"), programme("village", 5, airings=2)),
)
NOBODY = 65534
PEM = b"a key and a certificate"


def _kept(root: Path) -> Shelf:
    """A shelf with one of everything: three reports, the first of them stored by the centre, the third sounding."""
    shelf = Shelf(root)
    for topic, raw in (SETTINGS, *PROGRAMMES):
        shelf.vault.accept(topic, raw, NOON_US)
    for name in "xy":
        shelf.fetch(name)
        assert shelf.media.finish(sha256_of(name), NOON_US)
    shelf.media.part(sha256_of("z")).write_bytes(body("z")[:100])
    for number in range(1, 4):
        shelf.outbox.add(report(number, f"a{number}"))
    shelf.outbox.to_send()
    shelf.outbox.acknowledge(1, NOON_US)
    shelf.outbox.add(began("a4"))
    return shelf


def _is_whole_again(root: Path) -> None:
    """The receiver starts, the broker and the centre say what they remember, and after a restart all is there."""
    shelf = Shelf(root)
    for number, said in shelf.outbox.pending.items():
        assert said.airing_id == f"a{number}" or said.reason == LOST
    for topic, raw in (SETTINGS, *PROGRAMMES):
        shelf.vault.accept(topic, raw, NOON_US)
    shelf.outbox.acknowledge(1, NOON_US)
    for name in "xyz":
        if sha256_of(name) not in shelf.media.ready:
            shelf.fetch(name)
            if not shelf.media.finish(sha256_of(name), NOON_US):
                shelf.fetch(name)
                assert shelf.media.finish(sha256_of(name), NOON_US)
    number = shelf.outbox.number + 1
    shelf.outbox.add(report(number, "next"))
    assert not any((shelf.vault.disk_error, shelf.outbox.disk_error))
    again = shelf.boot()
    assert again.vault.settings is not None
    assert [held.number for held in again.vault.programmes()] == [4, 5]
    assert again.media.ready.keys() == {sha256_of(name) for name in "xyz"}
    assert again.outbox.pending[number].airing_id == "next"
    assert list(again.outbox.pending) == list(range(again.outbox.acknowledged + 1, number + 1))
    assert not again.vault.refused


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("original")
    _kept(root)
    return root


@contextmanager
def _copy(original: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=Path("/dev/shm") if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108
        root = Path(folder) / "state"
        shutil.copytree(original, root)
        yield root


def _names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@given(data=st.data())
@rules(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_any_files(original: Path, data: st.DataObject) -> None:
    with _copy(original) as root:
        for name in data.draw(st.lists(st.sampled_from(_names(root)), min_size=1, max_size=4, unique=True)):
            raw = (root / name).read_bytes()
            at = data.draw(st.integers(0, len(raw) - 1))
            flipped = raw[:at] + bytes((raw[at] ^ data.draw(st.integers(1, 255)),)) + raw[at + 1 :]
            garbage = data.draw(st.binary(max_size=64))
            damage = (flipped, raw[:at], b"", bytes(len(raw)), garbage, raw[:at] + garbage, raw * 2, raw + garbage)
            (root / name).write_bytes(data.draw(st.sampled_from(damage)))
        _is_whole_again(root)


def _places() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _kept(Path(folder))
        return _names(Path(folder))


@pytest.mark.parametrize("name", _places())
@pytest.mark.parametrize("kind", ["folder", "full folder", "link to nothing", "unreadable"])
def test_anything_in_the_place_of_a_file(original: Path, name: str, kind: str) -> None:
    with _copy(original) as root, _as_nobody(root):
        if kind == "unreadable":
            (root / name).chmod(0)
        else:
            (root / name).unlink()
        if "folder" in kind:
            (root / name).mkdir()
        if kind == "full folder":
            (root / name / "something").write_text("in it")
        if kind == "link to nothing":
            (root / name).symlink_to("nowhere")
        _is_whole_again(root)


@contextmanager
def _as_nobody(root: Path) -> Iterator[None]:
    """As a user whom permissions concern, if this is root."""
    if os.geteuid() != 0:
        yield
        return
    root.parent.chmod(0o755)
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["media", RECEIVER, f"{RECEIVER}/documents", f"{RECEIVER}/reports"])
def test_a_file_in_the_place_of_a_folder(original: Path, name: str) -> None:
    with _copy(original) as root:
        shutil.rmtree(root / name)
        (root / name).write_text("a file")
        if name == RECEIVER:
            quarantine.open_folder(root / RECEIVER, NOON_US)
        _is_whole_again(root)
        assert (root / f"{name}.bad-{NOON_US // 1_000_000}").read_text() == "a file"


def test_what_is_put_aside_is_kept_but_only_so_much_of_it(shelf: Shelf) -> None:
    for topic, raw in (SETTINGS, *PROGRAMMES):
        shelf.vault.accept(topic, raw, NOON_US)
    for round_ in range(5):
        for path in shelf.documents.glob("*.jws"):
            path.write_bytes(b"rot")
        shelf.vault.open(NOON_US + round_ * 1_000_000)
        for topic, raw in (SETTINGS, *PROGRAMMES):
            shelf.boot().vault.accept(topic, raw, NOON_US)
    assert len(shelf.quarantined) == quarantine.KEPT
    assert all(path.name.endswith(f"-{NOON_US // 1_000_000 + 4}") for path in shelf.quarantined)


def test_a_journal_whose_beginning_rots_makes_up_no_reports(shelf: Shelf) -> None:
    for number in range(1, 60):
        shelf.outbox.add(report(number, f"a{number}"))
    shelf.outbox.to_send()
    shelf.outbox.acknowledge(59, NOON_US)
    for number in (60, 61):
        shelf.outbox.add(report(number, f"a{number}"))
    path = shelf.root / RECEIVER / "reports" / JOURNAL
    path.write_bytes(b"?" + path.read_bytes()[1:])
    again = shelf.boot().outbox
    assert [report.airing_id for report in again.pending.values()] == ["a60", "a61"]
    assert again.acknowledged == 59


@given(data=st.data())
@rules(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_damaged_file_costs_no_identity(tmp_path: Path, data: st.DataObject) -> None:
    me = things.identity(RECEIVER, PEM)
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    identity.save(folder, me, PEM)
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    victim = data.draw(st.sampled_from(sorted(whole)))
    at = data.draw(st.integers(0, len(whole[victim]) - 1))
    damage = data.draw(st.sampled_from(("flip", "cut", "gone", "folder", "garbage")))
    victim.unlink()
    if damage == "folder":
        victim.mkdir()
    elif damage != "gone":
        raw = whole[victim]
        flipped = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        victim.write_bytes({"flip": flipped, "cut": raw[:at], "garbage": data.draw(st.binary())}[damage])
    assert identity.load(folder) == me
    assert {path: path.read_bytes() for path in whole} == whole


def test_a_status_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    for damage in (b"", b"[" * 100_000, b"\xff\x00"):
        (tmp_path / status.STATUS).write_bytes(damage)
        assert status.read(tmp_path) is None
