"""What could not be produced: tried again, and never instead of what sounds."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from broadcast.produce.request import Refusal
from broadcast.wire import topics
from broadcast.wire.now import Bank as BankDocument
from scheduler.bank import document, entries, service
from scheduler.bank.maker import MAX_ATTEMPTS, SILENT_AFTER
from scheduler.bank.models import BankSource
from scheduler.bank.schemas import BankChange, BankState
from scheduler.bank.trying import FIRST_PAUSE, LONGEST_PAUSE
from scheduler.errors import Conflict, Forbidden

SECOND = timedelta(seconds=1)
VIETNAMESE = "Bão lớn."
ENGLISH = "A great storm."


def revised(bank: Any, revision: int = 1, lost: Collection[str] = ("vi",), **change: Any) -> None:
    """The storm says something else, and languages of it are `lost` in producing."""
    asked = BankChange.model_validate(change or {"texts": {"vi": VIETNAMESE, "en": ENGLISH}})
    with bank.store.writing() as db:
        service.revise(db, bank.operator, bank.clock.now(), "storm", revision=revision, change=asked)
    bank.failed(only=lambda asked: asked.language in lost)


def on_receivers(bank: Any, name: str = "storm") -> dict[str, list[str]]:
    """The revisions that they hold, with the languages of each."""
    with bank.store.reading() as db:
        draft = document.bank(db, bank.places.province, bank.clock.now())
    assert draft is not None
    assert isinstance(draft.document, BankDocument)
    found = [message for message in draft.document.messages if message.id.rpartition(".")[0] == name]
    return {message.id: [media.language for media in message.media] for message in found}


def states(bank: Any, name: str = "storm") -> dict[str, BankState]:
    return {item.id: item.state for item in bank.shown().items if item.name == name}


def newest(bank: Any) -> str:
    with bank.store.reading() as db:
        found = service.newest(db, "storm")
    assert found is not None
    return str(found.id)


def drop(bank: Any) -> bool:
    with bank.store.writing() as db:
        return service.drop_unused(db, bank.clock.now())


def tend(bank: Any) -> bool:
    """A minute of the monotonic clock later."""
    asyncio.run(bank.clock.advance(timedelta(seconds=61)))
    return bool(bank.maker.tend())


def one_text(bank: Any) -> None:
    with bank.store.writing() as db:
        entries.add(db, entries.Draft("x", {"vi": "X"}, entries.texts({"vi": "X"})), bank.clock.now(), None)


def test_a_first_start_that_failed_is_made_good_by_the_next(bank: Any) -> None:
    bank.maker.seed()
    failed = bank.failed()
    assert (bank.ids(), bank.shown().failed) == (set(), failed)
    bank.dirty()
    bank.maker.seed()
    assert bank.made() == failed
    assert {"siren-rise-fall.1", "storm.1"} <= bank.ids()
    assert bank.shown().failed == 0
    assert bank.dirty() == {topics.bank(bank.places.province)}


def test_it_is_tried_again_by_itself_and_the_pause_grows_to_its_bound(bank: Any) -> None:
    one_text(bank)
    assert bank.failed() == 1
    pause = FIRST_PAUSE
    for _time in range(12):
        bank.clock.step_wall(pause - 2 * SECOND - timedelta(seconds=61))
        assert not tend(bank)
        bank.clock.step_wall(2 * SECOND)
        assert tend(bank)
        assert bank.failed() == 1
        pause = min(2 * pause, LONGEST_PAUSE)
    bank.clock.step_wall(LONGEST_PAUSE)
    assert tend(bank)
    assert bank.made() == 1
    assert bank.ids() == {"x.1"}


def test_a_clock_that_was_put_back_holds_nothing_up(bank: Any) -> None:
    one_text(bank)
    bank.failed()
    bank.clock.step_wall(timedelta(days=-400))
    assert tend(bank)


@pytest.mark.parametrize(
    ("source", "why", "again"),
    [
        (BankSource.TONE, Refusal.NOT_AUDIO, True),
        (BankSource.TEXT, Refusal.SPEECH_FAILED, True),
        (BankSource.TEXT, Refusal.UNKNOWN_VOICE, True),
        (BankSource.TEXT, Refusal.TOO_LONG, False),
        (BankSource.RECORDING, Refusal.PRODUCE_FAILED, True),
        (BankSource.RECORDING, Refusal.NOT_AUDIO, False),
    ],
)
def test_only_what_never_can_be_produced_stays_failed(
    bank: Any, source: BankSource, why: Refusal, *, again: bool
) -> None:
    sound = entries.Sound(source, text="steady", original_sha256="a" * 64)
    with bank.store.writing() as db:
        entries.add(db, entries.Draft("x", {"vi": "X"}, {"vi": sound}), bank.clock.now(), None)
    assert bank.failed(why) == 1
    (item,) = bank.shown().items
    assert (item.state, item.media[0].tried_again) == (BankState.FAILED, again)
    bank.later(days=2)
    assert tend(bank) is again
    assert bank.made() == again


def test_one_that_ends_its_centre_each_time_is_tried_again_once_a_pause(bank: Any) -> None:
    one_text(bank)
    for _attempt in range(MAX_ATTEMPTS):
        assert bank.maker.claim() is not None
        bank.clock.step_wall(SILENT_AFTER + SECOND)
    assert bank.maker.claim() is None
    bank.later(hours=6)
    assert tend(bank)
    assert bank.maker.claim() is not None
    bank.clock.step_wall(SILENT_AFTER + SECOND)
    assert bank.maker.claim() is None  # at once, not after three more deaths
    assert bank.shown().failed == 1


def test_what_sounds_goes_on_while_a_language_of_it_is_tried_again(bank: Any) -> None:
    bank.maker.seed()
    bank.failed(only=lambda asked: asked.language == "en")
    assert on_receivers(bank) == {"storm.1": ["vi"]}
    bank.maker.seed()
    assert on_receivers(bank) == {"storm.1": ["vi"]}
    bank.made()
    assert on_receivers(bank) == {"storm.1": ["vi", "en"]}


def test_a_revision_that_lost_a_language_replaces_nothing(filled: Any) -> None:
    revised(filled)
    assert on_receivers(filled) == {"storm.1": ["vi", "en"]}
    assert newest(filled) == "storm.1"
    assert states(filled) == {"storm.2": BankState.FAILED, "storm.1": BankState.READY}
    filled.later(hours=3)
    drop(filled)
    assert on_receivers(filled) == {"storm.1": ["vi", "en"]}
    with pytest.raises(Exception, match="no such message"), filled.store.reading() as db:
        service.get(db, "storm.2")


def test_it_does_once_that_language_is_there_and_the_old_one_stays_an_hour_from_then_on(filled: Any) -> None:
    revised(filled)
    filled.later(hours=3)
    assert tend(filled)
    assert on_receivers(filled) == {"storm.1": ["vi", "en"]}
    filled.made()
    assert newest(filled) == "storm.2"
    assert on_receivers(filled) == {"storm.2": ["vi", "en"], "storm.1": ["vi", "en"]}
    assert not drop(filled)
    filled.later(hours=1)
    assert drop(filled)
    assert on_receivers(filled) == {"storm.2": ["vi", "en"]}


def test_a_language_that_somebody_takes_out_is_not_missed(filled: Any) -> None:
    revised(filled, lost=("en",), without=["en"], texts={"vi": VIETNAMESE})
    assert newest(filled) == "storm.2"
    revised(filled, revision=2, lost=("en",))
    assert newest(filled) == "storm.3"  # which no revision before it said in English
    assert filled.entry("storm.3").state is BankState.READY


def test_a_third_revision_is_held_to_what_sounds_not_to_what_failed(filled: Any) -> None:
    revised(filled)
    revised(filled, revision=2, lost=("en",), texts={"vi": "Bão số 5.", "en": "Storm 5."})
    assert newest(filled) == "storm.1"
    revised(filled, revision=3, lost=())
    assert newest(filled) == "storm.4"


def test_what_was_taken_out_holds_its_next_revision_to_nothing(filled: Any) -> None:
    with filled.store.writing() as db:
        service.retire(db, filled.operator, filled.clock.now(), "storm", revision=1)
        service.restore(db, filled.operator, filled.clock.now(), "storm", revision=2)
    filled.failed(only=lambda asked: asked.language == "en")
    assert newest(filled) == "storm.3"


def test_what_was_replaced_is_not_tried_again(filled: Any) -> None:
    revised(filled, lost=("vi", "en"))
    revised(filled, revision=2, lost=())
    filled.later(minutes=30)
    assert not tend(filled)


def test_whoever_may_change_the_bank_has_it_tried_at_once(bank: Any) -> None:
    bank.maker.seed()
    failed = bank.failed()
    for person in (bank.local, bank.administrator, bank.official):
        with pytest.raises(Forbidden), bank.store.writing() as db:
            service.try_again(db, person, bank.clock.now())
    with bank.store.writing() as db:
        assert "siren-steady.1" in service.try_again(db, bank.operator, bank.clock.now())
    assert bank.made() == failed
    with pytest.raises(Conflict), bank.store.writing() as db:
        service.try_again(db, bank.operator, bank.clock.now())
