"""`loa serve`: the centre."""

import asyncio
import logging
import sys
from typing import NoReturn

import typer
from pydantic import ValidationError

from web.serve import CannotStart
from web.serve import serve as run_centre
from web.settings import Settings

EPILOG = (
    "Settings: environment variables LOA_…, listed in the README. "
    "Exit codes: 0 stopped when asked to, 1 cannot start (the reason is said), 2 usage, 70 a part failed: start again."
)
FAILED = 70

log = logging.getLogger(__name__)

app = typer.Typer()


@app.command(epilog=EPILOG)
def serve() -> None:
    """Run the centre until SIGINT or SIGTERM: pages, API, scheduler, producer, broker."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(run_centre(Settings()))
    except ValidationError as error:
        _end(1, "\n".join(f"LOA_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))
    except CannotStart as error:
        _end(1, str(error))
    except Exception:
        log.exception("the centre ended on a mistake")
        _end(FAILED, "The centre ended on a mistake, see above; its supervisor starts it again.")


def _end(code: int, message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)
