"""A centre that gets another voice: what was read before is read anew when somebody wants it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broadcast.produce.producer import Producer
from broadcast.produce.request import Produced, Warn
from broadcast.speech.neural import NeuralVoice
from broadcast.speech.say import all_voices
from scheduler.bank import document, entries, repository, service
from scheduler.bank.maker import BankMaker
from scheduler.bank.sounds import voices
from scheduler.changes import Changes
from scheduler.errors import Conflict, Forbidden

NEURAL = NeuralVoice(Path("mai.onnx"), "vi-VN")
NOW = {"vi": "neural-mai"}


@pytest.fixture
def richer(filled: Any) -> Any:
    """The full bank of a centre that has a neural voice since; it was read by the one that is always there."""
    producer = Producer(filled.media, filled.originals, (NEURAL, *all_voices()))
    filled.maker = BankMaker(filled.store, producer, clock=filled.clock, changes=Changes())
    filled.producer = producer
    return filled


def read_anew(bank: Any, who: Any = None) -> list[str]:
    with bank.store.writing() as db:
        return service.read_anew(db, who or bank.operator, bank.clock.now(), voices(bank.producer))


def otherwise(bank: Any) -> set[str]:
    with bank.store.reading() as db:
        return {held.entry.name for held in service.read_otherwise(db, voices(bank.producer))}


def test_only_a_voice_beside_the_one_that_is_always_there_counts(richer: Any) -> None:
    assert voices(richer.producer) == NOW
    assert voices(replace(richer.producer, voices=all_voices())) == voices(replace(richer.producer, voices=())) == {}


def test_all_is_read_anew_and_sounds_as_before_until_then(richer: Any) -> None:
    names = {item.name for item in richer.shown().items if not item.name.startswith("siren-")}
    assert otherwise(richer) == names
    made = read_anew(richer)
    assert set(made) == {f"{name}.2" for name in names}
    assert {f"{name}.1" for name in names} <= richer.ids()
    before, english = richer.entry("storm.1").media
    assert richer.made() == len(names)  # English has no other voice
    after, same = richer.entry("storm.2").media
    assert (after.text, after.voice, same.sha256) == (before.text, "neural-mai", english.sha256)
    assert after.sha256 != before.sha256
    assert otherwise(richer) == set()
    with pytest.raises(Conflict):
        read_anew(richer)
    richer.maker.seed()
    assert richer.made() == 0


def test_who_wrote_a_message_stays_who_did(richer: Any) -> None:
    with richer.store.reading() as db:
        last = repository.newest(db, "storm")
    assert last is not None
    with richer.store.writing() as db:
        entries.add(db, entries.draft_of(last), richer.clock.now(), richer.operator.user_id)
    read_anew(richer)
    with richer.store.reading() as db:
        written = {name: repository.newest(db, name) for name in ("storm", "flood")}
    assert [held and held.entry.made_by for held in written.values()] == [richer.operator.user_id, None]


def test_what_the_new_voice_could_not_read_is_offered_again(richer: Any) -> None:
    read_anew(richer)
    while (job := richer.maker.claim()) is not None:
        fell_back = (Warn.VOICE_FALLBACK,) if job.asked.name == "storm" else ()
        richer.maker.keep(job, Produced("ab" * 32, 1000, 5_000_000, None, None, "0" * 64, fell_back))
    assert otherwise(richer) == {"storm"}


def test_only_who_may_change_the_bank_has_it_read_anew(richer: Any) -> None:
    for person in (richer.local, richer.administrator, richer.official):
        with pytest.raises(Forbidden):
            read_anew(richer, person)


def test_what_is_replaced_is_what_has_no_room(richer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read_anew(richer)
    richer.made()
    monkeypatch.setattr(document, "MAX_MESSAGES", len({name.rpartition(".")[0] for name in richer.ids()}))
    with richer.store.reading() as db:
        draft = document.bank(db, richer.places.province, richer.clock.now())
        newest = {held.entry.id for held in repository.held(db) if held.entry.revision == 2}
    assert draft is not None
    told = {message.id for message in getattr(draft.document, "messages", ())}
    assert newest <= told
    assert "siren-steady.1" in told
