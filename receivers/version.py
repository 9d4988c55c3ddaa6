"""The software's name and version, as the centre is told."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("loa")
    except PackageNotFoundError:
        return "0"


VERSION = _version()
SOFTWARE = f"loa/{VERSION}"
