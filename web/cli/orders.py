"""The commands that `loa emergency` and `loa drill` share: each is a request to the running centre, made by a person.

The centre's machine has no right to an emergency of its own, so they take a person's token (LOA_TOKEN, with the scope
for it), and the code of their second factor where one lets it sound.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import httpx
import typer

from broadcast.wire.now import Purpose
from scheduler.emergency.schemas import WORDS, OrderOut, WhoHeard
from web.cli.opened import refuse, settings

API = "/api/v1"
TIMEOUT_S = 30

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
OrderId = Annotated[str, typer.Argument(help="The order's id.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
EXITS = (
    "Exit codes: 0 done, 1 refused or not reached (the reason is said), 2 usage. "
    "LOA_TOKEN is a token of yours, LOA_URL the centre's address (else that of the settings)."
)


class Office:
    """The centre as this person reaches it."""

    def __init__(self, path: str) -> None:
        token = os.environ.get("LOA_TOKEN", "")
        if not token:
            refuse("Set LOA_TOKEN to a token of yours: you make one on your account page.")
        url = os.environ.get("LOA_URL") or settings().base_url
        self._path = path
        self._client = httpx.Client(base_url=url + API, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S)

    def get(self, path: str = "", **params: Any) -> Any:
        return self._asked("GET", self._path + path, params=params).json()

    def send(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        return self._asked("POST", self._path + path, json=body, headers=headers or {}).json()

    def zone_id(self, word: str) -> str:
        """The id of the zone with this id or code; never by name, since names repeat."""
        found = [
            zone for zone in self._asked("GET", "/zones", params={"q": word}).json()["items"] if zone["code"] == word
        ]
        return str(found[0]["id"]) if len(found) == 1 else word

    def _asked(self, method: str, path: str, **rest: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **rest)
        except httpx.HTTPError as error:
            refuse(f"The centre at {self._client.base_url} was not reached: {error}")
        if not answer.is_success:
            refuse(_why(answer))
        return answer


def _why(answer: httpx.Response) -> str:
    """What the centre says was wrong, field by field where it names them."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.reason_phrase}"
    fields = [f"{one['field']}: {one['message']}" for one in problem.get("errors", ())]
    return "\n".join(fields) or str(problem.get("detail", answer.status_code))


def make(purpose: Purpose, path: str, what: str) -> typer.Typer:
    """The commands for orders of one purpose, which the centre has at `path`."""
    app = typer.Typer(no_args_is_help=True, help=f"{what} {EXITS}")
    for command in (_ask, _list, _show, _confirm, _withdraw, _cancel, _correct, _heard):
        command(app, lambda: Office(path), WORDS[purpose])
    return app


Open = Callable[[], Office]


