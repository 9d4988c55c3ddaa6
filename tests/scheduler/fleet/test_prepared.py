from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import to_us
from broadcast.wire import topics
from broadcast.wire.documents import Amplifier, BroadcastClass, LocalMessage, Media, ReceiverSettings, SelfTest
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording, RecordingState
from scheduler.announcements.schemas import TextRecording
from scheduler.broadcasts import onair, recorded
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import Broadcast
from scheduler.errors import Conflict, Forbidden, Invalid
from scheduler.fleet import builders, service
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import ReceiverChange, ReceiverDetail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Grant, Role

Change = Callable[..., ReceiverDetail]


@pytest.fixture
def administrator(commune: Any) -> Actor:
    return Actor(user_id="a1", login="quan", name="Quân", grants=(Grant(Role.ADMINISTRATOR, commune.places.province),))


@pytest.fixture
def receiver_id(commune: Any) -> str:
    return f"R{commune.places.leng_1[1:]}"


@pytest.fixture
def change(commune: Any, administrator: Actor, receiver_id: str) -> Change:
    """Sets what is given of the receiver in the first village."""

    def change(**values: object) -> ReceiverDetail:
        with commune.store.writing() as db:
            version = db.get_one(Receiver, receiver_id).version
            asked = ReceiverChange.model_validate(values)
            return service.change(db, administrator, commune.now, receiver_id, version=version, change=asked)

    return change


@pytest.fixture
def told(commune: Any, receiver_id: str) -> Callable[[], ReceiverSettings]:
    def build() -> ReceiverSettings:
        with commune.store.reading() as db:
            draft = builders.receiver_settings(db, receiver_id, commune.now)
        assert draft is not None
        assert isinstance(draft.document, ReceiverSettings)
        return draft.document

    return build


def recording_of(commune: Any, announcement_id: str | None = None) -> str:
    wanted = announcement_id or commune.announcement_id
    with commune.store.reading() as db:
        found: str = db.exec(select(Recording.id).where(Recording.announcement_id == wanted)).one()
        return found


def message(recording_id: str, name: str = "fire", cls: str = "normal") -> dict[str, str]:
    return {"name": name, "recording_id": recording_id, "cls": cls}


def test_what_was_approved_is_prepared_and_told(
    commune: Any, change: Change, told: Callable[[], ReceiverSettings], receiver_id: str
) -> None:
    commune.approved()
    recording_id = recording_of(commune)
    commune.dirty()
    shown = change(messages=[message(recording_id), message(recording_id, "drill")]).messages
    assert [(item.name, item.title) for item in shown] == [("drill", "Lịch cúp điện"), ("fire", "Lịch cúp điện")]
    assert commune.dirty() == {topics.settings(receiver_id)}
    media = Media(sha256=shown[0].sha256 or "", size_bytes=1000, duration_us=60_000_000)
    normal = BroadcastClass.NORMAL
    assert told().messages == (
        LocalMessage(name="drill", media=media, cls=normal),
        LocalMessage(name="fire", media=media, cls=normal),
    )
    with commune.store.reading() as db:
        entry = db.exec(select(AuditEntry).where(AuditEntry.action == "receiver.messages")).one()
        assert f"fire normal {recording_id}" in entry.detail["messages"]
    assert change(messages=[]).messages == []
    assert told().messages == ()


def test_what_nobody_approved_is_not_prepared(commune: Any, change: Change) -> None:
    commune.submitted()
    for wrong in (recording_of(commune), "nothing"):
        with pytest.raises(Invalid, match="approved announcement"):
            change(messages=[message(wrong)])


def test_a_message_has_no_higher_class_than_was_approved(commune: Any, change: Change) -> None:
    commune.approved(commune.draft(cls="priority"))
    recording_id = recording_of(commune)
    with pytest.raises(Invalid, match="lower class"):
        change(messages=[message(recording_id, cls="emergency")])
    assert change(messages=[message(recording_id, cls="priority")]).messages[0].cls is BroadcastClass.PRIORITY


def test_a_name_is_there_once(commune: Any, change: Change) -> None:
    commune.approved()
    recording_id = recording_of(commune)
    with pytest.raises(Invalid, match="twice"):
        change(messages=[message(recording_id), message(recording_id)])


def test_what_is_prepared_is_changed_only_in_a_copy(commune: Any, change: Change) -> None:
    made = commune.approved()
    recording_id = recording_of(commune)
    change(messages=[message(recording_id)])
    with commune.store.writing() as db:
        broadcasts.cancel(db, commune.leader, commune.now, made.id)
        version = announcements.view(db, commune.official, commune.now, commune.announcement_id).version
    text = TextRecording(text="Khác hẳn.")
    with pytest.raises(Conflict, match="Loa keeps"), commune.store.writing() as db:
        announcements.edit_text(db, commune.official, commune.now, recording_id, text, version=version)
    with pytest.raises(Conflict, match="Loa keeps"), commune.store.writing() as db:
        announcements.delete(db, commune.official, commune.now, commune.announcement_id, version=version)


