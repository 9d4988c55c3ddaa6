"""Receiving a sound file: to the disk while it comes, never into memory, and never longer than is allowed.

Whose file is received at all is asked before any of it is read (`takes`); the limit itself is
`web.middleware.BodyLimit`'s. The form's text fields are checked by the model of what they are for.
"""

import shutil
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from broadcast.media import MediaStore
from scheduler.announcements.queueing import StoredSound
from scheduler.errors import Invalid
from scheduler.people.actor import require_somewhere
from scheduler.rights import Action
from web.auth import CSRF_FIELD, MaybeKnown, Now, TheCentre, actor_of, somebody
from web.middleware import LIMIT

FILE_FIELD = "file"
MAX_FIELDS = 20
COPY_BYTES = 1 << 20
FRAME_BYTES = 64 * 1024
"""What a form has around its file."""


def takes(*actions: Action, at_most_bytes: int | None = None) -> Any:
    """For a route that takes a file: of who may do all of these somewhere, as large as the settings let a sound be.

    What is no form with a file stays as short as it is elsewhere, unless the route has a limit of its own.
    """

    def let_in(request: Request, centre: TheCentre, now: Now, known: MaybeKnown) -> None:
        actor = actor_of(somebody(known))
        for action in actions:
            require_somewhere(actor, now, action)
        limit_bytes = at_most_bytes
        if limit_bytes is None and request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            limit_bytes = centre.settings.upload_max_bytes
        if limit_bytes is not None:
            setattr(request.state, LIMIT, limit_bytes + FRAME_BYTES)

    return Depends(let_in)


@dataclass(frozen=True, slots=True)
class Received:
    """The text fields of a form, and its file, which is the operating system's until it is kept."""

    fields: dict[str, str]
    file: UploadFile


async def receive(request: Request) -> Received:
    """The whole form. Raises Invalid without a file or with an empty one."""
    form = await request.form(max_files=1, max_fields=MAX_FIELDS)
    file = form.get(FILE_FIELD)
    if not isinstance(file, UploadFile):
        raise Invalid("file_missing", "Choose a sound file.", field=FILE_FIELD)
    if not file.size:
        raise Invalid("empty_file", "The file is empty.", field=FILE_FIELD)
    names = (name for name in form if name not in (FILE_FIELD, CSRF_FIELD))
    return Received({name: str(form[name]) for name in names}, file)


def keep(received: Received, originals: MediaStore) -> StoredSound:
    """Put the file into the store of originals; blocking."""
    with originals.staging() as staged:
        received.file.file.seek(0)
        with staged.open("wb") as writer:
            shutil.copyfileobj(received.file.file, writer, COPY_BYTES)
        return StoredSound(originals.put_staged(staged), received.file.filename)


def nested(fields: dict[str, str]) -> dict[str, Any]:
    """Form fields as a model takes them: `recording.recipe.opening` is within two others; empty ones are absent."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        place = found
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        else:
            if value:
                place[last] = value
    return found
