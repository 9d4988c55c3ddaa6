"""The main job through the public API: a text becomes an announcement, is planned, approved, and heard."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from broadcast.clock import SystemClock

POLL_S = 0.25
PRODUCE_S = 120
REPORT_S = 30

Progress = Callable[[str, float], None]


class JobError(Exception):
    """The main job did not come to its end; the message says at which step."""


@dataclass(frozen=True)
class Aired:
    """One airing as planned: the file that should sound, when, on which receivers."""

    broadcast_id: str
    airing_id: str
    start: datetime
    end: datetime
    sha256: str


class Person:
    """The API as one person sees it who has signed in with a one-time password and chosen an own one."""

    def __init__(self, base_url: str, login: str, one_time_password: str) -> None:
        self._http = httpx.Client(base_url=f"{base_url}/api/v1", timeout=30)
        me = self.post("/session", {"login": login, "password": one_time_password})
        self._http.headers["X-CSRF-Token"] = me["csrf_token"]
        chosen = secrets.token_urlsafe(24)
        self._told(self._http.put("/me/password", json={"old_password": one_time_password, "new_password": chosen}))

    def get(self, path: str, **query: str) -> Any:
        return self._told(self._http.get(path, params=query))

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, version: int | None = None) -> Any:
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._told(self._http.post(path, json=body, headers=headers))

    def _told(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        raise JobError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")


def announce(author: Person, zone_id: str, title: str, text: str, progress: Progress) -> Mapping[str, Any]:
    """Create an announcement from text and wait until it is produced; the recording."""
    made = author.post(
        "/announcements", {"zone_id": zone_id, "title": title, "recordings": [{"language": "vi", "text": text}]}
    )

    def recording() -> Mapping[str, Any]:
        found: Mapping[str, Any] = author.get(f"/announcements/{made['id']}")["recordings"][0]
        progress("producing", float(found["progress"]))
        return found

    ready: Mapping[str, Any] = _until(
        lambda: (now := recording())["state"] in ("ready", "failed") and now, PRODUCE_S, "production"
    )
    if ready["state"] == "failed":
        raise JobError(f"production failed: {ready['error_code']}")
    return ready


def send(
    author: Person, approver: Person, zone_id: str, recording: Mapping[str, Any], village_ids: Sequence[str]
) -> Aired:
    """Place the announcement in the villages as soon as possible, submit it, have it approved."""
    made = author.post(
        "/broadcasts",
        {
            "zone_id": zone_id,
            "announcement_id": recording["announcement_id"],
            "zone_ids": list(village_ids),
            "when": {"kind": "now"},
        },
    )
    submitted = author.post(f"/broadcasts/{made['id']}/submit", version=made["version"])
    approver.post(f"/broadcasts/{made['id']}/approve", version=submitted["version"])
    airing = _until(lambda: next(iter(author.get(f"/broadcasts/{made['id']}/airings")), None), REPORT_S, "planning")
    return Aired(
        broadcast_id=made["id"],
        airing_id=airing["id"],
        start=datetime.fromisoformat(airing["start"]),
        end=datetime.fromisoformat(airing["end"]),
        sha256=recording["sha256"],
    )


def reports(person: Person, aired: Aired, count: int) -> Sequence[Mapping[str, Any]]:
    """The play reports of the airing: all `count`, or as many as came in time."""
    found: list[Mapping[str, Any]] = []

    def enough() -> bool:
        found[:] = person.get("/reports", airing_id=aired.airing_id)["items"]
        return len(found) >= count

    try:
        _until(enough, REPORT_S, "reports")
    except JobError:
        return found
    return found


def media(base_url: str, sha256: str) -> bytes:
    """The produced file as receivers fetch it."""
    answer = httpx.get(f"{base_url}/media/{sha256}", timeout=30)
    answer.raise_for_status()
    return answer.content


def _until(ask: Callable[[], Any], limit_s: float, what: str) -> Any:
    """The first answer that is true."""
    clock = SystemClock()
    deadline_us = clock.monotonic_us() + round(limit_s * 1_000_000)
    while clock.monotonic_us() < deadline_us:
        answer = ask()
        if answer:
            return answer
        time.sleep(POLL_S)
    raise JobError(f"{what}: nothing within {limit_s} s")
