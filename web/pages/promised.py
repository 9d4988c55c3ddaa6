"""What a page promises once something is sent or approved: that it plays at its time only where it will.

Asked once that is saved, and outside its transaction: trying a whole province takes a moment.
"""

from scheduler.broadcasts import service
from scheduler.errors import NotFound
from web.pages import clashing
from web.pages.frame import Page

_INSTEAD = {"sent": "sent-unheard", "planned": "planned-unheard", "approved": "approved-unheard"}


def kept(page: Page, broadcast_id: str, said: str | None) -> str | None:
    """`said`, or what is said instead where the broadcast is not heard as things are planned now."""
    if said not in _INSTEAD:
        return said
    with page.centre.store.reading() as db:
        try:
            found = service.preview_saved(db, page.actor, page.now, broadcast_id)
        except NotFound:  # who approves only in its places sees it while it waits
            return said
    return said if clashing.is_whole(found.places, found.days_off) else _INSTEAD[said]
