import itertools
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broadcast.trustroot.folder import RENEW_BEFORE, KeysDamaged, TrustRoot, load_or_make, renew

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> TrustRoot:
    root = load_or_make(tmp_path / "keys", NOW)
    renew(root, ["loa.example"], NOW)
    return root


def test_only_the_owner_can_open_them(root: TrustRoot) -> None:
    assert root.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in root.folder.iterdir()}
    assert modes == dict.fromkeys(("ca.pem", "order.pem", "broker.pem", "centre.pem", "urgent.pem"), 0o600)


def test_a_lax_umask_changes_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        root = load_or_make(tmp_path / "keys", NOW)
        renew(root, ["localhost"], NOW)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o077 for path in (root.folder, *root.folder.iterdir())} == {0}


def test_the_second_start_finds_the_same_keys(root: TrustRoot) -> None:
    again = load_or_make(root.folder, NOW)
    assert again.order_key.private_bytes_raw() == root.order_key.private_bytes_raw()
    assert again.ca_pem == root.ca_pem


def test_a_folder_opened_by_others_is_closed_again(root: TrustRoot) -> None:
    root.folder.chmod(0o755)
    load_or_make(root.folder, NOW)
    assert root.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["ca.pem", "order.pem"])
@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_damaged_keys_are_never_replaced_by_new_ones(root: TrustRoot, name: str, content: bytes) -> None:
    (root.folder / name).write_bytes(content)
    with pytest.raises(KeysDamaged, match="Restore this folder from a backup"):
        load_or_make(root.folder, NOW)
    assert (root.folder / name).read_bytes() == content


def test_a_missing_order_key_is_never_made_anew(root: TrustRoot) -> None:
    (root.folder / "order.pem").unlink()
    with pytest.raises(KeysDamaged):
        load_or_make(root.folder, NOW)
    assert not (root.folder / "order.pem").exists()


def test_killed_at_any_file_operation_it_leaves_nothing_or_all(tmp_path: Path) -> None:
    outcomes = set()
    for step in itertools.count():
        folder = tmp_path / str(step) / "keys"
        survived = _make_and_die_at(step, folder)
        outcomes.add(folder.exists())
        if folder.exists():
            assert {path.name for path in folder.iterdir()} == {"ca.pem", "order.pem"}
        load_or_make(folder, NOW)
        if survived:
            break
    assert outcomes == {True, False}


def test_certificates_are_kept_while_they_are_good(root: TrustRoot) -> None:
    before = root.broker_file.read_bytes(), root.centre_file.read_bytes()
    assert not renew(root, ["loa.example"], NOW + timedelta(days=300))
    assert (root.broker_file.read_bytes(), root.centre_file.read_bytes()) == before


def test_certificates_are_renewed_before_they_expire(root: TrustRoot) -> None:
    later = _certificate(root.broker_file).not_valid_after_utc - RENEW_BEFORE
    assert renew(root, ["loa.example"], later)
    assert _certificate(root.broker_file).not_valid_after_utc > later + timedelta(days=300)
    assert _certificate(root.centre_file).not_valid_after_utc > later + timedelta(days=300)


def test_another_broker_name_gets_another_certificate(root: TrustRoot) -> None:
    assert renew(root, ["other.example"], NOW)
    names = _certificate(root.broker_file).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"other.example", "127.0.0.1", "localhost"} <= {str(name.value) for name in names}


def test_a_torn_leaf_is_made_anew(root: TrustRoot) -> None:
    root.centre_file.write_bytes(root.centre_file.read_bytes()[:200])
    assert renew(root, ["loa.example"], NOW)
    root.client_context()


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _make_and_die_at(step: int, folder: Path) -> bool:
    """Make keys in a child that kills itself at its `step`-th file operation; whether it came through."""
    folder.parent.mkdir()
    child = os.fork()
    if child == 0:
        left = itertools.count(step, -1)

        def die(event: str, _arguments: tuple[object, ...]) -> None:
            if event in {"open", "os.rename", "os.mkdir", "os.chmod", "os.chown", "os.remove"} and next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        try:
            load_or_make(folder, NOW)
            os._exit(0)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    return status == 0