def test_a_message_stays_when_its_broadcast_is_cancelled_but_is_not_prepared_anew(commune: Any, change: Change) -> None:
    made = commune.approved()
    kept = message(recording_of(commune))
    change(messages=[kept])
    with commune.store.writing() as db:
        broadcasts.cancel(db, commune.leader, commune.now, made.id)
    assert len(change(messages=[kept], note="x").messages) == 1
    with pytest.raises(Invalid):
        change(messages=[kept | {"cls": "background"}])


def test_sound_that_was_changed_after_its_broadcast_was_not_approved(commune: Any, change: Change) -> None:
    made = commune.approved()
    recording_id = recording_of(commune)

    def produced(hours: float) -> None:
        with commune.store.writing() as db:
            db.get_one(Broadcast, made.id).state = "done"
            db.get_one(Recording, recording_id).produced_at = commune.later(hours=hours)

    with commune.store.writing() as db:
        onair.replan(db, db.get_one(Broadcast, made.id), commune.now)
    produced(hours=24)
    with pytest.raises(Invalid):
        change(messages=[message(recording_id)])
    produced(hours=-1)
    assert len(change(messages=[message(recording_id)]).messages) == 1


DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY;COUNT=2"}


@pytest.mark.parametrize("later", ["withdrawn", "another", "soundless"])
def test_an_airing_that_never_sounded_or_said_another_thing_approves_nothing(
    commune: Any, change: Change, later: str
) -> None:
    """The first of two is played and over, then the text is changed: the second of them lies after that."""
    made, recording_id = commune.approved(commune.draft(when=DAILY)), recording_of(commune)
    with commune.store.writing() as db:
        db.get_one(Broadcast, made.id).state = "done"
        db.get_one(Recording, recording_id).produced_at = commune.later(hours=24)
        _first, second = recorded.planned_of(db, made.id, commune.now)
        if later == "withdrawn":
            second.withdrawn_at = commune.later(hours=1)
        elif later == "soundless":
            second.has_sound = False
        else:
            second.announcement_id = "another"
    with pytest.raises(Invalid) as refused:
        change(messages=[message(recording_id)])
    assert refused.value.code == "not_approved"


def test_what_is_not_there_any_more_is_not_told(
    commune: Any, change: Change, told: Callable[[], ReceiverSettings]
) -> None:
    commune.approved()
    recording_id = recording_of(commune)
    change(messages=[message(recording_id)])
    with commune.store.writing() as db:
        db.get_one(Recording, recording_id).state = RecordingState.FAILED
    assert told().messages == ()


def test_choices_are_what_was_approved_in_ones_own_area(commune: Any, administrator: Actor, receiver_id: str) -> None:
    commune.approved()
    commune.approved(commune.draft(cls="priority", when="2026-11-23T18:00"))
    commune.saved(commune.draft(commune.announce("Nháp")))
    with commune.store.reading() as db:
        [choice] = service.message_choices(db, administrator, commune.now, receiver_id)
    assert (choice.title, choice.cls, choice.duration_us) == ("Lịch cúp điện", BroadcastClass.PRIORITY, 60_000_000)
    elsewhere = Actor(user_id="a2", login="x", name="X", grants=(Grant(Role.ADMINISTRATOR, commune.places.leng_1),))
    with commune.store.reading() as db:
        assert service.message_choices(db, elsewhere, commune.now, receiver_id) == []


def test_amplifier_test_and_budget_are_told(change: Change, told: Callable[[], ReceiverSettings]) -> None:
    assert (told().amplifier, told().self_test, told().month_budget_bytes) == (Amplifier(), None, None)
    change(
        amplifier_lead_ms=300,
        amplifier_tail_ms=5000,
        self_test_at="12:15",
        self_test_level_dbfs=-30,
        month_budget_mb=800,
    )
    assert told().amplifier == Amplifier(lead_us=300_000, tail_us=5_000_000)
    assert told().self_test == SelfTest(minute=12 * 60 + 15, level_dbfs=-30)
    assert told().month_budget_bytes == 800_000_000
    assert change(self_test_at=None, month_budget_mb=None).self_test_at is None
    assert (told().self_test, told().month_budget_bytes) == (None, None)
    assert told().amplifier.lead_us == 300_000


def test_a_self_test_is_asked_for_and_is_no_edit(
    commune: Any, told: Callable[[], ReceiverSettings], receiver_id: str
) -> None:
    with commune.store.writing() as db:
        db.get_one(Receiver, receiver_id).enrolled_at = None
        with pytest.raises(Conflict, match="enrolled"):
            service.test_now(db, commune.operator, commune.now, receiver_id)
        db.get_one(Receiver, receiver_id).enrolled_at = commune.now - timedelta(days=1)
        with pytest.raises(Forbidden):
            service.test_now(db, commune.official, commune.now, receiver_id)
        before = db.get_one(Receiver, receiver_id).version
    commune.dirty()
    with commune.store.writing() as db:
        asked = service.test_now(db, commune.operator, commune.now, receiver_id)
    assert (asked.version, asked.self_test_asked_at) == (before, commune.now)
    assert commune.dirty() == {topics.settings(receiver_id)}
    assert told().self_test == SelfTest(asked_us=to_us(commune.now))
