"""When a village has power and a link (pure): for each the rising instants at which it comes and goes in turn."""

from dataclasses import dataclass
from random import Random

from broadcast.clock import US_PER_S
from receivers.lab.trial.district.office import BEGIN_US, DAY_US, END_US
from scheduler.policy import Interval, merged

HOUR_US = 3600 * US_PER_S
FIRST_US = BEGIN_US + 60 * US_PER_S
FETCHED_US = BEGIN_US + 3 * HOUR_US
AFTER_US = 6 * HOUR_US
STUTTERS = 0.5  # how likely the power fails for a moment at such an hour


@dataclass(frozen=True)
class Weather:
    power: tuple[int, ...]
    link: tuple[int, ...]
    end_us: int = END_US + AFTER_US
    fetch_failures: float = 0.2


def rough(random: Random) -> Weather:
    """Random cuts of both all week; in the end both hold, so that everything comes through."""
    power = _but(_outages(random, 14 * HOUR_US, HOUR_US // 2, FIRST_US) + _stutter(random))
    return Weather(power, _but(_outages(random, 3 * HOUR_US, 3 * HOUR_US, FIRST_US)))


def alone(random: Random) -> Weather:
    """Three hours to fetch everything, then no link for the rest of the week, and power cuts."""
    outages = _outages(random, 9 * HOUR_US, HOUR_US // 4, FETCHED_US) + _stutter(random)
    power = _but([outage for outage in outages if outage[0] > FETCHED_US])
    return Weather(power, (FIRST_US, FETCHED_US, END_US), fetch_failures=0.1)


def _outages(random: Random, on_us: int, off_us: int, from_us: int) -> list[Interval]:
    """As long as those on the mean, until the end of the week."""
    found, at_us = list[Interval](), from_us + random.randrange(HOUR_US)
    while at_us < END_US:
        back_us = at_us + _some(random, off_us)
        found.append((at_us, min(back_us, END_US)))
        at_us = back_us + _some(random, on_us)
    return found


def _some(random: Random, mean_us: int) -> int:
    return round(random.expovariate(1 / mean_us)) + US_PER_S


def _stutter(random: Random) -> list[Interval]:
    """Short outages, some of them when bulletins sound."""
    found = list[Interval]()
    for day in range(7):
        for hour in (5, 17, random.randrange(24)):
            at_us = BEGIN_US + day * DAY_US + hour * HOUR_US + random.randrange(HOUR_US // 2)
            if random.random() < STUTTERS:
                found.append((at_us, at_us + random.choice((2, 20, 300)) * US_PER_S))
    return found


def _but(outages: list[Interval]) -> tuple[int, ...]:
    """On from the beginning, but for these."""
    return FIRST_US, *(at_us for outage in merged(outages) for at_us in outage)
