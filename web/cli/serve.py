"""`loa serve`: the centre."""

import asyncio
import logging
import sys

import typer

from web.cli.opened import refuse, settings
from web.parts import CannotStart
from web.serve import serve as run_centre

EPILOG = (
    "Settings: environment variables LOA_…, listed in docs/centre.md. "
    "Exit codes: 0 stopped when asked to, 1 cannot start (the reason is said), 2 usage, 70 a part failed: start again."
)
FAILED = 70

log = logging.getLogger(__name__)

app = typer.Typer()


@app.command(epilog=EPILOG)
def serve() -> None:
    """Run the centre until SIGINT or SIGTERM: pages, API, scheduler, producer, broker."""
    chosen = settings()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(run_centre(chosen))
    except CannotStart as error:
        refuse(str(error))
    except Exception:
        log.exception("the centre ended on a mistake")
        typer.echo("The centre ended on a mistake, see above; its supervisor starts it again.", err=True)
        raise typer.Exit(FAILED) from None
