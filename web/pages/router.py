"""All pages."""

from fastapi import APIRouter

from web.pages import account, announcements, door, events, people, zones

router = APIRouter(include_in_schema=False)
for part in (door, account, events, announcements, people, zones):
    router.include_router(part.router)
