"""Every table of the centre, gathered so that the migrations and the test that checks them see one whole."""

from sqlmodel import SQLModel

from scheduler.announcements import models as announcements
from scheduler.approval import models as approval
from scheduler.bank import models as bank
from scheduler.broadcasts import models as broadcasts
from scheduler.bulletins import models as bulletins
from scheduler.deputies import models as deputies
from scheduler.emergency import models as emergency
from scheduler.emergency.rehearsal import models as rehearsal
from scheduler.fleet import models as fleet
from scheduler.fleet.upkeep import models as upkeep
from scheduler.live import models as live
from scheduler.notices import models as notices
from scheduler.people import models as people
from scheduler.relays import models as relays
from scheduler.reports import models as reports
from scheduler.residents import models as residents
from scheduler.retention import models as retention
from scheduler.zones import models as zones

DOMAINS = (
    announcements,
    approval,
    bank,
    broadcasts,
    bulletins,
    deputies,
    emergency,
    fleet,
    live,
    notices,
    people,
    rehearsal,
    relays,
    reports,
    residents,
    retention,
    upkeep,
    zones,
)

metadata = SQLModel.metadata
