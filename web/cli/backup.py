"""`loa backup`: a copy from which a centre can be set up again."""

import tarfile
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from scheduler.store.engine import BackupFailed
from web.cli.opened import refuse, settings, store

EPILOG = "Exit codes: 0 done, 1 not written (the reason is said), 2 usage."

app = typer.Typer()


@app.command(epilog=EPILOG)
def backup(
    target: Annotated[Path, typer.Argument(help="The archive to write, as in loa-backup.tar.")],
    media: Annotated[
        bool, typer.Option("--media", help="The sound too, as sent and as produced; else database and keys.")
    ] = False,
) -> None:
    """Copy the database and the keys into one archive while the centre runs. Keep it as safe as the centre itself."""
    data_dir = settings().data_dir
    parts = ["keys", *(["media", "originals"] if media else [])]
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
                        if (data_dir / name).exists():
                            archive.add(data_dir / name, name)
            part.replace(target)
        except (BackupFailed, OSError) as failed:
            part.unlink(missing_ok=True)
            refuse(f"No backup: {failed}")
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
