"""What a loudspeaker measured in the last days, drawn on its page where it was measured and nowhere else."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import ReceiverSample
from scheduler.rights import Role
from scheduler.store.engine import Store

PATH = "/receivers/RFIRST"
MB = 1_000_000


@pytest.fixture
def official(
    store: Store, places: Any, browser: Callable[[str], TestClient], add_person: Callable[..., Any]
) -> TestClient:
    with store.writing() as db:
        db.add(Receiver(id="RFIRST", zone_id=places.leng_1, name="Nhà văn hóa"))
    add_person("lan", places.leng, Role.EDITOR)
    return browser("lan")


def measured(store: Store, now: datetime, *said: tuple[float, dict[str, Any]]) -> None:
    """So many hours ago, and what was said then."""
    with store.writing() as db:
        for hours_ago, values in said:
            db.add(ReceiverSample(receiver_id="RFIRST", at=now - timedelta(hours=hours_ago), **values))


def drawings(page: str) -> dict[str, str]:
    """What is drawn, by its label."""
    shown = page.partition('<ul class="trends">')[2].partition("</ul>")[0]
    return dict(re.findall(r"<li><h3>(.*?)</h3>(.*?)</li>", shown, re.DOTALL))


def rows(page: str) -> list[str]:
    """The same in numbers: what, on which day, least and most."""
    found = re.findall(r'<tr>(<th scope="row">.*?)</tr>', page.partition('<ul class="trends">')[2], re.DOTALL)
    return [" | ".join(re.findall(r">([^<>]+)</t[hd]>", row)) for row in found]


def test_power_level_and_data_are_drawn_where_they_were_measured(
    store: Store, now: datetime, official: TestClient
) -> None:
    measured(
        store,
        now,
        (74, {"month_bytes": 10 * MB}),
        (50, {"month_bytes": 11 * MB}),
        (49, {"month_bytes": 14 * MB, "battery_percent": 80, "battery_v": 12.6, "level_dbfs": -30}),
        (2, {"month_bytes": 2 * MB, "battery_percent": 60, "battery_v": 12.2, "level_dbfs": -20}),  # began anew
        (1, {"battery_percent": 70, "battery_v": 12.4, "level_dbfs": -25}),
    )
    page = official.get(PATH).text
    drawn = drawings(page)
    assert list(drawn) == ["Ắc quy", "Điện áp", "Mức âm thanh", "Dữ liệu mỗi ngày"]
    last = {
        label: re.findall(r"<strong>(.*?)</strong> <small class=\"muted\">(.*?)<", one) for label, one in drawn.items()
    }
    assert last == {
        "Ắc quy": [("70%", "từ 60% đến 80%")],
        "Điện áp": [("12,4 V", "từ 12,2 V đến 12,6 V")],
        "Mức âm thanh": [("−25,0 dBFS", "từ −30,0 dBFS đến −20,0 dBFS")],
        "Dữ liệu mỗi ngày": [("2,0 MB", "từ 2,0 MB đến 4,0 MB")],
    }
    lines = {label: re.findall(r'<path d="(.*?)"', one) for label, one in drawn.items()}
    assert lines == {
        "Ắc quy": ["M227 4.0h.1M316 44.0h.1L318 24.0"],  # from 320 for now, broken where nothing came
        "Điện áp": ["M227 4.0h.1M316 44.0h.1L318 24.0"],
        "Mức âm thanh": ["M227 44.0h.1M316 4.0h.1L318 24.0"],
        "Dữ liệu mỗi ngày": [],
    }
    bars = re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', drawn["Dữ liệu mỗi ngày"])
    assert bars == [("185.9", "4.0", "39.7", "40.0"), ("277.3", "24.0", "39.7", "20.0")]  # of seven days from 0 to 320
    assert "Ắc quy | Thứ Hai 23/11 | 60% | 70%" in rows(page)
    assert [row for row in rows(page) if row.startswith("Dữ liệu")] == [
        "Dữ liệu mỗi ngày | Thứ Bảy 21/11 | 4,0 MB | 4,0 MB",
        "Dữ liệu mỗi ngày | Thứ Hai 23/11 | 2,0 MB | 2,0 MB",
    ]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (None, []),
        ({}, []),
        ({"month_bytes": 5 * MB}, []),  # a day's use is what it is more than that of the day before
        ({"temperature_c": 41}, ["Nhiệt độ"]),
        ({"signal_percent": 0, "battery_percent": 0}, ["Tín hiệu", "Ắc quy"]),  # nothing left is measured too
    ],
)
def test_what_was_never_measured_is_not_drawn(
    store: Store, now: datetime, official: TestClient, values: dict[str, Any] | None, labels: list[str]
) -> None:
    measured(store, now, *([(1, values), (200, {"battery_v": 12.0, "level_dbfs": -20})] if values is not None else []))
    page = official.get(PATH).text
    assert list(drawings(page)) == labels
    assert ('id="h-trends"' in page) is bool(labels)
