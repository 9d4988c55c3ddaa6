"""The main job once: announced, approved, played, recorded at the horns and held against what should have played."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol, Self

from broadcast.clock import Clock
from web.demo import cast, hearing, main_job
from web.demo.main_job import Person
from web.demo.stage import Stage

GOOD_CORRELATION = 0.9
TITLE = "Lịch tiêm chủng tháng này"
TEXT = "Trạm Y tế xã thông báo: sáng thứ Bảy, ngày 28/11, từ 7h30 đến 11 giờ, trạm tổ chức tiêm chủng cho trẻ."


class Bar(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __call__(self, step: str, fraction: float) -> None: ...


@dataclass(frozen=True)
class Result:
    """One receiver: what it reported, and what its horn was recorded to give out (None without virtual horns)."""

    receiver: str
    outcome: str
    ready_before_start_s: float | None
    start_error_ms: float | None
    level_dbfs: float | None
    gap_ms: float | None
    recorded_start_error_ms: float | None = None
    correlation: float | None = None

    @property
    def heard(self) -> bool:
        return self.outcome == "heard" and (self.correlation is None or self.correlation >= GOOD_CORRELATION)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "heard": self.heard}

    def cells(self) -> tuple[str, ...]:
        recorded = "" if self.recorded_start_error_ms is None else f" (recorded {self.recorded_start_error_ms:+.2f})"
        return (
            self.receiver,
            self.outcome,
            _figure(self.ready_before_start_s, "{:.1f} s"),
            _figure(self.start_error_ms, "{:+.2f} ms") + recorded,
            _figure(self.level_dbfs, "{:.1f} dBFS"),
            _figure(self.gap_ms, "{:.1f} ms"),
            _figure(self.correlation, "{:.3f}"),
        )


def perform(stage: Stage, crew: cast.Cast, clock: Clock, bar: Bar) -> list[Result]:
    """Do the main job on all the stage's receivers. Raises main_job.JobError with the step that failed."""
    author = Person(stage.url, cast.OFFICIAL, crew.passwords[cast.OFFICIAL])
    leader = Person(stage.url, cast.LEADER, crew.passwords[cast.LEADER])
    villages = [crew.district.villages[cast.COMMUNE, name] for name in cast.VILLAGES[: len(stage.horn_names)]]
    commune = crew.district.communes[cast.COMMUNE]
    with bar:
        recording = main_job.announce(author, commune, TITLE, TEXT, bar)
        aired = main_job.send(author, leader, commune, recording, villages)
        recordings = hearing.follow(stage, clock, aired.end, lambda fraction: bar("on air", fraction))
        told = main_job.reports(author, aired, len(villages))
        bar("reports", 1.0)
    by_receiver = {report["receiver_id"]: report for report in told}
    reference = hearing.decode(main_job.media(stage.url, aired.sha256))
    results = []
    for horn in stage.horn_names:
        code = cast.RECEIVERS[horn]
        report = by_receiver.get(crew.district.receivers[code])
        heard = hearing.compare(horn, recordings[horn], reference, aired.start) if horn in recordings else None
        results.append(_result(f"{code} ({horn})", report, heard, aired.start))
    return results


def _result(name: str, report: Mapping[str, Any] | None, heard: hearing.Heard | None, start: datetime) -> Result:
    if report is None:
        return Result(name, "no report", None, None, None, None)
    ready_at, error_us = report["media_ready_at"], report["start_error_us"]
    return Result(
        receiver=name,
        outcome=report["outcome"],
        ready_before_start_s=None if ready_at is None else (start - datetime.fromisoformat(ready_at)).total_seconds(),
        start_error_ms=None if error_us is None else error_us / 1000,
        level_dbfs=report["rms_dbfs"],
        gap_ms=report["gap_us"] / 1000,
        recorded_start_error_ms=heard.start_error_ms if heard else None,
        correlation=heard.correlation if heard else None,
    )


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
