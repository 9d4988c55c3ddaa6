"""A centre to practise at, from which nothing can ever sound (looks at the data folder).

Rules
- Its folder was made for practising, before there were keys in it: `make_folder` leaves MARK there. A practice centre
  starts on no other folder, so it never has the keys that real receivers know; any other centre refuses a folder with
  MARK, so its keys never become those of a real one.
- It has the database in that folder, and the broker that it starts for this machine alone: no other can be named.
- It sends nothing out: no mail, no program is called, and what it serves live is for this machine.
"""

from ipaddress import ip_address
from pathlib import Path

from web.settings import Settings

MARK = "practice"
AGAIN = "again"
"""A file of this name in the folder asks whoever runs the practice centre to begin anew."""
CODE = "LUYEN-TAP"
"""Shown where a real centre shows the code that installs a loudspeaker; no centre takes it."""
LOGINS = ("bientap", "lanhdao", "trucban", "quantri")
"""Accounts that are everybody's."""
PASSWORD = "luyentap"  # noqa: S105 - everybody's, and shown where it is asked for


def make_folder(folder: Path) -> None:
    """Make `folder` one for practising; FileExistsError where something else is in it already."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    mark = folder / MARK
    if mark.exists():
        return
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is in use for something else: name an empty folder to practise in.")
    mark.touch()


def refusal(settings: Settings) -> str | None:
    """Why a centre with these settings must not start on its folder, None where it may."""
    marked = (settings.data_dir / MARK).exists()
    if not settings.practice:
        return f"{settings.data_dir} is for practising: only `loa practice` starts there." if marked else None
    if not marked:
        return f"{settings.data_dir} is not for practising, and a practice centre touches no other: use `loa practice`."
    ways_out = {
        "LOA_DATABASE_URL": settings.database_url is not None,
        "LOA_BROKER_EXTERNAL": settings.broker_external,
        "LOA_BROKER_BIND": not _is_here(settings.broker_bind),
        "LOA_BROKER_HOST": not _is_here(settings.broker_host),
        "LOA_LIVE_HOST": not _is_here(settings.live_listens_at[0]),
        "LOA_SMTP_URL": settings.smtp_url is not None,
        "LOA_WEBHOOK_HOSTS": bool(settings.private_hooks),
        "LOA_LIVE_RELAY_HOSTS": bool(settings.relay_hosts),
    }
    named = [name for name, is_one in ways_out.items() if is_one]
    return f"A practice centre has no way out of this machine: take away {', '.join(named)}." if named else None


def _is_here(host: str) -> bool:
    """Whether a name or an address is this machine's own, which nothing else reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
