from itertools import product

import pytest

from broadcast.wire.documents import Hearing, Outcome
from scheduler.fleet.results import HEARD, Result, result


def test_without_a_microphone_the_device_counts() -> None:
    assert [result(outcome, None) for outcome in Outcome] == [Result(outcome.value) for outcome in Outcome]


@pytest.mark.parametrize(
    ("microphone", "expected"),
    [(Hearing.HEARD, Result.HEARD), (Hearing.FAINT, Result.FAINT), (Hearing.NOT_HEARD, Result.UNHEARD)],
)
def test_the_microphone_goes_before_the_device(microphone: Hearing, expected: Result) -> None:
    assert result("heard", microphone) is expected


def test_nothing_is_heard_that_device_or_microphone_denies() -> None:
    for outcome, microphone in product(Outcome, [None, *Hearing]):
        denied = outcome is not Outcome.HEARD or microphone is Hearing.NOT_HEARD
        assert (result(outcome, microphone) in HEARD) is not denied
