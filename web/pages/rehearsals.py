"""The weekly test of the loudspeakers: when it is where, what came of it, and one at once."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.emergency.rehearsal import service
from scheduler.emergency.rehearsal.schemas import RehearsalIn, RehearsalOut, RunIn, RunOut, RunState
from scheduler.emergency.schemas import MAX_WORD, WORDS
from scheduler.errors import Invalid
from scheduler.people import proof
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from scheduler.zones.models import ZoneKind
from web.auth import ReadDb
from web.i18n import N_
from web.pages import emergency_words, repeating, words
from web.pages.emergency_form import typed
from web.pages.frame import Errors, Page, ThePage
from web.pages.words import Look
from web.telling import tell_after

RUNS = 20
PLACES = 60
_SMALL = (ZoneKind.VILLAGE, ZoneKind.HAMLET)
STATE = {
    RunState.RUNNING: Look(N_("running"), "busy", "hourglass"),
    RunState.CLOSED: Look(N_("done"), "good", "check"),
    RunState.MISSED: Look(N_("did not take place"), "warn", "triangle"),
}
VERDICT = {
    "heard": Look(N_("heard"), "good", "check"),
    "faint": Look(N_("heard faintly"), "warn", "triangle"),
    "played": Look(N_("played, nobody listened"), "good", "check"),
    "not_heard": Look(N_("not heard by the microphone"), "warn", "triangle"),
    "failed": Look(N_("failed"), "warn", "triangle"),
    "waiting": Look(N_("not its time to answer yet"), "busy", "hourglass"),
    "no_answer": Look(N_("no answer"), "warn", "hourglass"),
    "unreachable": Look(N_("cannot be reached"), "lost", "lost"),
}
TROUBLE = {
    "centre_was_away": N_("the centre was not running"),
    "no_receivers": N_("there is no loudspeaker"),
    "quiet_hours": N_("quiet hours"),
    "no_test_message": N_("the test announcement is not ready yet"),
    "test_running": N_("another test was running there"),
}

Code = Annotated[str, Form(max_length=300)]
Word = Annotated[str, Form(max_length=MAX_WORD)]

router = APIRouter(prefix="/rehearsals", include_in_schema=False)


@router.get("")
def listing(db: ReadDb, page: ThePage) -> Response:
    """Every larger place with its weekly test and the last outcome."""
    tree = zone_service.tree(db, page.actor, page.now, Action.REPORT_READ)
    larger = [zone for zone in tree if zone.kind not in _SMALL][:PLACES]
    rows = [
        {"zone": zone, "when": _when(page, held), "last": _run(page, last) if last else None}
        for zone, held, last in service.overview(db, page.actor, page.now, larger)
    ]
    return page.render("emergency/rehearsals.html", rows=rows)


@router.get("/runs/{run_id}")
def report(db: ReadDb, page: ThePage, run_id: str) -> Response:
    found = service.run_report(db, page.actor, page.now, run_id)
    receivers = [
        {
            "id": one.receiver_id,
            "name": one.name,
            "look": VERDICT[one.verdict.value],
            "troubles": [_trouble(page, code) for code in one.troubles],
            "level_dbfs": one.level_dbfs,
            "at": one.at,
        }
        for one in found.receivers
    ]
    return page.render("emergency/rehearsal_run.html", run=_run(page, found), receivers=receivers, **_desk(page))


@router.get("/{zone_id}")
def place(db: ReadDb, page: ThePage, zone_id: str) -> Response:
    return _place(db, page, zone_id)


@router.post("/{zone_id}")
def change(
    page: ThePage,
    zone_id: str,
    *,
    weekday: Annotated[str, Form(max_length=1)] = "",
    at: Annotated[str, Form(max_length=5)] = "",
    silent: Annotated[bool, Form()] = False,
    version: Annotated[int, Form()] = 0,
    word: Word = "",
    code: Code = "",
) -> Response:
    """Set the weekly test; with no day chosen there is none."""
    with page.attempt() as errors:
        fields = {"weekday": weekday, "at": at, "silent": silent, "word": _typed(word)}
        asked = RehearsalIn.model_validate(fields) if weekday else None

        def act(db: Session) -> None:
            if asked is not None:
                _set(db, page, zone_id, asked, version)
            elif version:
                service.remove(db, page.actor, page.now, zone_id, version=version)

        needed = asked is not None and service.takes_code(asked)
        page.anew(code, act, "rehearsal.set", f"zone:{zone_id}", needed=needed, field="code-weekly")
        return page.go(f"/rehearsals/{zone_id}", "saved")
    with page.centre.store.reading() as db:
        return _place(db, page, zone_id, errors)


@router.post("/{zone_id}/run")
def run_now(
    page: ThePage, zone_id: str, *, silent: Annotated[bool, Form()] = False, word: Word = "", code: Code = ""
) -> Response:
    asked = RunIn(silent=silent, word=_typed(word))

    def act(db: Session) -> str:
        run_id = service.start(db, page.actor, page.now, zone_id, asked).id
        tell_after(db, page.centre.changes, f"rehearsal:{run_id}")
        return run_id

    with page.attempt() as errors:
        run_id = page.anew(code, act, "rehearsal.run", f"zone:{zone_id}", needed=service.takes_code(asked))
        return page.go(f"/rehearsals/runs/{run_id}", "rehearsing")
    with page.centre.store.reading() as db:
        return _place(db, page, zone_id, errors)


def _typed(word: str) -> str:
    return typed(word, WORDS[Purpose.TEST])


def _set(db: Session, page: Page, zone_id: str, asked: RehearsalIn, version: int) -> None:
    """Refusals of its word name the field that this form has, beside the one of a test at once."""
    try:
        service.change(db, page.actor, page.now, zone_id, asked, version=version)
    except Invalid as refusal:
        if refusal.field == "word":
            refusal.field = "word-weekly"
        raise


def _place(db: Session, page: Page, zone_id: str, errors: Errors | None = None) -> Response:
    held = service.view(db, page.actor, page.now, zone_id)
    zone = zone_service.zone_for(db, page.actor, page.now, zone_id)
    return page.render(
        "emergency/rehearsal.html",
        422 if errors else 200,
        zone=zone,
        held=held,
        next_said=_when(page, held),
        coded=proof.has_one(db, page.actor),
        **_desk(page),
        test_word=WORDS[Purpose.TEST],
        weekdays=repeating.weekdays(page.show),
        runs=[_run(page, run) for run in service.runs(db, page.actor, page.now, zone_id, limit=RUNS).items],
        errors=errors or {},
    )


def _desk(page: Page) -> dict[str, Any]:
    """What makes a page one of tests: its colour and its mark."""
    return {"desk": emergency_words.TEST, "mark": emergency_words.mark(page.translations, emergency_words.TEST)}


def _when(page: Page, held: RehearsalOut) -> str:
    """The next test in words; empty where none is set."""
    return f"{page.show.moment(held.next_at)} ({page.show.from_now(held.next_at)})" if held.next_at else ""


def _run(page: Page, run: RunOut) -> dict[str, Any]:
    text = N_("%(heard)s of %(total)s heard")
    if run.played:
        text = N_("%(heard)s of %(total)s heard, %(played)s more played with nothing to listen")
    return {
        "run": run,
        "look": STATE[run.state],
        "heard": page.say(text, heard=run.heard, total=run.total, played=run.played),
        "kind": page.say(N_("silent test") if run.silent else N_("test announcement")),
        "trouble": _trouble(page, run.trouble) if run.trouble else "",
    }


def _trouble(page: Page, code: str) -> str:
    if code in TROUBLE:
        return page.say(TROUBLE[code])
    if code in words.FAULT:
        return words.fault(page.translations, code)
    return words.reason(page.translations, code)
