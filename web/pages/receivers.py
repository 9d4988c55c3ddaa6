"""One loudspeaker: state, trends, what it holds, what it last played; installing and shutting out for those who may."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.datastructures import UploadFile

from scheduler.broadcasts import repository as broadcast_sql
from scheduler.fleet import photos as fleet_photos
from scheduler.fleet import service
from scheduler.fleet.schemas import (
    CodeNew,
    EnrolmentCodeView,
    ReceiverDetail,
    ReceiverNew,
    ReportOf,
    ReportView,
)
from scheduler.fleet.upkeep import service as upkeep
from scheduler.live import repository as live_sql
from scheduler.people import proof
from scheduler.rights import Action
from web import photos, practice
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import faults, fleet, picker, receiver_facts, sent_once, trends, words
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.receiver_edit import may
from web.pages.receiver_facts import Fact
from web.telling import tell_after

REPORTS = 12
_FIELDS = ("name", "zone_id", "code", "latitude", "longitude", "horns", "watts")

router = APIRouter(prefix="/receivers", include_in_schema=False)

Typed = Annotated[str, Form(max_length=300)]


class Played(Struct, frozen=True, kw_only=True):
    """A row of what it played: what that was, and what device and microphone say."""

    report: ReportView
    result: words.Look
    title: str
    href: str
    reason: str
    microphone: words.Look | None
    heard: str


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.RECEIVER_EDIT)
    return _new(db, page, dict.fromkeys(_FIELDS, ""))


@router.post("/new")
def add(db: WriteDb, page: ThePage, form: TheForm) -> Response:
    made = None
    if picker.unfolding(form):
        return _new(db, page, {name: str(form.get(name) or "") for name in _FIELDS})
    with page.attempt(db) as errors:
        if (before := sent_once.repeated(db, page, form)) is not None:
            return before
        values = {name: str(form.get(name) or "").strip().replace(",", ".") or None for name in _FIELDS[2:]}
        values |= {"name": str(form.get("name") or ""), "zone_id": str(form.get("zone_id") or "")}
        made = service.create(db, page.actor, page.now, ReceiverNew.model_validate(values))
        sent_once.remember(db, page, form, f"/receivers/{made.id}")
    if made is None or errors:
        return _new(db, page, {name: str(form.get(name) or "") for name in _FIELDS}, errors)
    return _detail(db, page, made.id, code=_new_code(db, page, made.id))


@router.get("/{receiver_id}")
def detail(db: ReadDb, page: ThePage, receiver_id: str) -> Response:
    return _detail(db, page, receiver_id)


@router.post("/{receiver_id}/code")
def new_code(page: ThePage, receiver_id: str, code: Typed = "") -> Response:
    """Shows the code at once; only a hash of it is kept. A loudspeaker is taken over only with a code typed anew."""
    made = None
    with page.attempt() as errors:
        made = page.anew(
            code,
            lambda db: _new_code(db, page, receiver_id),
            "receiver.code",
            f"receiver:{receiver_id}",
            needed=lambda db: service.taken(db, receiver_id),
            field="code-install",
        )
    with page.centre.store.reading() as db:
        return _detail(db, page, receiver_id, code=made, errors=errors)


@router.post("/{receiver_id}/self-test")
def test_now(db: WriteDb, page: ThePage, receiver_id: str) -> Response:
    with page.attempt(db) as errors:
        service.test_now(db, page.actor, page.now, receiver_id)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")
    done = page.go(f"/receivers/{receiver_id}", "test-asked")
    return _detail(db, page, receiver_id, errors=errors) if errors else done


@router.post("/{receiver_id}/restart")
def restart(db: WriteDb, page: ThePage, receiver_id: str) -> Response:
    with page.attempt(db) as errors:
        service.restart(db, page.actor, page.now, receiver_id)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")
    done = page.go(f"/receivers/{receiver_id}", "restart-asked")
    return _detail(db, page, receiver_id, errors=errors) if errors else done


@router.get("/{receiver_id}/photo")
def photo(db: ReadDb, page: ThePage, receiver_id: str) -> Response:
    return photos.shown(page.centre, fleet_photos.photo(db, page.actor, page.now, receiver_id))


@router.post("/{receiver_id}/photo", dependencies=[photos.TAKES])
def set_photo(page: ThePage, form: TheForm, receiver_id: str) -> Response:
    """Another picture, or none: `intent` is then `delete`."""
    who = (page.centre, page.actor, page.now, receiver_id)
    with page.attempt() as errors:
        if form.get("intent") == "delete":
            photos.put(*who, None)
        else:
            sent = form.get("photo")
            photos.take(*who, sent.file.read(photos.MAX_BYTES + 1) if isinstance(sent, UploadFile) else b"")
    if not errors:
        return page.go(f"/receivers/{receiver_id}", "saved")
    with page.centre.store.reading() as db:
        return _detail(db, page, receiver_id, errors=errors)


@router.post("/{receiver_id}/revoke")
def revoke(page: ThePage, receiver_id: str, code: Typed = "") -> Response:
    def act(db: Session) -> None:
        service.revoke(db, page.actor, page.now, receiver_id)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")

    with page.attempt() as errors:
        page.anew(code, act, "receiver.revoke", f"receiver:{receiver_id}", field="code-revoke")
        return page.go(f"/receivers/{receiver_id}", "revoked")
    with page.centre.store.reading() as db:
        return _detail(db, page, receiver_id, errors=errors)


@router.post("/{receiver_id}/delete")
def delete(db: WriteDb, page: ThePage, receiver_id: str, version: Annotated[int, Form(ge=0)] = 0) -> Response:
    with page.attempt(db) as errors:
        service.remove(db, page.actor, page.now, receiver_id, version=version)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")
    return _detail(db, page, receiver_id, errors=errors) if errors else page.go("/receivers", "deleted")


def _new_code(db: Session, page: Page, receiver_id: str) -> EnrolmentCodeView:
    order_key = page.centre.order_key
    made = service.new_code(db, page.actor, page.now, receiver_id, order_key=order_key, asked=CodeNew(hours=24))
    return made.model_copy(update={"code": practice.CODE}) if page.centre.settings.practice else made


def _commands(centre_url: str, code: str, *, again: bool) -> str:
    """What is typed on the machine, by docs/receiver.md; `again` where one may have been enrolled on it before."""
    enrol = f"/opt/loa/bin/loa receiver enrol {centre_url} {code} --state /var/lib/loa-receiver --device horn"
    if not again:
        return enrol
    return "\n".join(("systemctl stop loa-receiver", f"{enrol} --again", "systemctl start loa-receiver"))


def _new(db: Session, page: Page, form: dict[str, str], errors: Errors | None = None) -> Response:
    zones = picker.one_of(db, page, Action.RECEIVER_EDIT, "zone_id", form["zone_id"])
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
        faults=[faults.said(page, fault) for fault in found.faults],
        groups=receiver_facts.groups(page.show, found),
        about=_about(page, found),
        settings=receiver_facts.settings(page.show, found),
        stale=_stale(page, found),
        played=_played(db, page, reports),
        trends=trends.trends(page.show, upkeep.samples(db, page.actor, page.now, receiver_id).items),
        restart=receiver_facts.restart_said(page.show, found),
        code=code,
        commands=code and _commands(page.centre.settings.base_url, code.code, again=found.enrolled_at is not None),
        coded=proof.has_one(db, page.actor),
        may_enrol=may(db, page, found, Action.RECEIVER_ENROL),
        may_edit=may(db, page, found, Action.RECEIVER_EDIT),
        may_control=may(db, page, found, Action.RECEIVER_CONTROL),
        can_test=found.enrolled_at is not None and found.revoked_at is None,
        errors=errors or {},
    )


def _played(db: Session, page: Page, reports: Sequence[ReportView]) -> list[Played]:
    ids = {report.broadcast_id for report in reports}
    titles = {key: title for key, (title, _cls) in broadcast_sql.named(db, ids).items()}
    talks = live_sql.titles(db, ids - titles.keys())
    return [_played_row(page, report, titles, talks) for report in reports]


def _played_row(page: Page, report: ReportView, titles: Mapping[str, str], talks: Mapping[str, str]) -> Played:
    title, href = titles.get(report.broadcast_id, report.broadcast_id), ""
    if report.of is ReportOf.MESSAGE:
        title = page.say(N_("Started at the loudspeaker: %(name)s"), name=report.message or "–")
    elif report.of is ReportOf.LOST:
        title = page.say(N_("The record of it is lost"))
    elif report.broadcast_id in talks:
        title = talks[report.broadcast_id]
        href = f"/live/{report.broadcast_id}" if page.can(Action.LIVE_LISTEN) else ""
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
        (N_("Number of horns"), show.number(item.horns)),
        (N_("Amplifier"), f"{item.watts} W" if item.watts is not None else "–"),
        (N_("Position"), where or "–"),
        (N_("Languages"), ", ".join(item.languages) if item.languages else page.say(N_("those of the place"))),
        (N_("Installed"), show.moment(item.enrolled_at)),
        (N_("Key valid until"), show.day(item.certificate_expires_at)),
    ]
    facts = [Fact(label=page.say(label), value=value) for label, value in found]
    return [*facts, Fact(label=page.say(N_("Note")), value=item.note)] if item.note else facts


def _stale(page: Page, item: ReceiverDetail) -> str | None:
    """Since when nothing was heard of it, where what it says of itself is old."""
    if item.seen_at is None or item.condition in fleet.GROUPS["online"]:
        return None
    return page.show.moment(item.seen_at)
