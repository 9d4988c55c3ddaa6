"""Bringing a database to the tables that this program knows."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

_SCRIPTS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = 0x4C6F61  # PostgreSQL advisory lock: two centre processes may start together


class StoreTooNew(Exception):
    """The database was made by a newer Loa; starting on it could destroy what this program does not know of."""


def upgrade(engine: Engine, progress: Callable[[str], None]) -> None:
    """Run the missing migrations, all in one transaction; `progress` is told the name of each."""
    config = configuration()
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            _without_foreign_keys(connection, lambda: _upgrade(config, connection, progress))
        else:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
                _upgrade(config, connection, progress)


def configuration() -> Config:
    """Alembic's configuration, made here so that an installed Loa needs no ini file."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def newest() -> str | None:
    """The revision that this program's tables have."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def _upgrade(config: Config, connection: Connection, progress: Callable[[str], None]) -> None:
    config.attributes["connection"] = connection
    config.attributes["progress"] = progress
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if "Can't locate revision" in str(error):
            raise StoreTooNew("the database was made by a newer version of Loa; install that version") from error
        raise


def _without_foreign_keys(connection: Connection, run: Callable[[], None]) -> None:
    """SQLite alters a table by copying it, which would otherwise delete what refers to it."""
    driver = connection.connection.cursor()
    try:
        driver.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            run()
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise RuntimeError("the migration left a row that refers to nothing; nothing was changed")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")
        driver.close()
