"""Style, scripts and pictures, served so that a browser asks once for each version of them.

The address holds a hash of the whole folder: modules that import each other by relative paths stay together.
"""

import hashlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PREFIX = "/static"
FOLDER = Path(__file__).parent / "static"
_HASH_LETTERS = 12


class Assets(StaticFiles):
    """Serves `/static/HASH/path`; under another hash the file of today, but not to be kept."""

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(directory=folder)
        self.version = _hash_of(folder)

    def url(self, path: str) -> str:
        return f"{PREFIX}/{self.version}/{path}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        version, _, rest = path.partition("/")
        if not rest:
            raise HTTPException(404)
        response = await super().get_response(rest, scope)
        current = version == self.version
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if current else "no-cache"
        return response


def _hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:_HASH_LETTERS]
