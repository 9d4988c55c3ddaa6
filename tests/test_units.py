"""The units that are handed out: systemd itself reads them and judges how far they are shut in."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
RECEIVER = DEPLOY / "loa-receiver.service"
MOST_EXPOSED = 25
"""Of 100, by systemd's own count; an ordinary service has 96."""

LISTED = """
import pyaudio
audio = pyaudio.PyAudio()
print(*(audio.get_device_info_by_index(index)["name"] for index in range(audio.get_device_count())))
"""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here to ask")


def _analyze(unit: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    copy = folder / unit.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    return subprocess.run(
        ["systemd-analyze", *words, str(copy)], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda unit: unit.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    done = _analyze(unit, tmp_path, "verify")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_the_receiver_is_shut_in(tmp_path: Path) -> None:
    done = _analyze(RECEIVER, tmp_path, "security", "--offline=true", f"--threshold={MOST_EXPOSED}")
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_sound_configuration_shows_horn_and_microphone_and_lets_portaudio_start(tmp_path: Path) -> None:
    """By ALSA's null device in the card's place: no machine that runs tests has the card."""
    config = tmp_path / "asound.conf"
    config.write_text((DEPLOY / "asound.conf").read_text().replace('type hw card "Device"', "type null"))
    environ = {**os.environ, "ALSA_CONFIG_PATH": str(config)}
    done = subprocess.run(
        [sys.executable, "-c", LISTED], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["horn", "microphone", "default"]


def test_the_receiver_never_gives_up_and_is_watched() -> None:
    lines = set(RECEIVER.read_text().splitlines())
    assert {"Restart=always", "StartLimitIntervalSec=0", "Type=notify", "WatchdogSec=60", "MemoryMax=200M"} <= lines
    assert not [line for line in lines if line.startswith(("RestartPreventExitStatus", "SuccessExitStatus"))]


def test_the_clock_s_error_may_be_read() -> None:
    """Denying all privileged calls denied this one too, and a node would never have known its clock."""
    filters = re.findall(r"^SystemCallFilter=(.*)", RECEIVER.read_text(), re.MULTILINE)
    assert {"adjtimex", "clock_adjtime"} <= set(filters[-1].split())
    assert "\nProtectClock=" not in RECEIVER.read_text()
    assert "\nRestrictRealtime=" not in RECEIVER.read_text()
