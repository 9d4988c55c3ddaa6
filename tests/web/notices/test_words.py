"""What a mail says, and where it leads."""

import re
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
        (Kind.FAULT_OVER, "faults:0", "/faults"),
        (Kind.EMERGENCY, "order:O", "/emergency/O"),
    ],
)
def test_a_mail_leads_to_what_it_tells(kind: Kind, subject: str, path: str) -> None:
    assert link(kind, subject) == path


MISSED = {
    "station": "Trà Leng", "village": "Thôn 1", "title": "Lũ", "kind": "emergency", "missed": 2, "receivers": 2,
    "start": "2026-11-22T01:00:00+00:00", "timezone": "Asia/Ho_Chi_Minh", "reasons": [["not_running", 2]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("airings", "missed", "subject", "line"),
    [
        (0, [], "nothing was planned", ""),
        (3, [], "everything was heard", ""),
        (
            3,
            [MISSED],
            "heard 2 of 3",
            "- 08:00 Thôn 1: [EMERGENCY] Lũ – nobody heard it: the loudspeaker was switched off (2)",
        ),
        (
            3,
            [MISSED | {"kind": "bulletin", "receivers": 5}],
            "heard 2 of 3",
            "- 08:00 Thôn 1: Lũ – 2 of 5 loudspeakers missed it: the loudspeaker was switched off (2)",
        ),
    ],
)
def test_the_morning_mail_says_what_was_planned_heard_and_missed(
    airings: int, missed: list[dict[str, object]], subject: str, line: str
) -> None:
    data = {
        "zone": "Trà Leng", "day": "2026-11-22", "airings": airings, "heard": max(0, airings - 1), "missed": missed,
        "villages": 2, "silent_villages": 0, "more": 0,
    }  # fmt: skip
    show = present("en", "Asia/Ho_Chi_Minh", datetime(2026, 11, 23, 2, tzinfo=UTC))
    told = letter(show, Kind.DIGEST, "digest:Z:2026-11-22", data, "https://centre.example")
    assert told.subject == f"Trà Leng, Sunday 22/11: {subject}"
    assert [said for said in told.text.splitlines() if said.startswith("- ")] == ([line] if line else [])
    assert "\n\n\n" not in told.text


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


def test_what_is_over_is_told_with_both_its_times() -> None:
    fault = {"receiver": "Loa 1", "zone": "Thôn 1", "code": UNREACHABLE, "since": "2026-11-23T01:00:00+00:00"}
    data = {"faults": [fault | {"until": "2026-11-23T01:30:00+00:00"}], "more": 0}
    show = present("en", "Asia/Ho_Chi_Minh", datetime(2026, 11, 23, 2, tzinfo=UTC))
    told = letter(show, Kind.FAULT_OVER, "faults:0", data, "https://centre.example")
    assert told.subject == "Faults at loudspeakers that are over: 1"
    assert re.search(r"- Loa 1 .*: It cannot be reached, .*08:00.* – .*08:30", told.text)
