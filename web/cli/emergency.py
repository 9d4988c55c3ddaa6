"""`loa emergency`: what sounds at once, everywhere it must."""

from broadcast.wire.now import Purpose
from web.cli.orders import make

app = make(Purpose.REAL, "/emergencies", "Emergencies: asked for by one person, let sound by another.")
