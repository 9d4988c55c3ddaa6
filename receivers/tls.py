"""TLS to the centre, for clocks of every kind.

Rules
- Chain and host name are always checked. When a certificate begins and ends is checked by a clock that is believed
  alone: one that stands in 1970 would find every certificate not yet valid, and never be told the time.
"""

import ssl
from pathlib import Path

NO_CHECK_TIME = 0x20_0000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python hands it on without having a name for it."""


def broker_context(ca_pem: str, credentials: Path) -> ssl.SSLContext:
    """For connections to Loa's own broker with the receiver's key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_pem)
    context.load_cert_chain(credentials)
    return context


def check_times(context: ssl.SSLContext, *, believed: bool) -> None:
    """Whether the next connections of `context` look at when certificates begin and end."""
    flags = int(context.verify_flags)
    context.verify_flags = ssl.VerifyFlags(flags & ~NO_CHECK_TIME if believed else flags | NO_CHECK_TIME)
