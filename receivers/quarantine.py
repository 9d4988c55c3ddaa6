"""Files that cannot be read are kept for whoever asks, out of the way (does I/O)."""

from pathlib import Path


def put_aside(path: Path, now_us: int) -> Path | None:
    """Rename `path` to `<name>.bad-<seconds>`; its new path, None if that failed."""
    aside = path.with_name(f"{path.name}.bad-{now_us // 1_000_000}")
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside
