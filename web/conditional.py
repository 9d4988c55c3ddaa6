"""Edits that cannot overwrite each other: an ETag is a row's version, an edit names the one it was made on."""

import re
from http import HTTPStatus
from typing import Annotated, ClassVar

from fastapi import Depends, Header, Response

from scheduler.errors import Invalid, Problem
from web import i18n

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


class PreconditionRequired(Problem):
    """An edit that does not say what it was made on."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_REQUIRED


async def if_match(
    if_match: Annotated[str | None, Header(description="The ETag that was read.", examples=['"1"'])] = None,
) -> int:
    """The version that the edit was made on; services raise Stale where it is no longer that."""
    if if_match is None:
        message = i18n.N_("Send If-Match with the ETag that you read, so that nobody's change is lost.")
        raise PreconditionRequired("if_match_needed", message)
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Invalid("bad_etag", i18n.N_("If-Match must be an ETag that this API gave."), field="If-Match")
    return int(found[1])


IfMatch = Annotated[int, Depends(if_match)]


def unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether whoever asks has what carries this ETag (RFC 9110, weakly compared)."""
    sent = [part.strip().removeprefix("W/") for part in (if_none_match or "").split(",")]
    return "*" in sent or etag.removeprefix("W/") in sent


def give_etag(response: Response, version: int) -> None:
    response.headers["etag"] = f'"{version}"'