def _ask(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def ask(
        *,
        zone: Annotated[list[str], typer.Option(help="A zone's id or code; may be repeated.")],
        reason: Reason,
        message: Annotated[list[str] | None, typer.Option(help="A message of the bank; may be repeated.")] = None,
        text: Annotated[str, typer.Option(help="Spoken after the messages.")] = "",
        every: Annotated[int, typer.Option(help="Again each so many seconds; 0: once.")] = 0,
        minutes: Annotated[int, typer.Option(help="For how long.")] = 15,
        as_json: AsJson = False,
    ) -> None:
        """Ask for one. Nothing sounds before it is confirmed."""
        to = office()
        parts: list[dict[str, str]] = [{"kind": "bank", "id": bank_id} for bank_id in message or ()]
        parts += [{"kind": "text", "text": text}] if text else []
        body = {"zone_ids": [to.zone_id(word) for word in zone], "parts": parts, "reason": reason}
        _tell(to.send("", body | {"every_s": every, "minutes": minutes}), as_json=as_json)


def _list(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command(name="list")
    def list_orders(as_json: AsJson = False) -> None:
        """What waits for a second person, and what sounds."""
        found = office().get(state=["asked", "issued"])
        if as_json:
            print(json.dumps(found["items"], ensure_ascii=False, indent=2))
            return
        for order in found["items"]:
            print(_line(OrderOut.model_validate(order)))


def _show(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def show(order_id: OrderId, as_json: AsJson = False) -> None:
        """Exactly what sounds where."""
        _tell(office().get(f"/{order_id}"), as_json=as_json)


def _confirm(app: typer.Typer, office: Open, word: str) -> None:
    @app.command(help=f"Let it sound, as the second person: it is shown, and you type {word}.")
    def confirm(
        order_id: OrderId,
        code: Annotated[str, typer.Option(help="Of your second factor; asked for when it is not given.")] = "",
        as_json: AsJson = False,
    ) -> None:
        to = office()
        seen = to.get(f"/{order_id}")
        typer.echo(_whole(OrderOut.model_validate(seen)), err=True)
        typed = typer.prompt(f"Type {word} to let it sound", err=True)
        code = code or typer.prompt("Code of your second factor", err=True)
        headers = {"If-Match": f'"{seen["version"]}"'}
        _tell(to.send(f"/{order_id}/confirm", {"word": typed, "code": code}, headers=headers), as_json=as_json)


def _withdraw(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def withdraw(order_id: OrderId, as_json: AsJson = False) -> None:
        """Take back what was asked for and not confirmed."""
        _tell(office().send(f"/{order_id}/withdraw"), as_json=as_json)


def _cancel(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def cancel(order_id: OrderId, as_json: AsJson = False) -> None:
        """Silence it everywhere."""
        _tell(office().send(f"/{order_id}/cancel"), as_json=as_json)


def _correct(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def correct(
        order_id: OrderId,
        message: Annotated[str, typer.Argument(help="One of the bank's corrections, such as false-alarm.1.")],
        reason: Reason,
        as_json: AsJson = False,
    ) -> None:
        """Silence it and say so, in one act."""
        made = office().send(f"/{order_id}/correct", {"bank_id": message, "reason": reason})
        _tell(made["correction"], as_json=as_json)
        left_out = "; ".join(place["name"] for place in made["left_out"])
        if left_out:
            why = "You have no right to say it there, or everybody below would hear it, who never heard the alarm."
            typer.echo(f"It is not said to: {left_out}. {why}", err=True)


def _heard(app: typer.Typer, office: Open, _word: str) -> None:
    @app.command()
    def heard(order_id: OrderId, as_json: AsJson = False) -> None:
        """Who heard it, by village, and whom to telephone where it was not heard."""
        found = office().get(f"/{order_id}/heard")
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for village in WhoHeard.model_validate(found).villages:
            call = ", ".join(f"{one.name} {one.phone or ''}".strip() for one in village.contacts)
            print(f"{village.heard}/{village.total}  {village.name}{'  call: ' + call if village.call else ''}")


def _tell(order: dict[str, Any], *, as_json: bool) -> None:
    print(json.dumps(order, ensure_ascii=False, indent=2) if as_json else _whole(OrderOut.model_validate(order)))


def _line(order: OrderOut) -> str:
    places = ", ".join(target.name for target in order.targets)
    return f"{order.id}  {order.state}  {places}: {' + '.join(part.title for part in order.parts)}"


def _whole(order: OrderOut) -> str:
    lines = [_line(order), *(f"  {part.text}" for part in order.parts if part.text)]
    lines.append(f"  {_rhythm(order)}; asked for by {order.author_name}: {order.reason}")
    if order.starts_at is not None and order.state == "issued":
        lines.append(f"  from {_clock(order.starts_at)}; {'at the broker' if order.delivered else 'on its way'}")
    return "\n".join(lines)


def _rhythm(order: OrderOut) -> str:
    until = f"until {_clock(order.until)}" if order.until is not None else f"for {order.minutes} minutes"
    return f"each {order.every_s} s, {until}" if order.every_s else f"once, {until}"


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
