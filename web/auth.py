"""What an endpoint asks for: the centre, the time, a transaction, and who is asking.

A cookie is sent by a browser whoever made it ask, so what changes something also needs the session's `csrf_token`
(header X-CSRF-Token or form field `csrf_token`) and must come from our own pages. A bearer token needs neither; it is
for the API alone, as pages show and change an account beside all else.
"""

import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session
from starlette.requests import HTTPConnection

from scheduler.errors import Forbidden
from scheduler.people import account, signin
from scheduler.people.actor import Actor, require_somewhere
from scheduler.people.signin import Known, NotSignedIn, SignedIn
from scheduler.rights import Action
from web import i18n
from web.centre import Centre
from web.settings import Settings

if TYPE_CHECKING:
    from web.urgent_door import Door

SESSION_COOKIE = "loa_session"
PRACTICE_COOKIE = "loa_practice"
"""Of a practice centre: a browser keeps one cookie of a name for all ports of a machine."""
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOR_PROGRAMS = "/api/"
MAX_FIELDS = 3000
"""Of a form: a district's places, each ticked."""
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")

_documented_cookie = APIKeyCookie(
    name=SESSION_COOKIE, scheme_name="session", description="Made by sign-in.", auto_error=False
)
csrf_header = APIKeyHeader(
    name=CSRF_HEADER,
    scheme_name="csrf",
    description="With the cookie, for all that changes something: `csrf_token` of the session.",
    auto_error=False,
)


class Token(HTTPBearer):
    """A bearer token where programs ask; Forbidden for one that is sent to a page."""

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        given = await super().__call__(request)
        if given is not None and not request.scope["path"].startswith(FOR_PROGRAMS):
            raise Forbidden("needs_session", i18n.N_("Sign in with the password to do this; a token cannot."))
        return given


bearer_token = Token(scheme_name="token", description="For scripts: a token from /api/v1/tokens.", auto_error=False)


def centre_of(request: Request) -> Centre:
    return cast("Centre", request.app.state.centre)


TheCentre = Annotated[Centre, Depends(centre_of)]


def cookie_name(settings: Settings) -> str:
    return PRACTICE_COOKIE if settings.practice else SESSION_COOKIE


def cookie_of(connection: HTTPConnection, centre: Centre) -> str:
    """The session's cookie as it was sent to a page or a socket, empty without one."""
    return connection.cookies.get(cookie_name(centre.settings), "")


async def session_cookie(request: Request, _documented: Annotated[str | None, Depends(_documented_cookie)]) -> str:
    """Asynchronous with all that it needs: what is urgent waits for no thread of the pages."""
    return cookie_of(request, centre_of(request))


def now_of(centre: TheCentre) -> datetime:
    return centre.clock.now()


Now = Annotated[datetime, Depends(now_of)]


def reading(centre: TheCentre) -> Iterator[Session]:
    with centre.store.reading() as db:
        yield db


def known_of(
    request: Request,
    centre: TheCentre,
    now: Now,
    cookie: Annotated[str, Depends(session_cookie)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_token)],
) -> Known | None:
    """Who is asking, without refusing anybody yet."""
    if bearer is None and not cookie:
        return None
    with centre.store.reading() as db:
        if bearer is not None:
            known = signin.known_by_token(db, now, bearer.credentials)
        else:
            known = signin.known_by_cookie(db, now, cookie)
    if known is not None:
        greet(request, known, now)
        request.state.language = known.actor.language
        if known.touch:
            with centre.store.writing() as db:
                signin.touch(db, now, known.token_sha256)
    return known


def greet(request: Request, known: Known, now: datetime) -> None:
    """Have who is known not be taken for a stranger when they come by the urgent way."""
    cast("Door", request.app.state.urgent_door).meet(known, now)


def writing(
    centre: TheCentre,
    _known: Annotated[Known | None, Depends(known_of)],  # first: it may have a transaction of its own
) -> Iterator[Session]:
    with centre.store.writing() as db:
        yield db


# "function": the transaction is committed before the answer leaves, so that what was promised is kept.
ReadDb = Annotated[Session, Depends(reading, scope="function")]
WriteDb = Annotated[Session, Depends(writing, scope="function")]


def somebody(known: Known | None) -> Known:
    """Who is asking; else NotSignedIn."""
    if known is None:
        raise NotSignedIn("not_signed_in", i18n.N_("Sign in first."))
    return known


async def signed_in(
    request: Request,
    centre: TheCentre,
    known: Annotated[Known | None, Depends(known_of)],
    _documented: Annotated[str | None, Depends(csrf_header)],
) -> Known:
    """Who is asking, also with a first password that is still to be changed; else NotSignedIn."""
    known = somebody(known)
    if known.csrf_token is not None and request.method not in SAFE_METHODS:
        same_origin(request, centre)
        given = request.headers.get(CSRF_HEADER) or await form_token(request)
        if not hmac.compare_digest(given.encode(), known.csrf_token.encode()):
            raise Forbidden("csrf", i18n.N_("This page is too old. Load it again and repeat what you did."))
    return known


def actor_of(known: Annotated[Known, Depends(signed_in)]) -> Actor:
    """Who is asking, once they have a password of their own."""
    if known.actor.must_change_password:
        raise Forbidden("password_change_needed", i18n.N_("Choose a password of your own first."))
    return known.actor


def by_session(known: Annotated[Known, Depends(signed_in)]) -> Known:
    """Who is asking, by a sign-in of their own; Forbidden for a token."""
    account.by_session(known)
    return known


AnyKnown = Annotated[Known, Depends(signed_in)]
BySession = Annotated[Known, Depends(by_session)]
CurrentActor = Annotated[Actor, Depends(actor_of)]
MaybeKnown = Annotated[Known | None, Depends(known_of)]


def needs(*actions: Action) -> Any:
    """For a list: who may do none of these anywhere is refused as at its page, not shown an empty one."""

    def check(actor: CurrentActor, now: Now) -> None:
        require_somewhere(actor, now, *actions)

    return Depends(check)


def same_origin(request: Request, centre: TheCentre) -> None:
    """Return if the request was made by our own pages or by no page at all; else Forbidden."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is not None:
        ours = urlsplit(origin).netloc in (request.headers.get("host"), urlsplit(centre.settings.base_url).netloc)
    else:
        ours = True
    if not ours:
        raise Forbidden("cross_origin", i18n.N_("This was sent by another site."))


def session_lifetime(settings: Settings) -> timedelta:
    return timedelta(hours=settings.session_hours)


def give_cookie(response: Response, settings: Settings, signed_in: SignedIn) -> None:
    """Let the browser keep the session: out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        cookie_name(settings),
        signed_in.cookie,
        max_age=round(session_lifetime(settings).total_seconds()),
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",
        path="/",
    )


def take_cookie(response: Response, settings: Settings) -> None:
    secure = settings.secure_cookies
    response.delete_cookie(cookie_name(settings), path="/", httponly=True, secure=secure, samesite="lax")


def address_of(request: Request) -> str:
    """Where the request came from, as the server (behind its trusted proxy) knows it."""
    return request.client.host if request.client else "unknown"


def device_of(request: Request) -> str:
    """What the browser calls itself, for its owner to know it again."""
    return request.headers.get("user-agent", "")[:300]


async def form_token(request: Request) -> str:
    """The session's token as a page's form sends it."""
    if not is_form(request):
        return ""
    value = (await request.form(max_fields=MAX_FIELDS)).get(CSRF_FIELD)
    return value if isinstance(value, str) else ""


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(_FORM_TYPES)
