"""`loa zone`: the zone tree, from the centre's own shell."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.tree import Tree

from scheduler.people.signin import machine
from scheduler.zones import calendar, service, views
from scheduler.zones.district import seed_district
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew
from web.cli.opened import clock, store
from web.cli.places import zone_named

app = typer.Typer(no_args_is_help=True, help="Zones. Exit codes: 0 done, 1 refused (the reason is said), 2 usage.")

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def tree(as_json: AsJson = False) -> None:
    """Show the zone tree with codes, ids and receivers."""
    with store() as opened, opened.reading() as db:
        zones = views.zone_views(db, service.tree(db, machine(db), clock.now()))
    if as_json:
        print(json.dumps([zone.model_dump(mode="json") for zone in zones], ensure_ascii=False, indent=2))
        return
    root = Tree("zones")
    drawn: dict[str | None, Tree] = {None: root}
    for zone in zones:
        label = f"{zone.name} [dim]{zone.code or ''} {zone.id}[/dim]"
        drawn[zone.id] = drawn.get(zone.parent_id, root).add(label)
    Console().print(root)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="As it is shown.")],
    kind: Annotated[ZoneKind, typer.Option(help="What kind of place it is.")],
    code: Annotated[str | None, typer.Option(help="Its official code.")] = None,
    parent: Annotated[str | None, typer.Option(help="Id or code of the zone above; without one it is a root.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a zone. Only here can one without a zone above it be made."""
    with store() as opened, opened.writing() as db:
        parent_id = zone_named(db, parent).id if parent else None
        new = ZoneNew(parent_id=parent_id, kind=kind, name=name, code=code)
        zone = service.create_zone(db, machine(db), clock.now(), new)
        made = views.zone_views(db, [zone])[0]
    print(json.dumps(made.model_dump(mode="json"), ensure_ascii=False, indent=2) if as_json else made.id)


@app.command()
def seed() -> None:
    """Fill in the district of Nam Trà My with its forty receivers; what is there already stays."""
    with store() as opened, opened.writing() as db:
        district = seed_district(db, clock.now())
    print(f"{len(district.communes)} communes, {len(district.villages)} villages, {len(district.receivers)} receivers.")


@app.command()
def holidays(
    year: Annotated[int, typer.Argument(min=2020, max=2100)],
    zone: Annotated[str, typer.Option("--zone", help="A zone's id or code; the days hold there and below.")],
) -> None:
    """Fill in a year's public holidays of Vietnam."""
    with store() as opened, opened.writing() as db:
        days = calendar.fill_public_holidays(db, machine(db), clock.now(), zone_named(db, zone).id, year)
    for day in days:
        print(f"{day.day:%a %Y-%m-%d}  {day.name}")
