"""What a role does most, as it is told to a hand; and what must be there before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import httpx

from bench.tasks.hands import Hand
from bench.tasks.office import LEADER, OFFICIAL, PASSWORD, ZONE, Office
from broadcast.clock import SystemClock
from web.pages.residents_paths import public_path

RESIDENT = ""
_numbers = count(1)


def number() -> int:
    """Another one each time, so that names differ."""
    return next(_numbers)


@dataclass
class Desk:
    """The office as tasks know it; `api` makes what a task finds, as the person who would have made it."""

    office: Office
    url: str
    _people: dict[str, httpx.Client] = field(default_factory=dict)

    def api(self, login: str) -> httpx.Client:
        return self._people.get(login) or self.sign_in_anew(login)

    def sign_in_anew(self, login: str) -> httpx.Client:
        client = self._people[login] = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60)
        answer = client.post("/session", json={"login": login, "password": PASSWORD, "code": self.office.code(login)})
        client.headers["X-CSRF-Token"] = answer.raise_for_status().json()["csrf_token"]
        return client

    def some_village(self) -> str:
        """The public page of another village each time, as each takes only so much from one address."""
        places = list(self.office.district.villages.items())
        (_commune, name), zone_id = places[number() % len(places)]
        return public_path(zone_id, name)

    def leave_word(self, text: str) -> None:
        """As a resident, of another address than the browser's: one may write only so often."""
        path = f"{public_path(self.office.village('Thôn 3'), 'Thôn 3')}/feedback"
        elsewhere = httpx.HTTPTransport(local_address=f"127.0.1.{1 + number() % 250}")
        with httpx.Client(transport=elsewhere, timeout=60, follow_redirects=True) as client:
            client.post(self.url + path, data={"about": "other", "text": text}).raise_for_status()

    def post(self, login: str, path: str, body: Any = None, version: int | None = None) -> Any:
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        answer = self.api(login).post(path, json=body, headers=headers)
        if not answer.is_success:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def broadcast(self, *, until: str = "submit") -> dict[str, Any]:
        """One of its own for each task."""
        made = self.post(OFFICIAL, "/broadcasts", self.draft())
        if until != "save":
            made = self.post(OFFICIAL, f"/broadcasts/{made['id']}/submit", version=made["version"])
        if until == "approve":
            made = self.post(LEADER, f"/broadcasts/{made['id']}/approve", version=made["version"])
        return dict(made)

    def draft(self) -> dict[str, Any]:
        """At a time of its own in the days to come."""
        day, place = SystemClock().now().astimezone(ZONE).date(), number()
        starts = f"{day + timedelta(days=2 + place // 12)}T{6 + place % 12:02d}:{place * 5 % 60:02d}"
        return {
            "zone_id": self.office.commune,
            "announcement_id": self.office.ids["announcement"],
            "zone_ids": [self.office.village()],
            "when": {"kind": "at", "starts_local": starts},
        }


Run = Callable[[Hand, Desk], None]


@dataclass(frozen=True)
class Task:
    """`most` is how many actions a newcomer with a mouse may need, 0 where none was promised."""

    login: str
    name: str
    run: Run
    most: int = 0


TASKS: list[Task] = []


def task(login: str, name: str, *, most: int = 0) -> Callable[[Run], Run]:
    def add(run: Run) -> Run:
        TASKS.append(Task(login, name, run, most))
        return run

    return add
