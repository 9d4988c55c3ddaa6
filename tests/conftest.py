"""Databases for every test that needs one: SQLite files, and a PostgreSQL server that lives as long as the session.

`store` runs the test on both; `sqlite_store` is for tests that only need some database. `places` is a small tree of
zones in `store`, `add_person` puts people there.
"""

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyotp
import pytest
from hypothesis import settings as hypothesis_settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine
from sqlmodel import select

from broadcast.clock import ManualClock
from scheduler.announcements.models import RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.people import passwords, signin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.migrate import newest
from scheduler.store.types import new_id
from scheduler.zones import service
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew

# No example of a property fails for the time it takes: machines are busy.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")

START_LIMIT_S = 60
PASSWORD = "một mật khẩu đủ dài"


@pytest.fixture
def clock() -> ManualClock:
    """Monday 23 November 2026, 08:00 in Vietnam."""
    return ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, closed, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.sqlite3"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture(scope="session")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Of all tests: what costs most in a test is that SQLAlchemy compiles its statements, once in each engine."""
    return Store(f"sqlite:///{tmp_path_factory.mktemp('store')}/loa.sqlite3")._engine


@pytest.fixture
def sqlite_store(empty_sqlite: Path, sqlite_engine: Engine) -> Iterator[Store]:
    path = Path(sqlite_engine.url.database or "")
    for left in path.parent.iterdir():
        left.unlink()
    shutil.copyfile(empty_sqlite, path)
    store = Store(f"sqlite:///{path}", engine=sqlite_engine)
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """The socket folder of a running PostgreSQL with the super-user `postgres`; it dies with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="loa-postgresql-"))
    try:
        with _server(folder):
            yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql_in() -> Callable[[Path], AbstractContextManager[str]]:
    """A PostgreSQL in this folder for the length of a block; gives the URL of an empty database."""

    @contextmanager
    def run(folder: Path) -> Iterator[str]:
        with _server(folder):
            yield postgresql_url(folder, "postgres")

    return run


@contextmanager
def _server(folder: Path) -> Iterator[None]:
    binaries = _postgresql_binaries()
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    _as_postgres(binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    server = _start(binaries / "postgres", folder)
    try:
        yield
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, whoever is still connected: all of it is thrown away
        server.wait()


@pytest.fixture(scope="session")
def postgresql_engine(postgresql: Path) -> Engine:
    """As `sqlite_engine`: on a migrated database, and it stays connected."""
    with _control(postgresql) as control:
        control.execute("CREATE DATABASE loa")
    store = Store(postgresql_url(postgresql, "loa"))
    store.migrate()
    return store._engine


@pytest.fixture
def postgresql_store(postgresql: Path, postgresql_engine: Engine) -> Store:
    with psycopg.connect(postgresql_url(postgresql, "loa"), autocommit=True) as db:
        db.execute(_EMPTY)
        db.execute("UPDATE alembic_version SET version_num = %s", [newest()])
    return Store(postgresql_url(postgresql, "loa"), engine=postgresql_engine)


_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle';
    PERFORM set_config('session_replication_role', 'replica', true);  -- takes rows away in any order
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';
END $$
"""
"""What migrating left; making a database anew takes fifty times as long."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty, migrated store; the test runs once on each database."""
    made: Store = request.getfixturevalue(f"{request.param}_store")
    return made


@pytest.fixture
def impatient_store(store: Store) -> Iterator[Store]:
    """`store` by another process that waits only a moment for its turn."""
    impatient = Store(store.url.render_as_string(hide_password=False), busy_timeout_s=0.05)
    yield impatient
    impatient.close()


Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def away(impatient_store: Store, postgresql: Path) -> Away:
    """For the length of a block nothing can be written: SQLite is held by another, PostgreSQL refuses everybody."""
    path = impatient_store.url.database or ""
    return (lambda: _held(path)) if impatient_store.is_sqlite else (lambda: _shut(postgresql, path))


@contextmanager
def _held(path: str) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _shut(folder: Path, database: str) -> Iterator[None]:
    with _control(folder) as control:
        control.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false".encode())
        control.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
        try:
            yield
        finally:
            control.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true".encode())


