"""`loa backup`: a copy from which a centre can be set up again."""

import tarfile
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from scheduler.store.engine import BackupFailed
from web.cli.opened import store
from web.settings import Settings

EPILOG = "Exit codes: 0 done, 1 not written (the reason is said), 2 usage."

app = typer.Typer()


@app.command(epilog=EPILOG)
def backup(
    target: Annotated[Path, typer.Argument(help="The archive to write, as in loa-backup.tar.")],
    media: Annotated[bool, typer.Option("--media", help="The sound as well; else database and keys only.")] = False,
) -> None:
    """Copy the database and the keys into one archive while the centre runs. Keep it as safe as the centre itself."""
    settings = Settings()
    parts = ["keys", *(["media"] if media else [])]
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), transient=True) as progress:
        progress.add_task("database")
        part = target.with_name(f".{target.name}.part")
        try:
            with tempfile.TemporaryDirectory() as folder, store() as opened:
                copy = Path(folder) / "database"
                opened.backup(copy)
                target.parent.mkdir(parents=True, exist_ok=True)
                part.touch(mode=0o600)
                with tarfile.open(part, "w") as archive:
                    archive.add(copy, "database")
                    for name in parts:
                        progress.add_task(name)
                        if (settings.data_dir / name).exists():
                            archive.add(settings.data_dir / name, name)
            part.replace(target)
        except (BackupFailed, OSError) as failed:
            part.unlink(missing_ok=True)
            typer.echo(f"No backup: {failed}", err=True)
            raise typer.Exit(1) from None
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
