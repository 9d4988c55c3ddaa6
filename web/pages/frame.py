"""What every page is made with: the templates, who is looking, and how they read times and words."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import cache, cached_property, partial
from gettext import NullTranslations
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import HTMLResponse, RedirectResponse

from scheduler.errors import Named, Problem
from scheduler.people import home
from scheduler.people.actor import Actor, require_somewhere
from scheduler.people.signin import Known
from scheduler.rights import Action
from web import i18n
from web.auth import AnyKnown, MaybeKnown, Now, TheCentre, actor_of
from web.centre import Centre
from web.i18n import N_
from web.pages import alarms, words
from web.pages.emergency_view import Alarm
from web.pages.present import Present
from web.problems import NEEDED, PYDANTIC_KINDS, field_error, language_of
from web.proving import Prover

TEMPLATES = Path(__file__).parent.parent / "templates"
ERROR_STATUSES = frozenset(
    {
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)

# Whoever may do one of these has something to do on the page of emergencies.
AT_THE_DESK = (Action.EMERGENCY_ISSUE, Action.EMERGENCY_CONFIRM, Action.BROADCAST_STOP)

# What lies under an item of the menu whose address does not say so.
PROGRAMMES = ("/bulletins", "/playlists", "/relays")
TRIALS = ("/drills", "/rehearsals")

Errors = dict[str, str]


class OfAnyField(str):
    """What could be said of any field, so that by itself it does not tell of which."""

    __slots__ = ()


# What a page says after something was done; the key travels in `?said=`.
SAID: Mapping[str, str] = {
    "sent": N_("Sent for approval. It plays once it is approved."),
    "planned": N_("Planned. It goes to the loudspeakers now and plays at its time."),
    "sent-unheard": N_("Sent for approval. As things are planned now it will not play everywhere: see below."),
    "planned-unheard": N_("Planned. As things are planned now it will not play everywhere: see below."),
    "approved-unheard": N_("Approved. As things are planned now it will not play everywhere: see below."),
    "draft": N_("Saved as a draft. It does not play before you send it."),
    "approved": N_("Approved. It goes to the loudspeakers now and plays at its time."),
    "approved-several": N_("Approved. They go to the loudspeakers now and play at their times."),
    "deputy-named": N_("Named. The deputy approves from now on, until the end that you chose."),
    "trial-sent": N_("On its way. Look into your mail in a minute."),
    "returned-all": N_("Returned to the authors with your words."),
    "returned": N_("Returned to the author with your words."),
    "cancelled": N_("Cancelled. It is taken off the loudspeakers."),
    "stopped": N_("Stopped. The loudspeakers fall silent within seconds."),
    "relay-sent": N_("Sent for approval. The relay comes at its times once it is approved."),
    "relay-approved": N_("Approved. The relay comes by itself at its times, until its last day."),
    "relay-draft": N_("Saved as a draft. It does not come before it is sent and approved."),
    "zone-ended": N_("Done. It stays readable, and reports can be made in the old boundaries."),
    "paused": N_("Paused. It does not come until you resume it."),
    "resumed": N_("Resumed. It comes again at its times."),
    "relay-skipped": N_("Left out. Its approval stays; until then you can have it come after all."),
    "relay-restored": N_("It comes at that time after all."),
    "relay-ended": N_("Ended. It comes no more; what was on the air of it stops."),
    "rule-in-force": N_("In force from now on. It is done each night from two o'clock on."),
    "rule-ended": N_("The rule is ended."),
    "saved": N_("Saved."),
    "deleted": N_("Deleted."),
    "password": N_("Your password is changed."),
    "factor-on": N_("The second step is on. Next time you need your phone to sign in."),
    "factor-off": N_("The second step is off."),
    "revoked": N_("Shut out. Its key is refused from now on."),
    "joined": N_("Welcome. Your account is made and you are signed in."),
    "invitation-withdrawn": N_("Withdrawn. The code is worth nothing from now on."),
    "session-ended": N_("Signed out there."),
    "sessions-ended": N_("Signed out everywhere; its tokens are ended too."),
    "others-ended": N_("You are signed out on every other device."),
    "handed-over": N_("Handed over."),
    "access-ended": N_("Handed over, and the access is ended."),
    "signed-out": N_("You are signed out."),
    "test-asked": N_("Asked for. The loudspeaker makes a short chirp as soon as nothing plays."),
    "restart-asked": N_("Asked for. The loudspeaker's program starts again when nothing plays."),
    "fault-acknowledged": N_("Acknowledged, with your name."),
    "fault-silenced": N_("Silenced, with your name. The faults stay on the list."),
    "fault-reset": N_("Reset, with your name. What comes back is new."),
    "reported": N_("Sent. The staff see it at once."),
    "heard-said": N_("Thank you. It stands beside what the loudspeakers measured."),
    "uploading": N_("Received. The sound is being produced."),
    "issued": N_("Sent. Below you see who hears it."),
    "withdrawn": N_("Withdrawn. Nothing sounded."),
    "corrected": N_("Stopped. The correction sounds now; below you see who hears it."),
    "rehearsing": N_("The test has begun. What comes of it shows here within minutes."),
    "bank-made": N_("Saved. Its sounds are being produced; then every loudspeaker gets them."),
    "bank-again": N_("It is being produced again. What comes of it shows here."),
    "bank-retired": N_("Taken out of the bank. An order that names it keeps it until it is over."),
    "live-ended": N_("Ended. The loudspeakers fall silent within seconds."),
    "all-stopped": N_("Everything is stopped. The loudspeakers fall silent within seconds."),
    "all-stopped-later": N_(
        "Stopped here, but the message broker does not answer: the loudspeakers fall silent once it is back. "
        "Have whoever is near them stop them by hand."
    ),
}


_BADLY = "-unheard"


class MenuItem(Struct, frozen=True):
    """`short` stands in the bar at the bottom of a small screen, where seven or eight lie side by side.

    What lies under `folders` belongs to it too.
    """

    href: str
    label: str
    icon: str
    here: bool = False
    count: int = 0
    short: str = ""
    folders: tuple[str, ...] = ()


@cache
def environment(language: str) -> Environment:
    """The templates in one language; an undefined name is an error, everything is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    translations = i18n.translations(language)
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(words=words, languages=i18n.LANGUAGES, form_key=partial(token_hex, 8))
    made.globals["_"] = _quick(translations)
    return made


