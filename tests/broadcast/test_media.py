import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.media import BadHashError, MediaMissingError, MediaStore, sha256_of

ABSENT = "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media")


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def files_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_file_is_found_by_its_hash(store: MediaStore, tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    sha256 = store.put(write(tmp_path / "a", data))
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert sha256 in store
    assert list(store) == [sha256]
    assert store.size_bytes(sha256) == len(data)
    with store.open(sha256) as file:
        assert file.read() == data
    assert store.path(sha256).parent.name == sha256[2:4]


def test_the_source_stays_and_may_change_afterwards(store: MediaStore, tmp_path: Path) -> None:
    source = write(tmp_path / "a", b"one")
    sha256 = store.put(source)
    source.write_bytes(b"two")
    assert store.verify(sha256)


def test_the_same_bytes_are_kept_once(store: MediaStore, tmp_path: Path) -> None:
    assert store.put(write(tmp_path / "a", b"x")) == store.put(write(tmp_path / "b", b"x"))
    assert len(files_under(tmp_path / "media")) == 1


def test_a_staged_file_moves_in(store: MediaStore, tmp_path: Path) -> None:
    with store.staging(".ogg") as staged:
        staged.write_bytes(b"made here")
        sha256 = store.put_staged(staged)
    assert store.verify(sha256)
    assert sha256 == sha256_of(store.path(sha256))
    assert len(files_under(tmp_path / "media")) == 1


def test_a_staged_file_that_is_not_finished_leaves_nothing(store: MediaStore, tmp_path: Path) -> None:
    with store.staging() as staged:
        staged.write_bytes(b"half")
    assert files_under(tmp_path) == []


def test_what_a_killed_process_left_is_cleared(store: MediaStore, tmp_path: Path) -> None:
    left = tmp_path / "media" / "incoming" / "dead"
    left.mkdir()
    write(left / "file", b"half")
    store.clear_incoming()
    assert files_under(tmp_path) == []
    assert list(store) == []


def test_altered_and_missing_files_do_not_verify(store: MediaStore, tmp_path: Path) -> None:
    sha256 = store.put(write(tmp_path / "a", b"right"))
    store.path(sha256).write_bytes(b"wrong")
    assert not store.verify(sha256)
    assert not store.verify(ABSENT)


def test_delete_says_whether_there_was_something(store: MediaStore, tmp_path: Path) -> None:
    sha256 = store.put(write(tmp_path / "a", b"x"))
    assert store.delete(sha256)
    assert not store.delete(sha256)
    assert sha256 not in store


def test_missing_files_are_named(store: MediaStore) -> None:
    with pytest.raises(MediaMissingError):
        store.open(ABSENT)
    with pytest.raises(MediaMissingError):
        store.size_bytes(ABSENT)


@pytest.mark.parametrize(
    "name",
    ["", "../../etc/passwd", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", "/" + "a" * 63, "٣" * 64],
)
def test_names_that_are_no_hash_never_become_a_path(store: MediaStore, name: str) -> None:
    for use in (store.path, store.open, store.delete, store.verify, store.size_bytes, store.__contains__):
        with pytest.raises(BadHashError):
            use(name)


@given(st.text(max_size=80))
def test_any_text_is_a_path_inside_or_refused(name: str) -> None:
    store = object.__new__(MediaStore)
    store._root = Path("/root-of-store")
    try:
        path = store.path(name)
    except BadHashError:
        return
    assert path.resolve().is_relative_to("/root-of-store")


def test_a_source_that_cannot_be_read_leaves_nothing(store: MediaStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put(tmp_path / "absent")
    assert files_under(tmp_path) == []
