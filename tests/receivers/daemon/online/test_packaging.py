"""What an installation brings along, and what it must not."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.documents import Media

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from broadcast.wire.signed import SignedDocument
    from receivers.lab.horns import VirtualHorns
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
ROOT = Path(__file__).parents[4]
PACKAGES = ("broadcast", "receivers", "scheduler", "web")
NEEDED = {"aiomqtt", "av", "cryptography", "dbus-fast", "gpiod", "numpy", "pyaudio", "pysocks"}
SERVER_PACKAGES = {
    *("alembic", "babel", "fastapi", "ffmpeg-python", "holidays", "httpx", "jinja2", "psycopg", "pwdlib", "pydub"),
    *("sqlalchemy", "sqlmodel", "starlette", "uvicorn", "vietnormalizer"),
}
# What a node does without while it runs, though the command line brings some of it.
NOT_LOADED = SERVER_PACKAGES | {"ffmpeg", "pydantic", "pydantic_core", "rich", "typer", "web"}

NAMES = """
import importlib.metadata
print(*{distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()})
"""
# Put into the installation: on SIGPROF a process writes down what it has loaded.
TELL = """
import os, pathlib, signal, sys

def tell(*_):
    path = pathlib.Path(os.environ["TELL_INTO"])
    part = path.with_suffix(".part")
    part.write_text("\\n".join(sys.modules))
    part.rename(path)

if "TELL_INTO" in os.environ:
    signal.signal(signal.SIGPROF, tell)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment into which `loa[receiver]` was installed from what is committed."""
    folder = tmp_path_factory.mktemp("installation")
    (folder / "constraints.txt").write_text(_locked_versions())
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={folder}/source/"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    install = (programs / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    subprocess.run([*install, "-c", folder / "constraints.txt", f"{folder}/source[receiver]"], check=True, cwd=folder)
    (_site_packages(programs) / "sitecustomize.py").write_text(TELL)
    return programs


def _locked_versions() -> str:
    """The lock file as constraints: versions without hashes, since a folder cannot be hashed."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return "\n".join(re.sub(r"\s*\\$", "", line) for line in lines if not line.startswith(" "))


def _site_packages(programs: Path) -> Path:
    (found,) = (programs.parent / "lib").glob("python*/site-packages")
    return found


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Far from the source, which must not be imported."""
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd="/")


def test_the_receiver_extra_alone_brings_no_server_package(installed: Path) -> None:
    names = set(_run(installed / "python", "-c", NAMES).stdout.split())
    assert names >= NEEDED
    assert not names & SERVER_PACKAGES


def test_every_file_of_the_packages_is_installed_but_what_only_tests_use(installed: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [name for name in listed.stdout.split("\0") if name]
    missing = [name for name in files if not (_site_packages(installed) / name).is_file()]
    assert len(files) > 100
    assert missing == [name for name in files if name.startswith("receivers/lab/trial/")]


def test_what_needs_the_centres_packages_says_so(installed: Path) -> None:
    assert "enrol" in _run(installed / "loa", "receiver", "--help").stdout
    serve = _run(installed / "loa", "serve")
    assert serve.returncode == 3
    assert "loa[centre]" in serve.stderr
    assert "Traceback" not in serve.stderr


@pytest.fixture
def folder(centre: Centre, tmp_path: Path) -> Path:
    """The state folder of a receiver that is enrolled."""
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    (folder / "receiver.toml").write_text("clock_kept_by_host = true\n")
    return folder


@pytest.fixture
def media(centre: Centre, announcement: Path) -> Media:
    """Six seconds of sound, served by the centre."""
    body = announcement.read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    centre.http.bodies[sha256] = body
    return Media(sha256=sha256, size_bytes=len(body), duration_us=6 * S)


@pytest.fixture
async def daemon(installed: Path, folder: Path, horns: VirtualHorns) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(installed / "loa", "receiver", "run", "--state", folder, "--device", "horn1"),
        env={**os.environ, **horns.environment, "TELL_INTO": str(folder / "loaded")},
        cwd="/",
    )
    yield process
    process.kill()
    await process.wait()


async def test_a_daemon_that_plays_has_loaded_no_server_package_and_no_command_line(
    centre: Centre, daemon: asyncio.subprocess.Process, media: Media, folder: Path, desk: Desk
) -> None:
    await centre.publish(_lasting(desk.settings()))
    await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
    airing = desk.airing("heard", SystemClock().now_us() + 2 * S, media)
    await centre.publish(_lasting(desk.programme([airing])))
    await centre.until(lambda: centre.states[-1].airing_id == "heard")
    daemon.send_signal(signal.SIGPROF)
    loaded = await _loaded(folder / "loaded")
    assert {"receivers.daemon", "aiomqtt", "av", "pyaudio", "cryptography"} <= loaded
    assert not {name.partition(".")[0] for name in loaded} & NOT_LOADED


def _lasting(document: SignedDocument) -> SignedDocument:
    now_us = SystemClock().now_us()
    return replace(document, issued_us=now_us, expires_us=now_us + 86_400 * S)


async def _loaded(told: Path) -> set[str]:
    async with asyncio.timeout(60):
        while not told.exists():  # noqa: ASYNC110, ASYNC240 - a file has no bell
            await asyncio.sleep(0.05)
    return set(told.read_text().split())  # noqa: ASYNC240 - nothing else waits
