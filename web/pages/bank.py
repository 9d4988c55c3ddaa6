"""One message of the bank: what it says, its drill, what it said before, and how it is changed."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank import repository, service
from scheduler.bank.models import BankSource
from scheduler.bank.naming import CORRECTIONS, SIREN
from scheduler.bank.schemas import MAX_TEXT, BankEntryOut, BankNew, BankState, NewBankRecording
from scheduler.errors import Conflict, NotFound
from scheduler.people import proof
from scheduler.people import repository as people
from scheduler.rights import Action
from web.auth import ReadDb
from web.i18n import N_
from web.pages import words
from web.pages.bank_form import LANGUAGES, BankForm, fields_of, from_request, of_entry
from web.pages.compose_form import uploaded
from web.pages.emergency_bank import row
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.telling import tell_after
from web.uploads import Received, keep, takes

NO_SOUND = N_("Choose a sound file.")
PURPOSE = {
    Purpose.REAL: N_("For real emergencies"),
    Purpose.DRILL: N_("For drills only"),
    Purpose.TEST: N_("For testing loudspeakers"),
}
_TAKEN_BACK = N_("Takes an alarm back")

router = APIRouter(prefix="/emergency/bank", include_in_schema=False)


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    return _form(db, page, BankForm())


@router.post("/new")
def create(page: ThePage, data: TheForm) -> Response:
    form = from_request(data)
    errors: Errors = {field: page.say(message) for field, message in form.missing().items()}
    if not errors:
        with page.attempt() as errors:
            return _made(page, data, "create", lambda db: service.create(db, page.actor, page.now, _new(db, form)))
    with page.centre.store.reading() as db:
        return _form(db, page, form, errors)


@router.get("/{name}")
def message(db: ReadDb, page: ThePage, name: str) -> Response:
    return _message(db, page, name)


@router.get("/{name}/edit")
def edit(db: ReadDb, page: ThePage, name: str) -> Response:
    entry = service.history(db, page.actor, page.now, name)[0]
    return _form(db, page, of_entry(entry), entry=entry)


@router.post("/{name}/edit")
def revise(page: ThePage, name: str, data: TheForm) -> Response:
    form = from_request(data)
    with page.centre.store.reading() as db:
        entry = service.history(db, page.actor, page.now, name)[0]
    with page.attempt() as errors:
        change = form.change(entry.titles)

        def act(db: Session) -> BankEntryOut:
            return service.revise(db, page.actor, page.now, name, revision=form.revision, change=change)

        return _made(page, data, "revise", act, name)
    with page.centre.store.reading() as db:
        return _form(db, page, form, errors, entry)


@router.post("/{name}/retire")
def retire(page: ThePage, name: str, data: TheForm) -> Response:
    with page.attempt() as errors:
        if not data.get("sure"):
            raise Conflict("not_sure", N_("Tick the box first."), field="sure")
        return _set(page, name, data, "retire", service.retire)
    with page.centre.store.reading() as db:
        return _message(db, page, name, errors)


@router.post("/{name}/restore")
def restore(page: ThePage, name: str, data: TheForm) -> Response:
    with page.attempt() as errors:
        return _set(page, name, data, "restore", service.restore)
    with page.centre.store.reading() as db:
        return _message(db, page, name, errors)


@router.post("/recordings/{name}", dependencies=[takes(Action.BANK_EDIT)])
def record(page: ThePage, name: str, data: TheForm) -> Response:
    """A language that somebody spoke; has its own transactions, as long sounds take a while to be kept."""
    revision = from_request(data).revision
    with page.attempt() as errors:
        asked = NewBankRecording.model_validate({"language": str(data.get("language") or "")})
        file, producer = uploaded(data), page.centre.producer
        if producer is None:
            raise Conflict("no_producer", "This process of the centre does not produce sound.")
        if file is None or not file.size:
            raise Conflict("file_missing", NO_SOUND, field="file")
        with page.centre.store.writing() as db:
            service.may_record(db, page.actor, page.now, name, revision=revision)
        stored = keep(Received({}, file), producer.originals)

        def act(db: Session) -> BankEntryOut:
            return service.add_recording(db, page.actor, page.now, name, revision=revision, asked=asked, stored=stored)

        return _made(page, data, "record", act, name)
    with page.centre.store.reading() as db:
        return _message(db, page, name, errors)


def _set(page: Page, name: str, data: FormData, what: str, service_act: Callable[..., BankEntryOut]) -> Response:
    """Take it out, or put it back."""
    revision = from_request(data).revision
    return _made(page, data, what, lambda db: service_act(db, page.actor, page.now, name, revision=revision), name)


def _made(page: Page, data: FormData, what: str, change: Callable[[Session], BankEntryOut], name: str = "") -> Response:
    """Change the bank for a code, which the form calls `code-` and what it does where it is one of several."""

    def act(db: Session) -> BankEntryOut:
        made = change(db)
        tell_after(db, page.centre.changes, f"bank:{made.id}")
        return made

    field = f"code-{what}" if what in ("record", "retire") else "code"
    made = page.anew(str(data.get("code") or ""), act, f"bank.{what}", f"bank:{name}", field=field)
    return page.go(f"/emergency/bank/{made.name}", "bank-retired" if what == "retire" else "bank-made")


def _new(db: Session, form: BankForm) -> BankNew:
    return form.new(repository.names(db))


def _message(db: Session, page: Page, name: str, errors: Errors | None = None) -> Response:
    entries = service.history(db, page.actor, page.now, name)
    newest = entries[0]
    drill = _drill(db, page, newest)
    names = people.names_of(db, {entry.made_by for entry in entries if entry.made_by})
    sounds = [media for entry in (newest, drill) if entry is not None for media in entry.media]
    changeable = newest.editable and service.may_change(db, page.actor, page.now)
    return page.render(
        "bank/message.html",
        422 if errors else 200,
        now=row(page, newest),
        drill=row(page, drill) if drill is not None else None,
        purpose=page.say(_TAKEN_BACK if newest.correction else PURPOSE[newest.purpose]),
        siren=_siren(db, page, newest),
        revisions=[
            row(page, entry)
            | {"by": names.get(entry.made_by or "", "") if entry.made_by else page.say(N_("comes with Loa"))}
            for entry in entries
        ],
        made=sum(media.state in (RecordingState.READY, RecordingState.FAILED) for media in sounds),
        total=len(sounds),
        before=next((entry.revision for entry in entries[1:] if entry.state is BankState.READY), None),
        may_change=changeable,
        may_try=service.may_change(db, page.actor, page.now),
        coded=proof.has_one(db, page.actor),
        may_retire=changeable and newest.purpose is Purpose.REAL and name not in CORRECTIONS,
        recordable=[(code, page.say(word)) for code, word in words.LANGUAGE.items()],
        errors=errors or {},
    )


def _form(
    db: Session, page: Page, form: BankForm, errors: Errors | None = None, entry: BankEntryOut | None = None
) -> Response:
    if not service.may_change(db, page.actor, page.now) or (entry is not None and not entry.editable):
        raise NotFound("not_found", "There is no such page.")
    listed = service.index(db, page.actor, page.now, purpose=Purpose.REAL).items
    return page.render(
        "bank/form.html",
        422 if errors else 200,
        form=form,
        entry=entry,
        title=entry.title(page.language) if entry is not None else "",
        spoken=[(language, page.say(words.LANGUAGE[language])) for language in LANGUAGES],
        sirens=[(one.name, one.title(page.language)) for one in listed if one.name.startswith(SIREN)],
        recorded=[
            (media.language, page.say(words.LANGUAGE.get(media.language, media.language)))
            for media in (entry.media if entry is not None else [])
            if media.source is BankSource.RECORDING
        ],
        max_text=MAX_TEXT,
        coded=proof.has_one(db, page.actor),
        errors=fields_of(errors or {}),
    )


def _drill(db: Session, page: Page, entry: BankEntryOut) -> BankEntryOut | None:
    if entry.drill_id is None or entry.state is BankState.RETIRED:
        return None
    return service.view(db, page.actor, page.now, entry.drill_id)


def _siren(db: Session, page: Page, entry: BankEntryOut) -> str:
    held = service.newest(db, entry.siren) if entry.siren else None
    return held.title(page.language) if held is not None else ""
