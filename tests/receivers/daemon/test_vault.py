"""What a receiver believes, on disk: attacks, accidents and power cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire import jws, topics
from broadcast.wire.trust import Reason, Refused, seal
from receivers.vault import NUMBERS, Vault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.daemon.conftest import Desk

NOON = 1_800_000_000_000_000
ORDER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {jws.key_id(ORDER_KEY.public_key()): ORDER_KEY.public_key()}
SETTINGS = topics.settings("rx1")
PROGRAMME = topics.programme("tra-van")
NOW = topics.now("tra-van")


def _vault(folder: Path) -> Vault:
    vault = Vault(folder, "rx1", KEYS)
    vault.open(NOON)
    return vault


@pytest.fixture
def vault(tmp_path: Path, desk: Desk) -> Vault:
    """A vault with settings and one programme."""
    vault = _vault(tmp_path)
    assert vault.accept(SETTINGS, desk.seal(desk.settings()), NOON)
    assert vault.accept(PROGRAMME, desk.seal(desk.programme([])), NOON)
    return vault


def _refused(vault: Vault, topic: str, raw: bytes, reason: Reason, now_us: int = NOON) -> None:
    """`raw` is refused for `reason`, counted, and changes nothing, in memory or on disk."""
    before = vault.numbers(), vault.settings, vault.programmes(), vault.refused[reason]
    with pytest.raises(Refused) as refusal:
        vault.accept(topic, raw, now_us)
    assert refusal.value.reason == reason
    assert (vault.numbers(), vault.settings, vault.programmes(), vault.refused[reason] - 1) == before


def test_what_is_believed_survives_a_restart(vault: Vault, tmp_path: Path) -> None:
    again = _vault(tmp_path)
    assert again.settings == vault.settings
    assert again.programmes() == vault.programmes()
    assert again.numbers() == vault.numbers() == {"receivers/rx1/settings": 1, "zones/tra-van/programme": 2}


def test_the_same_document_again_is_no_news_and_no_refusal(vault: Vault, tmp_path: Path) -> None:
    raw = next(path.read_bytes() for path in tmp_path.glob("zones*.jws"))
    assert vault.accept(PROGRAMME, raw, NOON) is False
    assert not vault.refused


def test_attacks_are_refused_and_counted(vault: Vault, desk: Desk) -> None:
    good = desk.programme([], number=9)
    raw = desk.seal(good)
    _refused(vault, PROGRAMME, b"x" * 10_000_000, Reason.TOO_LARGE)
    _refused(vault, PROGRAMME, b"{}", Reason.UNSIGNED)
    _refused(vault, PROGRAMME, seal(good, Ed25519PrivateKey.generate()), Reason.UNSIGNED)
    _refused(vault, PROGRAMME, desk.seal(replace(good, target="tra-tap")), Reason.WRONG_TARGET)
    _refused(vault, PROGRAMME, desk.seal(desk.settings(number=9)), Reason.WRONG_TARGET)
    _refused(vault, topics.programme("tra-tap"), desk.seal(replace(good, target="tra-tap")), Reason.WRONG_TARGET)
    _refused(vault, topics.settings("rx2"), desk.seal(desk.settings(target="rx2")), Reason.WRONG_TARGET)
    _refused(vault, PROGRAMME, desk.seal(replace(good, expires_us=NOON)), Reason.EXPIRED)
    _refused(vault, PROGRAMME, desk.seal(replace(good, number=1)), Reason.OLDER)
    _refused(vault, PROGRAMME, desk.seal(replace(good, number=2, issued_us=7)), Reason.REPLAYED)
    assert vault.accept(PROGRAMME, raw, NOON)
    assert sum(vault.refused.values()) == 10


@given(st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_byte_is_refused(vault: Vault, desk: Desk, data: st.DataObject) -> None:
    raw = bytearray(desk.seal(desk.programme([], number=desk.number + 100)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    before = vault.numbers()
    with pytest.raises(Refused):
        vault.accept(PROGRAMME, bytes(raw), NOON)
    assert vault.numbers() == before


def test_an_old_document_does_not_come_back_by_a_restart(vault: Vault, tmp_path: Path, desk: Desk) -> None:
    path = next(tmp_path.glob("zones*.jws"))
    old = path.read_bytes()
    assert vault.accept(PROGRAMME, desk.seal(desk.programme([], number=50)), NOON)
    path.write_bytes(old)
    again = _vault(tmp_path)
    assert again.programmes() == ()
    assert again.refused[Reason.OLDER] == 1


def test_a_power_cut_between_document_and_numbers_is_right_again(vault: Vault, tmp_path: Path, desk: Desk) -> None:
    numbers = (tmp_path / NUMBERS).read_bytes()
    raw = desk.seal(desk.programme([], number=50))
    assert vault.accept(PROGRAMME, raw, NOON)
    (tmp_path / NUMBERS).write_bytes(numbers)
    again = _vault(tmp_path)
    assert again.numbers()["zones/tra-van/programme"] == 50


@pytest.mark.parametrize("cut", ["zones.tra-van.programme.jws", "receivers.rx1.settings.jws", NUMBERS])
@pytest.mark.parametrize("damage", [b"", b"\x00" * 50, b"{"])
def test_a_damaged_file_is_put_aside_and_comes_back_from_the_broker(
    vault: Vault, tmp_path: Path, cut: str, damage: bytes
) -> None:
    settings_raw, programme_raw = (
        (tmp_path / name).read_bytes() for name in ("receivers.rx1.settings.jws", "zones.tra-van.programme.jws")
    )
    (tmp_path / cut).write_bytes(damage)
    again = _vault(tmp_path)
    assert list(tmp_path.glob(f"{cut}.bad-*"))
    again.accept(SETTINGS, settings_raw, NOON)
    again.accept(PROGRAMME, programme_raw, NOON)
    assert (again.settings, again.programmes()) == (vault.settings, vault.programmes())


def test_a_document_is_kept_through_a_clock_that_is_far_off(vault: Vault, tmp_path: Path) -> None:
    far = Vault(tmp_path, "rx1", KEYS)
    far.open(NOON * 2)
    assert far.programmes() == vault.programmes()


def test_a_zone_that_was_left_and_entered_again_takes_no_old_order(vault: Vault, tmp_path: Path, desk: Desk) -> None:
    old = next(tmp_path.glob("zones*.jws")).read_bytes()
    assert vault.accept(PROGRAMME, desk.seal(desk.programme([], number=50)), NOON)
    assert vault.accept(SETTINGS, desk.seal(desk.settings(zone_path=("tra-tap",))), NOON)
    assert not list(tmp_path.glob("zones*.jws"))
    vault = _vault(tmp_path)
    assert vault.accept(SETTINGS, desk.seal(desk.settings()), NOON)
    _refused(vault, PROGRAMME, old, Reason.OLDER)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_zone_that_is_entered_again_is_ours_from_then_on(
    vault: Vault, tmp_path: Path, desk: Desk, *, restarted: bool
) -> None:
    assert vault.accept(SETTINGS, desk.seal(desk.settings(zone_path=("tra-tap",))), NOON)
    if restarted:
        vault = _vault(tmp_path)
    assert vault.accept(SETTINGS, desk.seal(desk.settings()), NOON + 5)
    assert vault.accept(PROGRAMME, desk.seal(desk.programme([])), NOON + 5)
    assert vault.first_us(PROGRAMME) == _vault(tmp_path).first_us(PROGRAMME) == NOON + 5


def test_what_cannot_be_written_is_held_and_written_later(tmp_path: Path, desk: Desk) -> None:
    folder = tmp_path / "documents"
    vault = _vault(folder)
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    assert vault.accept(SETTINGS, desk.seal(desk.settings()), NOON)
    assert vault.disk_error
    assert vault.settings is not None
    folder.unlink()
    vault.flush()
    assert vault.disk_error is None
    assert _vault(folder).settings == vault.settings


def test_now_documents_and_banks_are_kept_with_when_each_order_first_came(
    vault: Vault, tmp_path: Path, desk: Desk
) -> None:
    siren = desk.media("siren", 10)
    assert vault.accept(topics.bank("province"), desk.seal(desk.bank({"siren.1": siren})), NOON)
    assert vault.accept(NOW, desk.seal(desk.now(desk.order("o1"))), NOON + 5)
    assert vault.accept(NOW, desk.seal(desk.now(desk.order("o1"), desk.order("o2"))), NOON + 9)
    for held in (vault, _vault(tmp_path)):
        assert [now.target for now in held.nows()] == ["tra-van"]
        assert [bank.messages[0].id for bank in held.banks()] == ["siren.1"]
        assert held.received_us() == {"o1": NOON + 5, "o2": NOON + 9}
    assert vault.accept(NOW, desk.seal(desk.now(desk.order("o2"))), NOON + 10)
    assert _vault(tmp_path).received_us() == {"o2": NOON + 9}


def test_an_order_whose_file_was_lost_is_no_news_when_it_comes_back(vault: Vault, tmp_path: Path, desk: Desk) -> None:
    raw = desk.seal(desk.now(desk.order("o1")))
    assert vault.accept(NOW, raw, NOON)
    (tmp_path / "zones.tra-van.now.jws").unlink()
    again = _vault(tmp_path)
    assert again.nows() == ()
    assert again.accept(NOW, raw, NOON + 3600 * 1_000_000)
    assert again.received_us() == {"o1": NOON}


def test_the_centres_time_says_what_has_expired(vault: Vault, desk: Desk) -> None:
    now = desk.now(expires_us=NOON + 60)
    _refused(vault, NOW, desk.seal(now), Reason.EXPIRED, NOON + 60)
    assert vault.accept(NOW, desk.seal(now), NOON * 2, NOON)
