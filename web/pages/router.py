"""All pages."""

from fastapi import APIRouter

from web.pages import (
    account,
    announcements,
    broadcasts,
    compose,
    door,
    events,
    people,
    receiver_edit,
    receivers,
    today,
    zones,
)

router = APIRouter(include_in_schema=False)
for part in (door, account, events, today, compose, broadcasts, announcements, people, receivers, receiver_edit, zones):
    router.include_router(part.router)
