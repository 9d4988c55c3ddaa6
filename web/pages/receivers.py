"""Loudspeakers: state, what they hold, what they last played; installing and shutting out for those who may."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from msgspec import Struct
from sqlmodel import Session

from broadcast.wire.fault_codes import FaultCode
from scheduler.broadcasts import repository as broadcast_sql
from scheduler.fleet import service
from scheduler.fleet.schemas import (
    CodeNew,
    Condition,
    EnrolmentCodeView,
    FaultView,
    ReceiverDetail,
    ReceiverNew,
    ReceiverView,
    ReportOf,
    ReportView,
)
from scheduler.rights import Action
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import receiver_facts, words
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.people import zone_options
from web.pages.receiver_edit import may
from web.pages.receiver_facts import Fact
from web.telling import tell_after

REPORTS = 12
_GROUPS = {
    "online": (Condition.ONLINE, Condition.PLAYING, Condition.FAULT),
    "fault": (Condition.FAULT,),
    "offline": (Condition.OFFLINE, Condition.SILENT, Condition.NEVER),
    "waiting": (Condition.UNENROLLED, Condition.REVOKED),
}
_FILTERS = (
    ("", N_("All")),
    ("online", N_("Online")),
    ("fault", N_("Faults")),
    ("offline", N_("Connection lost")),
    ("waiting", N_("Not installed")),
)
_FIELDS = ("name", "zone_id", "code", "latitude", "longitude", "horns", "watts")

router = APIRouter(prefix="/receivers", include_in_schema=False)


class Fault(Struct, frozen=True):
    """In words, with what the loudspeaker says of it and since when."""

    text: str
    detail: str = ""
    since: datetime | None = None


class Played(Struct, frozen=True, kw_only=True):
    """A row of what it played: what that was, and what device and microphone say."""

    report: ReportView
    result: words.Look
    title: str
    href: str
    reason: str
    microphone: words.Look | None
    heard: str


@router.get("")
def listing(db: ReadDb, page: ThePage, show: str = "") -> Response:
    found = service.index(db, page.actor, page.now).items
    counts = Counter(item.condition for item in found)
    shown = [item for item in found if not show or item.condition in _GROUPS.get(show, ())]
    filters = [
        {"value": value, "label": page.say(label), "here": value == show, "count": _many(counts, value, len(found))}
        for value, label in _FILTERS
    ]
    online = _many(counts, "online", len(found))
    return page.render(
        "receivers/list.html",
        places=_by_place(page, shown),
        filters=[f for f in filters if f["count"] or f["here"]],
        total=len(found),
        summary_line=page.say(N_("%(online)s/%(total)s loudspeakers online"), online=online, total=len(found)),
        may_add=page.can(Action.RECEIVER_EDIT),
    )


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    return _new(db, page, dict.fromkeys(_FIELDS, ""))


@router.post("/new")
def add(db: WriteDb, page: ThePage, form: TheForm) -> Response:
    made = None
    with page.attempt(db) as errors:
        values = {name: str(form.get(name) or "").strip().replace(",", ".") or None for name in _FIELDS[2:]}
        values |= {"name": str(form.get("name") or ""), "zone_id": str(form.get("zone_id") or "")}
        made = service.create(db, page.actor, page.now, ReceiverNew.model_validate(values))
    if made is None or errors:
        return _new(db, page, {name: str(form.get(name) or "") for name in _FIELDS}, errors)
    return _detail(db, page, made.id, code=_new_code(db, page, made.id))


@router.get("/{receiver_id}")
def detail(db: ReadDb, page: ThePage, receiver_id: str) -> Response:
    return _detail(db, page, receiver_id)


@router.post("/{receiver_id}/code")
def new_code(db: WriteDb, page: ThePage, receiver_id: str) -> Response:
    """Shows the code at once; only a hash of it is kept."""
    return _detail(db, page, receiver_id, code=_new_code(db, page, receiver_id))


@router.post("/{receiver_id}/self-test")
def test_now(db: WriteDb, page: ThePage, receiver_id: str) -> Response:
    with page.attempt(db) as errors:
        service.test_now(db, page.actor, page.now, receiver_id)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")
    done = page.go(f"/receivers/{receiver_id}", "test-asked")
    return _detail(db, page, receiver_id, errors=errors) if errors else done


@router.post("/{receiver_id}/revoke")
def revoke(db: WriteDb, page: ThePage, receiver_id: str) -> Response:
    with page.attempt(db) as errors:
        service.revoke(db, page.actor, page.now, receiver_id)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")
    return _detail(db, page, receiver_id, errors=errors) if errors else page.go(f"/receivers/{receiver_id}", "revoked")


def _new_code(db: Session, page: Page, receiver_id: str) -> EnrolmentCodeView:
    order_key = page.centre.order_key
    return service.new_code(db, page.actor, page.now, receiver_id, order_key=order_key, asked=CodeNew(hours=24))


def _new(db: Session, page: Page, form: dict[str, str], errors: Errors | None = None) -> Response:
    zones = zone_options(db, page, Action.RECEIVER_EDIT)
    return page.render("receivers/new.html", 422 if errors else 200, form=form, zones=zones, errors=errors or {})


def _detail(
    db: Session,
    page: Page,
    receiver_id: str,
    *,
    code: EnrolmentCodeView | None = None,
    errors: Errors | None = None,
) -> Response:
    found = service.view(db, page.actor, page.now, receiver_id)
    reports = service.reports(db, page.actor, page.now, receiver_id, limit=REPORTS).items
    return page.render(
        "receivers/detail.html",
        422 if errors else 200,
        item=found,
        place=", ".join(reversed(found.place)),
        faults=[_fault(page, fault) for fault in found.faults],
        groups=receiver_facts.groups(page.show, found),
        about=_about(page, found),
        settings=receiver_facts.settings(page.show, found),
        stale=_stale(page, found),
        played=_played(db, page, reports),
        code=code,
        may_enrol=may(db, page, found, Action.RECEIVER_ENROL),
        may_edit=may(db, page, found, Action.RECEIVER_EDIT),
        may_control=may(db, page, found, Action.RECEIVER_CONTROL),
        can_test=found.enrolled_at is not None and found.revoked_at is None,
        errors=errors or {},
    )


def _by_place(page: Page, found: list[ReceiverView]) -> list[dict[str, Any]]:
    """Grouped by the zone above the receiver's own, which for villages is the commune."""
    groups: dict[tuple[str, ...], list[ReceiverView]] = {}
    for item in found:
        groups.setdefault(tuple(item.place[:-1] or item.place), []).append(item)
    return [
        {
            "id": number,
            "name": place[-1],
            "online": sum(item.condition in _GROUPS["online"] for item in items),
            "total": len(items),
            "receivers": [_line(page, item) for item in sorted(items, key=lambda item: (item.place, item.name))],
        }
        for number, (place, items) in enumerate(groups.items())
    ]


