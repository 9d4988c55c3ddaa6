"""The running centre: what requests and jobs share."""

from dataclasses import dataclass

from broadcast.bus import Bus
from broadcast.clock import Clock
from broadcast.media import MediaStore
from broadcast.trustroot.folder import TrustRoot
from scheduler.changes import Changes
from scheduler.store.engine import Store
from web.settings import Settings


@dataclass(kw_only=True)
class Centre:
    """Reachable as `request.app.state.centre`; a part that is None is not started in this process."""

    settings: Settings
    clock: Clock
    store: Store
    changes: Changes
    media: MediaStore | None = None
    trust: TrustRoot | None = None
    bus: Bus | None = None
