"""A district's week, village by village (does I/O in folders of its own that it removes)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from receivers.lab.trial.district import weather
from receivers.lab.trial.district.judge import faults
from receivers.lab.trial.district.office import Office, settings_of
from receivers.lab.trial.district.village import Village

SHARED = Path("/dev/shm")  # noqa: S108 - folders of its own in memory: a week syncs thousands of files


class Week(NamedTuple):
    """What came of one village's week."""

    receiver_id: str
    sounds: int
    reports: int
    faults: tuple[str, ...]


def weeks(seed: int, *, alone: bool, communes: int = 4, villages: int = 10) -> Iterator[Week]:
    """The week of each village; `alone` cuts every link for seven days, else links come and go."""
    office = Office(seed, communes=communes, villages=villages, alone=alone)
    for receiver_id in office.paths:
        random = Random(f"{seed} {receiver_id} {alone}")  # noqa: S311 - a simulation repeats itself
        conditions = weather.alone(random) if alone else weather.rough(random)
        with tempfile.TemporaryDirectory(dir=SHARED if SHARED.is_dir() else None) as folder:
            diary = Village(Path(folder), office, receiver_id, conditions, random).live()
        wrong = tuple(faults(settings_of(office, receiver_id), diary, conditions.end_us))
        yield Week(receiver_id, len(diary.sounds), len(diary.arrived), wrong)
