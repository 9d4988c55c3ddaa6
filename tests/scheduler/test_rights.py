"""Role x action x place x time, written out a second time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.rights import (
    DEPUTED,
    Action,
    Grant,
    Role,
    allowed,
    allowed_somewhere,
    fit_to_judge,
    on_behalf_of,
    other_person,
)

NOW = datetime(2025, 12, 1, tzinfo=UTC)
# Trà Leng and Trà Tập, two communes of one province; a village in the first.
PROVINCE, COMMUNE, OTHER = "/p/", "/p/leng/", "/p/tap/"
VILLAGE = "/p/leng/village/"

EXPECTED = """
                    viewer  editor  approver  operator  administrator
zone.read           yes     yes     yes       yes       yes
zone.edit           -       -       -         -         yes
receiver.read       yes     yes     yes       yes       yes
receiver.edit       -       -       -         -         yes
receiver.enrol      -       -       -         -         yes
receiver.control    -       -       -         yes       yes
announcement.read   yes     yes     yes       yes       yes
announcement.edit   -       yes     -         yes       -
broadcast.read      yes     yes     yes       yes       yes
broadcast.edit      -       yes     -         yes       -
broadcast.submit    -       yes     -         yes       -
broadcast.approve   -       -       yes       -         -
broadcast.cancel    -       yes     yes       yes       yes
deputy.name         -       -       yes       -         yes
broadcast.stop      -       yes     yes       yes       yes
emergency.issue     -       -       -         yes       -
emergency.confirm   -       -       yes       yes       -
drill.issue         -       -       -         yes       -
bank.edit           -       -       -         yes       -
live.speak          -       -       -         yes       -
live.listen         yes     yes     yes       yes       yes
fault.report        yes     yes     yes       yes       yes
report.read         yes     yes     yes       yes       yes
feedback.read       -       yes     yes       yes       yes
feedback.answer     -       yes     yes       yes       yes
user.read           -       -       -         -         yes
user.edit           -       -       -         -         yes
audit.read          -       -       yes       yes       yes
settings.edit       -       -       -         -         yes
retention.read      -       -       yes       yes       yes
retention.edit      -       -       -         -         yes
token.edit          yes     yes     yes       yes       yes
"""
HEAD, *ROWS = [line.split() for line in EXPECTED.strip().splitlines()]
CELLS = [(Role(role), Action(row[0]), cell == "yes") for row in ROWS for role, cell in zip(HEAD, row[1:], strict=True)]


def test_the_written_table_names_every_role_and_action() -> None:
    assert {(role, action) for role, action, _ in CELLS} == {(role, action) for role in Role for action in Action}


@pytest.mark.parametrize(("role", "action", "yes"), CELLS)
def test_the_matrix(role: Role, action: Action, yes: bool) -> None:
    holds = Grant(role, "leng"), Grant(role, "leng", NOW + timedelta(microseconds=1))
    expired = Grant(role, "leng", NOW), Grant(role, "leng", NOW - timedelta(days=1))
    for grant in holds:
        assert allowed([grant], action, COMMUNE, NOW) is yes
        assert allowed([grant], action, VILLAGE, NOW) is yes
        assert not allowed([grant], action, OTHER, NOW)
        assert not allowed([grant], action, PROVINCE, NOW)
    for grant in expired:
        assert not allowed([grant], action, COMMUNE, NOW)
        assert not allowed([grant], action, VILLAGE, NOW)


@pytest.mark.parametrize("action", Action)
def test_nobody_may_anything_without_a_grant(action: Action) -> None:
    assert not allowed([], action, COMMUNE, NOW)
    assert not allowed_somewhere([], action, NOW)


@pytest.mark.parametrize("path", ["", "/", "leng", "/leng", "leng/", "/len/g/", "/p/lengx/", "/p/xleng/", "/p/LENG/"])
def test_a_path_that_only_looks_like_the_zone_is_outside(path: str) -> None:
    assert not allowed([Grant(Role.VIEWER, "leng")], Action.ZONE_READ, path, NOW)


def test_an_empty_zone_id_covers_nothing() -> None:
    assert not allowed([Grant(Role.ADMINISTRATOR, "")], Action.ZONE_READ, "//", NOW)
    assert not allowed([Grant(Role.ADMINISTRATOR, "p/leng")], Action.ZONE_READ, COMMUNE, NOW)


grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(Role),
        st.sampled_from(["p", "leng", "tap", "village"]),
        st.none() | st.integers(-2, 2).map(lambda days: NOW + timedelta(days=days)),
    )
)


@given(grants, grants, st.sampled_from(Action), st.sampled_from([PROVINCE, COMMUNE, OTHER, VILLAGE]))
def test_grants_add_up_and_take_nothing_away(some: list[Grant], more: list[Grant], action: Action, path: str) -> None:
    either = allowed(some, action, path, NOW) or allowed(more, action, path, NOW)
    assert allowed([*some, *more], action, path, NOW) is either


@given(grants, st.sampled_from(Action), st.sampled_from([PROVINCE, COMMUNE, OTHER, VILLAGE]))
def test_the_zones_listed_are_those_that_are_allowed(held: list[Grant], action: Action, path: str) -> None:
    inside = any(f"/{zone_id}/" in path for zone_id in allowed_somewhere(held, action, NOW))
    assert inside is allowed(held, action, path, NOW)


def test_nobody_judges_their_own() -> None:
    assert other_person({"an"}, "binh")
    assert not other_person({"an", "binh"}, "binh")
    assert not other_person({"an"}, "an")
    assert not other_person({"an"}, "")
    assert not other_person(set(), "binh")


# What a deputy has of an approver's role; the rest of that role stays with the approver.
OF_A_DEPUTY = {Action.ZONE_READ, Action.ANNOUNCEMENT_READ, Action.BROADCAST_READ, Action.BROADCAST_APPROVE}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_the_matrix_of_deputies(role: Role, action: Action) -> None:
    yes = action in OF_A_DEPUTY and (role, action, True) in CELLS
    lent = Grant(role, "leng", NOW + timedelta(microseconds=1), on_behalf_of="minh")
    assert allowed([lent], action, VILLAGE, NOW) is yes
    assert not allowed([lent], action, OTHER, NOW)
    assert not allowed([lent], action, VILLAGE, NOW + timedelta(microseconds=1))
    assert not allowed(fit_to_judge([lent], {"minh"}), action, VILLAGE, NOW)
    assert allowed(fit_to_judge([lent], {"lan"}), action, VILLAGE, NOW) is yes


def test_what_a_deputy_has_is_what_is_written_here() -> None:
    assert DEPUTED == OF_A_DEPUTY


def test_one_acts_as_a_deputy_only_where_ones_own_right_ends() -> None:
    own, lent = Grant(Role.APPROVER, "leng"), Grant(Role.APPROVER, "tap", None, on_behalf_of="minh")
    other = Grant(Role.APPROVER, "leng", NOW, on_behalf_of="hoa")

    def whose(*paths: str) -> tuple[str, ...]:
        return on_behalf_of([own, lent, other], Action.BROADCAST_APPROVE, paths, NOW)

    assert whose(VILLAGE) == ()
    assert whose(VILLAGE, OTHER) == whose(OTHER) == ("minh",)
    assert on_behalf_of([lent], Action.EMERGENCY_CONFIRM, [OTHER], NOW) == ()
