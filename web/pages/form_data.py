"""A form with fields that repeat, read before the endpoint runs in its thread."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from web.auth import MAX_FIELDS


async def _form(request: Request) -> FormData:
    request.state.sent = sent = await request.form(max_fields=MAX_FIELDS)
    return sent


TheForm = Annotated[FormData, Depends(_form)]
