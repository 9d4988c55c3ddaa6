"""What a mail says, and where it leads."""

from datetime import UTC, datetime

import pytest

from broadcast.wire.fault_codes import FaultCode
from scheduler.fleet.upkeep.records import UNREACHABLE
from scheduler.notices.models import Kind
from web.notices.words import letter, link, present


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        (Kind.WAITING, "broadcast:B", "/inbox#b-B"),
        (Kind.RETURNED, "relay:R", "/relays/R"),
        (Kind.DIGEST, "digest:Z:2026-11-22", "/reports?zone=Z&length=day&day=2026-11-22&missed=1"),
        (Kind.FAULT, "faults:0", "/faults"),
        (Kind.EMERGENCY, "order:O", "/emergency/O"),
    ],
)
def test_a_mail_leads_to_what_it_tells(kind: Kind, subject: str, path: str) -> None:
    assert link(kind, subject) == path


@pytest.mark.parametrize(
    ("language", "lost", "full"),
    [("vi", "Không liên lạc được", "Hết chỗ lưu trữ"), ("en", "It cannot be reached", "The disk is full")],
)
def test_every_fault_is_told_in_the_readers_words(language: str, lost: str, full: str) -> None:
    codes = (UNREACHABLE, FaultCode.DISK_FULL.value, "of_a_newer_receiver")
    faults = [
        {"receiver": f"Loa {number}", "zone": "Thôn 1", "code": code, "since": "2026-11-23T01:00:00+00:00"}
        for number, code in enumerate(codes)
    ]
    show = present(language, "Asia/Ho_Chi_Minh", datetime(2026, 11, 23, 2, tzinfo=UTC))
    text = letter(show, Kind.FAULT, "faults:0", {"faults": faults}, "https://centre.example").text
    said = [line.partition(": ")[2].partition(",")[0] for line in text.splitlines() if line.startswith("- ")]
    assert said == [lost, full, "of_a_newer_receiver"]
