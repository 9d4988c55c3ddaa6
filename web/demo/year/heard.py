"""What loudspeakers made of what was planned: play reports with misses as they happen (rows only).

Rules
- Each loudspeaker has a nature that does not change: how often it misses, whether it has a microphone, how loud it is.
- Power is away for hours at a time, for whole villages, and most in the rainy months: then nothing is reported.
- Some are cut off since a while, and nothing came from them after that.
- What is missed otherwise has one of the reasons that receivers give.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct

from broadcast.wire.documents import Hearing, Outcome
from web.demo.year import words
from web.demo.year.area import Area
from web.demo.year.programme import Aired

_REASONS = (
    (Outcome.FAILED, "audio_device"), (Outcome.FAILED, "media_missing"), (Outcome.SKIPPED, "media_late"),
    (Outcome.SKIPPED, "clock_untrusted"), (Outcome.CUT, "interrupted"), (Outcome.SKIPPED, "stopped_locally"),
    (Outcome.SILENT, "not_heard_by_microphone"), (Outcome.SKIPPED, "quota"),
)  # fmt: skip
_WEIGHTS = (3, 2, 4, 2, 4, 2, 3, 1)
_MICROPHONES, _FAINT = 0.4, 0.04
_BAD, _AWAY_DAYS = 0.08, 380
_OFFLINE = 0.06
_TOLD_S = 20
"""How long after its end an airing is reported at most."""


class Nature(Struct):
    """Of one loudspeaker; `number` is that of its last report, `cut_off_at` when it was last heard of if it is away."""

    misses: float
    microphone: bool
    level_dbfs: float
    cut_off_at: datetime | None = None
    number: int = 0


class Listeners:
    """Reports for airings, which are given from the newest back."""

    def __init__(self, dice: Random, area: Area, now: datetime) -> None:
        self._dice = dice
        self._natures = {key: _nature(dice, place, now) for place, key in enumerate(area.receivers)}
        self._away = _outages(dice, area, now)
        for receiver_id, nature in self._natures.items():
            if nature.cut_off_at is not None:
                self._away[receiver_id].append((nature.cut_off_at, now))
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.count = 0

    def nature(self, receiver_id: str) -> Nature:
        return self._natures[receiver_id]

    def is_away(self, receiver_id: str, begin: datetime, end: datetime) -> bool:
        """Whether it was at any moment from `begin` to `end`."""
        return any(gone < end and begin < back for gone, back in self._away[receiver_id])

    def play(self, airing: Aired) -> None:
        told_by = airing.start_at + timedelta(microseconds=airing.duration_us, seconds=_TOLD_S)
        for receiver_id in airing.receivers:
            if not self.is_away(receiver_id, airing.start_at, told_by):
                self._rows[receiver_id].append(self._report(airing, self._natures[receiver_id]))
                self.count += 1

    def rows(self) -> Mapping[str, list[dict[str, Any]]]:
        """All reports by receiver, numbered in the order of their times."""
        for receiver_id, rows in self._rows.items():
            rows.sort(key=lambda row: row["planned_start_at"])
            for number, row in enumerate(rows, 1):
                row |= {"receiver_id": receiver_id, "number": number}
            self._natures[receiver_id].number = len(rows)
        return self._rows

    def _report(self, airing: Aired, nature: Nature) -> dict[str, Any]:
        dice, missed = self._dice, self._dice.random() < nature.misses
        outcome, reason = dice.choices(_REASONS, _WEIGHTS)[0] if missed else (Outcome.HEARD, "")
        started = outcome in (Outcome.HEARD, Outcome.CUT, Outcome.SILENT)
        share = dice.uniform(0.1, 0.9) if outcome is Outcome.CUT else 1.0
        played_us = round(airing.duration_us * share) if started else 0
        error_us = round(dice.gauss(0, 180))
        end_at = airing.start_at + timedelta(microseconds=played_us if started else 0)
        return {
            "airing_id": airing.id,
            "broadcast_id": airing.broadcast_id,
            "outcome": outcome.value,
            "planned_start_at": airing.start_at,
            "planned_duration_us": airing.duration_us,
            "start_at": airing.start_at + timedelta(microseconds=error_us) if started else None,
            "start_error_us": error_us if started else None,
            "end_at": end_at if started else None,
            "played_us": played_us,
            "gap_us": 0 if dice.random() < 0.98 else dice.randrange(5_000, 90_000),
            "underruns": 0,
            "rms_dbfs": round(nature.level_dbfs + dice.gauss(0, 0.8), 1) if started else None,
            "peak_dbfs": round(nature.level_dbfs + 14, 1) if started else None,
            "media_sha256": airing.sha256,
            "media_ready_at": airing.start_at - timedelta(minutes=dice.randrange(20, 900)),
            "reason": reason,
            "received_at": end_at + timedelta(seconds=dice.randrange(1, _TOLD_S)),
            **_microphone(dice, nature, outcome),
        }


def _nature(dice: Random, place: int, now: datetime) -> Nature:
    misses = dice.uniform(0.05, 0.2) if place % 13 == 7 or dice.random() < _BAD else dice.uniform(0.001, 0.015)
    nature = Nature(misses, dice.random() < _MICROPHONES, dice.uniform(-24, -17))
    if place % 17 == 5 or dice.random() < _OFFLINE / 4:
        nature.cut_off_at = now - timedelta(minutes=dice.randrange(40, 4000))
    return nature


def _microphone(dice: Random, nature: Nature, outcome: Outcome) -> dict[str, Any]:
    names = ("microphone", "microphone_correlation", "microphone_delay_us", "microphone_dbfs")
    if not nature.microphone or outcome not in (Outcome.HEARD, Outcome.SILENT):
        return dict.fromkeys(names)
    if outcome is Outcome.SILENT:
        return dict(zip(names, (Hearing.NOT_HEARD.value, 0.05, None, -61.0), strict=True))
    faint = dice.random() < _FAINT
    verdict = Hearing.FAINT if faint else Hearing.HEARD
    level = round(dice.gauss(-44 if faint else -31, 2), 1)
    return dict(
        zip(names, (verdict.value, round(dice.uniform(0.6, 0.95), 2), dice.randrange(800, 9000), level), strict=True)
    )


def _outages(dice: Random, area: Area, now: datetime) -> dict[str, list[tuple[datetime, datetime]]]:
    """When each loudspeaker had no power."""
    away: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for commune in area.communes:
        for village in commune.villages:
            for back in range(0, _AWAY_DAYS, 30):
                month = now - timedelta(days=back)
                if dice.random() < (0.7 if month.month in words.RAIN else 0.25):
                    begin = month - timedelta(hours=dice.randrange(1, 700))
                    end = begin + timedelta(hours=dice.randrange(2, 40))
                    for receiver_id in village.receivers:
                        away[receiver_id].append((begin, end))
    return away
