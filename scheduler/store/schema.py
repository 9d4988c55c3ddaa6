"""Every table of the centre, gathered so that the migrations and the test that checks them see one whole."""

from sqlmodel import SQLModel

from scheduler.announcements import models as announcements
from scheduler.broadcasts import models as broadcasts
from scheduler.emergency import models as emergency
from scheduler.fleet import models as fleet
from scheduler.live import models as live
from scheduler.people import models as people
from scheduler.zones import models as zones

DOMAINS = (announcements, broadcasts, emergency, fleet, live, people, zones)

metadata = SQLModel.metadata
