"""A centre to practise at: beginning anew."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from web import practice
from web.auth import TheCentre
from web.i18n import N_
from web.pages.frame import ThePage

router = APIRouter(prefix="/practice", include_in_schema=False)
DOES = {
    "bientap": N_("prepares announcements and broadcasts"),
    "lanhdao": N_("approves what others prepared"),
    "trucban": N_("emergencies, drills and live talks"),
    "quantri": N_("places, people and loudspeakers"),
}
OPENS_AFTER_S = 30


@router.post("/again")
def begin_anew(centre: TheCentre, page: ThePage) -> Response:
    """Whoever runs the practice centre sees the file, and puts everything back."""
    if not centre.settings.practice:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    (centre.settings.data_dir / practice.AGAIN).touch()
    answer = page.render("practice/again.html")
    answer.headers["refresh"] = f"{OPENS_AFTER_S}; url=/sign-in"
    return answer
