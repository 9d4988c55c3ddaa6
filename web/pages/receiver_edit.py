"""The one form in which a loudspeaker is edited: what it is, where it is, how loud, and all that is set for it."""

from fastapi import APIRouter, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from scheduler.fleet import service
from scheduler.fleet.schemas import ReceiverChange, ReceiverDetail, ReceiverMove, ReceiverVolume
from scheduler.people import proof
from scheduler.people.actor import require
from scheduler.rights import Action
from scheduler.zones import service as zone_service
from web.auth import ReadDb
from web.pages import picker, receiver_form
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.telling import tell_after

router = APIRouter(prefix="/receivers", include_in_schema=False)


@router.get("/{receiver_id}/edit")
def edit(db: ReadDb, page: ThePage, receiver_id: str) -> Response:
    found = service.view(db, page.actor, page.now, receiver_id)
    return _form(db, page, found)


@router.post("/{receiver_id}/edit")
def save(page: ThePage, receiver_id: str, form: TheForm) -> Response:
    """What the person may not change is not in their form and stays; to move or to silence it takes a code."""
    with page.centre.store.reading() as db:
        found = service.view(db, page.actor, page.now, receiver_id)
        if picker.unfolding(form):
            return _form(db, page, found, form=form)
        moves = may(db, page, found, Action.RECEIVER_EDIT) and _zone_id(found, form) != found.zone_id
    version = str(form.get("version") or "")

    def act(db: Session) -> None:
        _save(db, page, found, form, int(version) if version.isdigit() else 0)
        tell_after(db, page.centre.changes, f"receiver:{receiver_id}")

    with page.attempt() as errors:
        wanted = ReceiverVolume(volume_by_hour=receiver_form.volume_typed(form))
        page.anew(
            str(form.get("proof") or ""),
            act,
            "receiver.move" if moves else "receiver.volume",
            f"receiver:{receiver_id}",
            needed=moves or (wanted.silent and wanted.volume_by_hour != found.volume_by_hour),
            field="proof",
        )
        return page.go(f"/receivers/{receiver_id}", "saved")
    with page.centre.store.reading() as db:
        return _form(db, page, found, receiver_form.own_fields(errors), form)


def may(db: Session, page: Page, item: ReceiverDetail, action: Action) -> bool:
    """Whether the reader may do this to the loudspeaker."""
    return page.actor.may(action, _path(db, page, item), page.now)


def _path(db: Session, page: Page, item: ReceiverDetail) -> str:
    return zone_service.zone_for(db, page.actor, page.now, item.zone_id).path


def _save(db: Session, page: Page, found: ReceiverDetail, form: FormData, version: int) -> None:
    who = (db, page.actor, page.now, found.id)
    volume = ReceiverVolume(volume_by_hour=receiver_form.volume_typed(form))
    if may(db, page, found, Action.RECEIVER_EDIT):
        change = ReceiverChange.model_validate(receiver_form.change_of(form))
        version = service.change(*who, version=version, change=change).version
        zone_id = _zone_id(found, form)
        if zone_id != found.zone_id:
            version = service.move(*who, version=version, move=ReceiverMove(zone_id=zone_id)).version
    if volume.volume_by_hour != found.volume_by_hour:
        service.set_volume(*who, version=version, volume=volume)


def _zone_id(found: ReceiverDetail, form: FormData) -> str:
    return str(form.get("zone_id") or found.zone_id)


def _form(
    db: Session, page: Page, found: ReceiverDetail, errors: Errors | None = None, form: FormData | None = None
) -> Response:
    may_edit = may(db, page, found, Action.RECEIVER_EDIT)
    if not may_edit:
        require(page.actor, Action.RECEIVER_CONTROL, _path(db, page, found), page.now)
    fields = receiver_form.typed(form) if form is not None else receiver_form.fields_of(found)
    return page.render(
        "receivers/edit.html",
        422 if errors else 200,
        item=found,
        form=fields,
        version=form.get("version") if form is not None else found.version,
        zones=picker.one_of(db, page, Action.RECEIVER_EDIT, "zone_id", fields["zone_id"]),
        recordings=_recordings(db, page, found) if may_edit else [],
        hours=range(receiver_form.HOURS),
        may_edit=may_edit,
        coded=proof.has_one(db, page.actor),
        errors=errors or {},
    )


def _recordings(db: Session, page: Page, found: ReceiverDetail) -> list[tuple[str, str]]:
    """(id, title and length) of what can be kept there, and of what is."""
    choices = service.message_choices(db, page.actor, page.now, found.id)
    sounds = {choice.recording_id: (choice.title, choice.duration_us) for choice in choices}
    kept = {message.recording_id: (message.title, message.duration_us) for message in found.messages}
    return [
        (recording_id, f"{title} ({page.show.clock(length_us)})")
        for recording_id, (title, length_us) in (kept | sounds).items()
    ]
