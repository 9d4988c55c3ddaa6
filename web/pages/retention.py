"""How long what is kept where: the rules, what each would let go of today, and what the last nights let go of."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from scheduler.announcements.models import Category
from scheduler.errors import Invalid
from scheduler.retention import service
from scheduler.retention.choosing import DEFAULT_DAYS, LEAST_DAYS, MAX_DAYS, Subject
from scheduler.retention.schemas import Keep, KeepIn, RuleIn, RuleOut, RunOut
from scheduler.rights import Action
from web.api.retention import shelves_of
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import picker
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.library_words import CATEGORY
from web.pages.retention_words import COUNTED, HELP, SUBJECT, WITHOUT

NIGHTS = 10
_SEEN = Form(max_length=64)

router = APIRouter(prefix="/retention", include_in_schema=False)


@router.get("")
def listing(db: ReadDb, page: ThePage) -> Response:
    """The rules by place, what holds without one, and the last nights."""
    page.needs(Action.RETENTION_READ)
    rules = service.index(db, page.actor, page.now).items
    nights = service.runs(db, page.actor, page.now, limit=NIGHTS).items
    return page.render(
        "retention/list.html",
        rules=[_rule(page, rule) for rule in rules],
        without=[_without(page, subject) for subject in Subject],
        nights=[_night(page, run) for run in nights],
        may_add=page.can(Action.RETENTION_EDIT),
    )


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.RETENTION_EDIT)
    return _new(db, page, {})


@router.post("/new")
def ask(
    db: WriteDb,
    page: ThePage,
    data: TheForm,
    *,
    subject: Annotated[str, Form(max_length=20)] = "",
    zone_id: Annotated[str, Form(max_length=26)] = "",
    category: Annotated[str, Form(max_length=20)] = "",
    tag: Annotated[str, Form(max_length=100)] = "",
    days: Annotated[str, Form(max_length=5)] = "",
    always: Annotated[bool, Form()] = False,
) -> Response:
    typed = {"subject": subject, "zone_id": zone_id, "category": category, "tag": tag, "days": days, "always": always}
    made = ""
    if picker.unfolding(data):
        return _new(db, page, typed)
    with page.attempt(db) as errors:
        asked = {"subject": subject, "zone_id": zone_id, "category": category or None, "tag": tag or None}
        made = service.create(db, page.actor, page.now, RuleIn.model_validate(asked | _keep(days, always=always))).id
    return _new(db, page, typed, errors) if errors else page.go(f"/retention/{made}")


@router.get("/{rule_id}")
def rule(db: ReadDb, page: ThePage, rule_id: str, ends: str = "") -> Response:
    """One rule, and what it would let go of today."""
    return _place(db, page, rule_id, ends=bool(ends))


@router.post("/{rule_id}")
def change(
    db: WriteDb,
    page: ThePage,
    rule_id: str,
    *,
    days: Annotated[str, Form(max_length=5)] = "",
    always: Annotated[bool, Form()] = False,
    version: Annotated[int, Form()] = 0,
) -> Response:
    with page.attempt(db) as errors:
        asked = KeepIn.model_validate(_keep(days, always=always))
        service.change(db, page.actor, page.now, rule_id, asked, version=version)
    return _place(db, page, rule_id, errors, days=days) if errors else page.go(f"/retention/{rule_id}")


@router.post("/{rule_id}/in-force")
def force(
    page: ThePage, rule_id: str, seen: Annotated[str, _SEEN] = "", version: Annotated[int, Form()] = 0
) -> Response:
    """From the next night on, by somebody who looked."""
    store, shelves = page.centre.store, shelves_of(page.centre)
    with page.attempt() as errors:
        with store.reading() as db:
            found = service.dry_run(db, page.actor, page.now, rule_id, shelves)
        with store.writing() as db:
            service.put_in_force(db, page.actor, page.now, found, seen, version=version)
    return _again(page, rule_id, errors) if errors else page.go(f"/retention/{rule_id}", "rule-in-force")


@router.post("/{rule_id}/end")
def end(page: ThePage, rule_id: str, seen: Annotated[str, _SEEN] = "", version: Annotated[int, Form()] = 0) -> Response:
    store, shelves = page.centre.store, shelves_of(page.centre)
    with page.attempt() as errors:
        with store.reading() as db:
            found = service.dry_run(db, page.actor, page.now, rule_id, shelves, ends=True)
        with store.writing() as db:
            service.end(db, page.actor, page.now, rule_id, version=version, found=found, seen=seen)
    return _again(page, rule_id, errors, ends=True) if errors else page.go("/retention", "rule-ended")


def _again(page: Page, rule_id: str, errors: Errors, *, ends: bool = False) -> Response:
    with page.centre.store.reading() as db:
        return _place(db, page, rule_id, errors, ends=ends)


def _new(db: Session, page: Page, typed: dict[str, Any], errors: Errors | None = None) -> Response:
    blank: dict[str, Any] = {"subject": "", "zone_id": "", "category": "", "tag": "", "days": "365", "always": False}
    form = blank | typed
    return page.render(
        "retention/new.html",
        422 if errors else 200,
        form=form,
        errors=errors or {},
        zones=picker.one_of(db, page, Action.RETENTION_EDIT, "zone_id", form["zone_id"]),
        subjects=[
            {"value": one.value, "name": SUBJECT[one], "help": HELP[one], "least": LEAST_DAYS[one]} for one in Subject
        ],
        categories=CATEGORY,
        max_days=MAX_DAYS,
    )


def _place(
    db: Session, page: Page, rule_id: str, errors: Errors | None = None, *, ends: bool = False, days: str | None = None
) -> Response:
    found = service.view(db, page.actor, page.now, rule_id)
    tried = None
    if found.asked is not None or ends:
        tried = service.dry_run(db, page.actor, page.now, rule_id, shelves_of(page.centre), ends=ends)
    shown = found.asked or found.in_force or Keep(days=None)
    return page.render(
        "retention/rule.html",
        422 if errors else 200,
        rule=_rule(page, found),
        tried=tried,
        count=_count(page, found.subject, tried.count) if tried else "",
        ends=ends,
        days=days if days is not None else shown.days,
        always=shown.days is None,
        least=LEAST_DAYS[found.subject],
        max_days=MAX_DAYS,
        errors=errors or {},
    )


def _keep(days: str, *, always: bool) -> dict[str, Any]:
    if always:
        return {"days": None}
    if not days.strip().isdigit():
        raise Invalid("bad_days", "Type a number of days, or choose always.", field="days")
    return {"days": int(days)}


def _rule(page: Page, rule: RuleOut) -> dict[str, Any]:
    return {
        "rule": rule,
        "what": _what(page, rule),
        "help": page.say(HELP[rule.subject]),
        "in_force": _said(page, rule.in_force) if rule.in_force else "",
        "asked": _said(page, rule.asked) if rule.asked else "",
    }


def _what(page: Page, rule: RuleOut) -> str:
    name = page.say(SUBJECT[rule.subject])
    if rule.category is not None:
        return f"{name}: {page.say(CATEGORY[Category(rule.category)])}"
    return f"{name}: #{rule.tag}" if rule.tag else name


def _said(page: Page, keep: Keep) -> str:
    if keep.days is None:
        return page.say(N_("always"))
    return page.count("%(num)s day", "%(num)s days", keep.days)


def _without(page: Page, subject: Subject) -> dict[str, str]:
    days = DEFAULT_DAYS.get(subject)
    if subject is Subject.LIVE:
        days = page.centre.settings.live_keep_days
    return {
        "what": page.say(SUBJECT[subject]),
        "help": page.say(HELP[subject]),
        "keeps": _said(page, Keep(days=days)),
        "why": page.say(WITHOUT[subject]) if subject in WITHOUT else "",
    }


def _count(page: Page, subject: Subject, number: int) -> str:
    return page.count(*COUNTED[subject], number)


def _night(page: Page, run: RunOut) -> dict[str, Any]:
    return {
        "run": run,
        "results": [
            {
                "what": page.say(SUBJECT[one.subject]),
                "zone": one.zone_name,
                "count": _count(page, one.subject, one.count),
                "size": page.show.size(one.size_bytes),
                "rule_id": one.rule_id,
            }
            for one in run.results
        ],
    }
