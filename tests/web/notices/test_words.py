"""Where a mail leads."""

import pytest

from scheduler.notices.models import Kind
from web.notices.words import link


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        (Kind.WAITING, "broadcast:B", "/inbox#b-B"),
        (Kind.RETURNED, "relay:R", "/relays/R"),
        (Kind.DIGEST, "digest:Z:2026-11-22", "/reports?zone=Z&length=day&day=2026-11-22&missed=1"),
        (Kind.FAULT, "faults:0", "/faults"),
        (Kind.EMERGENCY, "order:O", "/emergency/O"),
    ],
)
def test_a_mail_leads_to_what_it_tells(kind: Kind, subject: str, path: str) -> None:
    assert link(kind, subject) == path
