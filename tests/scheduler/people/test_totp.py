import base64
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.people import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B
AT_59_S = datetime(1970, 1, 1, 0, 0, 59, tzinfo=UTC)


def test_the_standards_own_code() -> None:
    assert totp.matching_step(SECRET, "287082", AT_59_S, 0) == 1
    assert totp.matching_step(SECRET, " 287 082 ", AT_59_S, 0) == 1


@pytest.mark.parametrize("shift_s", [-30, 0, 30])
def test_a_telephone_half_a_minute_off_is_fine(shift_s: int) -> None:
    assert totp.matching_step(SECRET, "287082", AT_59_S + timedelta(seconds=shift_s), 0) == 1


def test_a_used_code_and_any_before_it_are_worth_nothing() -> None:
    assert totp.matching_step(SECRET, "287082", AT_59_S, 1) is None
    assert totp.matching_step(SECRET, "287082", AT_59_S, 2) is None


@pytest.mark.parametrize("code", ["", "287083", "28708", "2870820", "đây là mã", "287082\0"])
def test_anything_else_is_refused(code: str) -> None:
    assert totp.matching_step(SECRET, code, AT_59_S, 0) is None


def test_an_old_code_is_refused() -> None:
    assert totp.matching_step(SECRET, "287082", AT_59_S + timedelta(seconds=91), 0) is None


def test_the_picture_needs_no_style_of_its_own() -> None:
    svg = totp.qr_svg(totp.enrolment_uri(totp.new_secret(), "lan"))
    assert svg.startswith("<svg")
    assert "style" not in svg
