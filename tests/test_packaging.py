"""What an installation brings along, and what it must not."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER_PACKAGES = {
    *("alembic", "babel", "fastapi", "ffmpeg-python", "holidays", "jinja2", "psycopg", "pwdlib", "pydub"),
    *("sqlalchemy", "sqlmodel", "starlette", "uvicorn", "vietnormalizer"),
}

WHAT_CAME = """
import importlib.metadata, json, sys
import receivers.daemon
names = sorted({d.metadata["Name"].lower() for d in importlib.metadata.distributions()})
modules = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps({"names": names, "modules": modules}))
"""


def locked_versions() -> str:
    """The lock file as constraints: versions without hashes, since a folder cannot be hashed."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return "\n".join(re.sub(r"\s*\\$", "", line) for line in lines if not line.startswith(" "))


def test_the_receiver_extra_alone_runs_the_daemon_and_brings_no_server_package(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(locked_versions())
    source = tmp_path / "source"
    copied = subprocess.run(["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=ROOT, check=False)
    assert copied.returncode == 0
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", constraints]
    subprocess.run([*map(str, install), f"{source}[receiver]"], check=True, cwd=tmp_path)

    result = subprocess.run([python, "-c", WHAT_CAME], check=True, cwd=tmp_path, capture_output=True, text=True)
    came = json.loads(result.stdout)
    assert {"numpy", "av", "pyaudio", "aiomqtt", "cryptography"} <= set(came["names"])
    assert not SERVER_PACKAGES & set(came["names"])
    assert "httpx" not in came["names"]
    assert not {"web", "pydantic", "rich", "typer"} & set(came["modules"])
    loa = subprocess.run(
        [tmp_path / "venv" / "bin" / "loa", "receiver", "--help"], check=True, capture_output=True, text=True
    )
    assert "enrol" in loa.stdout
    serve = subprocess.run(
        [tmp_path / "venv" / "bin" / "loa", "serve"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert serve.returncode == 3
    assert "loa[centre]" in serve.stderr
    assert "Traceback" not in serve.stderr
