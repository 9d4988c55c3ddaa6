"""The running centre: what requests and jobs share."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broadcast.bus import Bus
from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.trustroot.folder import TrustRoot
from scheduler.changes import Changes
from scheduler.errors import Conflict
from scheduler.store.engine import Store
from web.settings import Settings


@dataclass(kw_only=True)
class Centre:
    """Reachable as `request.app.state.centre`; a part that is None is not started in this process.

    `media` holds what was produced for receivers, `originals` what people sent and what was read aloud.
    """

    settings: Settings
    clock: Clock
    store: Store
    changes: Changes
    media: MediaStore | None = None
    originals: MediaStore | None = None
    producer: Producer | None = None
    trust: TrustRoot | None = None
    bus: Bus | None = None
    live: LiveDesk | None = None

    @property
    def order_key(self) -> Ed25519PublicKey:
        """The key by which receivers know this centre's orders; Conflict in a process that has no keys."""
        if self.trust is None:
            raise Conflict("no_keys", "This process of the centre has no keys: it cannot enrol receivers.")
        return self.trust.order_key.public_key()
