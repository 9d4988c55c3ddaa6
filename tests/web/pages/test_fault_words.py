"""What receivers tell of their faults is said in the reader's words: made here with the receivers' own code."""

from datetime import UTC, datetime

import pytest

from broadcast.wire.documents import MAX_FAULT_DETAIL, DataUse
from broadcast.wire.fault_codes import FaultCode
from broadcast.wire.trust import Reason, Refused
from receivers import state, usage
from receivers.ceilings import FAULT_BYTES, memory_fault
from receivers.clock_trust import DOUBTS
from receivers.fetch import FetchFailed, FetchRefused
from receivers.identity import certificate_faults
from receivers.orders import Against
from receivers.sound.cue import HANGS
from web import i18n
from web.pages.fault_words import worded
from web.pages.present import Present

NOW_US = 1_795_000_000_000_000
DAY_US = 86_400_000_000
URL = "https://centre.example/media/"
SHA = "ab" * 32


def told() -> list[tuple[str, str]]:
    """Each code with what a receiver says of it."""
    troubles = state.Troubles(
        configured=False,
        settings_good=False,
        missing=["A" * 26],
        corrupt=[SHA, SHA],
        refused_media=str(FetchRefused(f"{URL}{SHA}: 12000 bytes instead of 90000")),
        unfetched=str(FetchFailed(f"{URL}{SHA}: answered 502")),
        refusal=(NOW_US, str(Refused(Reason.OLDER, "number 3 after 4"))),
        device=f"device-silent, {HANGS}",
        disk=str(OSError(30, "Read-only file system", "/var/lib/loa")),
        disk_full=str(OSError(28, f"4000000 bytes too few for recording {SHA}")),
        bank_missing=["flood.1", "storm.1"],
    )
    found: list[tuple[str, str]] = list(state.conditions(troubles, NOW_US).items())
    for used in (90, 101):
        found += usage.warnings(
            DataUse(day_up_bytes=0, day_down_bytes=0, month_bytes=used * usage.MB), 100 * usage.MB
        ).items()
    for left_us in (-DAY_US, DAY_US):
        found += certificate_faults(NOW_US + left_us, "the broker refuses this: unknown ca", NOW_US).items()
    found += [(FaultCode.CLOCK_UNTRUSTED, why) for why in DOUBTS.values()]
    found += [(FaultCode.ORDER_REFUSED, str(Refused(reason, "why"))) for reason in Reason]
    found += [(FaultCode.ORDER_REFUSED, f"{against}: order X") for against in Against]
    found += [(FaultCode.MEMORY, memory_fault(FAULT_BYTES + 1) or "")]
    return found


@pytest.fixture(params=sorted(i18n.LANGUAGES))
def show(request: pytest.FixtureRequest) -> Present:
    return _show(request.param)


def _show(language: str) -> Present:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    return Present(language, "Asia/Ho_Chi_Minh", now, i18n.translations(language))


@pytest.mark.parametrize(("code", "detail"), told())
def test_what_receivers_tell_has_words(show: Present, code: str, detail: str) -> None:
    said = worded(show, code, detail)
    assert said
    assert "%(" not in said


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        (FaultCode.CLOCK_OFF_CENTRE, "12.5 s behind the centre's clock", "chậm 12,5 giây so với đồng hồ trung tâm"),
        (FaultCode.DISK_FULL, "3145728 bytes less are free than must be", "cần trống thêm 3,1 MB"),
        (FaultCode.CERTIFICATE_EXPIRES, "it expires on 2026-12-01; run it", "hết hạn ngày 1/12/2026"),
        (FaultCode.BANK_MISSING, "flood.1, storm.1", "số bản tin soạn sẵn: 2"),
        (FaultCode.MEDIA_MISSING, "x" * MAX_FAULT_DETAIL, "số bản ghi âm: từ 1 trở lên"),
        (FaultCode.DISK, "a word of a newer receiver", None),
        ("of_a_newer_receiver", "flood.1", None),
        (FaultCode.DISK, "", None),
    ],
)
def test_values_are_kept_and_what_is_unknown_has_none(code: str, detail: str, said: str | None) -> None:
    assert worded(_show("vi"), code, detail) == said
