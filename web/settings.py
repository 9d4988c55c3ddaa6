"""The centre's settings: environment variables `LOA_…`, or a `.env`-style file named by LOA_SETTINGS."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.notices.mail import parsed

LAST_PORT = 65_535
MAX_URL_LETTERS = 400  # what is put behind it must fit into the address of a feed
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - to listen at, and nowhere to connect to
_SENDER = re.compile(r"[^@\s<>\x00-\x1f]{1,64}@[^@\s<>\x00-\x1f]{1,189}")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")


class Settings(BaseSettings):
    """Everything that differs between one centre and another; the defaults are one box with all on it."""

    model_config = SettingsConfigDict(env_prefix="LOA_", extra="ignore", env_file=os.environ.get("LOA_SETTINGS"))

    data_dir: Path = Field(Path("/var/lib/loa"), description="Database, media, keys and broker state.")
    host: str = Field("127.0.0.1", description="Address that the pages and the API listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of pages and API.")
    public_url: str | None = Field(None, description="How browsers and receivers reach the centre, with scheme.")
    database_url: SecretStr | None = Field(None, description="SQLAlchemy URL; SQLite in data_dir when empty.")
    timezone: str = Field(
        "Asia/Ho_Chi_Minh",
        description="Time of nightly work and of pages before sign-in; places have what a zone names, else Vietnam's.",
    )

    broker_host: str = Field("127.0.0.1", description="Name that receivers reach the broker by; in its certificate.")
    broker_bind: str = Field("127.0.0.1", description="Address that Loa's own broker listens on.")
    broker_port: int = Field(8883, ge=0, le=65535, description="Port of the broker, for receivers too.")
    broker_external: bool = Field(
        default=False, description="Use a broker at broker_host instead of starting Mosquitto."
    )
    broker_ca_file: Path | None = Field(None, description="CA of an external broker; Loa's own when empty.")

    live_host: str | None = Field(None, description="Address that live sound is served at; LOA_HOST when empty.")
    live_port: int | None = Field(
        None, ge=0, le=65535, description="Port of live sound; the one after LOA_PORT when empty (8001)."
    )
    live_url: str | None = Field(None, description="How receivers reach live sound, with scheme.")
    live_tls_certificate: Path | None = Field(None, description="PEM file: live sound is served by HTTPS.")
    live_tls_key: Path | None = Field(None, description="PEM file of the key to live_tls_certificate.")
    live_congestion: str = Field("bbr", description="Congestion control of live sound, where the kernel has it.")
    live_listeners: int = Field(10_000, ge=1, description="So many connections for live sound at once.")
    live_listeners_per_address: int = Field(
        4_000, ge=1, description="Of these from one address; a mobile network hides thousands of receivers behind one."
    )
    live_listeners_per_session: int = Field(
        8_000, ge=1, description="Of these for one session; the rest is for others."
    )

    live_addresses: str = Field(
        "", description="Of this machine's addresses those that microphones connect to, with commas; all when empty."
    )
    live_keep_days: int = Field(30, ge=0, description="How long what was said live is kept; 0: not recorded.")
    live_relay_hosts: str = Field("", description="Hosts whose streams may be relayed, with commas.")

    smtp_url: SecretStr | None = Field(
        None, description="Mail server: smtp://user:password@host:587, or smtps://; no mail when empty."
    )
    mail_from: str = Field("loa@localhost", description="Sender of mails.")
    webhook_hosts: str = Field("", description="Hosts that may be private or plain http for webhooks, with commas.")
    fault_notice_minutes: int = Field(30, ge=1, description="How long a fault lasts before it is told.")

    bank_delay_s: float = Field(
        10, ge=0, description="How long after its start the centre begins to produce what the message bank lacks."
    )
    voice_model_dir: Path | None = Field(None, description="Folder of a Piper/VITS voice (*.onnx, *.onnx.json).")
    session_hours: float = Field(12, gt=0, description="How long a sign-in lasts at most.")
    cookie_secure: bool | None = Field(None, description="Defaults to whether public_url is https.")
    map_tiles: str | None = Field(
        None,
        description="Address of map tiles with {z}, {x} and {y}; without it maps are drawn from coordinates alone.",
    )
    practice: bool = Field(default=False, description="A centre to practise at; `loa practice` sets it.")
    practice_url: str | None = Field(None, description="Where people can practise; shown in the account menu.")
    upload_max_bytes: int = Field(200 * 1024 * 1024, gt=0, description="Largest sound file taken.")

    @field_validator("public_url", "live_url", "practice_url")
    @classmethod
    def _reachable(cls, url: str | None) -> str | None:
        """An address that receivers take: else they would refuse every document that holds it."""
        if url is not None and not _is_base(url):
            raise ValueError(f"write it as https://centre.example or http://10.0.0.1:8001, not as {url!r}")
        return url or None

    @field_validator("map_tiles")
    @classmethod
    def _tiled(cls, url: str | None) -> str | None:
        if url and not (_is_base(_origin(url)) and all(part in url for part in ("{z}", "{x}", "{y}"))):
            raise ValueError(f"write it as https://tiles.example/{{z}}/{{x}}/{{y}}.png, not as {url!r}")
        return url or None

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None or not url.get_secret_value():
            return None
        parsed(url.get_secret_value())
        return url

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, address: str) -> str:
        if not _SENDER.fullmatch(address):
            raise ValueError("write it as loa@commune.example")
        return address

    @field_validator("broker_host")
    @classmethod
    def _named(cls, host: str) -> str:
        if not _HOST.fullmatch(host):
            raise ValueError(f"write a name or an address alone, without scheme and port, not {host!r}")
        return host

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://{_bracketed(self.host)}:{self.port}").rstrip("/")

    @property
    def database(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'loa.sqlite3'}"

    @property
    def live_listens_at(self) -> tuple[str, int]:
        """Address and port of live sound; port 0 is any free one, as it is for the pages."""
        following = self.port + 1 if 0 < self.port < LAST_PORT else 0
        return self.live_host or self.host, following if self.live_port is None else self.live_port

    def live_base_url(self, port: int) -> str:
        """How receivers reach live sound that is served at `port`."""
        scheme = "http" if self.live_tls_certificate is None else "https"
        host = _bracketed(urlsplit(self.base_url).hostname or self.host)
        return (self.live_url or f"{scheme}://{host}:{port}").rstrip("/")

    @property
    def doubts(self) -> tuple[str, ...]:
        """What receivers and browsers would be told in vain, as sentences with what to do."""
        told = {"LOA_PUBLIC_URL": self.base_url, "LOA_LIVE_URL": self.live_base_url(self.live_listens_at[1])}
        return tuple(
            f"Receivers and browsers are told {url}, which is no address to connect to: set {name}."
            for name, url in told.items()
            if urlsplit(url).hostname in EVERYWHERE
        )

    @property
    def map_tiles_origin(self) -> str:
        """Scheme and host of the map's tiles, empty without any."""
        return _origin(self.map_tiles) if self.map_tiles else ""

    @property
    def microphone_addresses(self) -> frozenset[str]:
        return _listed(self.live_addresses)

    @property
    def relay_hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in _listed(self.live_relay_hosts))

    @property
    def private_hooks(self) -> frozenset[str]:
        return frozenset(host.lower() for host in _listed(self.webhook_hosts))

    @property
    def secure_cookies(self) -> bool:
        return self.base_url.startswith("https://") if self.cookie_secure is None else self.cookie_secure


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _origin(url: str) -> str:
    """`https://tiles.example` of an address there; what is no address comes back as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else url


def _is_base(url: str) -> bool:
    """Whether paths can be put behind it; nothing at all is none either."""
    if not url:
        return True
    try:
        parts = urlsplit(url)
        port_is_well = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(url) & set(' ?#@\\"<>') and len(url) <= MAX_URL_LETTERS
    return plain and port_is_well and parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or ""))


def _listed(text: str) -> frozenset[str]:
    return frozenset(part for part in (part.strip() for part in text.split(",")) if part)
