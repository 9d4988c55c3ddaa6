"""httpx without its command line: that loads rich, pygments and click, 4 MB that no speaker node uses.

httpx itself goes on without when its `_main` cannot be imported, and None in `sys.modules` says so.
"""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - must come after

__all__ = ["httpx"]
