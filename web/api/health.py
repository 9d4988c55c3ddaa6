"""For whoever watches the centre: GET /api/v1/health."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from scheduler.fleet import outbox
from web.auth import ReadDb, TheCentre

router = APIRouter(prefix="/api/v1", tags=["health"])


class Health(BaseModel):
    """The centre answers and its database can be read; what else should be looked at."""

    status: str = Field(
        examples=["ok"], description="`ok`, or `degraded`: the broker cannot be reached, or documents are in trouble."
    )
    broker_connected: bool
    documents_waiting: int = Field(description="Documents that the broker does not have yet.")
    documents_in_trouble: int = Field(
        description="Documents that cannot be made, or not with all that belongs in them; the log says why. Receivers "
        "go on with the last good ones."
    )


@router.get("/health")
def health(db: ReadDb, centre: TheCentre) -> Health:
    """Whether the centre answers; open to whoever watches it."""
    connected = centre.bus is not None and centre.bus.connected
    troubles = len(outbox.troubles(db))
    return Health(
        status="ok" if connected and not troubles else "degraded",
        broker_connected=connected,
        documents_waiting=outbox.backlog(db),
        documents_in_trouble=troubles,
    )
