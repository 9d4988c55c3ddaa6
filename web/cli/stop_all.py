"""`loa stop-all`: silence, from the centre's own shell; works without a token and when no page answers."""

import json
from typing import Annotated

import typer

from scheduler.emergency import service
from scheduler.emergency.schemas import StopAllIn
from scheduler.people import repository as people
from scheduler.people.signin import machine
from web.cli.opened import clock, refuse, store
from web.cli.places import zone_named

app = typer.Typer(help="STOP ALL. Exit codes: 0 done, 1 refused (the reason is said), 2 usage.")


@app.command()
def stop_all(
    zone: Annotated[list[str] | None, typer.Option(help="A zone's id or code; everywhere without one.")] = None,
    reason: Annotated[str, typer.Option(help="For the record.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Silence whatever sounds in these zones and below. The running centre tells the receivers at once."""
    with store() as opened:
        with opened.reading() as db:
            zone_ids = [zone_named(db, word).id for word in zone] if zone else people.root_ids(db)
        if not zone_ids:
            refuse("There is no zone yet.")
        asked = StopAllIn(zone_ids=zone_ids, reason=reason)
        done = opened.urgently(lambda db: service.stop_all(db, machine(db), clock.now(), asked))
    if as_json:
        print(json.dumps(done.model_dump(mode="json"), indent=2))
    else:
        print(f"{len(done.zone_ids)} zones fall silent, {len(done.cancelled)} orders are taken back.")
        for one in done.above:
            whom = ", ".join(f"{who.name} {who.phone or '(no number known)'}" for who in one.contacts)
            print(f"From above this goes on ({one.kind}): {one.title}, at {', '.join(one.places)}. Call: {whom}.")
