"""docs/centre.md and the files that it installs say what the code does."""

import re
from pathlib import Path

from broadcast.broker import config
from web.settings import Settings

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "docs" / "centre.md").read_text()
NGINX = (ROOT / "deploy" / "nginx.conf").read_text()
SYSCTL = (ROOT / "deploy" / "60-loa-centre.conf").read_text()


def test_every_file_that_it_installs_is_there() -> None:
    named = re.findall(r"loa/(deploy/[^\s`]+)", MANUAL)
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_setting_that_it_names_is_one() -> None:
    named = set(re.findall(r"LOA_([A-Z_]+)", MANUAL + NGINX))
    assert named <= {name.upper() for name in Settings.model_fields} | {"SETTINGS"}  # the file of them


def test_the_rights_at_a_broker_of_ones_own_are_those_of_ours() -> None:
    assert (ROOT / "deploy" / "broker.acl").read_text() == config.acl()
    assert f"max_packet_size {config.MAX_PACKET_BYTES}" in MANUAL


def test_live_sound_is_proxied_without_a_buffer_and_hides_no_page() -> None:
    [(path, inside)] = re.findall(r"location (\S*/live/) \{(.*?)\}", NGINX, re.DOTALL)
    assert "proxy_buffering off;" in inside
    [url] = re.findall(r"LOA_LIVE_URL=(\S+) ", NGINX)
    assert f"{url}/live/".endswith(f"centre.example{path}")
    assert path != "/live/"
    assert Settings(live_url=url).live_base_url(8001) == url


def test_the_ports_of_microphones_are_those_that_the_kernel_gives() -> None:
    [(first, last)] = re.findall(r"ip_local_port_range = (\d+) (\d+)", SYSCTL)
    assert f"{first}–{last} UDP" in MANUAL
    assert "net.ipv4.tcp_congestion_control = bbr" in SYSCTL
