"""Any number of jumps of the wall clock, while playing and idle: timekeeper, node and player in virtual time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broadcast.clock import ManualClock, from_us
from broadcast.wire.documents import Outcome, TimeTold
from receivers.kernel_clock import Discipline
from receivers.life import Hold
from receivers.timekeeper import Timekeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
HOUR_S = 3600
TEN_YEARS_S = 3653 * 86_400
EVERY_S, LONG_S, COUNT = 60, 20, 8
END_S = EVERY_S * (COUNT + 1)


@dataclass(frozen=True)
class Jump:
    """At true second `at_s` the wall clock is set `away_s` off, and `lasting_s` later it is right again."""

    at_s: int
    away_s: int
    lasting_s: int

    def touches(self, begin_s: int, end_s: int) -> bool:
        return self.at_s < end_s and begin_s < self.at_s + self.lasting_s


jumps = st.lists(
    st.builds(
        Jump,
        at_s=st.integers(5, END_S),
        away_s=st.sampled_from([HOUR_S, -HOUR_S, TEN_YEARS_S, -TEN_YEARS_S, 2 * EVERY_S, -2 * EVERY_S]),
        lasting_s=st.integers(1, 200),
    ),
    max_size=3,
)


def _away_s(jumps: Sequence[Jump], second: int) -> int:
    return next((jump.away_s for jump in jumps if jump.at_s <= second < jump.at_s + jump.lasting_s), 0)


def _live(rig: Rig, jumps: Sequence[Jump]) -> list[tuple[int, str]]:
    """Every second of the true time at which something sounded, with its airing."""
    clock = ManualClock(from_us(NOON))
    keeper = Timekeeper(rig.folder, clock, lambda: Discipline(disciplined=False))
    keeper.told(TimeTold(at_us=keeper.beat().at_us, centre_us=NOON))
    heard, end_s = [], max([END_S, *(jump.at_s + jump.lasting_s for jump in jumps)]) + 200
    for second in range(end_s):
        wall_us = NOON + (second + _away_s(jumps, second)) * S
        clock.step_wall(from_us(wall_us) - clock.now())
        clock._monotonic_us = second * S
        trusted = keeper.look(rig.vault.issued_us).trusted
        assert trusted == (_away_s(jumps, second) == 0)
        if rig.player.sounding is None and _away_s(jumps, second) < _away_s(jumps, second - 1):
            rig.player.advance(wall_us)  # it is told of a clock that is set back; a real one sees it
        rig.node.set_hold(Hold.NOTHING if trusted else Hold.ALL_BUT_EMERGENCIES, wall_us)
        rig.player.set_plan(rig.node.tick(wall_us, rig.player.status()))
        if rig.player.sounding is not None:
            heard.append((second, rig.player.sounding[0].split("~")[0]))
        rig.player.advance(wall_us + S)
    return heard


serial = itertools.count()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(jumps=[Jump(at_s=61, away_s=-3600, lasting_s=1), Jump(at_s=63, away_s=3600, lasting_s=1)])
@given(jumps=jumps)
def test_nothing_sounds_at_a_wrong_hour_or_twice_and_what_no_jump_touches_is_heard(
    new_rig: Callable[[str], Rig], desk: Desk, jumps: list[Jump]
) -> None:
    rig = new_rig(f"rig{next(serial)}")
    media = desk.media("a", LONG_S)
    rig.fetch(media)
    rig.give(desk.settings())
    starts_s = {f"a{number}": EVERY_S * (number + 1) for number in range(COUNT)}
    rig.give(desk.programme([desk.airing(key, NOON + start_s * S, media) for key, start_s in starts_s.items()]))
    heard = _live(rig, jumps)
    reports = rig.outbox.pending
    assert list(reports) == list(range(1, len(reports) + 1))
    assert sorted(report.airing_id for report in reports.values()) == sorted(starts_s)
    outcomes = {report.airing_id: report.outcome for report in reports.values()}
    for second, key in heard:
        assert starts_s[key] <= second <= starts_s[key] + LONG_S
        assert not any(jump.touches(second, second + 1) for jump in jumps)
    for key, start_s in starts_s.items():
        if not any(jump.touches(start_s - 2, start_s + LONG_S + 2) for jump in jumps):
            assert outcomes[key] is Outcome.HEARD
            assert [at_s for at_s, name in heard if name == key][:1] == [start_s]
