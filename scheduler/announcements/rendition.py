"""A produced recording as MP3, for browsers that cannot play Opus in Ogg (Safari before 18.4); made when asked for.

What is in the folder can always be made again, so it is kept small by letting the longest unused go.
"""

from pathlib import Path

from broadcast import child
from broadcast.media import MediaStore

KEPT_BYTES = 512 * 1024 * 1024
BIT_RATE_BPS = 48_000  # of mono speech: a minute is 360 kB


class RenditionFailedError(Exception):
    """No MP3 could be made; the message says why, for the log."""


def as_mp3(media: MediaStore, sha256: str, folder: Path) -> Path:
    """The MP3 of a stored file; one call at a time. Raises BadHashError, MediaMissingError, RenditionFailedError."""
    source = media.path(sha256)
    made = folder / f"{sha256}.mp3"
    if not made.is_file():
        media.size_bytes(sha256)
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        _make(source, made)
    made.touch()
    return made


def _make(source: Path, made: Path) -> None:
    part = made.with_suffix(".part")
    try:
        ffmpeg = ("nice", "ffmpeg", "-nostdin", "-v", "error", "-y")
        result = child.run((*ffmpeg, "-i", str(source), "-b:a", str(BIT_RATE_BPS), "-f", "mp3", str(part)))
        if result.failed:
            raise RenditionFailedError(result.last_error())
        part.replace(made)
    except (child.ChildStalledError, child.ChildMissingError) as error:
        raise RenditionFailedError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    files = sorted(folder.glob("*.mp3"), key=lambda path: path.stat().st_mtime, reverse=True)
    kept_bytes = 0
    for file in files:
        kept_bytes += file.stat().st_size
        if kept_bytes > KEPT_BYTES:
            file.unlink()
