"""Receiving a sound file: to the disk while it comes, never into memory, and never longer than is allowed.

The limit itself is `web.middleware.BodyLimit`'s. The form's text fields are checked by the model of what they are for.
"""

import shutil
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from broadcast.media import MediaStore
from scheduler.announcements.queueing import StoredSound
from scheduler.errors import Invalid
from web.auth import CSRF_FIELD

FILE_FIELD = "file"
MAX_FIELDS = 20
COPY_BYTES = 1 << 20


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
