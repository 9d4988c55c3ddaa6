"""Produced sound for receivers: GET /media/{sha256}. What it is made of is signed elsewhere, so anyone may carry it."""

from http import HTTPStatus
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import FileResponse

from broadcast.media import BadHashError
from scheduler.bank.repository import is_sound
from scheduler.errors import NotFound
from scheduler.fleet import repository
from web.auth import TheCentre
from web.centre import Centre
from web.conditional import unchanged
from web.problems import responses

MEDIA_TYPE = "audio/ogg"
SMALL_BYTES = 128 * 1024
"""Forty seconds of speech: what was made for an order is wanted by a thousand receivers in the same second."""
FOR_EVER = "public, max-age=31536000, immutable"

_SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {}}},
    206: {"content": {MEDIA_TYPE: {}}},
    304: {"description": "It never changes."},
}

router = APIRouter(tags=["media"])


@router.head("/media/{sha256}", include_in_schema=False)
@router.get("/media/{sha256}", response_class=FileResponse, responses=_SOUND | responses(HTTPStatus.NOT_FOUND))
def get_media(
    sha256: Annotated[str, Path(description="64 hex digits, from a programme.")], request: Request, centre: TheCentre
) -> Response:
    """One recording, whole or by Range; it never changes, so every cache may keep it."""
    sound = centre.kept_sounds.get(sha256, centre.clock.monotonic_us(), lambda: _small(_produced(centre, sha256)))
    headers = {"etag": f'"{sha256}"', "cache-control": FOR_EVER}
    if unchanged(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if sound and request.method == "GET" and "range" not in request.headers:
        return Response(sound, media_type=MEDIA_TYPE, headers=headers | {"accept-ranges": "bytes"})
    return FileResponse(_produced(centre, sha256), media_type=MEDIA_TYPE, headers=headers)


def _small(path: FilePath) -> bytes:
    """All of it; nothing of a recording that is too large to be kept."""
    return path.read_bytes() if path.stat().st_size <= SMALL_BYTES else b""


def _produced(centre: Centre, sha256: str) -> FilePath:
    """Where the file lies, if it was made for receivers: originals and anything else are not to be had here."""
    missing = NotFound("not_found", "There is no such recording.")
    if centre.media is None:
        raise missing
    try:
        if sha256 not in centre.media:
            raise missing
    except BadHashError as error:
        raise missing from error
    with centre.store.reading() as db:
        if not repository.is_produced(db, sha256) and not is_sound(db, sha256):
            raise missing
    return centre.media.path(sha256)
