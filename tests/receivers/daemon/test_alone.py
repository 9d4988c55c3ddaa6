"""A receiver left alone, with power cuts at random: everything is reported once, and no number is missing."""

from __future__ import annotations

from tempfile import mkdtemp
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S

AIRINGS = st.lists(
    st.tuples(
        st.integers(5, 500),
        st.integers(5, 90),
        st.sampled_from(BroadcastClass),
        st.sampled_from(Late),
        st.sampled_from(AfterCut),
        st.booleans(),
    ),
    max_size=6,
)
LIFE = st.lists(st.tuples(st.integers(1, 200), st.sampled_from([None, 0, 3, 60, 400]), st.booleans()), max_size=5)


@given(planned=AIRINGS, life=LIFE)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_airing_is_reported_once_whatever_the_power_does(
    fast_path: Path,
    new_rig: Callable[[str], Rig],
    desk: Desk,
    planned: list[tuple[int, int, BroadcastClass, Late, AfterCut, bool]],
    life: list[tuple[int, int | None, bool]],
) -> None:
    rig = new_rig(mkdtemp(dir=fast_path))
    rig.give(desk.settings())
    airings = []
    for place, (start_s, length_s, cls, late, after_cut, here) in enumerate(planned):
        media = desk.media(f"m{place}", length_s)
        if here:
            rig.fetch(media)
        timing = {"cls": cls, "late": late, "after_cut": after_cut, "window_us": 60 * S}
        airings.append(desk.airing(f"a{place}", NOON + start_s * S, media, **timing))
    rig.give(desk.programme(airings))
    begun: list[str] = []
    for run_s, off_s, orderly in life:
        rig.run(run_s)
        if off_s is not None:
            if orderly:
                rig.player.close()
            begun += [*rig.outbox.sounding, *(name for name, _, _ in rig.heard)]
            rig.now_us += off_s * S
            rig.boot()
    rig.run(900)
    assert sorted(report.airing_id for report in rig.outbox.pending.values()) == [airing.id for airing in airings]
    assert list(rig.outbox.pending) == list(range(1, len(airings) + 1))
    sounded = {*begun, *(name for name, _, _ in rig.heard)}
    for report in rig.outbox.pending.values():
        assert (report.outcome in {Outcome.HEARD, Outcome.CUT}) == (report.start_us is not None)
        if report.airing_id in sounded:
            assert report.outcome in {Outcome.HEARD, Outcome.CUT}
    assert not rig.outbox.planned
    assert not rig.outbox.sounding
