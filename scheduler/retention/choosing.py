"""Which rule says how long something is kept, and whether it may go today (pure).

Rules
- The nearest zone with a rule in force settles it; there the one that names a tag goes before one that names a
  category, that before one of everything, and of two tags the longer time counts.
- What no rule in force speaks of is kept, but for measurements: those have DEFAULT_DAYS.
- Days are local ones of the rule's place, and whole: what was on that day is kept until the day is over.
- What is needed stays, however old it is.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from broadcast.clock import from_us, to_us
from scheduler.policy import day_bounds, local_day


class Subject(StrEnum):
    LIVE = "live"  # recordings of live talks and relays
    ANNOUNCEMENTS = "announcements"  # the sound of announcements, after they were used last
    REPORTS = "reports"  # what each loudspeaker reported of each airing; sums by day stay
    SAMPLES = "samples"  # measurements; least, mean and most of a day stay
    FAULTS = "faults"  # faults that were reset, what villages reported and was seen to
    NOTICES = "notices"  # mails and calls that were delivered or given up
    FEEDBACK = "feedback"  # what residents wrote and was answered


ALWAYS = 36_500
"""So many days are for good."""
MAX_DAYS = 3650
LEAST_DAYS: Mapping[Subject, int] = MappingProxyType(
    {
        Subject.LIVE: 1,
        Subject.ANNOUNCEMENTS: 30,  # so long residents may hear it again
        Subject.REPORTS: 92,  # a quarter is read with its airings
        Subject.SAMPLES: 14,  # a week is drawn from them
        Subject.FAULTS: 30,
        Subject.NOTICES: 7,
        Subject.FEEDBACK: 30,
    }
)
DEFAULT_DAYS: Mapping[Subject, int] = MappingProxyType({Subject.SAMPLES: 90})


class Rule(Struct, frozen=True):
    """A rule in force at the zone with this path; without an id, what holds where there is none."""

    id: str
    subject: Subject
    path: str
    days: int
    timezone: str
    category: str | None = None
    tag: str | None = None

    def speaks_of(self, path: str, category: str | None = None, tags: Collection[str] = ()) -> bool:
        fits = self.category in (None, category) and (self.tag is None or self.tag in tags)
        return path.startswith(self.path) and fits

    def before(self, now: datetime) -> datetime | None:
        """What was before this moment may go; None where nothing may."""
        if self.days >= ALWAYS:
            return None
        return day_start(self.timezone, local_day(self.timezone, to_us(now)) - timedelta(days=self.days))


class Kept(Struct, frozen=True):
    """Something that was used last at `at`."""

    id: str
    path: str
    at: datetime
    needed: bool
    category: str | None = None
    tags: tuple[str, ...] = ()


class Result(Struct):
    """What went by one rule in one night; `rule_id` is empty where it went by the installation's setting."""

    subject: Subject
    rule_id: str
    path: str
    count: int = 0
    size_bytes: int = 0


def governing(
    rules: Iterable[Rule], subject: Subject, path: str, category: str | None = None, tags: Collection[str] = ()
) -> Rule | None:
    """The rule that settles it."""
    found = [rule for rule in rules if rule.subject is subject and rule.speaks_of(path, category, tags)]
    return max(found, key=_weight, default=None)


def _weight(rule: Rule) -> tuple[int, bool, bool, int, str]:
    return len(rule.path), rule.tag is not None, rule.category is not None, rule.days, rule.id


def may_go(rule: Rule | None, thing: Kept, now: datetime) -> bool:
    """Whether the rule that governs it lets it go."""
    before = rule.before(now) if rule is not None else None
    return before is not None and thing.at < before and not thing.needed


def shares(rules: Collection[Rule], subject: Subject, zones: Mapping[str, str]) -> dict[str, tuple[Rule, list[str]]]:
    """By rule the zones (id to path) that it settles; those that no rule speaks of are in none."""
    mine = [rule for rule in rules if rule.subject is subject]
    found: dict[str, tuple[Rule, list[str]]] = {}
    for zone_id, path in zones.items():
        rule = governing(mine, subject, path)
        if rule is not None:
            found.setdefault(rule.id, (rule, []))[1].append(zone_id)
    return found


def day_start(timezone: str, day: date) -> datetime:
    """The instant at which a local day begins."""
    return from_us(day_bounds(timezone, day)[0])
