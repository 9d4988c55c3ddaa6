"""A centre as it is installed (`loa serve` in a process of its own) with as many receivers enrolled as wanted.

People, zones, receivers and their certificates are put into the store before the centre starts, by the centre's own
code; enrolling a thousand by the API would take longer than the bench.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlmodel import Session, col, select

from broadcast.broker.lab import HOST
from broadcast.clock import US_PER_S, Clock
from broadcast.media import MediaStore
from broadcast.trustroot.authority import serial_text
from broadcast.wire import topics
from broadcast.wire.enrolment import BrokerAddress, order_key_text
from receivers import identity
from scheduler.announcements.models import RecordingState
from scheduler.bank.models import BankMedia
from scheduler.fleet.models import Receiver
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import service as people
from scheduler.people.schemas import GrantNew, UserNew
from scheduler.people.signin import machine
from scheduler.rights import Role
from scheduler.store.types import new_id
from scheduler.zones import service as zones
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew
from web.parts import build_centre
from web.settings import Settings

VILLAGES = 40
START_S = 120
STOP_S = 20
POLL_S = 0.2
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the far end of an emulated link comes in elsewhere than by the loopback
CLOCK_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Enrolled:
    """A receiver in the store, its state in `folder`."""

    receiver_id: str
    folder: Path


@dataclass(frozen=True)
class Used:
    """What a process has taken: seconds of processor in all, and MB of memory now."""

    processor_s: float
    resident_mb: float


class DistrictError(Exception):
    """The centre did not come up, or not to what was waited for; the message has the end of its log."""


class District:
    """Context manager: the centre under `folder`, of zone `zone_id` with VILLAGES below. `far_host` reaches it too."""

    def __init__(self, folder: Path, clock: Clock, far_host: str = HOST) -> None:
        self._folder = folder
        self._clock = clock
        self._ports = [_free_port() for _ in range(3)]
        self.url = f"http://{HOST}:{self._ports[0]}"
        self.far_host = far_host
        self._settings = {
            "LOA_DATA_DIR": str(folder / "centre"),
            "LOA_HOST": EVERYWHERE,
            "LOA_PORT": str(self._ports[0]),
            "LOA_PUBLIC_URL": self.url,
            "LOA_BROKER_HOST": far_host,
            "LOA_BROKER_BIND": EVERYWHERE,
            "LOA_BROKER_PORT": str(self._ports[1]),
            "LOA_LIVE_HOST": EVERYWHERE,
            "LOA_LIVE_PORT": str(self._ports[2]),
            "LOA_LIVE_URL": f"http://{far_host}:{self._ports[2]}",
            "LOA_LIVE_LISTENERS_PER_ADDRESS": "10000",  # all receivers are at this one
        }
        self._stack = ExitStack()
        self._centre: subprocess.Popen[bytes] | None = None
        built = build_centre(self._as_settings(), clock)
        if built.trust is None:
            raise DistrictError("the centre has no keys")
        self.store, self._trust = built.store, built.trust
        with self.store.writing() as db:
            self.zone_id, self.village_ids = _plant(db, clock)

    def person(self, login: str, role: Role) -> str:
        """Somebody with `role` in the whole district; their one-time password."""
        password, password_hash = people.one_time()
        with self.store.writing() as db:
            actor, now = machine(db), self._clock.now()
            user = people.create_user(
                db, actor, now, UserNew(login=login, name=login, zone_id=self.zone_id), password_hash
            )
            people.give_role(db, actor, now, GrantNew(user_id=user.id, zone_id=self.zone_id, role=role))
        return password

    def enrol(self, count: int, where: Path, *, far: bool = False) -> list[Enrolled]:
        """`count` receivers spread over the villages, their state under `where`; `far` ones know `far_host` only."""
        host = self.far_host if far else HOST
        made = []
        with self.store.writing() as db:
            for number in range(count):
                village_id = self.village_ids[number % len(self.village_ids)]
                made.append(self._enrol(db, village_id, where, host))
            mark_dirty(db, [topics.settings(one.receiver_id) for one in made], self._clock.now())
        return made

    def _enrol(self, db: Session, village_id: str, where: Path, host: str) -> Enrolled:
        now, key = self._clock.now(), ec.generate_private_key(ec.SECP256R1())
        receiver_id = new_id(now)
        certificate = self._trust.authority.receiver(receiver_id, key.public_key(), now)
        row = Receiver(
            id=receiver_id,
            zone_id=village_id,
            name=receiver_id[-6:],
            enrolled_at=now,
            certificate_serial=serial_text(certificate),
            certificate_expires_at=certificate.not_valid_after_utc,
        )
        db.add(row)
        folder = where / receiver_id
        folder.mkdir(parents=True)
        me = identity.Identity(
            receiver_id=receiver_id,
            credentials="credentials-bench.pem",
            ca=self._trust.ca_pem.decode(),
            order_keys=(order_key_text(self._trust.order_key.public_key()),),
            broker=BrokerAddress(host=host, port=self._ports[1]),
            media_urls=(f"http://{host}:{self._ports[0]}/media/",),
            enrolled_us=self._clock.now_us(),
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        identity.save(folder, me, pem + certificate.public_bytes(Encoding.PEM))
        return Enrolled(receiver_id, folder)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            log = stack.enter_context((self._folder / "centre.log").open("ab"))
            self._centre = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", sys.executable, "-m", "web.cli", "serve"],  # it ends when we do
                env={**os.environ, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(_stop, self._centre)
            self.until("the centre answers", self._answers, START_S)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self.store.close()

    def until(self, what: str, is_so: Callable[[], bool], limit_s: float) -> None:
        """Return once `is_so`, else DistrictError."""
        deadline_us = self._clock.monotonic_us() + round(limit_s * US_PER_S)
        while not is_so():
            ended = self._centre is not None and self._centre.poll() is not None
            if ended or self._clock.monotonic_us() > deadline_us:
                last = (self._folder / "centre.log").read_text(errors="replace").splitlines()[-3:]
                raise DistrictError(f"{what}: not within {limit_s:.0f} s: {' / '.join(last)}")
            time.sleep(POLL_S)

    def has_bank(self) -> bool:
        """Whether every message of the bank is produced."""
        with self.store.reading() as db:
            states = set(db.exec(select(BankMedia.state)))
        if RecordingState.FAILED in states:
            raise DistrictError("a message of the bank cannot be produced")
        return states == {RecordingState.READY}

    def stock(self, receivers: Sequence[Enrolled], where: Path) -> None:
        """Put all that the centre has produced on the disks of `receivers`, as one copy under `where`."""
        media = MediaStore(self._folder / "centre" / "media")
        for sha256 in media:
            copy = where / sha256
            copy.write_bytes(media.path(sha256).read_bytes())
            for receiver in receivers:
                folder = receiver.folder / "media"
                folder.mkdir(exist_ok=True)
                (folder / f"{sha256}.opus").hardlink_to(copy)

    def are_online(self, receivers: Sequence[Enrolled]) -> bool:
        """Whether all of them are connected, as the centre has it."""
        with self.store.reading() as db:
            online = set(db.exec(select(Receiver.id).where(col(Receiver.online))))
        return all(one.receiver_id in online for one in receivers)

    def used(self) -> dict[str, Used]:
        """What the centre and its broker have taken."""
        if self._centre is None:
            raise DistrictError("the centre does not run")
        pid = self._centre.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        broker = next(child for child in children if Path(f"/proc/{child}/comm").read_text().strip() == "mosquitto")
        return {"centre": used(pid), "broker": used(int(broker))}

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _as_settings(self) -> Settings:
        return Settings.model_validate(
            {key.removeprefix("LOA_").lower(): value for key, value in self._settings.items()}
        )


def used(pid: int) -> Used:
    """What process `pid` has taken so far, by the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident_kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return Used((int(fields[11]) + int(fields[12])) * CLOCK_TICK_S, resident_kib * 1024 / 1e6)


def _plant(db: Session, clock: Clock) -> tuple[str, list[str]]:
    def zone(kind: ZoneKind, name: str, parent_id: str | None = None) -> str:
        new = ZoneNew(kind=kind, name=name, parent_id=parent_id)
        return zones.create_zone(db, machine(db), clock.now(), new).id

    district = zone(ZoneKind.DISTRICT, "Huyện")
    return district, [zone(ZoneKind.VILLAGE, f"Thôn {number}", district) for number in range(1, VILLAGES + 1)]


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