def _quick(translations: NullTranslations) -> Callable[..., Markup]:
    """`_` as Jinja has it, but that what it says of a bare sentence is kept: lists say the same in each row."""
    kept: dict[str, Markup] = {}

    def say(message: str, /, **params: object) -> Markup:
        if params:
            return Markup(translations.gettext(message)) % params  # noqa: S704 -- our sentences, as Jinja has them
        said = kept.get(message)
        if said is None:
            said = kept[message] = Markup(translations.gettext(message)) % {}  # noqa: S704 -- the same
        return said

    return say


class Page:
    """One request for a page: renders templates for whoever asks."""

    def __init__(self, request: Request, centre: Centre, now: datetime, known: Known | None) -> None:
        self.request = request
        self.centre = centre
        self.now = now
        self.known = known
        self.language = known.actor.language if known else language_of(request)
        self.translations = i18n.translations(self.language)

    @cached_property
    def show(self) -> Present:
        """By the clock of the reader's place, as its loudspeakers play; of who has none, by the centre's."""
        timezone = None
        if self.known is not None:
            with self.centre.store.reading() as db:
                timezone = home.timezone(db, self.known.actor.user_id)
        return Present(self.language, timezone or self.centre.settings.timezone, self.now, self.translations)

    @property
    def who(self) -> Known:
        """Who is signed in and by which session; only pages that need a sign-in ask."""
        if self.known is None:
            raise LookupError("nobody is signed in")
        return self.known

    @property
    def actor(self) -> Actor:
        return self.who.actor

    @property
    def anew(self) -> Prover:
        """For what takes a code of the second factor."""
        return Prover(self.request, self.centre, self.actor, self.now)

    def say(self, message: str, **params: object) -> str:
        """A sentence in the reader's language."""
        text = self.translations.gettext(message)
        return text % params if params else text

    def count(self, one: str, many: str, number: int) -> str:
        return self.translations.ngettext(one, many, number) % {"num": number}

    def can(self, action: Action) -> bool:
        """Whether the reader may do this anywhere."""
        return bool(self.known and self.known.actor.zones_for(action, self.now))

    def needs(self, *actions: Action) -> None:
        """Return if the reader may do one of these anywhere; else Forbidden."""
        require_somewhere(self.actor, self.now, *actions)

    def render(self, name: str, status: int = HTTPStatus.OK, **context: Any) -> HTMLResponse:
        assets = self.request.app.state.assets
        said = SAID.get(self.request.query_params.get("said", ""))
        me = _Me(self.known.actor) if self.known and not self.known.actor.must_change_password else None
        shown = {
            "me": me,
            "alarms": self._alarms(me.actor) if me else [],
            "csrf_token": self.known.csrf_token if self.known else "",
            "show": self.show,
            "static": assets.url,
            "menu": self._menu(),
            "office": self._office(),
            "here": self.request.url.path,
            "said": self.say(said) if said else "",
            "said_badly": self.request.query_params.get("said", "").endswith(_BADLY),
            "practice": self.centre.settings.practice,
            "errors": {},
        }
        text = environment(self.language).get_template(name).render(shown | context)
        return HTMLResponse(_named(text, context.get("errors", {})), status)

    def go(self, path: str, said: str | None = None) -> RedirectResponse:
        """To another page after something was done, so that a reload does not do it again."""
        return RedirectResponse(f"{path}?{urlencode({'said': said})}" if said else path, HTTPStatus.SEE_OTHER)

    @contextmanager
    def attempt(self, db: Session | None = None) -> Iterator[Errors]:
        """Collects what the person can put right, by field, and takes back what was half done; other problems pass."""
        errors: Errors = {}
        try:
            with db.begin_nested() if db is not None else nullcontext():
                yield errors
        except Problem as problem:
            if not mendable(problem):
                raise
            params = {name: self._told(value) for name, value in problem.params.items()}
            errors[problem.field or ""] = self.say(problem.message, **params)
        except ValidationError as problem:
            for error in problem.errors():
                told = field_error(self.language, error)
                of_any = told.code in PYDANTIC_KINDS
                errors.setdefault(told.field, OfAnyField(told.message) if of_any else told.message)

    def lacking(self, form: Mapping[str, Any], *fields: str) -> Errors:
        """Which of these fields were left empty."""
        return {field: OfAnyField(self.say(NEEDED)) for field in fields if not form[field]}

    def _told(self, value: object) -> object:
        """An instant, and what is named, in the words of the page, by its own clock; all else as it is."""
        if isinstance(value, Named):
            return i18n.named(self.translations, value)
        return self.show.within(str(value.tzinfo)).moment(value) if isinstance(value, datetime) else value

    def _alarms(self, actor: Actor) -> list[Alarm]:
        show = self.show  # which reads by itself
        with self.centre.store.reading() as db:
            return alarms.alarms(db, actor, self.now, show)

    def _menu(self) -> list[MenuItem]:
        items = [MenuItem("/", N_("Today"), "today", folders=("/board",))]
        if self.can(Action.BROADCAST_EDIT):
            items.append(MenuItem("/broadcasts/new", N_("New"), "plus"))
        items += [
            *(
                [MenuItem("/inbox", N_("To approve"), "check", short=N_("Inbox"))]
                if self.can(Action.BROADCAST_APPROVE)
                else []
            ),
            MenuItem("/broadcasts", N_("Broadcasts"), "list", short=N_("Plans")),
            MenuItem("/announcements", N_("Announcements"), "doc", short=N_("Library"), folders=PROGRAMMES),
            MenuItem("/receivers", N_("Loudspeakers"), "horn", short=N_("Horns"), folders=("/faults",)),
        ]
        if self.can(Action.LIVE_LISTEN):
            items.append(MenuItem("/live", N_("Live"), "mic"))
        if any(self.can(action) for action in AT_THE_DESK):
            items.append(MenuItem("/emergency", N_("Emergency"), "siren", short=N_("Alarm"), folders=TRIALS))
        return _placed(items, self.request.url.path)

    def _office(self) -> list[MenuItem]:
        items = [MenuItem("/notices", N_("Notices"), "info")] if self.known else []
        if self.can(Action.DEPUTY_NAME):
            items.append(MenuItem("/deputies", N_("Deputies"), "people"))
        if self.can(Action.FAULT_REPORT) and not self.can(Action.RECEIVER_CONTROL):
            items.append(MenuItem("/village", N_("My village"), "horn"))
        if self.can(Action.REPORT_READ):
            items.append(MenuItem("/reports", N_("Reports"), "check"))
        if self.can(Action.FEEDBACK_READ):
            items.append(MenuItem("/feedback", N_("From residents"), "text"))
        if self.can(Action.USER_EDIT):
            items.append(MenuItem("/people", N_("People"), "people"))
        if self.can(Action.AUDIT_READ):
            items.append(MenuItem("/audit", N_("Audit log"), "doc"))
        if self.can(Action.RETENTION_READ):
            items.append(MenuItem("/retention", N_("How long things are kept"), "clock"))
        if self.can(Action.ZONE_EDIT):
            items.append(MenuItem("/zones", N_("Zones"), "tree"))
        if self.known and self.centre.settings.practice_url:
            items.append(MenuItem(self.centre.settings.practice_url, N_("Practise without sound"), "again"))
        return items