def _line(page: Page, item: ReceiverView) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "village": item.place[-1],
        "state": item.condition.value,
        "faults": [_fault(page, fault).text for fault in item.faults],
        "seen_at": item.seen_at,
        "files": f"{item.files_ready}/{item.files_needed}" if item.files_needed else "–",
        "heard_dbfs": item.heard_dbfs,
        "heard_at": item.heard_at,
    }


def _fault(page: Page, fault: FaultView) -> Fault:
    """The fault in words; one that this version does not know by its code."""
    text = page.say(words.FAULT[FaultCode(fault.code)]) if fault.code in words.FAULT else fault.code
    return Fault(text, fault.detail, fault.since)


def _played(db: Session, page: Page, reports: Sequence[ReportView]) -> list[Played]:
    titles = broadcast_sql.named(db, {report.broadcast_id for report in reports})
    return [_played_row(page, report, {key: title for key, (title, _cls) in titles.items()}) for report in reports]


def _played_row(page: Page, report: ReportView, titles: Mapping[str, str]) -> Played:
    title, href = titles.get(report.broadcast_id, report.broadcast_id), ""
    if report.of is ReportOf.MESSAGE:
        title = page.say(N_("Started at the loudspeaker: %(name)s"), name=report.message or "–")
    elif report.of is ReportOf.LOST:
        title = page.say(N_("The record of it is lost"))
    elif report.broadcast_id in titles:
        href = f"/broadcasts/{report.broadcast_id}"
    return Played(
        report=report,
        result=words.UNKNOWN if report.of is ReportOf.LOST else words.look(words.AIRING, report.result),
        title=title,
        href=href,
        reason=words.reason(page.translations, report.reason),
        microphone=words.look(words.MICROPHONE, report.heard.verdict.value) if report.heard else None,
        heard=receiver_facts.heard_said(page.show, report.heard) if report.heard else "",
    )


def _about(page: Page, item: ReceiverDetail) -> list[Fact]:
    show = page.show
    where = f"{show.number(item.latitude, 5)}; {show.number(item.longitude, 5)}" if item.latitude is not None else None
    found = [
        (N_("Horns"), show.number(item.horns)),
        (N_("Amplifier"), f"{item.watts} W" if item.watts is not None else "–"),
        (N_("Position"), where or "–"),
        (N_("Languages"), ", ".join(item.languages) if item.languages else page.say(N_("those of the place"))),
        (N_("Installed"), show.moment(item.enrolled_at)),
        (N_("Key valid until"), show.date(item.certificate_expires_at)),
    ]
    facts = [Fact(label=page.say(label), value=value) for label, value in found]
    return [*facts, Fact(label=page.say(N_("Note")), value=item.note)] if item.note else facts


def _stale(page: Page, item: ReceiverDetail) -> str | None:
    """Since when nothing was heard of it, where what it says of itself is old."""
    if item.seen_at is None or item.condition in _GROUPS["online"]:
        return None
    return page.show.moment(item.seen_at)


def _many(counts: Counter[Condition], group: str, total: int) -> int:
    return total if not group else sum(counts[condition] for condition in _GROUPS[group])
