"""Schemathesis over the whole API as each role: what every operation gives for what fits its description or not.

Rules
- No answer is a 5xx, and each is as the description says: status, media type, headers, schema.
- What is of the other commune never comes back to somebody of ours: no id of its rows, no word typed there.
- Every example begins with the same database, so that what is found is found again.
- Ids are drawn from both communes, and a body is as often one that was once taken, with some of its fields drawn anew.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response, SerializationContext
from schemathesis.checks import CHECKS, CheckFunction, load_all_checks
from schemathesis.core.result import Err
from sqlmodel import select, text

from bench.fuzz.communes import API, Commune, Town
from scheduler.people.models import WebSession
from scheduler.people.sessions import session_id
from scheduler.rights import Role

PEOPLE: tuple[str | None, ...] = (None, *(role.value for role in Role), "province-operator", "province-administrator")
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
TABLES = {
    "zone": "zone", "parent": "zone", "member": "zone", "group": "zone_group", "receiver": "receiver",
    "user": "app_user", "to": "app_user", "principal": "app_user", "deputy": "deputy", "grant": "rolegrant",
    "session": "websession", "token": "apitoken", "hook": "webhook", "rule": "retention_rule",
    "invitation": "invitation", "report": "village_report", "fault": "fault_record", "announcement": "announcement",
    "fallback": "announcement", "stand_in": "announcement", "recording": "recording",
    "fallback_recording": "recording", "broadcast": "broadcast", "order": "emergency_order", "talk": "live_talk",
    "bulletin": "bulletin", "relay": "relay", "run": "rehearsal_run", "feedback": "feedback",
    "airing": "plannedairing", "bank": "bank_entry",
}  # fmt: skip
IN_A_BODY = TABLES | {"deputy": "app_user"}
"""There it is the person who is named, elsewhere what names them."""
IN_NO_TABLE = {"line_id"}
"""A line is there as long as somebody listens."""
PLAIN = {
    "name": ["flash-flood", "siren-rise-fall", "drill-flash-flood"], "day": ["2026-11-23", "2026-11-24"],
    "at": ["17:00"],
}  # fmt: skip
PATIENCE_S = 120  # a machine that does much else answers late; that is no finding
VERSIONS = st.sampled_from(['"0"', '"1"', '"2"', '"3"', '"4"'])
_ID = re.compile(r"[0-9A-Z]{26}")


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _letters(_context: SerializationContext, value: Any) -> bytes:
    return str(value).encode(errors="replace")


@dataclass(frozen=True)
class Finding:
    """What was wrong with an operation for one person."""

    who: str
    operation: str
    trouble: str


class Leak(AssertionError):
    """Something of another commune came back."""


class Driver:
    """The operations of the town's API, and the ids that may be sent to them."""

    def __init__(self, town: Town) -> None:
        self._town = town
        load_all_checks()
        self._checks = cast("list[CheckFunction]", CHECKS.get_by_names(list(CHECKED)))
        self._schema = schemathesis.openapi.from_dict(town.app.openapi())
        self._schema.app = town.app
        self._pools = _pools(town)
        named = {name for operation in self.operations() for name in re.findall(r"{(\w+_id)}", operation.path)}
        if unaimed := sorted(name for name in named - IN_NO_TABLE if not self._pool(name)):
            raise LookupError(f"there is nothing to aim at for {', '.join(unaimed)}")
        self._bodies = _bodies(town, [operation.path for operation in self.operations()])

    def operations(self) -> Iterator[Any]:
        for found in self._schema.get_all_operations():
            if isinstance(found, Err):
                raise found.err()
            yield found.ok()

    def drive(self, operation: Any, who: str | None, examples: int, seed: int | None = None) -> Finding | None:
        """Try one operation as one person; what was wrong first, None for nothing."""

        @settings(
            max_examples=examples, database=None, deadline=None, derandomize=seed is None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(self._cases(operation, self._town.codes.get(who or "")))
        def tried(case: Case[Any]) -> None:
            with self._town.example():
                self._look_at(case, case.call(headers=self._town.headers(who), timeout=PATIENCE_S), who)

        try:
            tried()
        except (Exception, BaseExceptionGroup) as wrong:  # noqa: BLE001 - anything that goes wrong is a finding
            return Finding(
                who or "nobody", operation.label, "; ".join(f"{type(e).__name__}: {e}" for e in _leaves(wrong))
            )
        return None

    def _look_at(self, case: Case[Any], answer: Response, who: str | None) -> None:
        case.validate_response(answer, checks=self._checks)
        for commune in self._foreign_to(who):
            seen = answer.content.decode(errors="replace")
            asked = f"{unquote(answer.request.url or '')} {json.dumps(case.body, ensure_ascii=False, default=str)}"
            leaked = {one for one in _ID.findall(seen) if one in commune.ids and one not in asked}
            told = commune.mark in seen or commune.mark.encode("unicode_escape").decode() in seen
            if leaked or (told and commune.mark not in asked):  # what one typed oneself may come back
                raise Leak(f"{case.method} {case.formatted_path} gives of {commune.mark}: {leaked} {seen[:600]}")

    def _foreign_to(self, who: str | None) -> Sequence[Commune]:
        if who is None:
            return self._town.ours, self._town.theirs
        return () if who.startswith("province") else (self._town.theirs,)

    def _cases(self, operation: Any, code: str | None) -> st.SearchStrategy[Case[Any]]:
        """`code` is one of the second factor of whoever asks, who types it half of the time."""
        fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        try:
            unfitting = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
            unfitting.validate()
        except Exception:  # noqa: BLE001 - nothing can be wrong with what takes nothing
            unfitting = fitting

        @st.composite
        def aimed(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Case[Any]:
            fits = draw(st.integers(0, 3)) > 0
            case: Case[Any] = draw(fitting if fits else unfitting)
            for name in case.path_parameters if draw(st.integers(0, 9)) else ():
                if pool := self._pool(name):
                    case.path_parameters[name] = draw(st.sampled_from(pool))
            if fits:
                if isinstance(case.body, dict):
                    case.body = self._body(draw, operation, case.body)
                for name in filter(self._pool, [name for name in case.query if name.endswith("_id")]):
                    case.query[name] = draw(st.sampled_from(self._pool(name)))
                if draw(st.integers(0, 9)):
                    case.headers["If-Match"] = draw(VERSIONS)
                if code and draw(st.booleans()):
                    case.headers["X-Second-Factor"] = code
                    if isinstance(case.body, dict) and "code" in case.body:
                        case.body["code"] = code
            for name in ("Cookie", "X-CSRF-Token", "Authorization"):
                case.headers.pop(name, None)
            case.cookies.clear()
            return case

        return aimed()

    def _body(self, draw: Callable[[st.SearchStrategy[Any]], Any], operation: Any, made: dict[str, Any]) -> Any:
        taken = self._bodies.get((operation.method.upper(), operation.path), [])
        if taken and draw(st.booleans()):
            base = dict(draw(st.sampled_from(taken)))
            anew = draw(st.sets(st.sampled_from(sorted(made)), max_size=2)) if made else set()
            made = base | {name: made[name] for name in anew}
        return {name: self._filled(draw, name, value) for name, value in made.items()}

    def _filled(self, draw: Callable[[st.SearchStrategy[Any]], Any], name: str, value: Any) -> Any:
        """`value` with ids of real things where ids belong, mostly."""
        if isinstance(value, dict):
            return {key: self._filled(draw, key, inner) for key, inner in value.items()}
        pool = self._pool(name, IN_A_BODY)
        if isinstance(value, list):
            if pool and name.endswith("ids"):
                return draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
            return [self._filled(draw, name, inner) for inner in value]
        if pool and isinstance(value, str) and name.endswith(("_id", "to")) and draw(st.integers(0, 3)):
            return draw(st.sampled_from(pool))
        return value

    def _pool(self, name: str, tables: Mapping[str, str] = TABLES) -> list[str]:
        return PLAIN.get(name) or self._pools.get(tables.get(name.removesuffix("s").removesuffix("_id"), ""), [])


def _leaves(wrong: BaseException) -> list[BaseException]:
    """What went wrong, one by one."""
    if isinstance(wrong, BaseExceptionGroup):
        return [leaf for part in wrong.exceptions for leaf in _leaves(part)]
    return [wrong]


def _pools(town: Town) -> dict[str, list[str]]:
    """The ids in each table, in an order that does not change."""
    with town.example(), town.centre.store.reading() as db:
        signed_in = db.exec(select(WebSession).order_by(text("rowid")))
        found = {"websession": [session_id(row) for row in signed_in]}
        for table in sorted(set(TABLES.values()) - set(found)):
            rows = db.connection().execute(text(f'SELECT id FROM "{table}" ORDER BY rowid'))  # noqa: S608 - its own tables
            found[table] = [str(row[0]) for row in rows]
    return found


def _bodies(town: Town, paths: Sequence[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What was sent and taken, by the operation that took it."""
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for sent in town.sent:
        fitting = [path for path, pattern in patterns.items() if pattern.fullmatch(sent.path)]
        path = min(fitting, key=lambda one: one.count("{"), default=API)
        found.setdefault((sent.method, path), []).append(sent.body)
    return found
