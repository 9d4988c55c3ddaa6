"""The message bank as a list to listen to: what every receiver holds ahead of time, and which ones do not yet."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.bank import completeness, service
from scheduler.bank.naming import SIREN
from scheduler.bank.schemas import BankEntryOut, BankState
from scheduler.bank.sounds import voices
from scheduler.people import proof
from web.auth import ReadDb
from web.i18n import N_
from web.pages import words
from web.pages.frame import Errors, Page, ThePage
from web.pages.words import Look
from web.telling import tell_after

STATE = {
    "ready": Look(N_("ready"), "good", "check"),
    "producing": Look(N_("being produced"), "busy", "hourglass"),
    "failed": Look(N_("failed"), "warn", "triangle"),
    "old": Look(N_("replaced, still in use"), "plain", "clock"),
    "retired": Look(N_("taken out"), "plain", "cross"),
    "gone": Look(N_("replaced"), "plain", "clock"),
}
_GROUPS = (
    ("hazards", N_("Messages")),
    ("corrections", N_("Taking an alarm back")),
    ("sirens", N_("Sirens")),
    ("tests", N_("Tests")),
    ("drills", N_("Drills")),
    ("retired", N_("Taken out of the bank")),
)

router = APIRouter(prefix="/emergency", include_in_schema=False)


@router.get("/bank")
def listing(db: ReadDb, page: ThePage) -> Response:
    return _listing(db, page)


@router.post("/bank/again")
def try_again(page: ThePage) -> Response:
    """Have all that failed produced again; it says nothing new, so no code is asked for."""
    with page.attempt() as errors:
        with page.centre.store.writing() as db:
            for bank_id in service.try_again(db, page.actor, page.now):
                tell_after(db, page.centre.changes, f"bank:{bank_id}")
        return page.go("/emergency/bank", "bank-again")
    with page.centre.store.reading() as db:
        return _listing(db, page, errors)


@router.post("/bank/voice")
def read_anew(page: ThePage, code: Annotated[str, Form(max_length=300)] = "") -> Response:
    """Have every text read by the voice that the centre has now, for a code: it is what everybody will hear."""

    def act(db: Session) -> None:
        for bank_id in service.read_anew(db, page.actor, page.now, _voices(page)):
            tell_after(db, page.centre.changes, f"bank:{bank_id}")

    with page.attempt() as errors:
        page.anew(code, act, "bank.renew", "bank")
        return page.go("/emergency/bank", "bank-made")
    with page.centre.store.reading() as db:
        return _listing(db, page, errors)


def _voices(page: Page) -> dict[str, str]:
    return voices(page.centre.producer) if page.centre.producer is not None else {}


def _listing(db: Session, page: Page, errors: Errors | None = None) -> Response:
    found = service.index(db, page.actor, page.now)
    held = completeness.index(db, page.actor, page.now)
    groups: dict[str, list[BankEntryOut]] = {}
    for entry in sorted(found.items, key=lambda one: (one.title(page.language), -one.revision)):
        groups.setdefault(_group(entry), []).append(entry)
    groups["retired"] = [entry for entry in groups.get("retired", []) if entry.editable]
    return page.render(
        "emergency/bank.html",
        422 if errors else 200,
        errors=errors or {},
        groups=[
            {"id": name, "title": page.say(title), "rows": [row(page, entry) for entry in groups[name]]}
            for name, title in _GROUPS
            if groups.get(name)
        ],
        total_bytes=found.total_bytes,
        producing=found.producing,
        failed=found.failed,
        tried_again=any(media.tried_again for entry in found.items for media in entry.media),
        held=held,
        may_change=service.may_change(db, page.actor, page.now),
        read_otherwise=len(service.read_otherwise(db, _voices(page))),
        coded=proof.has_one(db, page.actor),
    )


def _group(entry: BankEntryOut) -> str:
    if entry.state is BankState.RETIRED:
        return "retired"
    if entry.purpose is not Purpose.REAL:
        return "drills" if entry.purpose is Purpose.DRILL else "tests"
    if entry.name.startswith(SIREN):
        return "sirens"
    return "corrections" if entry.correction else "hazards"


def row(page: Page, entry: BankEntryOut) -> dict[str, Any]:
    """What of an entry is shown and listened to."""
    spoken = not entry.name.startswith(SIREN)
    languages = [page.say(words.LANGUAGE.get(media.language, media.language)) for media in entry.media]
    return {
        "entry": entry,
        "title": entry.title(page.language),
        "look": STATE[entry.state.value],
        "languages": ", ".join(languages) if spoken else "",
        "failed": [
            language
            for media, language in zip(entry.media, languages, strict=True)
            if media.error_code is not None and spoken
        ],
        "tried_again": any(media.tried_again for media in entry.media),
        "sounds": [
            {
                "language": language if spoken else "",
                "text": media.text if spoken else None,
                "url": media.audio_url,
                "size_bytes": media.size_bytes,
                "failed": media.error_code is not None,
                "tried_again": media.tried_again,
            }
            for media, language in zip(entry.media, languages, strict=True)
        ],
    }
