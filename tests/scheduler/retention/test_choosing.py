"""Which rule settles what, and that nothing needed is ever chosen."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.retention.choosing import ALWAYS, Kept, Rule, Subject, governing, may_go, shares

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PATHS = ["/d/", "/d/leng/", "/d/leng/v1/", "/d/leng/v2/", "/d/van/", "/e/"]
TIMEZONE = "Asia/Ho_Chi_Minh"
A = Subject.ANNOUNCEMENTS

rules = st.lists(
    st.builds(
        Rule,
        id=st.uuids().map(str),
        subject=st.sampled_from([A, Subject.LIVE]),
        path=st.sampled_from(PATHS),
        days=st.sampled_from([30, 365, ALWAYS]),
        timezone=st.just(TIMEZONE),
        category=st.sampled_from([None, None, "news"]),
        tag=st.sampled_from([None, None, "lúa"]),
    ),
    max_size=12,
)
things = st.builds(
    Kept,
    id=st.just("a"),
    path=st.sampled_from(PATHS),
    at=st.integers(0, 500).map(lambda days: NOW - timedelta(days=days)),
    needed=st.booleans(),
    category=st.sampled_from([None, "news", "health"]),
    tags=st.sampled_from([(), ("lúa",), ("lúa", "họp")]),
)


@given(rules, things)
def test_the_nearest_zone_with_a_rule_settles_it(found: list[Rule], thing: Kept) -> None:
    chosen = governing(found, A, thing.path, thing.category, thing.tags)
    fits = [rule for rule in found if rule.subject is A and rule.speaks_of(thing.path, thing.category, thing.tags)]
    if chosen is None:
        assert fits == []
        return
    depth = max(len(rule.path) for rule in fits)
    assert len(chosen.path) == depth
    here = [rule for rule in fits if len(rule.path) == depth]
    if any(rule.tag for rule in here):
        assert chosen.tag is not None
    elif any(rule.category for rule in here):
        assert chosen.category is not None
    assert governing(list(reversed(found)), A, thing.path, thing.category, thing.tags) == chosen


@given(rules, things)
def test_what_is_needed_or_young_or_not_spoken_of_stays(found: list[Rule], thing: Kept) -> None:
    rule = governing(found, A, thing.path, thing.category, thing.tags)
    goes = may_go(rule, thing, NOW)
    age = NOW - thing.at
    if goes:
        assert rule is not None
        assert not thing.needed
        assert age > timedelta(days=rule.days)
    elif rule is not None and rule.days != ALWAYS and not thing.needed:
        assert age <= timedelta(days=rule.days + 1)


@given(rules, st.sampled_from(PATHS))
def test_a_rule_of_another_place_changes_nothing(found: list[Rule], path: str) -> None:
    elsewhere = [rule for rule in found if not path.startswith(rule.path)]
    assert governing(elsewhere, A, path) is None
    assert governing(found, A, path) == governing([rule for rule in found if rule not in elsewhere], A, path)


@given(rules)
def test_each_zone_is_in_one_share_at_most(found: list[Rule]) -> None:
    whole = [rule for rule in found if rule.category is None and rule.tag is None]
    zones = {path: path for path in PATHS}
    made = shares(whole, A, zones)
    settled = [zone_id for _rule, zone_ids in made.values() for zone_id in zone_ids]
    assert len(settled) == len(set(settled))
    for rule, zone_ids in made.values():
        assert all(governing(whole, A, zone_id) == rule for zone_id in zone_ids)


def test_days_are_whole_local_days() -> None:
    rule = Rule("r", A, "/d/", 30, TIMEZONE)
    assert rule.before(NOW) == datetime(2026, 10, 23, 17, 0, tzinfo=UTC)  # 24 October in Vietnam, midnight
    assert rule.before(NOW + timedelta(hours=15, minutes=59)) == rule.before(NOW)
