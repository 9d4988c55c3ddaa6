"""Where one gets notices; for administrators, which programs are told and what was delivered."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.notices import service
from scheduler.notices.models import Channel, NoticeState
from scheduler.notices.schemas import CHOICES, ChoiceIn, HookIn
from scheduler.people import proof
from scheduler.people.proof import if_has_one
from scheduler.reports import service as reports
from scheduler.rights import Action
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.notices.call import Caller
from web.notices.words import CHOICES as SAID
from web.notices.words import NAMES
from web.pages import picker
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.words import Look

PER_PAGE = 50
T = TypeVar("T")
STATE = {
    NoticeState.WAITING: Look(N_("is tried again"), "warn", "hourglass"),
    NoticeState.SENDING: Look(N_("on its way"), "busy", "up"),
    NoticeState.SENT: Look(N_("delivered"), "good", "check"),
    NoticeState.GIVEN_UP: Look(N_("given up"), "alarm", "cross"),
}
NOT_SENT = Look(N_("Practice: would have been sent"), "plain", "check")

router = APIRouter(prefix="/notices", include_in_schema=False)

Code = Annotated[str, Form(max_length=300)]
Kinds = Annotated[list[str], Form(max_length=len(CHOICES))]


@router.get("")
def own(db: ReadDb, page: ThePage) -> Response:
    return _own(db, page)


@router.post("")
def choose(
    page: ThePage,
    address: Annotated[str, Form(max_length=300)] = "",
    kinds: Kinds = [],  # noqa: B006 -- FastAPI copies
    code: Code = "",
) -> Response:
    with page.attempt() as errors:
        asked = ChoiceIn.model_validate({"address": address, "kinds": kinds})

        def act(db: Session) -> None:
            service.choose(db, page.actor, page.now, asked)

        _anew(page, code, act, "notices.choose", f"user:{page.actor.user_id}", field="code-mail")
        return page.go("/notices", "saved")
    with page.centre.store.reading() as db:
        return _own(db, page, errors, address)


@router.post("/trial")
def try_out(db: WriteDb, page: ThePage) -> Response:
    with page.attempt(db) as errors:
        service.try_out(db, page.actor, page.now)
    return _own(db, page, errors) if errors else page.go("/notices", "trial-sent")


@router.get("/log")
def log(db: ReadDb, page: ThePage, before: str | None = None, failed: str = "") -> Response:
    page.needs(Action.SETTINGS_EDIT)
    states = (NoticeState.WAITING, NoticeState.GIVEN_UP) if failed else ()
    found = service.log(db, page.actor, page.now, states=states, before=before, limit=PER_PAGE)
    rows = [
        {
            "at": one.at,
            "what": page.say(NAMES[one.kind]),
            "to": one.to,
            "mail": one.channel is Channel.MAIL,
            "look": NOT_SENT if page.centre.settings.practice and one.state is NoticeState.SENT else STATE[one.state],
            "tries": one.tries,
            "trouble": one.trouble,
            "next_at": one.next_at,
        }
        for one in found.items
    ]
    standing = service.standing_trouble(db, Channel.MAIL) if page.can(Action.SETTINGS_EDIT) else None
    more = f"/notices/log?failed={failed}&before={found.next}" if found.next else None
    return page.render("notices/log.html", rows=rows, failed=bool(failed), older=more, standing=standing)


@router.post("/programs")
def add_program(
    page: ThePage,
    data: TheForm,
    *,
    name: Annotated[str, Form(max_length=200)] = "",
    url: Annotated[str, Form(max_length=600)] = "",
    zone_id: Annotated[str, Form(max_length=26)] = "",
    kinds: Kinds = [],  # noqa: B006 -- FastAPI copies
    code: Code = "",
) -> Response:
    errors: Errors = {}
    secret, typed = None, {"name": name, "url": url, "zone_id": zone_id}
    if not picker.unfolding(data):
        with page.attempt() as errors:
            asked = HookIn.model_validate({"name": name, "url": url, "zone_id": zone_id, "kinds": kinds})
            check = Caller(page.centre.settings.private_hooks).check

            def act(db: Session) -> str:
                return service.add_hook(db, page.actor, page.now, asked, check).secret

            secret = _anew(page, code, act, "webhook.create", f"zone:{zone_id}", field="code-program")
    if "kinds" in errors:
        errors["program-kinds"] = errors.pop("kinds")
    with page.centre.store.reading() as db:
        return _own(db, page, errors, program=None if secret else typed, secret=secret)


@router.post("/programs/{hook_id}/end")
def end_program(page: ThePage, hook_id: str, code: Code = "") -> Response:
    def act(db: Session) -> None:
        service.end_hook(db, page.actor, page.now, hook_id)

    with page.attempt() as errors:
        _anew(page, code, act, "webhook.end", f"webhook:{hook_id}", field=f"code-{hook_id}")
        return page.go("/notices", "deleted")
    with page.centre.store.reading() as db:
        return _own(db, page, errors)


def _anew(page: Page, code: str, act: Callable[[Session], T], action: str, subject: str, *, field: str) -> T:
    """For a code of who has a second factor: whoever sends notices elsewhere is told of what others do as them."""
    return page.anew(code, act, action, subject, needed=if_has_one(page.actor), field=field)


def _own(
    db: Session,
    page: Page,
    errors: Errors | None = None,
    address: str | None = None,
    *,
    program: dict[str, str] | None = None,
    secret: str | None = None,
) -> Response:
    chosen = service.choice(db, page.actor, mail_works=page.centre.settings.smtp_url is not None)
    sets_up = page.can(Action.SETTINGS_EDIT)
    program = program or {"name": "", "url": "", "zone_id": ""}
    return page.render(
        "notices/page.html",
        422 if errors else 200,
        chosen=chosen,
        digests=reports.subscriptions(db, page.actor, page.now),
        address=chosen.address if address is None else address,
        kinds=[{"value": kind.value, "label": page.say(SAID[kind]), "on": kind in chosen.kinds} for kind in CHOICES],
        sets_up=sets_up,
        coded=proof.has_one(db, page.actor),
        programs=service.hooks(db, page.actor, page.now) if sets_up else [],
        zones=picker.one_of(db, page, Action.SETTINGS_EDIT, "zone_id", program["zone_id"]) if sets_up else None,
        program=program,
        secret=secret,
        errors=errors or {},
    )
