"""How pages for residents answer: anybody's caches may keep them, no cookie is read or set, nothing is needed to look.

Rules
- The address alone says what is shown, its language too; so an ETag and a short time to live are enough.
- What is made is kept a moment (`web.kept`): a flood brings every telephone of a commune at once. It is kept by what it
  shows, so that nobody has the same made again and again under addresses that differ in what is not looked at; and so
  nothing of such an address stands in it.
"""

import hashlib
from collections.abc import Callable, Hashable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from sqlmodel import Session

from scheduler.residents import page as residents
from scheduler.residents import places
from scheduler.residents.page import Outlook
from scheduler.residents.places import Here
from web import i18n
from web.auth import Now, TheCentre
from web.conditional import unchanged
from web.middleware import policy
from web.pages import residents_paths as paths
from web.pages.frame import environment
from web.pages.present import Present

HTML = "text/html"
FRESH_S = 30
"""How old a page may be: an emergency shows on it no later."""
LANGUAGES = tuple(i18n.LANGUAGES)
Language = Annotated[str, Query(alias="lang", max_length=8)]


class Front:
    """One request by a resident."""

    def __init__(self, request: Request, centre: TheCentre, now: Now, lang: Language = i18n.DEFAULT_LANGUAGE) -> None:
        self.request = request
        self.centre = centre
        self.now = now
        self.language = lang if lang in LANGUAGES else i18n.DEFAULT_LANGUAGE
        self.translations = i18n.translations(self.language)

    def show(self, timezone: str | None = None) -> Present:
        return Present(self.language, timezone or self.centre.settings.timezone, self.now, self.translations)

    def say(self, message: str, **params: object) -> str:
        text = self.translations.gettext(message)
        return text % params if params else text

    def link(self, path: str) -> str:
        return paths.in_language(path, self.language)

    def full(self, path: str) -> str:
        """`path` with the host, for those who read it elsewhere."""
        return f"{self.centre.settings.base_url}{path}"

    def html(self, template: str, show: Present, **context: Any) -> bytes:
        shown = {
            "show": show,
            "static": self.request.app.state.assets.url,
            "link": self.link,
            "here": paths.PREFIX,
            "query": "",
            "errors": {},
            "alarms": [],
            "me": None,
            "practice": self.centre.settings.practice,
        }
        return environment(self.language).get_template(template).render(shown | context).encode()

    def kept(self, shown: Hashable, make: Callable[[Session], bytes]) -> bytes:
        """What `make` makes, or made a moment ago, of what is `shown` in this language."""

        def fresh() -> bytes:
            with self.centre.store.reading() as db:
                return make(db)

        return self.centre.kept.get((shown, self.language), self.centre.clock.monotonic_us(), fresh)

    def answer(
        self, body: bytes, media_type: str = HTML, *, status: int = HTTPStatus.OK, framed: bool = False
    ) -> Response:
        """`body` for everybody, or 304; `framed` where other sites may show it in their own pages."""
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers = {"etag": etag, "cache-control": f"public, max-age={FRESH_S}"}
        if framed:
            own = policy(self.centre.settings.base_url)
            headers["content-security-policy"] = own.replace("frame-ancestors 'none'", "frame-ancestors *")
        if status == HTTPStatus.OK and unchanged(self.request.headers.get("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if self.request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=media_type)
        return Response(body, status, headers, media_type)


Fronted = Annotated[Front, Depends(Front)]


class Place:
    """A request for something of a place that has a page, by the address's `key`."""

    def __init__(self, front: Fronted, key: Annotated[str, Path(max_length=200)]) -> None:
        self.front = front
        self.zone_id = paths.zone_id_of(key)

    def kept(self, kind: str, make: Callable[[Session], bytes], *more: Hashable) -> bytes:
        """A `kind` of page of the place; `more` is what else says what it shows."""
        return self.front.kept(("place", self.zone_id, kind, *more), make)

    def here(self, db: Session) -> Here:
        return places.public_place(db, self.zone_id, self.front.now)

    def outlook(self, db: Session, here: Here) -> Outlook:
        return residents.outlook(db, here, self.front.now)


ThePlace = Annotated[Place, Depends(Place)]


def path_of(here: Here) -> str:
    return paths.public_path(here.zone.id, here.zone.name)
