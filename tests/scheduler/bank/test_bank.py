"""What is in the bank, how it changes, and what receivers are told of it."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.wire import topics
from broadcast.wire.documents import MAX_DOCUMENT_BYTES
from broadcast.wire.now import Bank as BankDocument
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.announcements.queueing import StoredSound
from scheduler.bank import document, entries, naming, repository, service
from scheduler.bank.maker import MAX_ATTEMPTS, SILENT_AFTER
from scheduler.bank.models import BankEntry, BankSource
from scheduler.bank.schemas import BankChange, BankNew, BankState, NewBankRecording
from scheduler.bank.shipped import shipped
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet.documents import renewed
from scheduler.people.actor import Actor

DRILL_FRAME = shipped().drill_frame["vi"]


def revise(bank: Any, name: str, *, revision: int = 1, by: Actor | None = None, **change: Any) -> Any:
    with bank.store.writing() as db:
        asked = BankChange.model_validate(change)
        return service.revise(db, by or bank.operator, bank.clock.now(), name, revision=revision, change=asked)


def told(bank: Any, zone_id: str) -> BankDocument | None:
    with bank.store.reading() as db:
        draft = document.bank(db, zone_id, bank.clock.now())
    if draft is None:
        return None
    assert isinstance(draft.document, BankDocument)
    return draft.document


def order(bank: Any, bank_id: str, state: State) -> None:
    now = bank.clock.now()
    with bank.store.writing() as db:
        parts = [{"kind": "bank", "id": bank_id}]
        db.add(
            EmergencyOrder(
                id=f"O{state}", purpose=Purpose.REAL, state=state, parts=parts, reason="x", asked_at=now, lapses_at=now
            )
        )


def drop(bank: Any) -> bool:
    with bank.store.writing() as db:
        return service.drop_unused(db, bank.clock.now())


def test_every_hazard_has_its_drill_and_nothing_of_a_drill_could_be_taken_for_real(filled: Any) -> None:
    found = {item.name: item for item in filled.shown().items}
    hazards = {"flash-flood", "landslide", "storm", "dam-release", "forest-fire", "cold-spell", "evacuation"}
    assert hazards | set(naming.CORRECTIONS) | {naming.TEST_ANNOUNCEMENT} <= found.keys()
    for name, item in found.items():
        assert item.state is BankState.READY
        assert item.purpose is naming.purpose_of(name)
        if item.purpose is Purpose.DRILL:
            real = found[name.removeprefix(naming.DRILL)]
            assert real.drill_id == item.id
            assert item.siren is None
            for media, original in zip(item.media, real.media, strict=True):
                frame = shipped().drill_frame[media.language]
                assert media.text == f"{frame}\n{original.text}\n{frame}"
        if name.startswith(naming.SIREN):
            assert item.purpose is Purpose.REAL
        elif item.purpose is Purpose.REAL:
            assert {media.language for media in item.media} == {"vi", "en"}
            assert item.drill_id is not None
        assert item.siren is None or found[item.siren].purpose is Purpose.REAL


def test_receivers_are_told_once_and_only_of_what_is_produced(bank: Any) -> None:
    bank.maker.seed()
    assert bank.dirty() == set()
    first = bank.maker.claim()
    assert first is not None
    assert bank.dirty() == set()
    assert told(bank, bank.places.province) == BankDocument(
        target=bank.places.province, number=1, issued_us=0, expires_us=0
    )
    bank.maker.keep(first, None)
    assert bank.made() > 40
    assert bank.dirty() == {topics.bank(bank.places.province)}
    known = told(bank, bank.places.province)
    assert known is not None
    assert {message.id for message in known.messages} == bank.ids()
    assert all(message.media[0].language == "vi" for message in known.messages)
    assert told(bank, bank.places.leng) is None


def test_the_whole_bank_fits_in_a_document(filled: Any) -> None:
    with filled.store.reading() as db:
        draft = document.bank(db, filled.places.province, filled.clock.now())
    assert draft is not None
    sealed = renewed(draft, None, Ed25519PrivateKey.generate(), filled.clock.now())
    assert sealed is not None
    assert len(sealed.jws) < MAX_DOCUMENT_BYTES / 10


def test_starting_again_changes_nothing_and_new_words_make_a_new_revision(filled: Any) -> None:
    filled.maker.seed()
    assert filled.made() == 0
    with filled.store.writing() as db:
        older = repository.newest(db, "storm")
        assert older is not None
        older.media[0].text = "What an older version said."
    filled.maker.seed()
    assert filled.made() == 1
    assert filled.entry("storm.2").media[0].text == shipped_text("storm")
    assert filled.dirty() == {topics.bank(filled.places.province)}


def shipped_text(name: str) -> str:
    return next(message.text["vi"] for message in shipped().messages if message.name == name)


def test_what_people_changed_is_not_taken_back_by_a_newer_version(filled: Any) -> None:
    revise(filled, "storm", texts={"vi": "Bão số 5."})
    filled.made()
    filled.maker.seed()
    assert filled.made() == 0
    assert [media.text for media in filled.entry("storm.2").media] == ["Bão số 5."]
    assert [media.text for media in filled.entry("drill-storm.2").media] == [f"{DRILL_FRAME}\nBão số 5.\n{DRILL_FRAME}"]


TEST = naming.TEST_ANNOUNCEMENT


def test_a_test_is_framed_as_drills_are(filled: Any) -> None:
    said = {media.language: media.text.split("\n") for media in filled.entry(f"{TEST}.1").media}
    for language, (first, words, last) in said.items():
        assert first == last == shipped().drill_frame[language]
        assert words == next(message.text[language] for message in shipped().messages if message.name == TEST)


@pytest.mark.parametrize("typed", ["Thử loa.", f"{DRILL_FRAME}\nThử loa.", f"{DRILL_FRAME}\nThử loa.\n{DRILL_FRAME}"])
def test_whoever_writes_the_test_does_not_take_its_frame_away_nor_say_it_twice(filled: Any, typed: str) -> None:
    revise(filled, TEST, texts={"vi": typed})
    filled.made()
    (media,) = filled.entry(f"{TEST}.2").media
    assert media.text == f"{DRILL_FRAME}\nThử loa.\n{DRILL_FRAME}"


@pytest.mark.parametrize("made_by_people", [False, True])
def test_a_test_of_a_version_that_had_no_frame_gets_one(filled: Any, *, made_by_people: bool) -> None:
    with filled.store.writing() as db:
        older = repository.newest(db, TEST)
        assert older is not None
        older.media[0].text = "Thử loa."
        older.entry.made_by = filled.operator.user_id if made_by_people else None
    filled.maker.seed()
    assert filled.made() == 1
    text = filled.entry(f"{TEST}.2").media[0].text
    words = "Thử loa." if made_by_people else shipped_text(TEST)
    assert text == f"{DRILL_FRAME}\n{words}\n{DRILL_FRAME}"
    with filled.store.reading() as db:
        newest = repository.newest(db, TEST)
    assert newest is not None
    assert (newest.entry.made_by is not None) is made_by_people
    filled.maker.seed()
    assert filled.made() == 0


def test_an_old_revision_stays_until_no_order_names_it(filled: Any) -> None:
    order(filled, "storm.1", State.ASKED)
    made = revise(filled, "storm", texts={"vi": "Bão số 5."})
    assert (made.id, made.state) == ("storm.2", BankState.PRODUCING)
    filled.later(hours=2)
    assert not drop(filled)  # the new one does not sound yet
    assert filled.entry("storm.1").state is BankState.READY
    filled.made()
    assert not drop(filled)  # it is new only since it is ready
    filled.later(hours=2)
    assert drop(filled)  # the drill's
    assert {"storm.1", "storm.2", "drill-storm.2"} <= filled.ids()
    assert "drill-storm.1" not in filled.ids()
    assert filled.entry("storm.1").state is BankState.OLD
    with filled.store.writing() as db:
        db.get_one(EmergencyOrder, "Oasked").state = State.WITHDRAWN
    filled.dirty()
    assert drop(filled)
    assert filled.dirty() == {topics.bank(filled.places.province)}
    with pytest.raises(NotFound):
        filled.entry("storm.1")
    assert not drop(filled)


def test_a_replaced_revision_stays_an_hour_for_who_has_it_before_their_eyes(filled: Any) -> None:
    revise(filled, "storm", texts={"vi": "Bão số 5."})
    filled.made()
    assert not drop(filled)
    assert filled.entry("storm.1").id == "storm.1"


def test_what_did_not_change_is_not_produced_again(filled: Any) -> None:
    vietnamese, english = filled.entry("storm.1").media
    revise(filled, "storm", texts={"vi": "Bão số 5.", "en": english.text or ""})
    assert filled.made() == 2  # the message and the drill, in Vietnamese
    now = filled.entry("storm.2").media
    assert now[1].sha256 == english.sha256
    assert now[0].sha256 != vietnamese.sha256


def test_only_who_may_issue_emergencies_everywhere_changes_the_bank(filled: Any) -> None:
    for person in (filled.local, filled.administrator, filled.official):
        with pytest.raises(Forbidden):
            revise(filled, "storm", by=person, texts={"vi": "Hội thảo."})
    assert filled.shown(filled.official).total_bytes > 0


def test_two_who_change_the_same_message_do_not_overwrite_each_other(filled: Any) -> None:
    revise(filled, "storm", texts={"vi": "Bão số 5."})
    with pytest.raises(Stale):
        revise(filled, "storm", texts={"vi": "Bão số 6."})


@pytest.mark.parametrize(("name", "refusal"), [("drill-storm", Conflict), ("siren-steady", Conflict), ("x", NotFound)])
def test_a_drill_edited_into_a_real_one_by_request_is_refused(filled: Any, name: str, refusal: type[Exception]) -> None:
    """Hawaii 2018: the drill's words are the message's, framed; nobody writes them."""
    with pytest.raises(refusal):
        revise(filled, name, texts={"vi": "Đây không phải là diễn tập."})


@pytest.mark.parametrize("name", ["drill-mine", "test-mine", "siren-mine", "storm", "a--b", "-a", "x" * 31])
def test_a_new_message_cannot_take_a_name_that_means_something(filled: Any, name: str) -> None:
    new = BankNew.model_construct(name=name, titles={"vi": "X"}, texts={"vi": "X"}, siren=None)
    with pytest.raises(Invalid), filled.store.writing() as db:
        service.create(db, filled.operator, filled.clock.now(), new)


def test_a_new_message_comes_with_its_drill(filled: Any) -> None:
    new = BankNew(name="bridge-closed", titles={"vi": "Cấm cầu"}, texts={"vi": "Cầu bị cấm."}, siren="siren-steady")
    with filled.store.writing() as db:
        made = service.create(db, filled.operator, filled.clock.now(), new)
    assert made.drill_id == "drill-bridge-closed.1"
    assert filled.made() == 2
    assert filled.entry("drill-bridge-closed.1").titles == {"vi": "Diễn tập: Cấm cầu"}


def test_what_no_voice_speaks_is_sent_as_a_recording(filled: Any) -> None:
    with pytest.raises(Invalid, match="sed"):
        revise(filled, "storm", texts={"sed": "…"})
    with filled.store.writing() as db:
        stored = StoredSound("a" * 64, "bao.mp3")
        asked = NewBankRecording(language="sed", title="Bão (Xơ Đăng)")
        made = service.add_recording(
            db, filled.operator, filled.clock.now(), "storm", revision=1, asked=asked, stored=stored
        )
    assert [media.language for media in made.media] == ["vi", "en", "sed"]
    assert filled.made() == 2
    changed = revise(filled, "storm", revision=2, texts={"vi": "Bão số 5."})
    assert [media.language for media in changed.media] == ["vi", "sed"]
    gone = revise(filled, "storm", revision=3, without=["sed"])
    assert [media.language for media in gone.media] == ["vi"]
    with pytest.raises(Invalid):
        revise(filled, "storm", revision=4, without=["vi"])


def test_a_job_that_died_is_done_again_and_given_up_in_the_end(bank: Any) -> None:
    with bank.store.writing() as db:
        entries.add(db, entries.Draft("x", {"vi": "X"}, entries.texts({"vi": "X"})), bank.clock.now(), None)
    for _attempt in range(MAX_ATTEMPTS):
        assert bank.maker.claim() is not None
        assert bank.maker.claim() is None
        bank.clock.step_wall(SILENT_AFTER + timedelta(seconds=1))
    assert bank.maker.claim() is None
    (item,) = bank.shown().items
    assert (item.state, item.media[0].state) == (BankState.FAILED, RecordingState.FAILED)
    assert bank.dirty() == {topics.bank(bank.places.province)}
    assert bank.ids() == set()


def test_a_late_result_of_a_job_that_was_taken_over_counts_for_nothing(bank: Any) -> None:
    with bank.store.writing() as db:
        entries.add(db, entries.Draft("x", {"vi": "X"}, entries.texts({"vi": "X"})), bank.clock.now(), None)
    first = bank.maker.claim()
    bank.clock.step_wall(SILENT_AFTER + timedelta(seconds=1))
    second = bank.maker.claim()
    assert first is not None
    assert second is not None
    bank.maker.keep(first, None)
    with bank.store.reading() as db:
        media = repository.entry(db, "x.1")
        assert media is not None
        assert media.media[0].state is RecordingState.PRODUCING


def test_the_size_of_the_bank_counts_each_sound_once(filled: Any) -> None:
    shown = filled.shown()
    sounds = {media.sha256 for item in shown.items for media in item.media}
    assert shown.total_bytes == 1000 * len(sounds)
    assert sum(shown.bytes_by_language.values()) == shown.total_bytes
    assert (shown.producing, shown.failed) == (0, 0)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # seconds of sound, which know no database
def test_real_sounds_are_made_of_everything(bank: Any, tmp_path: Any, heard_text: Callable[..., Any]) -> None:
    """A tone, a text in both languages, and a recording in a language without a voice, real, as a drill and a test."""
    sound = tmp_path / "spoken.wav"
    heard_text("Một hai ba.", sound)
    with bank.store.writing() as db:
        now, stored = bank.clock.now(), StoredSound(bank.originals.put(sound), "x.wav")
        tone = entries.Sound(BankSource.TONE, text="steady")
        entries.add(db, entries.Draft("siren-steady", {"vi": "Còi"}, {"vi": tone}), now, None)
        draft = entries.Draft("x", {"vi": "X"}, entries.texts({"vi": "Báo yên.", "en": "All clear."}))
        entries.add(db, draft, now, None)
        service.add_recording(
            db, bank.operator, now, "x", revision=1, asked=NewBankRecording(language="sed"), stored=stored
        )
        recording = {"sed": entries.Sound(BankSource.RECORDING, original_sha256=stored.sha256, original_name="x.wav")}
        entries.add(db, entries.Draft("test-x", {"vi": "Thử"}, recording), now, None)
        db.get_one(BankEntry, "x.1").dropped_at = now
    bank.produced()
    real, drill, siren = bank.entry("x.2"), bank.entry("drill-x.1"), bank.entry("siren-steady.1")
    assert all(media.sha256 is not None and bank.media.verify(media.sha256) for media in (*real.media, *drill.media))
    assert siren.duration_us == pytest.approx(10_200_000, abs=50_000)
    for one, framed in zip(real.media, drill.media, strict=True):
        assert (framed.duration_us or 0) > (one.duration_us or 0) + 1_500_000
    (tested,) = bank.entry("test-x.1").media
    assert tested.duration_us == pytest.approx(drill.media[-1].duration_us, abs=500_000)
    shutil.rmtree(tmp_path / "media")
