"""All pages."""

from fastapi import APIRouter, Depends

from web.pages import (
    account,
    announcements,
    audit,
    bank,
    board,
    board_move,
    broadcasts,
    bulletins,
    compose,
    deputies,
    door,
    emergency,
    emergency_bank,
    emergency_desk,
    events,
    faults,
    fleet,
    handover,
    inbox,
    join,
    live,
    live_desk,
    notices,
    people,
    picker,
    playlists,
    practice,
    receiver_edit,
    receiver_year,
    receivers,
    rehearsals,
    relays,
    reports,
    residents,
    residents_feedback,
    retention,
    today,
    village,
    village_day,
    zone_end,
    zones,
)
from web.pages.emergency_words import DESKS

router = APIRouter(include_in_schema=False)
for part in (
    *(door, account, events, today, compose, broadcasts, announcements, bulletins, playlists, relays),
    *(people, fleet, faults, village, receivers, receiver_edit, zones, zone_end, rehearsals, reports, live_desk, live),
    *(join, audit, handover, inbox, deputies, notices, residents_feedback, retention, receiver_year, practice, picker),
):
    router.include_router(part.router)
for of_the_board in (board, board_move, village_day):
    router.include_router(of_the_board.router)
router.include_router(residents_feedback.public)
router.include_router(residents.router)  # after it: what has a name of its own comes before ids
# Before what stands under the same path with an id.
for first in (emergency.only_real, emergency_bank.router, bank.router):
    router.include_router(first)
for desk in DESKS.values():
    for of_a_desk in (emergency_desk.router, emergency.router):
        router.include_router(of_a_desk, prefix=desk.path, dependencies=[Depends(emergency_desk.at(desk))])
