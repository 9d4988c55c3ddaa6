"""The bank of a centre with one root, on both databases; its sounds are made by the real producer or noted as made."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import ManualClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.produce.request import Produced, Refusal
from broadcast.speech.espeak import EspeakVoice
from broadcast.speech.say import all_voices
from scheduler.announcements.models import RecordingState
from scheduler.bank import repository, service
from scheduler.bank.maker import BankMaker
from scheduler.bank.models import BankMedia
from scheduler.bank.schemas import BankEntryOut, BankList
from scheduler.bank.sounds import Asked
from scheduler.changes import Changes
from scheduler.fleet.models import DirtyTopic
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store


@dataclass
class Bank:
    """`operator` may issue emergencies in the whole tree, `local` only in one commune; others never."""

    store: Store
    clock: ManualClock
    maker: BankMaker
    media: MediaStore
    originals: MediaStore
    places: Any
    operator: Actor
    local: Actor
    administrator: Actor
    official: Actor

    def made(self) -> int:
        """Note everything that waits as produced, without producing it; how many sounds those were."""
        count = 0
        while (job := self.maker.claim()) is not None:
            count += 1
            sha256 = _hash(job.entry_id, job.asked.language)
            self.maker.keep(job, Produced(sha256, 1000, 5_000_000, None, None, "0" * 64))
        return count

    def failed(self, why: Refusal = Refusal.PRODUCE_FAILED, only: Callable[[Asked], bool] = lambda _asked: True) -> int:
        """Note everything that waits as failed, or `only` some of it and the rest as produced; how many there were."""
        count = 0
        while (job := self.maker.claim()) is not None:
            count += 1
            sha256 = _hash(job.entry_id, job.asked.language)
            well = Produced(sha256, 1000, 5_000_000, None, None, "0" * 64)
            self.maker.keep(job, why if only(job.asked) else well)
        return count

    def produced(self) -> None:
        """Produce everything that waits."""
        while (job := self.maker.claim()) is not None:
            self.maker.keep(job, self.maker.produce(job, threading.Event()))

    def entry(self, bank_id: str) -> BankEntryOut:
        with self.store.reading() as db:
            return service.get(db, bank_id)

    def ids(self) -> set[str]:
        """What receivers hold."""
        with self.store.reading() as db:
            return {held.entry.id for held in repository.held(db) if held.ready}

    def shown(self, actor: Actor | None = None) -> BankList:
        with self.store.reading() as db:
            return service.index(db, actor or self.operator, self.clock.now())

    def dirty(self) -> set[str]:
        """The topics marked since this was asked last."""
        with self.store.writing() as db:
            rows = db.exec(select(DirtyTopic)).all()
            for row in rows:
                db.delete(row)
            return {row.topic for row in rows}

    def later(self, **delta: float) -> None:
        self.clock.step_wall(timedelta(**delta))


@pytest.fixture
def bank(store: Store, clock: ManualClock, places: Any, add_person: Callable[..., Actor], tmp_path: Path) -> Bank:
    media, originals = MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals")
    maker = BankMaker(store, Producer(media, originals, all_voices()), clock=clock, changes=Changes())
    bank = Bank(
        store,
        clock,
        maker,
        media,
        originals,
        places,
        operator=add_person("operator", places.province, Role.OPERATOR),
        local=add_person("local", places.leng, Role.OPERATOR),
        administrator=add_person("administrator", places.province, Role.ADMINISTRATOR),
        official=add_person("official", places.leng, Role.EDITOR),
    )
    bank.dirty()
    return bank


@pytest.fixture
def filled(bank: Bank) -> Bank:
    """With all that comes with Loa, as if it were produced."""
    bank.maker.seed()
    with bank.store.writing() as db:  # at once: a transaction for each sound takes a while
        for media in db.exec(select(BankMedia)):
            media.state, media.size_bytes, media.duration_us = RecordingState.READY, 1000, 5_000_000
            media.sha256 = _hash(media.entry_id, media.language)
    return bank


def _hash(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


@pytest.fixture
def heard_text() -> Callable[[str, Path], None]:
    """Somebody speaks, into a WAV file."""
    return lambda text, path: EspeakVoice("north").speak(text, 1.0, path)