def postgresql_url(folder: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={folder}"


def _control(folder: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(postgresql_url(folder, "postgres"), autocommit=True)


def _postgresql_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail("PostgreSQL is not installed: run `make test`, or apt install postgresql")
    return found[-1].parent


def _account() -> list[str]:
    """The server refuses root; a signal on the death of the tests keeps it from outliving them."""
    drop = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *drop, "--pdeathsig=QUIT"]


def _as_postgres(*command: str | Path) -> None:
    subprocess.run([*_account(), *map(str, command)], check=True, capture_output=True, cwd="/")


def _start(binary: Path, folder: Path) -> subprocess.Popen[bytes]:
    values = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "jit": "off",
    }
    options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*_account(), str(binary), "-D", str(folder / "data"), *options], stdout=log, stderr=log, cwd="/"
    )
    log.close()
    for _attempt in range(START_LIMIT_S * 20):
        try:
            _control(folder).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return server
    server.kill()
    raise RuntimeError((folder / "log").read_text())


@dataclass(frozen=True)
class Places:
    """Ids: a province with two communes of two villages each."""

    province: str
    leng: str
    leng_1: str
    leng_2: str
    van: str
    van_1: str
    van_2: str


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Passwords of this process are kept as ever, but for what it costs: a tenth of a second for each."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "_hasher", PasswordHash((cheap,)))
        yield


@pytest.fixture(scope="session")
def password_hash(cheap_passwords: None) -> str:
    """Of PASSWORD."""
    return passwords.hashed(PASSWORD)


@pytest.fixture
def places(store: Store, now: datetime) -> Places:
    with store.writing() as db:

        def zone(parent_id: str | None, kind: ZoneKind, name: str, code: str) -> str:
            new = ZoneNew(parent_id=parent_id, kind=kind, name=name, code=code)
            return service.create_zone(db, signin.machine(db), now, new).id

        province = zone(None, ZoneKind.PROVINCE, "Đà Nẵng", "48")
        leng = zone(province, ZoneKind.COMMUNE, "Trà Leng", "20935")
        van = zone(province, ZoneKind.COMMUNE, "Trà Vân", "20959")
        villages = [
            zone(commune, ZoneKind.VILLAGE, f"Thôn {number}", f"{code}-0{number}")
            for commune, code in ((leng, "20935"), (van, "20959"))
            for number in (1, 2)
        ]
    return Places(province, leng, villages[0], villages[1], van, villages[2], villages[3])


AddPerson = Callable[..., Actor]


@pytest.fixture
def add_person(store: Store, now: datetime, password_hash: str) -> AddPerson:
    """Adds a person with PASSWORD who has had their first sign-in: `add_person(login, home_zone_id, role, …)`."""

    def add(login: str, zone_id: str, *roles: Role, at: str | None = None) -> Actor:
        with store.writing() as db:
            user = User(
                id=new_id(now),
                login=login,
                name=login.title(),
                zone_id=zone_id,
                password_hash=password_hash,
                must_change_password=False,
                created_at=now,
            )
            db.add(user)
            db.flush()
            db.add_all(
                RoleGrant(id=new_id(now), user_id=user.id, zone_id=at or zone_id, role=role.value) for role in roles
            )
            db.flush()
            return signin.actor_of(db, user)

    return add


@pytest.fixture
def message_bank(store: Store, now: datetime) -> None:
    """What comes with Loa is in the bank, as if it were produced: five seconds each."""
    with store.writing() as db:
        entries.seed(db, now)
        for number, media in enumerate(db.exec(select(BankMedia)).all()):
            media.state, media.size_bytes, media.duration_us = RecordingState.READY, 1000, 5_000_000
            media.sha256 = f"{number:064x}"


Code = Callable[[], str]


@pytest.fixture
def second_factor(store: Store, clock: ManualClock) -> Callable[[Actor], Code]:
    """Gives a person a second factor; what it gives back is what their telephone shows."""

    def give(actor: Actor) -> Code:
        secret = pyotp.random_base32()
        with store.writing() as db:
            user = db.get_one(User, actor.user_id)
            user.totp_secret, user.totp_confirmed = secret, True
        return lambda: pyotp.TOTP(secret).at(clock.now())

    return give
