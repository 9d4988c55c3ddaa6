"""Announcements and their sound: /api/v1/announcements, /recordings, /uploads, /voices, /speech."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, PlainTextResponse

from broadcast.media import MediaMissingError
from broadcast.produce.producer import Producer
from broadcast.speech.say import words_for
from scheduler.announcements import naming, service
from scheduler.announcements.models import Recording, Source
from scheduler.announcements.rendition import RenditionFailedError, as_mp3
from scheduler.announcements.schemas import (
    AnnouncementOut,
    AnnouncementPage,
    CopyOf,
    NewAnnouncement,
    NewTitle,
    NewUpload,
    SoundRecording,
    SpokenRequest,
    SpokenText,
    TextRecording,
    VoiceOut,
)
from scheduler.errors import Conflict, Invalid, NotFound
from scheduler.rights import Action
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb
from web.centre import Centre
from web.conditional import IfMatch, give_etag
from web.listening import ThePlayer, sound_file
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses
from web.telling import Tell, tell_after
from web.uploads import FILE_FIELD, keep, nested, receive, takes

router = APIRouter(
    prefix="/api/v1",
    tags=["announcements"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
TOO_LARGE = responses(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
# What browsers know how to play, by the ending of the name that was sent; anything else is only offered for saving.
PLAYABLE = {
    ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".wav": "audio/wav", ".ogg": "audio/ogg", ".oga": "audio/ogg",
    ".opus": "audio/ogg", ".webm": "audio/webm", ".flac": "audio/flac", ".aac": "audio/aac",
}  # fmt: skip
ModelT = TypeVar("ModelT", bound=BaseModel)
NOT_READY = responses(HTTPStatus.CONFLICT)
_SOUND_MISSING = "The sound file is missing on the centre's disk."
_NO_ORIGINAL = "This was put together here: there is no file that somebody sent."
_ONE_AT_A_TIME = CapacityLimiter(1)  # those who wait for an MP3 hold no thread that a sign-in or a stop needs


@router.get("/announcements")
def list_announcements(
    *,
    db: ReadDb,
    actor: CurrentActor,
    now: Now,
    before: Annotated[str | None, Query(max_length=26, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AnnouncementPage:
    """The announcements of the zones that you see, newest first."""
    return service.index(db, actor, now, before=before, limit=limit)


@router.post("/announcements", status_code=HTTPStatus.CREATED)
def create_announcement(
    body: NewAnnouncement,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    once: CreateOnce,
    tell: Tell,
) -> AnnouncementOut:
    """An announcement that is read aloud from text, in one language or several; it is produced in the background."""
    return _told(response, db, tell, once(db, now, lambda: service.create(db, actor, now, body)))


@router.get("/announcements/{announcement_id}")
def get_announcement(
    announcement_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now
) -> AnnouncementOut:
    """One announcement with how far its recordings are produced."""
    found = service.view(db, actor, now, announcement_id)
    give_etag(response, found.version)
    return found


@router.patch("/announcements/{announcement_id}", responses=EDIT_PROBLEMS)
def rename_announcement(
    announcement_id: str,
    body: NewTitle,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> AnnouncementOut:
    """Another title; its sound stays. Refused while a broadcast holds it as it was approved."""
    return _told(response, db, tell, service.rename(db, actor, now, announcement_id, body.title, version=version))


@router.delete("/announcements/{announcement_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def delete_announcement(
    announcement_id: str, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch, tell: Tell
) -> None:
    """Take it out of sight; refused with 409 while broadcasts use it."""
    service.delete(db, actor, now, announcement_id, version=version)
    tell(db, f"announcement:{announcement_id}")


@router.post("/announcements/{announcement_id}/copies", status_code=HTTPStatus.CREATED)
def copy_announcement(
    announcement_id: str,
    body: CopyOf,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    once: CreateOnce,
    tell: Tell,
) -> AnnouncementOut:
    """The same announcement again, to be used elsewhere or changed; its produced sound is used again."""
    return _told(response, db, tell, once(db, now, lambda: service.copy(db, actor, now, announcement_id, body)))


@router.post("/announcements/{announcement_id}/recordings", status_code=HTTPStatus.CREATED, responses=EDIT_PROBLEMS)
def add_text_recording(
    announcement_id: str,
    body: TextRecording,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> AnnouncementOut:
    """Another language, read aloud from text."""
    return _told(response, db, tell, service.add_text(db, actor, now, announcement_id, body, version=version))


@router.put("/recordings/{recording_id}", responses=EDIT_PROBLEMS)
def edit_recording(
    recording_id: str,
    body: TextRecording,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> AnnouncementOut:
    """Another text, voice or speed (If-Match: the announcement's ETag); it is produced again."""
    return _told(response, db, tell, service.edit_text(db, actor, now, recording_id, body, version=version))


@router.delete("/recordings/{recording_id}", responses=EDIT_PROBLEMS)
def delete_recording(
    recording_id: str,
    *,
    response: Response,
    db: WriteDb,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
    tell: Tell,
) -> AnnouncementOut:
    """Take one language out; the last one stays."""
    return _told(response, db, tell, service.remove_recording(db, actor, now, recording_id, version=version))


@router.post("/recordings/{recording_id}/retry", responses=responses(HTTPStatus.CONFLICT))
def retry_recording(
    recording_id: str, *, response: Response, db: WriteDb, actor: CurrentActor, now: Now, tell: Tell
) -> AnnouncementOut:
    """Produce a failed recording again."""
    return _told(response, db, tell, service.produce_again(db, actor, now, recording_id))


def multipart(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of a form with a file and the fields of `model`, nested ones as `recording.language`."""
    fields = {name: {"type": "string"} for name in sorted(_names(model))}
    schema = {
        "type": "object",
        "required": [FILE_FIELD, *(n for n, f in model.model_fields.items() if f.is_required())],
        "properties": {**fields, FILE_FIELD: {"type": "string", "format": "binary"}},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _names(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        is_model = isinstance(inner, type) and issubclass(inner, BaseModel)
        found |= _names(inner, f"{prefix}{name}.") if is_model else {f"{prefix}{name}"}  # type: ignore[arg-type]
    return found


@router.post(
    "/uploads/announcements",
    status_code=HTTPStatus.CREATED,
    responses=TOO_LARGE,
    dependencies=[takes(Action.ANNOUNCEMENT_EDIT)],
    openapi_extra=multipart(NewUpload),
)
async def upload_announcement(
    request: Request, response: Response, *, centre: TheCentre, actor: CurrentActor, now: Now, once: CreateOnce
) -> AnnouncementOut:
    """An announcement from a sound file: anything that ffmpeg decodes, up to 2 hours or 200 MB."""
    received = await receive(request)
    new = checked(NewUpload, nested(received.fields))

    def store() -> AnnouncementOut:
        with centre.store.reading() as db:
            service.may_create(db, actor, now, new.zone_id)
            naming.title(new.title)
        sound = keep(received, producer_of(centre).originals)
        with centre.store.writing() as db:
            made = once(db, now, lambda: service.create_from_sound(db, actor, now, new, sound))
            tell_after(db, centre.changes, f"announcement:{made.id}")
        return made

    made = await run_in_threadpool(store)
    give_etag(response, made.version)
    return made


@router.post(
    "/uploads/announcements/{announcement_id}",
    status_code=HTTPStatus.CREATED,
    responses=TOO_LARGE | EDIT_PROBLEMS,
    dependencies=[takes(Action.ANNOUNCEMENT_EDIT)],
    openapi_extra=multipart(SoundRecording),
)
async def upload_recording(
    announcement_id: str,
    request: Request,
    response: Response,
    *,
    centre: TheCentre,
    actor: CurrentActor,
    now: Now,
    version: IfMatch,
) -> AnnouncementOut:
    """Another language of an announcement, from a sound file."""
    received = await receive(request)
    asked = checked(SoundRecording, nested(received.fields))

    def store() -> AnnouncementOut:
        with centre.store.reading() as db:
            service.may_create(db, actor, now, service.readable(db, actor, now, announcement_id).zone_id)
        sound = keep(received, producer_of(centre).originals)
        with centre.store.writing() as db:
            made = service.add_sound(db, actor, now, announcement_id, version=version, recording=asked, sound=sound)
            tell_after(db, centre.changes, f"announcement:{made.id}")
        return made

    made = await run_in_threadpool(store)
    give_etag(response, made.version)
    return made


@router.get("/recordings/{recording_id}/audio", response_class=FileResponse, responses=NOT_READY)
def listen(
    recording_id: str, *, db: ReadDb, actor: CurrentActor, now: Now, centre: TheCentre, player: ThePlayer
) -> Response:
    """What will be heard: Opus in Ogg; with Range."""
    recording = service.listenable(db, actor, now, recording_id)
    media, sha256 = producer_of(centre).media, _produced(recording)
    return sound_file(player, media.path(sha256), "audio/ogg", sha256)


@router.get("/recordings/{recording_id}/audio.mp3", response_class=FileResponse, responses=NOT_READY)
async def listen_as_mp3(
    recording_id: str, *, actor: CurrentActor, now: Now, centre: TheCentre, player: ThePlayer
) -> Response:
    """The same as MP3, for players that know no Opus in Ogg; with Range."""

    def find() -> str:
        with centre.store.reading() as db:
            return _produced(service.listenable(db, actor, now, recording_id))

    sha256 = await run_in_threadpool(find)
    media, folder = producer_of(centre).media, centre.settings.data_dir / "renditions"
    try:
        made = await to_thread.run_sync(as_mp3, media, sha256, folder, limiter=_ONE_AT_A_TIME)
    except MediaMissingError:
        raise NotFound("sound_missing", _SOUND_MISSING) from None
    except RenditionFailedError as failed:
        raise Conflict("no_mp3", "No MP3 could be made of this recording. Listen to it in another browser.") from failed
    return sound_file(player, made, "audio/mpeg", f"{sha256}-mp3")


@router.get("/recordings/{recording_id}/original", response_class=FileResponse)
def listen_to_original(
    recording_id: str, *, db: ReadDb, actor: CurrentActor, now: Now, centre: TheCentre, player: ThePlayer
) -> Response:
    """What was sent: the text, or the sound file as it came; with Range."""
    recording = service.listenable(db, actor, now, recording_id)
    if recording.source is Source.TEXT:
        return PlainTextResponse(recording.text)
    sha256 = recording.original_sha256
    if sha256 is None:
        raise NotFound("no_original", _NO_ORIGINAL)
    path = producer_of(centre).originals.path(sha256)
    name = recording.original_name or "recording"
    kind = PLAYABLE.get(Path(name).suffix.lower())
    return sound_file(player, path, kind or "application/octet-stream", sha256, name=name, inline=kind is not None)


@router.get("/voices", tags=["speech"])
def list_voices(actor: CurrentActor, centre: TheCentre) -> list[VoiceOut]:  # noqa: ARG001 -- for those signed in
    """The voices that text can be read by, the best first."""
    infos = (voice.info for voice in producer_of(centre).voices)
    return [
        VoiceOut(id=info.id, name=info.name, language=info.language, region=info.region, engine=info.engine)
        for info in infos
    ]


@router.post("/speech/preview", tags=["speech"])
def preview_text(body: SpokenRequest, actor: CurrentActor, centre: TheCentre) -> SpokenText:  # noqa: ARG001
    """How a text will be read: numbers, dates, units and abbreviations as words."""
    text = naming.text(body.text)
    voices = producer_of(centre).voices
    voice = next((voice for voice in voices if voice.info.id == body.voice), None)
    if voice is None:
        raise Invalid("unknown_voice", "There is no such voice.", field="voice")
    return SpokenText(spoken_text=words_for(voice, text))


def producer_of(centre: Centre) -> Producer:
    if centre.producer is None:
        raise Conflict("no_producer", "This process of the centre does not produce sound.")
    return centre.producer


def _produced(recording: Recording) -> str:
    if recording.sha256 is None:
        raise Conflict("not_ready", "This recording is not produced yet.")
    return recording.sha256


def checked(model: type[ModelT], fields: dict[str, Any]) -> ModelT:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from error


def _told(response: Response, db: Any, tell: Any, made: AnnouncementOut) -> AnnouncementOut:
    tell(db, f"announcement:{made.id}", *(f"recording:{recording.id}" for recording in made.recordings))
    give_etag(response, made.version)
    return made
