"""A talk that is damaged ends by itself alone."""

from scheduler.live import repository
from scheduler.live.models import LiveEnd
from tests.scheduler.live.conftest import Microphones

NEVER_US = 10**18
"""Past what a time can be."""


def damage(air: Microphones, talk_id: str) -> None:
    with air.store.writing() as db:
        talk = repository.get(db, talk_id)
        assert talk is not None
        talk.start_us, talk.frames = NEVER_US, 1


def test_time_goes_on_for_the_others(air: Microphones) -> None:
    places = air.commune.places
    damaged, well = air.ask(zone_ids=[places.leng_1]), air.ask(zone_ids=[places.van])
    next_one = air.ask(zone_ids=[places.leng_1], at=air.later(1))
    air.begin(damaged.id)
    air.begin(well.id)
    damage(air, damaged.id)
    change = air.tick(air.later(20))
    assert change.zone_ids == {places.leng_1, places.van}
    assert f"live:{next_one.id}" in change.words
    with air.store.reading() as db:
        ends = {talk_id: repository.get(db, talk_id) for talk_id in (damaged.id, well.id, next_one.id)}
    assert [talk.end_reason for talk in ends.values() if talk] == [LiveEnd.FAILED, LiveEnd.CENTRE_LEFT, None]
    assert (None, "failed") in air.ends()
    assert air.in_force(places.leng_1) == ()
    assert not air.tick(air.later(21)).zone_ids
