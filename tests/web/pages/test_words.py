"""Everything that a receiver can say has words in every language."""

from datetime import UTC, datetime
from enum import StrEnum
from gettext import NullTranslations
from typing import get_args

import pytest

from broadcast.wire.documents import Hearing
from broadcast.wire.fault_codes import FaultCode
from broadcast.wire.trust import Reason as OrderReason
from receivers import ledger, outbox, verdict
from receivers.clock_trust import Doubt
from receivers.life import Hands, Horn
from receivers.orders import Against
from scheduler.broadcasts.schemas import BoardState
from scheduler.fleet.results import Result
from scheduler.fleet.schemas import Condition
from scheduler.timeline import Reason
from web import i18n
from web.pages import report_words, words
from web.pages.present import Present

REASONS = {
    ledger.NOT_RUNNING,
    ledger.ORDER_LATE,
    ledger.MEDIA_MISSING,
    ledger.MEDIA_LATE,
    ledger.CANCELLED,
    ledger.INTERRUPTED,
    ledger.LATE,
    ledger.STOPPED,
    ledger.STOPPED_BY_CENTRE,
    ledger.CLOCK,
    ledger.UNKNOWN,
    ledger.NOT_HEARD_BY_MICROPHONE,
    verdict.HIGHER_CLASS,
    verdict.DEVICE,
    outbox.LOST,
    *(reason.value for reason in Reason),
    *(against.value for against in Against),
}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (words.FAULT, FaultCode),
        (words.ORDER_REFUSED, OrderReason),
        (words.ORDER_REFUSED, Against),
        (words.DOUBT, Doubt),
        (words.MICROPHONE, Hearing),
        (words.AIRING, Result),
        (words.RECEIVER, Condition),
        (words.PLAYER, Horn),
    ],
)
def test_whatever_a_receiver_says_has_words(table: dict[str, object], said: type[StrEnum]) -> None:
    assert set(said) <= table.keys()


def test_the_other_states_of_a_receivers_life_have_words() -> None:
    assert {Hands.STOPPED.value, "off"} <= words.PLAYER.keys()


def test_every_reason_has_words_and_an_unknown_one_is_shown_as_it_is() -> None:
    assert words.REASON.keys() >= REASONS
    plain = NullTranslations()
    assert words.reason(plain, "of_a_newer_receiver") == "of_a_newer_receiver"
    assert words.reason(plain, "") == ""


def test_a_replacement_that_was_heard_is_said() -> None:
    said = words.reason(i18n.translations("vi"), "media_missing, fallback heard")
    assert said == "không có âm thanh, đã phát bản thay thế"


def test_only_what_is_well_is_green() -> None:
    good = {word for table in (words.RECEIVER, words.PLAYER) for word, look in table.items() if look.tone == "good"}
    assert good == {"online"}
    assert {word for word, look in words.AIRING.items() if look.tone == "good"} == {"heard"}


def test_each_state_on_the_board_has_words() -> None:
    assert set(get_args(BoardState)) <= words.AIRING.keys()


def test_reasons_that_are_left_out_are_summed() -> None:
    show = Present("vi", "Asia/Ho_Chi_Minh", datetime(2026, 11, 23, tzinfo=UTC), i18n.translations("vi"))
    told = [("no_report", 5), ("silent", 3), ("unknown", 2), ("quiet_hours", 2)]
    assert report_words.reasons(show, told, 2).endswith(", lý do khác (4)")
    assert "lý do khác" not in report_words.reasons(show, told)
