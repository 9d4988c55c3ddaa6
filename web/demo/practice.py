"""What a practice centre consists of: a copy of a zone tree, invented people and receivers, and how it begins anew.

Rules
- All of it lies in one folder of its own (`web.practice`), made whole before anything runs and copied to AS_NEW; to
  begin anew is to put that back. Keys and produced sounds stay.
- Receivers are the receiver's own program without a sound card (`receivers.lab.chorus`); their identities are of this
  folder's keys. No child is given a setting of the real centre.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlmodel import Session, col, select

from broadcast.clock import Clock, to_us
from broadcast.trustroot.authority import serial_text
from broadcast.trustroot.folder import TrustRoot
from broadcast.wire import topics
from broadcast.wire.enrolment import BrokerAddress, order_key_text
from receivers import identity
from scheduler.announcements.models import RecordingState
from scheduler.bank.maker import BankMaker
from scheduler.bank.models import BankMedia
from scheduler.fleet.models import Receiver
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import passwords, service
from scheduler.people.schemas import GrantNew, UserNew
from scheduler.people.signin import machine
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.copying import copy_tree
from scheduler.zones.district import seed_district
from scheduler.zones.models import Zone, ZoneKind
from web import practice
from web.centre import Centre
from web.demo.stage import STOP_S, Say, Stage, StageError
from web.parts import build_centre
from web.settings import Settings

HERE = "127.0.0.1"
AS_NEW = "as-new"
DATABASE, RECEIVERS = "loa.sqlite3", "receivers"
MANY = 40
"""So many villages have a loudspeaker: each costs some memory and a little of the processor."""
PEOPLE = (
    ("Hồ Thị Lan", Role.EDITOR),
    ("Nguyễn Văn Minh", Role.APPROVER),
    ("Phạm Thị Hoa", Role.OPERATOR),
    ("Trần Quốc Bảo", Role.ADMINISTRATOR),
)


class _Named(Settings):
    """Nothing but what is named: whoever starts this may have the real centre's settings around them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's names, and all that it gives
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class PracticePlace(Stage):
    """The practice centre in `folder`, its pages at `host` and `port`, all else on this machine alone."""

    def __init__(self, folder: Path, port: int, clock: Clock, host: str = HERE, public_url: str | None = None) -> None:
        super().__init__(folder, port, (), device="")
        self._clock, self._host, self._public_url = clock, host, public_url
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def settings(self) -> dict[str, str]:
        broker, live = str(self._broker_port), str(self._broker_port + 1)
        shown = {} if self._public_url is None else {"LOA_PUBLIC_URL": self._public_url}
        return shown | {
            "LOA_PRACTICE": "1",
            "LOA_DATA_DIR": str(self.folder),
            "LOA_HOST": self._host,
            "LOA_PORT": str(self._port),
            "LOA_BROKER_PORT": broker,
            "LOA_LIVE_HOST": HERE,
            "LOA_LIVE_PORT": live,
            "LOA_LIVE_URL": f"http://{HERE}:{live}",
        }

    def _inherited(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("LOA_")}

    def prepare(self, like: Store | None, say: Say, *, bank: bool = True) -> None:
        """Make everything once: the zones of `like`, or those of the demo's district without it."""
        practice.make_folder(self.folder)
        new = self.folder / AS_NEW
        if new.exists():
            return
        for left in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
            (self.folder / left).unlink(missing_ok=True)
        shutil.rmtree(self.folder / RECEIVERS, ignore_errors=True)
        values = {name.removeprefix("LOA_").lower(): value for name, value in self.settings.items()}
        centre = build_centre(_Named.model_validate(values), self._clock)
        with closing(centre.store):
            say("places, people and loudspeakers")
            self._furnish(centre, like)
            if bank:
                say("the message bank, a minute or two")
                asyncio.run(_produce_bank(centre))
            unfinished = self.folder / f"{AS_NEW}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(self.folder / RECEIVERS, unfinished / RECEIVERS)
            centre.store.backup(unfinished / DATABASE)
            unfinished.rename(new)

    def begin_anew(self) -> None:
        """Put everything back as it was at first; while nothing runs."""
        for left in (*self.folder.glob(f"{DATABASE}*"), self.folder / practice.AGAIN):
            left.unlink(missing_ok=True)
        shutil.rmtree(self.folder / RECEIVERS, ignore_errors=True)
        shutil.copytree(self.folder / AS_NEW / RECEIVERS, self.folder / RECEIVERS)
        shutil.copyfile(self.folder / AS_NEW / DATABASE, self.folder / DATABASE)

    def start(self, say: Say) -> None:
        """Start the centre and all receivers; they end with the context."""
        self._running["centre"] = self.start_centre(say)
        folders = sorted((self.folder / RECEIVERS).iterdir())
        with self._log("loudspeakers").open("ab") as log:
            chorus = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", sys.executable, "-m", "receivers.lab.chorus", *map(str, folders)],
                env=self._inherited(), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._stack.callback(_end, chorus)
        self._running["loudspeakers"] = chorus

    def look(self) -> None:
        """StageError where something has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise StageError(f"what runs the {name} ended by itself: see {self._log(name)}")

    def _furnish(self, centre: Centre, like: Store | None) -> None:
        now, (password, trust) = self._clock.now(), (passwords.hashed(practice.PASSWORD), centre.trust)
        if trust is None:
            raise StageError("the practice centre has no keys")
        with centre.store.writing() as db:
            roots = _zones(db, like, now)
            for login, (name, role) in zip(practice.LOGINS, PEOPLE, strict=True):
                new = UserNew(login=login, name=name, zone_id=roots[0])
                _person(db, now, new, password, role=role, zone_ids=roots)
            for receiver in _receivers(db, now):
                self._enrol(db, trust, receiver, now)

    def _enrol(self, db: Session, trust: TrustRoot, row: Receiver, now: datetime) -> None:
        """As if the receiver had been enrolled with a code; its state goes into a folder of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = trust.authority.receiver(row.id, key.public_key(), now)
        row.enrolled_at, row.certificate_serial = now, serial_text(certificate)
        row.certificate_expires_at = certificate.not_valid_after_utc
        db.add(row)
        mark_dirty(db, [topics.settings(row.id)], now)
        me = identity.Identity(
            receiver_id=row.id,
            credentials="credentials-practice.pem",
            ca=trust.ca_pem.decode(),
            order_keys=(order_key_text(trust.order_key.public_key()),),
            broker=BrokerAddress(host=HERE, port=self._broker_port),
            media_urls=(f"http://{HERE}:{self._port}/media/",),
            enrolled_us=to_us(now),
        )
        folder = self.folder / RECEIVERS / row.id
        folder.mkdir(parents=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        identity.save(folder, me, pem + certificate.public_bytes(Encoding.PEM))


def _zones(db: Session, like: Store | None, now: datetime) -> list[str]:
    """The ids of the roots."""
    if like is not None:
        with like.reading() as source:
            roots = copy_tree(source, db, now)
        if roots:
            return roots
    seeded = seed_district(db, now)
    for row in db.exec(select(Receiver)):
        db.delete(row)  # each village gets one, as with any other tree
    db.flush()
    return [seeded.province_id]


def _person(db: Session, now: datetime, new: UserNew, password_hash: str, *, role: Role, zone_ids: list[str]) -> None:
    user = service.create_user(db, machine(db), now, new, password_hash)
    user.must_change_password = False
    for zone_id in zone_ids:
        service.give_role(db, machine(db), now, GrantNew(user_id=user.id, zone_id=zone_id, role=role))


def _receivers(db: Session, now: datetime) -> list[Receiver]:
    """One for each village, MANY at most."""
    villages = db.exec(select(Zone).where(Zone.kind == ZoneKind.VILLAGE).order_by(col(Zone.path)).limit(MANY))
    return [
        Receiver(id=new_id(now), zone_id=zone.id, name=f"Loa tập {zone.name}"[:120], horns=4, watts=120,
                 latitude=zone.latitude, longitude=zone.longitude)
        for zone in villages
    ]  # fmt: skip


async def _produce_bank(centre: Centre) -> None:
    if centre.producer is None:
        raise StageError("the practice centre produces nothing")
    maker = BankMaker(centre.store, centre.producer, clock=centre.clock, changes=centre.changes)
    running = asyncio.create_task(maker.run())
    while not running.done() and not _is_whole(centre.store):
        await centre.clock.sleep(1)
    running.cancel()
    await asyncio.wait([running])


def _is_whole(store: Store) -> bool:
    """Whether nothing of the message bank is still to be produced."""
    with store.reading() as db:
        states = set(db.exec(select(BankMedia.state)))
    return bool(states) and states <= {RecordingState.READY, RecordingState.FAILED}


def _end(chorus: "subprocess.Popen[bytes]") -> None:
    if chorus.stdin is not None:
        chorus.stdin.close()
    try:
        chorus.wait(STOP_S)
    except subprocess.TimeoutExpired:
        chorus.kill()
        chorus.wait()
