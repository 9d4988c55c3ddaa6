"""The settings and the database for a command on the centre's own machine; a refusal is a sentence and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from broadcast.clock import SystemClock
from scheduler.store.engine import Store, StoreBusy
from scheduler.store.migrate import StoreTooNew
from web.settings import Settings

clock = SystemClock()


def settings() -> Settings:
    """The settings in force."""
    try:
        return Settings()
    except ValidationError as error:
        refuse("\n".join(f"LOA_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))


@contextmanager
def store() -> Iterator[Store]:
    """The database of the settings in force, brought to this program's version."""
    try:
        opened = Store(settings().database)
        opened.migrate()
    except (OSError, ValueError, SQLAlchemyError, StoreTooNew) as error:
        refuse(f"The database cannot be used: {str(error).splitlines()[0]}")
    try:
        yield opened
    except ValidationError as error:
        refuse("\n".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    except StoreBusy as error:
        refuse(f"{str(error).capitalize()}. Try again.")
    finally:
        opened.close()


def refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
