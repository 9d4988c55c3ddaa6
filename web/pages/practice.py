"""A centre to practise at: beginning anew."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from web import practice
from web.auth import TheCentre, same_origin
from web.centre import Centre
from web.i18n import N_
from web.pages.frame import OpenPage

router = APIRouter(prefix="/practice", include_in_schema=False)
_DOES = (
    N_("prepares announcements and broadcasts"),
    N_("approves what others prepared"),
    N_("emergencies, drills and live talks"),
    N_("places, people and loudspeakers"),
)
DOES = dict(zip(practice.LOGINS, _DOES, strict=True))
OPENS_AFTER_S = 30


@router.get("/again")
def ask(centre: TheCentre, page: OpenPage) -> Response:
    """Anybody may, also who cannot sign in any more; others may be in the middle of something."""
    _only_there(centre)
    return page.render("practice/sure.html")


@router.post("/again")
def begin_anew(request: Request, centre: TheCentre, page: OpenPage) -> Response:
    """Whoever runs the practice centre sees the file, and puts everything back."""
    _only_there(centre)
    same_origin(request, centre)
    (centre.settings.data_dir / practice.AGAIN).touch()
    answer = page.render("practice/again.html")
    answer.headers["refresh"] = f"{OPENS_AFTER_S}; url=/sign-in"
    return answer


def _only_there(centre: Centre) -> None:
    if not centre.settings.practice:
        raise HTTPException(HTTPStatus.NOT_FOUND)