def mendable(problem: Problem) -> bool:
    """Whether the person can put it right where they are, so that it is said there."""
    return problem.status in ERROR_STATUSES or problem.field is not None


def _named(text: str, errors: Errors) -> str:
    """A page whose summary names the field, as its label or legend does, where what is wrong could be of any."""
    for field, message in errors.items():
        at = re.escape(field)
        label = re.search(rf'<label for="{at}"[^>]*>(.*?)</label>|id="{at}"[^>]*><legend[^>]*>(.*?)</legend>', text)
        if isinstance(message, OfAnyField) and label is not None:
            name = Markup(label[1] or label[2]).striptags().rstrip("?")  # noqa: S704 -- of our own page
            said = f'<a href="#{escape(field)}">{{}}</a>'
            lower = escape(f"{name}: {message[:1].lower()}{message[1:]}")
            text = text.replace(said.format(escape(message)), said.format(lower), 1)
    return text


class _Me(Struct, frozen=True):
    actor: Actor

    @property
    def id(self) -> str:
        return self.actor.user_id

    @property
    def name(self) -> str:
        return self.actor.name

    @property
    def login(self) -> str:
        return self.actor.login


def _placed(items: list[MenuItem], path: str) -> list[MenuItem]:
    """Marks the item under which `path` lies: the one with the longest folder of it."""
    folders = {folder: item.href for item in items for folder in (item.href, *item.folders)}
    under = [folder for folder in folders if path == folder or (folder != "/" and path.startswith(f"{folder}/"))]
    here = folders[max(under, key=len)] if under else None
    return [replace(item, here=item.href == here) for item in items]


def open_page(request: Request, centre: TheCentre, now: Now, known: MaybeKnown) -> Page:
    return Page(request, centre, now, known)


def first_page(request: Request, centre: TheCentre, now: Now, known: AnyKnown) -> Page:
    return Page(request, centre, now, known)


def signed_in_page(request: Request, centre: TheCentre, now: Now, known: AnyKnown) -> Page:
    actor_of(known)
    return Page(request, centre, now, known)


OpenPage = Annotated[Page, Depends(open_page)]  # for anybody
FirstPage = Annotated[Page, Depends(first_page)]  # signed in, perhaps with a one-time password still
ThePage = Annotated[Page, Depends(signed_in_page)]  # signed in with a password of one's own
