"""The running centre: what requests and jobs share."""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broadcast.bus import Bus
from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.trustroot.folder import TrustRoot
from scheduler.changes import Changes
from scheduler.emergency.sender import Urgent
from scheduler.errors import Conflict
from scheduler.people import anchors
from scheduler.store.engine import Store
from web.kept import Kept
from web.live.studio import Studio
from web.settings import Settings

URGENT_THREADS = 8
DOOR_THREADS = 2
KEPT_SOUNDS = 50


@dataclass(kw_only=True)
class Centre:
    """Reachable as `request.app.state.centre`; a part that is None is not started in this process.

    `media` holds what was produced for receivers, `originals` what people sent and what was read aloud. What is urgent
    is done on `urgent_threads`, which nothing else fills; who comes by that way unknown is looked up on `door_threads`.
    `kept` is what was made for everybody a moment ago, `kept_sounds` what was given to receivers.
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
    urgent: Urgent | None = None
    urgent_threads: Executor = field(default_factory=lambda: ThreadPoolExecutor(URGENT_THREADS, "urgent"))
    door_threads: Executor = field(default_factory=lambda: ThreadPoolExecutor(DOOR_THREADS, "door"))
    studio: Studio | None = None
    kept: Kept = field(default_factory=Kept)
    kept_sounds: Kept = field(default_factory=lambda: Kept(KEPT_SOUNDS))

    @property
    def audit_anchors(self) -> Path:
        """Where it is written down, outside the database, how far the audit record went."""
        return self.settings.data_dir / anchors.FILE

    @property
    def order_key(self) -> Ed25519PublicKey:
        """The key by which receivers know this centre's orders; Conflict in a process that has no keys."""
        if self.trust is None:
            raise Conflict("no_keys", "This process of the centre has no keys: it cannot enrol receivers.")
        return self.trust.order_key.public_key()
