"""Listening to a station before it is relayed: whether sound arrives, and some seconds of it to be heard (does I/O)."""

import io
import math
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import numpy as np

from broadcast.live.relay import Listened, listened
from broadcast.wire.chunks import RATE_HZ
from scheduler.errors import TooMany
from scheduler.live.asking import Terms, allowed_address
from web.i18n import N_
from web.pages.frame import Page

TRIED_S, HEARD_S, PATIENCE_S = 2.0, 8.0, 12.0
SILENT_DBFS = -60.0
_AT_ONCE = threading.BoundedSemaphore(3)
_EVERY = 2  # of the samples is enough to know a station by


def address(url: str) -> str:
    """Where what a source sends now is heard."""
    return f"/relays/listen?{urlencode({'source': url})}"


def verdict(page: Page, url: str) -> dict[str, Any]:
    """What there is to say of a source; raises Invalid where it may not be relayed, TooMany."""
    found = _heard(page, url, TRIED_S)
    if found.fault is not None:
        return {"good": False, "said": page.say(N_("Nothing is heard from it: %(why)s"), why=found.fault), "listen": ""}
    level = 20 * math.log10(max(1e-9, float(np.sqrt(np.mean(np.square(found.sound))))))
    if level < SILENT_DBFS:
        said = page.say(N_("The station answers, but it sends silence just now."))
        return {"good": False, "said": said, "listen": address(url)}
    said = page.say(N_("Sound arrives. Listen whether it is the right station."))
    return {"good": True, "said": said, "listen": address(url)}


def wav(page: Page, url: str) -> bytes:
    """Some seconds of it; none where nothing comes."""
    sound = _heard(page, url, HEARD_S).sound[::_EVERY]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ // _EVERY)
        file.writeframes((np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
    return made.getvalue()


def _heard(page: Page, url: str, seconds: float) -> Listened:
    hosts = page.centre.settings.relay_hosts
    checked = allowed_address(url, Terms(hosts))
    with _place():
        return listened(checked, hosts, seconds=seconds, patience_s=PATIENCE_S)


@contextmanager
def _place() -> Iterator[None]:
    if not _AT_ONCE.acquire(blocking=False):
        raise TooMany("too_many_trials", "Others listen to a station just now. Try again.", retry_after_s=10)
    try:
        yield
    finally:
        _AT_ONCE.release()
