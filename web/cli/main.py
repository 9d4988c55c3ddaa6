"""The `loa` command: everything a person does from a shell, on the centre's machine and on a speaker node.

Exit codes: 0 done · 1 could not be done, the message says why · 2 wrong usage · 3 a part of Loa is not installed here
· 130 interrupted. `loa receiver run` has its own, listed in its help.
"""

import importlib
import sys

import typer

from receivers.cli import app as receiver_app
from scheduler.errors import Problem

app = typer.Typer(
    name="loa",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Loa: public-address radio over IP for communes.",
)
app.add_typer(receiver_app, name="receiver", help="On a speaker node: enrol, run, status.")

NOT_INSTALLED = 3


def centre_app(name: str, help_text: str) -> None:
    """Add the sub-command in `web.cli.NAME`, imported only when it is called: a node has no server packages."""
    context = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

    @app.command(name, help=help_text, context_settings=context)
    def run(ctx: typer.Context) -> None:
        try:
            module = importlib.import_module(f"web.cli.{name.replace('-', '_')}")
        except ModuleNotFoundError as missing:
            if missing.name and missing.name.split(".")[0] in {"web", "broadcast", "scheduler", "receivers"}:
                raise
            typer.echo(
                f"This needs the centre's packages ({missing.name} is missing): pip install 'loa[centre]'", err=True
            )
            raise typer.Exit(NOT_INSTALLED) from None
        module.app(list(ctx.args), prog_name=f"loa {name}")


centre_app("serve", "Run the centre: pages, API, scheduler, broker.")
centre_app("demo", "The main job on this machine: a centre and three receivers on virtual horns.")
centre_app("demo-data", "A year of a district, for full pages and for benches.")
centre_app("practice", "A centre to practise at, with invented loudspeakers: nothing of it can sound.")
centre_app("user", "Add people, list them, give a new one-time password.")
centre_app("zone", "Show the zone tree, add zones, fill it with the district of Nam Trà My, add holidays.")
centre_app("emergency", "Ask for an emergency, confirm one, take it back, see who heard it.")
centre_app("drill", "The same for drills, with messages of their own.")
centre_app("stop-all", "Silence everything, everywhere or in some zones.")
centre_app("audit", "Whether the record of who did what is whole.")
centre_app("backup", "Copy the database and the keys while the centre runs.")


def main() -> None:
    """Entry point: a refusal is a sentence on stderr and exit code 1, never a stack trace."""
    try:
        app()
    except Problem as refusal:
        typer.echo(str(refusal), err=True)
        sys.exit(1)
