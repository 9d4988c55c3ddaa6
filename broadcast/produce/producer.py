"""One request to one broadcast-ready file."""

import threading
from dataclasses import dataclass

from broadcast.media import MediaStore
from broadcast.produce.request import Produced, ProduceRequest
from broadcast.speech.voice import Progress, Voice


@dataclass(frozen=True, slots=True)
class Producer:
    """Makes announcements; holds no state of its own, so any number of threads may use one."""

    media: MediaStore
    originals: MediaStore
    voices: tuple[Voice, ...]

    def produce(
        self, request: ProduceRequest, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> Produced:
        """Blocking; run it in a worker thread. `progress` is called from that thread.

        Raises ProduceError, or ChildCancelledError soon after `cancel` is set.
        """
        raise NotImplementedError
