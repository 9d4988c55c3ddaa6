"""`loa` as a person types it, in a process of its own where `alone`; it takes seconds to start each time."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from web.cli.main import main

Done = subprocess.CompletedProcess[str]
Loa = Callable[..., Done]


@pytest.fixture(scope="session")
def loa() -> Loa:
    """`loa(data, *words, **settings)`: what it says and its exit code."""

    def run(data: Path, *words: str, alone: bool = False, **settings: str) -> Done:
        said = {"LOA_DATA_DIR": str(data), "COLUMNS": "200"} | settings
        return _process(words, said) if alone else _here(words, said)

    return run


def _process(words: tuple[str, ...], said: dict[str, str]) -> Done:
    command = [sys.executable, "-m", "web.cli", *words]
    return subprocess.run(command, env={**os.environ} | said, capture_output=True, text=True, check=False, timeout=60)


def _here(words: tuple[str, ...], said: dict[str, str]) -> Done:
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["loa", *words])
        for name, value in said.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(words, int(ended.value.code or 0), out.getvalue(), err.getvalue())
