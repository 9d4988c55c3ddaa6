"""A receiver's photo: /api/v1/receivers/{id}/photo."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import FileResponse

from scheduler.fleet import photos as service
from scheduler.fleet.schemas import ReceiverDetail
from web import photos
from web.auth import CurrentActor, Now, ReadDb, TheCentre
from web.problems import responses

_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {photos.JPEG: {}}}}
_BODY = {"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}

router = APIRouter(
    prefix="/api/v1/receivers",
    tags=["receivers"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)


async def _sent(request: Request) -> bytes:
    return await request.body()


@router.get("/{receiver_id}/photo", response_class=FileResponse, responses=_PICTURE)
def get_photo(receiver_id: str, db: ReadDb, actor: CurrentActor, now: Now, centre: TheCentre) -> Response:
    """What it looks like there, as JPEG."""
    return photos.shown(centre, service.photo(db, actor, now, receiver_id))


@router.put("/{receiver_id}/photo", dependencies=[photos.TAKES], openapi_extra=_BODY)
def put_photo(
    receiver_id: str, sent: Annotated[bytes, Depends(_sent)], actor: CurrentActor, now: Now, centre: TheCentre
) -> ReceiverDetail:
    """A JPEG, PNG or WebP of at most 5 MB. It is drawn anew, small, without what else the file says."""
    return photos.take(centre, actor, now, receiver_id, sent)


@router.delete("/{receiver_id}/photo")
def delete_photo(receiver_id: str, actor: CurrentActor, now: Now, centre: TheCentre) -> ReceiverDetail:
    """Take it away; again changes nothing."""
    return photos.put(centre, actor, now, receiver_id, None)
