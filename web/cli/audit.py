"""`loa audit`: whether the record of who did what is whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from broadcast.trustroot.folder import KeysDamaged, load_or_make
from scheduler.people import anchors, chain, exporting, trail
from web.cli.opened import clock, refuse, settings, store

BROKEN = 3
CODES = "Exit codes: 0 nothing is wrong, 1 could not be read (the reason is said), 2 usage, 3 broken (where is said)."

app = typer.Typer(no_args_is_help=True, help=f"The audit record. {CODES}")

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
SAYS = {
    chain.Fault.CHANGED: "was changed after it was written",
    chain.Fault.BROKEN: "does not follow the entry before it",
    chain.Fault.MISSING: "is missing",
    chain.Fault.UNCHAINED: "was put in past the program (row id)",
    chain.Fault.CUT_OFF: "is missing at the end, though it was there",
    chain.Fault.OTHER_HISTORY: "is not what it was when the centre signed it",
    chain.Fault.FORGED: "has a signature that is not this centre's",
    chain.Fault.UNSIGNED: "has no signature of the centre: anybody can have written it",
    chain.Fault.UNREADABLE: "cannot be read (line of the file)",
}


@app.command(epilog=CODES)
def verify(
    file: Annotated[Path | None, typer.Option(help="An export (JSON lines) instead of the database.")] = None,
    key: Annotated[Path | None, typer.Option(help="The centre's public key; its own when not given.")] = None,
    kept: Annotated[Path | None, typer.Option("--anchors", help="Anchors that were kept elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go through the whole chain and its anchors, or through an export; names the first entry that is not right."""
    public = _key(key)
    if file is not None:
        told = [] if key is not None else anchors.read(settings().data_dir / anchors.FILE)  # another's key: not its own
        _tell_file(file, public, [*told, *(anchors.read(kept) if kept else [])], as_json=as_json)
        return
    told = [*anchors.read(settings().data_dir / anchors.FILE), *(anchors.read(kept) if kept else [])]
    with store() as opened, opened.reading() as db:
        verdict = trail.verify(db, told, public)
    if as_json:
        print(msgspec.json.encode(verdict).decode())
    elif verdict.found is not None:
        when = f", {verdict.at:%Y-%m-%d %H:%M:%S} UTC" if verdict.at else ""
        print(f"Broken: entry {verdict.found.number}{when} {SAYS[verdict.found.fault]}.")
        print(f"{verdict.entries} entries before it are whole.")
    else:
        print(f"Whole: {verdict.entries} entries, {verdict.anchors} anchors. The newest has the hash {verdict.head}.")
    if verdict.found is not None:
        raise typer.Exit(BROKEN)


@app.command()
def anchor() -> None:
    """Print where the chain ends now, signed: keep it on another machine and give it to `verify --anchors`."""
    try:
        root = load_or_make(settings().data_dir / "keys", clock.now())
    except (KeysDamaged, OSError) as error:
        refuse(str(error))
    path = settings().data_dir / anchors.FILE
    with store() as opened:
        anchors.drop(opened, root.order_key, path, clock.now())
    newest = anchors.newest(path)
    if newest is None:
        refuse("There is no entry yet.")
    print(msgspec.json.encode(newest).decode())


@app.command("key")
def public_key() -> None:
    """Print the centre's public key, for `verify --key` on another machine."""
    found = _key(None)
    if found is None:
        refuse("This machine has no keys of a centre.")
    print(found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")


def _tell_file(file: Path, public: Ed25519PublicKey | None, told: Sequence[chain.Anchor], *, as_json: bool) -> None:
    try:
        with file.open("rb") as lines:
            read = exporting.check(lines, public, told)
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    if as_json:
        print(msgspec.json.encode(read).decode())
    elif read.found is not None:
        what = "The file" if read.found.number == 0 else f"Broken: {read.found.number}"
        print(f"{what} {SAYS[read.found.fault]}. {read.entries} entries were read.")
    elif read.signed:
        kind = f"the whole record, {read.anchors} anchors" if read.whole else "a selection"
        print(f"Whole: {read.entries} entries, {kind}, signed by the centre.")
    else:
        kind = "said to be the whole record" if read.whole else "a selection"
        print(f"{read.entries} entries, {kind}: they fit each other and the file's own hash, which anybody can make.")
        print("Nobody's signature was checked. Give the centre's public key with --key.")
    if read.found is not None:
        raise typer.Exit(BROKEN)


def _key(path: Path | None) -> Ed25519PublicKey | None:
    folder = settings().data_dir / "keys"
    try:
        if path is not None:
            loaded = load_pem_public_key(path.read_bytes())
            return loaded if isinstance(loaded, Ed25519PublicKey) else refuse(f"{path} is no key of a centre.")
        return load_or_make(folder, clock.now()).order_key.public_key() if folder.exists() else None
    except (KeysDamaged, OSError, ValueError) as error:
        refuse(str(error))
