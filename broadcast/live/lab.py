"""A real Icecast in a folder of its own, for tests and benches (does I/O)."""

import os
import resource
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
PASSWORD = "nguon"  # noqa: S105 - of a server that lives as long as a test
ACCOUNT = "icecast2"
START_LIMIT_S = 10.0
LOOK_AGAIN_S = 0.05
SEARCHED = "/usr/bin:/usr/local/bin"


class Icecast:
    """Context manager: Debian's icecast2, without burst; `certificate` (PEM with key) makes it HTTPS."""

    def __init__(self, folder: Path, *, listeners: int = 100, certificate: Path | None = None) -> None:
        self._folder = folder
        self._listeners = listeners
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def pid(self) -> int:
        """Of the running server."""
        if self._process is None:
            raise ValueError("Icecast is not running")
        return self._process.pid

    def url(self, mount: str) -> str:
        """Where a mount is heard."""
        return f"http{'s' if self._certificate else ''}://{HOST}:{self.port}/{mount}"

    def source_url(self, mount: str) -> str:
        """Where ffmpeg sends a mount's sound to."""
        return f"icecast://source:{PASSWORD}@{HOST}:{self.port}/{mount}"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Run until `stop`, at the same port each time. Raises TimeoutError."""
        config = self._folder / "icecast.xml"
        config.write_text(self._config())
        self._process = subprocess.Popen(
            [shutil.which("icecast2", path=SEARCHED) or "icecast2", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wanted = self._listeners * 2 + 100
        _soft, hard = resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        for _ in range(round(START_LIMIT_S / LOOK_AGAIN_S)):
            with socket.socket() as trial:
                if trial.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(LOOK_AGAIN_S)
        self.stop()
        raise TimeoutError("Icecast did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _config(self) -> str:
        # It refuses to run as root.
        owner = f"<changeowner><user>{ACCOUNT}</user><group>icecast</group></changeowner>" if os.geteuid() == 0 else ""
        tls = certificate = ""
        if self._certificate is not None:
            tls, certificate = "<ssl>1</ssl>", f"<ssl-certificate>{self._certificate}</ssl-certificate>"
        return f"""<icecast>
  <limits><clients>{self._listeners + 50}</clients><sources>20</sources><queue-size>524288</queue-size>
    <client-timeout>30</client-timeout><header-timeout>15</header-timeout><source-timeout>30</source-timeout>
    <burst-on-connect>0</burst-on-connect><burst-size>0</burst-size></limits>
  <authentication><source-password>{PASSWORD}</source-password><admin-user>admin</admin-user>
    <admin-password>{PASSWORD}</admin-password></authentication>
  <hostname>{HOST}</hostname>
  <listen-socket><port>{self.port}</port><bind-address>{HOST}</bind-address>{tls}</listen-socket>
  <fileserve>0</fileserve>
  <paths><basedir>/usr/share/icecast2</basedir><logdir>/tmp</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot>{certificate}</paths>
  <logging><accesslog>-</accesslog><errorlog>-</errorlog><loglevel>2</loglevel></logging>
  <security><chroot>0</chroot>{owner}</security>
</icecast>
"""


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
