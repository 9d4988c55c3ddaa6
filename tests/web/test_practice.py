"""A practice centre has no way to a real loudspeaker: not by keys, not by a broker, not by settings."""

import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from sqlmodel import select

from broadcast.broker import lab
from broadcast.clock import ManualClock, SystemClock, to_us
from broadcast.trustroot.folder import TrustRoot, load_or_make, renew
from broadcast.wire import jws, topics
from broadcast.wire.documents import ReceiverSettings
from broadcast.wire.now import Now
from broadcast.wire.trust import Reason, Refused, seal
from receivers import identity
from receivers.vault import Vault
from scheduler.store.engine import Store
from scheduler.zones.models import Zone
from web import practice
from web.demo.practice import AS_NEW, PracticePlace
from web.parts import CannotStart, build_centre
from web.settings import Settings

RECEIVER = "rx1"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CLOCK = ManualClock(NOW)
HOUR_US = 3600 * 1_000_000


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


@pytest.fixture
def place(store: Store, places: Any, tmp_path: Path) -> PracticePlace:
    """A practice centre like the centre of `store`, made and not started."""
    made = PracticePlace(tmp_path / "practice", 8100, CLOCK)
    made.prepare(store, lambda _said: None, bank=False)
    return made


@pytest.fixture
def real(tmp_path: Path) -> TrustRoot:
    return load_or_make(tmp_path / "real" / "keys", NOW)


def documents(key: Ed25519PrivateKey, zone_id: str, number: int) -> dict[str, bytes]:
    """A receiver's settings and its zone's emergencies, as a centre with this key sends them."""
    issued_us = to_us(NOW)
    frame: dict[str, Any] = {"number": number, "issued_us": issued_us, "expires_us": issued_us + HOUR_US}
    settings = ReceiverSettings(target=RECEIVER, zone_path=(zone_id,), **frame)
    return {
        topics.settings(RECEIVER): seal(settings, key),
        topics.now(zone_id): seal(Now(target=zone_id, **frame), key),
    }


def test_no_real_receiver_believes_it_though_zones_have_the_same_ids(
    place: PracticePlace, real: TrustRoot, places: Any, tmp_path: Path
) -> None:
    trust = load_or_make(place.folder / "keys", NOW)
    key = real.order_key.public_key()
    vault = Vault(tmp_path / "documents", RECEIVER, {jws.key_id(key): key})
    vault.open(to_us(NOW))
    for topic, raw in documents(real.order_key, places.leng_1, 1).items():
        assert vault.accept(topic, raw, to_us(NOW))
    for topic, raw in documents(trust.order_key, places.leng_1, 2).items():
        with pytest.raises(Refused) as refused:
            vault.accept(topic, raw, to_us(NOW))
        assert refused.value.reason is Reason.UNSIGNED


def test_its_invented_receivers_believe_nobody_else(place: PracticePlace, real: TrustRoot, places: Any) -> None:
    folders = list((place.folder / AS_NEW / "receivers").iterdir())
    assert len(folders) == 4  # one in each village
    trust = load_or_make(place.folder / "keys", NOW)
    for folder in folders:
        me = identity.load(folder)
        assert list(me.trusted().values()) == [trust.order_key.public_key()]
        assert (me.broker.host, *me.media_urls) == ("127.0.0.1", "http://127.0.0.1:8100/media/")
        assert me.ca.encode() == trust.ca_pem != real.ca_pem


async def test_a_real_broker_does_not_let_it_in(place: PracticePlace, tmp_path: Path) -> None:
    trust = load_or_make(place.folder / "keys", NOW)
    renew(trust, ["127.0.0.1"], SystemClock().now())
    unchecked = trust.client_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    async with lab.running(tmp_path / "real", SystemClock()) as broker:
        for tls in (trust.client_context(), unchecked):  # neither believes the other
            with pytest.raises(aiomqtt.MqttError):
                async with broker.client("centre", tls):
                    pass


def test_the_zone_tree_is_the_same_and_nothing_else_of_the_real_centre(place: PracticePlace, store: Store) -> None:
    copy = Store(f"sqlite:///{place.folder / AS_NEW / 'loa.sqlite3'}")
    with store.reading() as mine, copy.reading() as theirs:
        trees = [{zone.id: (zone.path, zone.name) for zone in db.exec(select(Zone))} for db in (mine, theirs)]
    copy.close()
    assert trees[0] == trees[1]


WAYS_OUT = {
    "broker_external": True,
    "broker_host": "broker.example",
    "broker_bind": "0.0.0.0",  # noqa: S104 - what must be refused
    "live_host": "10.0.0.1",
    "database_url": "postgresql://loa@db.example/loa",
    "smtp_url": "smtp://mail.example",
    "webhook_hosts": "10.0.0.2",
    "live_relay_hosts": "stream.example",
}


@pytest.mark.parametrize("name", WAYS_OUT)
def test_it_starts_with_no_way_out(name: str, tmp_path: Path) -> None:
    practice.make_folder(tmp_path / "practice")
    well = Settings(data_dir=tmp_path / "practice", practice=True)
    assert practice.refusal(well) is None
    with pytest.raises(CannotStart, match=f"LOA_{name.upper()}"):
        build_centre(
            Settings.model_validate({"data_dir": well.data_dir, "practice": True, name: WAYS_OUT[name]}), CLOCK
        )
    assert not (tmp_path / "practice" / "keys").exists()


def test_keys_of_the_one_never_serve_the_other(tmp_path: Path, real: TrustRoot, place: PracticePlace) -> None:
    with pytest.raises(CannotStart, match="not for practising"):
        build_centre(Settings(data_dir=tmp_path / "real", practice=True), CLOCK)
    with pytest.raises(CannotStart, match="is for practising"):
        build_centre(Settings(data_dir=place.folder), CLOCK)
    with pytest.raises(FileExistsError):
        practice.make_folder(tmp_path / "real")


PREPARE = """
import sys
from pathlib import Path
from broadcast.clock import SystemClock
from web.demo.practice import PracticePlace
PracticePlace(Path(sys.argv[1]), 8100, SystemClock()).prepare(None, print, bank=False)
"""


def test_it_is_made_beside_a_real_centre_whatever_that_one_s_settings_are(tmp_path: Path) -> None:
    """From the shell that the real centre is started from: its variables, and a file of its settings."""
    file = tmp_path / "settings.env"
    file.write_text("LOA_BROKER_BIND=0.0.0.0\nLOA_WEBHOOK_HOSTS=10.0.0.2\nLOA_PRACTICE=0\n")
    around = {"LOA_SETTINGS": str(file), "LOA_BROKER_HOST": "loa.example", "LOA_SMTP_URL": "smtp://mail.example"}
    folder = tmp_path / "practice"
    made = subprocess.run(
        [sys.executable, "-c", PREPARE, folder], env=os.environ | around, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert (folder / AS_NEW / "loa.sqlite3").exists()


def test_beginning_anew_puts_everything_back(place: PracticePlace) -> None:
    place.begin_anew()
    (place.folder / practice.AGAIN).touch()
    (place.folder / "loa.sqlite3").write_bytes(b"")
    (place.folder / "receivers" / "left").mkdir()
    place.begin_anew()
    assert not (place.folder / practice.AGAIN).exists()
    for name in ("loa.sqlite3", "receivers"):
        now, new = place.folder / name, place.folder / AS_NEW / name
        assert now.read_bytes() == new.read_bytes() if now.is_file() else len(list(now.iterdir())) == 4


def test_a_wrong_address_to_practise_at_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(practice_url="javascript:alert(1)")
