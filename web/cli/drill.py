"""`loa drill`: an emergency rehearsed, with messages that say that it is one."""

from broadcast.wire.now import Purpose
from web.cli.orders import make

app = make(Purpose.DRILL, "/drills", "Drills: only messages that say that they are one.")
