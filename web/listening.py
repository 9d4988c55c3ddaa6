"""Sound for whoever is signed in: kept for good under an address that names it, and else asked for anew each time."""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Query, Response
from starlette.responses import FileResponse

from scheduler.announcements.addresses import version
from scheduler.errors import NotFound
from web.conditional import unchanged

_FOR_GOOD = "private, max-age=31536000, immutable"
_ASKED_ANEW = "private, no-cache"
_Version = Annotated[str, Query(max_length=64, description="Which sound is meant, as its address says: it is kept.")]


@dataclass(frozen=True, slots=True)
class Player:
    """What is asked for sound: `v` as the page's address had it, and the ETag of what it has."""

    v: _Version = ""
    if_none_match: Annotated[str | None, Header()] = None


ThePlayer = Annotated[Player, Depends()]


def sound_file(
    player: Player, path: Path, media_type: str, tag: str, *, name: str | None = None, inline: bool = True
) -> Response:
    """The file, with Range; `tag` begins with its hash. Raises NotFound where it is not there."""
    if not path.is_file():
        raise NotFound("sound_missing", "The sound file is missing on the centre's disk.")
    named = player.v == version(tag)
    headers = {"etag": f'"{tag}"', "cache-control": _FOR_GOOD if named else _ASKED_ANEW}
    if unchanged(player.if_none_match, headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return FileResponse(
        path,
        media_type=media_type,
        filename=name,
        content_disposition_type="inline" if inline else "attachment",
        headers=headers,
    )
