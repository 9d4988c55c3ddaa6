"""Every page there is, with addresses to look at it; what is no page for people to look at is named too."""

from collections.abc import Iterator

from fastapi.routing import iter_route_contexts

from bench.tasks.office import Office
from web.pages.router import router

# By the route's path: addresses, in which names in braces are of `Office.ids`.
PAGES: dict[str, tuple[str, ...]] = {
    "/sign-in": ("/sign-in",),
    "/join": ("/join",),
    "/account": ("/account",),
    "/account/first-password": ("/account/first-password",),
    "/": ("/", "/?day={tomorrow}"),
    "/broadcasts/new": ("/broadcasts/new",),
    "/broadcasts/{broadcast_id}/edit": ("/broadcasts/{draft}/edit",),
    "/broadcasts": ("/broadcasts", "/broadcasts?state=draft"),
    "/broadcasts/{broadcast_id}": ("/broadcasts/{heard}", "/broadcasts/{waiting}", "/broadcasts/{returned}"),
    "/broadcasts/{broadcast_id}/move": ("/broadcasts/{planned}/move",),
    "/announcements": ("/announcements", "/announcements?q=khongcogi"),
    "/announcements/{announcement_id}": ("/announcements/{announcement}",),
    "/bulletins": ("/bulletins",),
    "/bulletins/new": ("/bulletins/new",),
    "/bulletins/{bulletin_id}": ("/bulletins/{bulletin}",),
    "/bulletins/{bulletin_id}/edit": ("/bulletins/{bulletin}/edit",),
    "/bulletins/{bulletin_id}/{day}/{at}": ("/bulletins/{edition}",),
    "/playlists": ("/playlists",),
    "/playlists/new": ("/playlists/new",),
    "/playlists/{announcement_id}/edit": ("/playlists/{playlist}/edit",),
    "/relays": ("/relays",),
    "/relays/new": ("/relays/new",),
    "/relays/{relay_id}": ("/relays/{relay}",),
    "/relays/{relay_id}/edit": ("/relays/{relay}/edit",),
    "/retention": ("/retention",),
    "/retention/new": ("/retention/new",),
    "/retention/{rule_id}": ("/retention/{rule}",),
    "/people": ("/people",),
    "/people/invite": ("/people/invite",),
    "/people/new": ("/people/new",),
    "/people/{user_id}": ("/people/{bientap}",),
    "/people/{user_id}/handover": ("/people/{nghiviec}/handover", "/people/{bientap}/handover"),
    "/receivers": ("/receivers", "/receivers?view=map", "/receivers?show=offline"),
    "/receivers/new": ("/receivers/new",),
    "/receivers/{receiver_id}": ("/receivers/{receiver}",),
    "/receivers/{receiver_id}/year": ("/receivers/{receiver}/year",),
    "/receivers/{receiver_id}/edit": ("/receivers/{receiver}/edit",),
    "/faults": ("/faults",),
    "/village": ("/village", "/village?zone={village-id}"),
    "/zones": ("/zones",),
    "/zones/{zone_id}": ("/zones/{commune}",),
    "/zones/{zone_id}/new": ("/zones/{commune}/new",),
    "/zones/{zone_id}/end": ("/zones/{commune}/end",),
    "/zones/{zone_id}/day": ("/zones/{village-id}/day",),
    "/groups/new": ("/groups/new",),
    "/groups/{group_id}": ("/groups/{group}",),
    "/rehearsals": ("/rehearsals",),
    "/rehearsals/runs/{run_id}": ("/rehearsals/runs/{run}",),
    "/rehearsals/{zone_id}": ("/rehearsals/{commune}",),
    "/reports": ("/reports", "/reports?length=month"),
    "/reports/villages/{zone_id}/{day}": ("/reports/villages/{village-id}/{today}",),
    "/reports/stations": ("/reports/stations",),
    "/live": ("/live",),
    "/live/play/{announcement_id}": ("/live/play/{announcement}?mode=recorded&zone={village-id}",),
    "/live/{talk_id}": ("/live/{talk}",),
    "/audit": ("/audit",),
    "/inbox": ("/inbox",),
    "/deputies": ("/deputies",),
    "/notices": ("/notices",),
    "/notices/log": ("/notices/log",),
    "/feedback": ("/feedback",),
    "/board": ("/board", "/board?day={tomorrow}"),
    "/board/week": ("/board/week",),
    "/board/month": ("/board/month",),
    "/nghe": ("/nghe", "/nghe?q=thon"),
    "/nghe/{key}": ("{village}",),
    "/nghe/{key}/feedback": ("{village}/feedback",),
    "/nghe/{key}/widget": ("{village}/widget",),
    "/nghe/{key}/embed": ("{village}/embed",),
    "/nghe/{key}/{notice_id}": ("{village}/{publication}",),
    "/emergency": ("/emergency",),
    "/emergency/history": ("/emergency/history",),
    "/emergency/bank": ("/emergency/bank",),
    "/emergency/bank/new": ("/emergency/bank/new",),
    "/emergency/bank/{name}": ("/emergency/bank/flash-flood",),
    "/emergency/bank/{name}/edit": ("/emergency/bank/flash-flood/edit",),
    "/emergency/{order_id}": ("/emergency/{order}",),
    "/drills": ("/drills",),
    "/drills/{order_id}": ("/drills/{drill}",),
}
# Parts of pages, files, streams.
NOT_PAGES = frozenset(
    {
        "/events",
        "/places",
        "/places/options",
        "/announcements/{announcement_id}/recordings",
        "/broadcasts/{broadcast_id}/move/preview",
        "/receivers/{receiver_id}/photo",
        "/practice/again",  # only where one practises
        "/relays/listen",
        "/reports/heard.csv",
        "/reports/stations.{kind}",
        "/live/advice",
        "/audit/loa-audit.jsonl",
        "/audit/loa-audit.csv",
        "/zones/{zone_id}/day.txt",
        "/nghe/{key}/feed.xml",
        "/nghe/{key}/calendar.ics",
        "/nghe/{key}/{notice_id}/{language}.ogg",
        "/nghe/{key}/{notice_id}/{language}.mp3",
        "/emergency/banner",
        "/emergency/held",
        "/drills/held",
        "/tests",  # tests are begun where rehearsals are
        "/tests/held",
        "/tests/{order_id}",  # a test in force shows as the page of its run
    }
)
# What is sent empty, so that the page says what is to be put right.
SPOILED = (
    ("/sign-in", "form[action^='/sign-in']"),
    ("/join", "form[action='/join']"),
    ("/account", "form[action='/account/password']"),
    ("/account", "form[action='/account/second-factor']"),
    ("/account", "form[action='/account/tokens']"),
    ("/broadcasts/new", "form[action='/broadcasts/new']"),
    ("/broadcasts/{planned}/move", "form[action$='/move']"),
    ("/broadcasts/{waiting}", "form[action$='/return']"),
    ("/inbox", "form[action$='/return']"),
    ("/announcements/{announcement}", "form[action$='/title']"),
    ("/announcements/{announcement}", "form[action$='/recordings']"),
    ("/playlists/new", "form[action='/playlists/new']"),
    ("/relays/new", "form[action='/relays/new']"),
    ("/relays/{relay}/edit", "form[action$='/edit']"),
    ("/retention/new", "form[action='/retention/new']"),
    ("/retention/{rule}", "form[action='/retention/{rule}']"),
    ("/people/{bientap}", "form[action='/people/{bientap}']"),
    ("/receivers/{receiver}", "form[action$='/photo']"),
    ("/zones/{commune}", "form[action='/zones/{commune}']"),
    ("/zones/{commune}", "form[action$='/holidays']"),
    ("/zones/{commune}/new", "form[action$='/new']"),
    ("/deputies", "form[action='/deputies']"),
    ("/notices", "form[action='/notices/programs']"),
    ("/faults", "form[action='/faults']"),
    ("/live", "form[action='/live']"),
    ("/drills", "#order"),
    ("/emergency/bank/new", "form[action='/emergency/bank/new']"),
    ("/emergency/bank/flash-flood", "form[action$='/retire']"),
    ("/people/invite", "form[action='/people/invite']"),
    ("/people/new", "form[action='/people/new']"),
    ("/receivers/new", "form[action='/receivers/new']"),
    ("/groups/new", "form[action='/groups/new']"),
    ("/bulletins/new", "form[action='/bulletins/new']"),
    ("/village?zone={village-id}", "form[action='/village/report']"),
    ("/emergency", "#order"),
    ("{village}/feedback", "main form"),
)
ERRORS = ("/khong-co-trang-nay",)
# Of somebody who may not see it.
REFUSED = (("bientap", "/people"), ("toso", "/broadcasts/new"), ("", "/receivers"), ("toso", "/broadcasts/khong-co"))


def routes() -> set[str]:
    """The paths of all that the pages' router answers to GET."""
    found = iter_route_contexts(router.routes)
    return {str(route.path) for route in found if "GET" in (route.methods or ())}


def addresses(office: Office) -> Iterator[str]:
    """Each page at least once, and one that is not there."""
    for shown in PAGES.values():
        for address in shown:
            yield address.format_map(office.ids)
    yield from ERRORS
