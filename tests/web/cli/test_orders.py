"""`loa emergency`, `loa drill` and `loa stop-all` against a centre that answers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from sqlmodel import select
from typer.testing import CliRunner, Result

from scheduler.emergency.models import EmergencyOrder, ZoneStop
from scheduler.people.actor import Actor
from scheduler.people.models import ApiToken
from scheduler.people.signin import digest
from scheduler.rights import Action, Role
from web.cli import drill, emergency, stop_all

FLOOD = ["--message", "siren-rise-fall.1", "--message", "flash-flood.1"]


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """Where the application answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    listening.close()


@pytest.fixture
def loa(alarm: Any, url: str) -> Callable[..., Result]:
    """`loa(actor, app, *words)`: a person with a token for everything, who types `typed`."""

    def run(actor: Actor | None, app: Any, *words: str, typed: str = "") -> Result:
        env = {"LOA_URL": url, "LOA_TOKEN": token(alarm, actor) if actor else ""}
        return CliRunner().invoke(app, list(words), input=typed, env=env)

    return run


def token(alarm: Any, actor: Actor) -> str:
    secret, now = f"loa_{actor.login}", alarm.app.state.centre.clock.now()
    with alarm.store.writing() as db:
        if db.get(ApiToken, actor.login) is None:
            row = ApiToken(
                id=actor.login,
                token_sha256=digest(secret),
                user_id=actor.user_id,
                name="x",
                scope=sorted(Action),
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
            db.add(row)
    return secret


def test_asked_for_by_one_and_let_sound_by_another(alarm: Any, loa: Any, second_factor: Any) -> None:
    asked = loa(alarm.operator, emergency.app, "ask", "--zone", "20935", *FLOOD, "--reason", "Lũ", "--json")
    assert asked.exit_code == 0, asked.output
    order = json.loads(asked.stdout)
    code = second_factor(alarm.second)
    wrong = loa(alarm.second, emergency.app, "confirm", order["id"], "--code", code(), typed="diễn tập\n")
    assert (wrong.exit_code, "KHẨN CẤP" in wrong.stderr) == (1, True)
    done = loa(alarm.second, emergency.app, "confirm", order["id"], "--code", code(), typed="khẩn cấp\n")
    assert (done.exit_code, "issued" in done.stdout) == (0, True), done.output
    assert "Trà Leng" in loa(alarm.second, emergency.app, "list").stdout
    assert json.loads(loa(alarm.operator, emergency.app, "heard", order["id"], "--json").stdout)["villages"] == []
    said = loa(alarm.operator, emergency.app, "correct", order["id"], "false-alarm.1", "--reason", "Báo nhầm", "--json")
    assert json.loads(said.stdout)["corrects_id"] == order["id"]
    ended = loa(alarm.operator, emergency.app, "cancel", json.loads(said.stdout)["id"])
    assert (ended.exit_code, "cancelled" in ended.stdout) == (0, True)


def test_places_that_a_correction_leaves_out_are_named(
    alarm: Any, loa: Any, second_factor: Any, add_person: Callable[..., Actor]
) -> None:
    zones = ["--zone", alarm.places.leng, "--zone", alarm.places.van]
    asked = loa(alarm.operator, emergency.app, "ask", *zones, *FLOOD, "--reason", "Lũ", "--json")
    order_id, code = json.loads(asked.stdout)["id"], second_factor(alarm.second)
    loa(alarm.second, emergency.app, "confirm", order_id, "--code", code(), typed="khẩn cấp\n")
    alarm.sign_in("operator").post("/api/v1/stop", json={"zone_ids": [alarm.places.leng]})
    local = add_person("vana", alarm.places.van, Role.OPERATOR)
    words = ("correct", order_id, "false-alarm.1", "--reason", "Báo nhầm")
    assert "not said to: Trà Leng" in loa(local, emergency.app, *words).stderr
    assert loa(alarm.operator, emergency.app, *words).stderr == ""


def test_a_token_alone_confirms_nothing(alarm: Any, loa: Any) -> None:
    order = json.loads(
        loa(alarm.operator, emergency.app, "ask", "--zone", "20935", *FLOOD, "--reason", "Lũ", "--json").stdout
    )
    alone = loa(alarm.second, emergency.app, "confirm", order["id"], "--code", "123456", typed="KHẨN CẤP\n")
    assert (alone.exit_code, "hai lớp" in alone.stderr or "second factor" in alone.stderr) == (1, True), alone.stderr


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["ask", "--zone", "20935", "--message", "flash-flood.1", "--reason", "x"], 1),
        (["ask", "--zone", "nowhere", "--message", "drill-flash-flood.1", "--reason", "x"], 1),
        (["ask", "--zone", "20935", "--message", "drill-flash-flood.1", "--reason", "x"], 0),
        (["ask", "--zone", "20935"], 2),
        (["show", "none"], 1),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(alarm: Any, loa: Any, words: list[str], exit_code: int) -> None:
    done = loa(alarm.operator, drill.app, *words)
    assert done.exit_code == exit_code, done.output
    assert "Traceback" not in done.output
    assert (exit_code == 0) is (done.stderr == "")


def test_without_a_token_or_a_centre_it_says_what_is_missing(alarm: Any, loa: Any, monkeypatch: Any) -> None:
    assert "LOA_TOKEN" in loa(None, emergency.app, "list").stderr
    monkeypatch.setenv("LOA_TOKEN", "loa_x")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    away = CliRunner().invoke(emergency.app, ["list"], env={"LOA_URL": f"http://127.0.0.1:{port}"})
    assert (away.exit_code, "was not reached" in away.stderr) == (1, True)


def test_stop_all_needs_no_token_and_no_centre(alarm: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("LOA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOA_DATABASE_URL", str(alarm.store.url))
    monkeypatch.setattr(stop_all, "clock", alarm.app.state.centre.clock)
    order = alarm.confirm(alarm.sign_in("second"), alarm.asked(alarm.sign_in("operator"))).json()
    wide = alarm.asked(alarm.sign_in("operator"), zone_ids=[alarm.places.province])
    alarm.confirm(alarm.sign_in("second"), wide)
    done = CliRunner().invoke(stop_all.app, ["--zone", "20935", "--json"])
    assert json.loads(done.stdout)["cancelled"] == [order["id"]]
    assert [one["id"] for one in json.loads(done.stdout)["above"]] == [wide["id"]]
    said = CliRunner().invoke(stop_all.app, ["--zone", "20935"]).stdout
    assert "Call: Operator (no number known), Second (no number known)." in said
    assert CliRunner().invoke(stop_all.app, []).stdout == "7 zones fall silent, 1 orders are taken back.\n"
    assert CliRunner().invoke(stop_all.app, ["--zone", "nowhere"]).exit_code != 0
    with alarm.store.reading() as db:
        assert len(db.exec(select(ZoneStop)).all()) == 7
        assert db.get_one(EmergencyOrder, order["id"]).state == "cancelled"
