"""The folder in which Loa's own Mosquitto runs (does I/O).

As root Loa runs Mosquitto under its own account: what the broker is told belongs to root and is only readable to it,
what it remembers is in a folder of its own. Otherwise everything is the caller's.
"""

import os
import pwd
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broadcast.broker import config
from broadcast.trustroot.folder import TrustRoot
from broadcast.wholefile import Owner, write_whole

ACCOUNT = "mosquitto"
FALLBACK_ACCOUNT = "nobody"


def account() -> Owner | None:
    """Whom Mosquitto runs as, or None where it runs as the caller."""
    if os.geteuid() != 0:
        return None
    for name in (ACCOUNT, FALLBACK_ACCOUNT):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(found.pw_uid, found.pw_gid)
    raise LookupError("there is no account to run the broker as; Debian's mosquitto package makes one")


def prepare(folder: Path, root: TrustRoot, bind: str, port: int) -> None:
    """Write all that Mosquitto reads, except the revocations, which `write_revocations` keeps."""
    owner = account()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder / config.STATE_FOLDER
    state.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(folder, 0, owner.gid)
        folder.chmod(0o750)
        os.chown(state, *owner)
    _write(folder / config.ACL_FILE, config.acl().encode())
    _write(folder / config.CA_FILE, root.ca_pem)
    _write(folder / config.CONFIG_FILE, config.config(bind, port).encode())
    write_certificate(folder, root)


def write_certificate(folder: Path, root: TrustRoot) -> None:
    """Give the broker its current key and certificate."""
    _write(folder / config.SERVER_FILE, root.broker_file.read_bytes())


def write_revocations(folder: Path, root: TrustRoot, revoked: Iterable[tuple[int, datetime]], now: datetime) -> bool:
    """Write the list of refused serials if it differs from the one there is; whether it did."""
    path, wanted = folder / config.CRL_FILE, dict(revoked)
    if _listed(path, root) == set(wanted):
        return False
    _write(path, root.authority.revocations(wanted.items(), now).public_bytes(Encoding.PEM))
    return True


def free_port(bind: str) -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.create_server((bind, 0), family=socket.AF_INET6 if ":" in bind else socket.AF_INET) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listed(path: Path, root: TrustRoot) -> set[int] | None:
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not crl.is_signature_valid(root.authority.key.public_key()):
        return None
    return {entry.serial_number for entry in crl}


def _write(path: Path, data: bytes) -> None:
    owner = account()
    if owner is None:
        write_whole(path, data, 0o600)
    else:
        write_whole(path, data, 0o640, Owner(0, owner.gid))
