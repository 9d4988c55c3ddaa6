"""What every act on an order ends with: those who look are told, and the receivers get it before the answer leaves."""

from collections.abc import Collection

from sqlmodel import Session

from scheduler.emergency.schemas import OrderOut
from web.centre import Centre
from web.telling import tell_after


def told_after(db: Session, centre: Centre, *orders: OrderOut) -> None:
    """Have open pages show it once it is committed."""
    tell_after(db, centre.changes, *(f"emergency:{order.id}" for order in orders))


async def send_now(centre: Centre, zone_ids: Collection[str]) -> None:
    """Let the receivers of these zones have what is in force; the publisher does it where this process cannot."""
    urgent = getattr(centre, "urgent", None)
    if urgent is not None and zone_ids:
        await urgent.send(zone_ids)
