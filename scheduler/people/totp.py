"""The second factor: six figures from a telephone, RFC 6238 (pure but for making secrets)."""

import hmac
import io
from datetime import datetime

import pyotp
import segno

from broadcast.clock import to_us

STEP_US = 30_000_000
_STEPS_AROUND = (0, -1, 1)  # a telephone's clock may be half a minute off
ISSUER = "Loa"


def new_secret() -> str:
    return pyotp.random_base32()


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code this is, if it is after `last_step`: a code that was used is worth nothing."""
    digits = "".join(code.split())
    current = to_us(now) // STEP_US
    generator = pyotp.HOTP(secret)
    for step in (current + around for around in _STEPS_AROUND):
        if step > last_step and hmac.compare_digest(generator.at(step).encode(), digits.encode()):
            return step
    return None


def enrolment_uri(secret: str, login: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def qr_svg(uri: str) -> str:
    """The URI as an SVG element that needs no style of its own, to stand in a page."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="svg", scale=5, border=4, xmldecl=False, svgns=True, light="white")
    return out.getvalue().decode()
