"""Forty villages for a week in virtual time, against an oracle that knows no plan: nothing missed, nothing doubled."""

import pytest

from receivers.lab.trial.district.week import weeks


@pytest.mark.parametrize("seed", [1])
def test_seven_days_alone(seed: int) -> None:
    """After three hours no centre, broker or network for the rest of the week; power comes and goes."""
    _all_right(seed, alone=True)


@pytest.mark.parametrize("seed", [1])
def test_a_week_of_cuts_changes_and_late_recordings(seed: int) -> None:
    _all_right(seed, alone=False)


def _all_right(seed: int, *, alone: bool) -> None:
    lived = list(weeks(seed, alone=alone))
    wrong = [f"seed {seed}, {week.receiver_id}: {fault}" for week in lived for fault in week.faults]
    assert wrong == []
    assert len(lived) == 40
    assert all(week.sounds > 20 and week.reports > 20 for week in lived), "a week in which little happens shows little"
