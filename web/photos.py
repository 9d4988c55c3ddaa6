"""Photos of loudspeakers: what people send is drawn anew, small, so that nothing of it is kept but the picture.

Rules
- A phone's picture says where and by whom it was taken; the new one says nothing.
- FFmpeg is told which of three formats to read, reads a pipe, and is stopped after LIMIT_S.
"""

import subprocess
from datetime import datetime

from starlette.responses import FileResponse, Response

from broadcast.media import MediaStore
from scheduler.errors import Invalid
from scheduler.fleet import photos
from scheduler.fleet.schemas import ReceiverDetail
from scheduler.people.actor import Actor
from scheduler.rights import Action
from web.centre import Centre
from web.telling import tell_after
from web.uploads import takes

JPEG = "image/jpeg"
MAX_BYTES = 5 * 1024 * 1024
SIDE = 1280
MAX_PIXELS = 60_000_000
LIMIT_S = 20
TAKES = takes(Action.RECEIVER_CONTROL, at_most_bytes=MAX_BYTES)
_FORMATS = ((b"\xff\xd8\xff", "jpeg_pipe"), (b"\x89PNG\r\n\x1a\n", "png_pipe"), (b"RIFF", "webp_pipe"))


def store(centre: Centre) -> MediaStore:
    """Where photos lie."""
    return MediaStore(centre.settings.data_dir / "photos")


def take(centre: Centre, actor: Actor, now: datetime, receiver_id: str, sent: bytes) -> ReceiverDetail:
    """Keep what was sent as the receiver's photo. Raises Invalid, and as `scheduler.fleet.photos`.

    It is drawn between two transactions: nobody waits for that.
    """
    with centre.store.reading() as db:
        photos.check(db, actor, now, receiver_id)
    drawn, kept = redrawn(sent), store(centre)
    with kept.staging(".jpg") as staged:
        staged.write_bytes(drawn)
        sha256 = kept.put_staged(staged)
    return put(centre, actor, now, receiver_id, sha256)


def put(centre: Centre, actor: Actor, now: datetime, receiver_id: str, sha256: str | None) -> ReceiverDetail:
    """Make it the receiver's photo; None takes the photo away."""
    with centre.store.writing() as db:
        tell_after(db, centre.changes, f"receiver:{receiver_id}")
        return photos.set_photo(db, actor, now, receiver_id, sha256=sha256, forget=store(centre).delete)


def shown(centre: Centre, sha256: str) -> Response:
    """For who may see it: their browser asks again each time whether they still may."""
    return FileResponse(store(centre).path(sha256), media_type=JPEG, headers={"cache-control": "private, no-cache"})


def redrawn(sent: bytes) -> bytes:
    """A JPEG of at most SIDE by SIDE without anything beside the picture; else Invalid."""
    if len(sent) > MAX_BYTES:
        raise Invalid("photo_too_large", "The picture is larger than 5 MB. Choose a smaller one.", field="photo")
    if not sent:
        raise Invalid("photo_missing", "Choose a picture.", field="photo")
    kind = next((name for start, name in _FORMATS if sent.startswith(start)), None)
    if kind is None:
        raise _none()
    box = f"scale=w='min({SIDE},iw)':h='min({SIDE},ih)':force_original_aspect_ratio=decrease"
    reading = ("-protocol_whitelist", "pipe", "-max_pixels", str(MAX_PIXELS), "-f", kind, "-i", "pipe:0")
    picture = ("-frames:v", "1", "-vf", box, "-pix_fmt", "yuvj420p", "-q:v", "5")
    bare = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", "mjpeg", "pipe:1")
    command = ("ffmpeg", "-v", "error", "-nostdin", "-threads", "1", *reading, *picture, *bare)
    try:
        done = subprocess.run(command, input=sent, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _none() from error
    if done.returncode or not done.stdout:
        raise _none()
    return done.stdout


def _none() -> Invalid:
    return Invalid("no_photo", "This is no picture that can be read. Choose a JPEG, PNG or WebP file.", field="photo")
