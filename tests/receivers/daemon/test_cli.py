"""`loa receiver` as whoever stands at the board sees it: words and exit codes, never a stack trace."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from broadcast.wire.documents import Fault, Heard, Hearing, ReceiverState, SelfTestResult
from broadcast.wire.enrolment import BrokerAddress
from receivers import config, identity, status
from receivers.enrol import KEY_NAME
from receivers.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_800_000_000_000_000
NO_SERVER = ("pydantic", "rich", "fastapi", "starlette", "sqlmodel", "sqlalchemy", "uvicorn", "jinja2", "web", "pydub")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "receivers", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def enrolled(tmp_path: Path) -> Path:
    """A state folder with an identity in it."""
    me = identity.Identity(
        receiver_id="rx1",
        credentials="credentials-x.pem",
        ca="",
        order_keys=("A" * 43,),
        broker=BrokerAddress(host="127.0.0.1", port=1),
        media_urls=("http://127.0.0.1:1/media/",),
        enrolled_us=NOON,
    )
    identity.save(tmp_path, me, b"no key")
    return tmp_path


def test_the_daemon_and_its_command_line_import_no_server_package() -> None:
    program = "import sys, receivers.cli, receivers.daemon, receivers.enrol; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "aiomqtt" in loaded
    assert not loaded.intersection(NO_SERVER)


@pytest.mark.parametrize("words", [(), ("enrol",), ("run",), ("status",)])
def test_help_tells_the_exit_codes(words: tuple[str, ...]) -> None:
    done = _run(*words, "--help")
    assert done.returncode == ExitCode.DONE
    assert "Exit codes: 0 done" in done.stdout


@pytest.mark.parametrize("command", ["run", "status"])
def test_who_is_not_enrolled_is_told_to(tmp_path: Path, command: str) -> None:
    done = _run(command, "--state", str(tmp_path))
    assert done.returncode == ExitCode.NOT_ENROLLED
    assert "loa receiver enrol" in done.stderr


def test_a_wrong_code_and_a_silent_centre_are_told_apart(tmp_path: Path) -> None:
    wrong = _run("enrol", "http://127.0.0.1:1", "ABC", "--state", str(tmp_path))
    assert (wrong.returncode, "has 20 letters" in wrong.stderr) == (ExitCode.REFUSED, True)
    silent = _run("enrol", "http://127.0.0.1:1", "AAAAA-AAAAA-AAAAA-AAAAA", "--state", str(tmp_path))
    assert (silent.returncode, "no answer from" in silent.stderr) == (ExitCode.UNREACHABLE, True)
    assert [path.name for path in tmp_path.iterdir()] == [KEY_NAME]


def test_enrolling_over_an_enrolment_must_be_meant(enrolled: Path) -> None:
    done = _run("enrol", "http://127.0.0.1:1", "AAAAA-AAAAA-AAAAA-AAAAA", "--state", str(enrolled))
    assert (done.returncode, "--again" in done.stderr) == (ExitCode.ALREADY, True)


def test_a_running_daemon_is_stopped_before_it_becomes_another_receiver(enrolled: Path) -> None:
    before = (enrolled / identity.FILE_NAME).read_bytes()
    with status.only_one(enrolled):
        done = _run("enrol", "http://127.0.0.1:1", "AAAAA-AAAAA-AAAAA-AAAAA", "--state", str(enrolled), "--again")
    assert (done.returncode, "stop it first" in done.stderr) == (ExitCode.ALREADY, True)
    assert (enrolled / identity.FILE_NAME).read_bytes() == before


def test_a_wrong_settings_file_has_an_exit_code_of_its_own(enrolled: Path) -> None:
    (enrolled / config.FILE_NAME).write_text("volume = 5\n")
    done = _run("run", "--state", str(enrolled))
    assert (done.returncode, "receiver.toml, line 1" in done.stderr) == (ExitCode.CONFIG, True)


def test_an_identity_that_cannot_be_used_is_told_with_its_cure_and_an_exit_code(enrolled: Path) -> None:
    for name in (identity.FILE_NAME, identity.COPY_NAME):
        (enrolled / name).write_bytes(b"\0" * 500)
    done = _run("run", "--state", str(enrolled))
    assert done.returncode == ExitCode.NOT_ENROLLED
    assert "identity.json and its copy cannot be used" in done.stderr
    assert "run `loa receiver enrol --again` on it" in done.stderr


def test_status_of_a_dead_daemon_says_so_and_what_it_last_told(enrolled: Path) -> None:
    assert "not told anything yet" in _run("status", "--state", str(enrolled)).stdout
    told = status.Status(
        receiver_id="rx1",
        broker="127.0.0.1:1",
        pid=1,
        written_us=NOON,
        linked=True,
        link_since_us=NOON,
        link_error=None,
        state=ReceiverState(
            online=True,
            at_us=NOON,
            faults=(Fault(code="media_missing", detail="a1", since_us=NOON),),
            refused={"unsigned": 3},
            self_test=SelfTestResult(at_us=NOON, heard=Heard(verdict=Hearing.NOT_HEARD, correlation=0.1)),
        ),
    )
    status.write(enrolled, told)
    done = _run("status", "--state", str(enrolled))
    assert done.returncode == ExitCode.NOT_RUNNING
    assert "NOT RUNNING" in done.stdout
    assert "media_missing" in done.stdout
    assert "3 for being unsigned" in done.stdout
    assert re.search(r"^self-test +.*2027.*, not heard$", done.stdout, re.MULTILINE)
    document = json.loads(_run("status", "--state", str(enrolled), "--json").stdout)
    assert document["running"] is False
    assert document["status"]["state"]["refused"] == {"unsigned": 3}
    with status.only_one(enrolled):
        assert _run("status", "--state", str(enrolled)).returncode == ExitCode.DONE
