"""A role as people say it."""

from datetime import timedelta
from typing import Any

from scheduler.people.schemas import GrantView
from web.i18n import N_
from web.pages import words
from web.pages.frame import Page

SOON = timedelta(days=14)
"""A role that ends within this is said so, so that it is prolonged or its holder replaced in time."""


def grant_line(page: Page, grant: GrantView) -> dict[str, Any]:
    """A role as people say it: `Biên tập`, in `Xã Trà Leng`, until the last day on which it holds; said when soon."""
    last = page.show.local(grant.until - timedelta(microseconds=1)) if grant.until else None
    soon = ""
    if grant.until is not None and grant.until <= page.now:
        soon = page.say(N_("has ended"))
    elif grant.until is not None and grant.until - page.now <= SOON:
        soon = page.say(N_("ends %(when)s"), when=page.show.from_now(grant.until))
    return {
        "soon": soon,
        "id": grant.id,
        "role": page.say(words.ROLE[grant.role.value][0]),
        "zone": f"{grant.zone_name} ({grant.zone_above})" if grant.zone_above else grant.zone_name,
        "until": last.date() if last else None,
    }
