"""Who has the air, against an oracle that looks at each instant for the highest: plans that change, power that goes."""

from __future__ import annotations

from tempfile import mkdtemp
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, QuietHours, Quota, Rules
from receivers.lab.trial.district.oracle import Oracle
from receivers.lab.trial.district.village import Fact, Sound
from receivers.plan import key_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
MINUTE_OF_NOON = 8 * 60  # in UTC
MANY = 6
EMERGENCY, PRIORITY, NORMAL = BroadcastClass.EMERGENCY, BroadcastClass.PRIORITY, BroadcastClass.NORMAL

RULES = st.sampled_from(
    [
        Rules(timezone="UTC"),
        Rules(timezone="UTC", max_airing_us=40 * S),
        Rules(
            timezone="UTC", quiet_hours=(QuietHours(start_minute=MINUTE_OF_NOON + 3, end_minute=MINUTE_OF_NOON + 5),)
        ),
        Rules(timezone="UTC", quota=Quota(sessions_per_day=2, session_us=90 * S, gap_us=20 * S)),
    ]
)
PLANNED = st.lists(
    st.tuples(
        st.integers(5, 250),
        st.integers(5, 90),
        st.sampled_from(BroadcastClass),
        st.sampled_from(Late),
        st.sampled_from(AfterCut),
        st.sampled_from([0, 20, 100]),
        st.sampled_from([0, 0, -1]),
    ),
    min_size=1,
    max_size=MANY,
)
TOLD = st.sets(st.integers(0, MANY - 1))  # which of the airings a programme holds
LIFE = st.lists(
    st.tuples(st.integers(1, 90), st.one_of(TOLD, st.tuples(st.integers(1, 60), st.booleans()))), max_size=5
)


class Watched:
    """A receiver whose life is written down for the oracle."""

    def __init__(self, rig: Rig, desk: Desk, rules: Rules) -> None:
        self.rig, self.desk = rig, desk
        self.facts = [Fact(NOON, "on")]
        self.sounds: list[Sound] = []
        self.settings = desk.settings(rules=rules)
        rig.give(self.settings)
        rig.run(0.5)  # airings begin at full seconds, all else happens between: no two things in one instant

    def tell(self, airings: list[Airing]) -> None:
        programme = self.desk.programme(airings)
        self.rig.give(programme)
        self.facts.append(Fact(self.rig.now_us, "told", programme))

    def fetch(self, airing: Airing) -> None:
        self.rig.fetch(airing.media[0])
        self.facts.append(Fact(self.rig.now_us, "media", sha256=airing.media[0].sha256))

    def fail(self, off_s: int, *, orderly: bool) -> None:
        if orderly:
            self.rig.player.close()
        self.facts.append(Fact(self.rig.now_us, "off" if orderly else "cut"))
        self.take_sounds()
        self.rig.now_us += off_s * S
        self.rig.boot()
        self.facts.append(Fact(self.rig.now_us, "on"))

    def take_sounds(self) -> None:
        heard = list(self.rig.player.heard)
        if self.rig.player.sounding is not None:
            heard.append((*self.rig.player.sounding, self.rig.now_us))
        self.sounds += (Sound(*key_parts(key), start, end) for key, start, end in heard if start < end)

    def judge(self) -> None:
        self.take_sounds()
        oracle = Oracle(self.settings, self.facts, self.rig.now_us)
        oracle.run()
        assert sorted(self.sounds, key=lambda sound: sound.start_us) == oracle.sounds


@given(rules=RULES, planned=PLANNED, late=TOLD, first=TOLD, life=LIFE)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_highest_that_may_sound_sounds_whatever_changes(  # noqa: PLR0917 - hypothesis gives them by name
    fast_path: Path,
    new_rig: Callable[[str], Rig],
    desk: Desk,
    rules: Rules,
    planned: list[tuple[int, int, BroadcastClass, Late, AfterCut, int, int]],
    late: set[int],
    first: set[int],
    life: list[tuple[int, set[int] | tuple[int, bool]]],
) -> None:
    watched = Watched(new_rig(mkdtemp(dir=fast_path)), desk, rules)
    airings = [
        desk.airing(
            f"a{index}",
            NOON + start_s * S,
            desk.media(f"m{index}", length_s),
            cls=cls,
            late=on_time,
            after_cut=after_cut,
            window_us=window_s * S,
            order=order,
        )
        for index, (start_s, length_s, cls, on_time, after_cut, window_s, order) in enumerate(planned)
    ]
    for index, airing in enumerate(airings):
        if index not in late:
            watched.fetch(airing)
    watched.tell([airing for index, airing in enumerate(airings) if index in first])
    for wait_s, event in life:
        watched.rig.run(wait_s)
        if isinstance(event, tuple):
            watched.fail(event[0], orderly=event[1])
        else:
            watched.tell([airing for index, airing in enumerate(airings) if index in event])
            for index in sorted(event & late & set(range(len(airings)))):
                if airings[index].media[0].sha256 not in watched.rig.store.ready:
                    watched.fetch(airings[index])
    watched.rig.run(400)
    watched.judge()
