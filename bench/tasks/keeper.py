"""Whoever keeps the system of the district: people, places, loudspeakers, the record."""

from datetime import timedelta

from bench.tasks.hands import Hand
from bench.tasks.jobs import Desk, number, task
from bench.tasks.office import KEEPER, LEAVING, OFFICIAL, ZONE
from broadcast.clock import SystemClock


def _day(days: int) -> str:
    return (SystemClock().now().astimezone(ZONE).date() + timedelta(days=days)).isoformat()


@task(KEEPER, "Invite a new official by code", most=6)
def invite(hand: Hand, desk: Desk) -> None:
    hand.start("/people")
    hand.press("main a[href='/people/invite']", to="/invite")
    hand.fill("#name", "Briu Thị Nem")
    hand.tick("#role-editor")
    hand.choose("#zone_id", desk.office.commune)
    hand.fill("#code", desk.office.code(KEEPER))
    hand.press("form[action='/people/invite'] button.main", to="/people/invite")
    hand.sees("Mã mời cho Briu Thị Nem")


@task(KEEPER, "Make a new code for an invitation")
def code(hand: Hand, desk: Desk) -> None:
    hand.start("/people")
    hand.press("[aria-labelledby=h-invited] summary")
    hand.fill("form[action^='/people/invite/'][action$='/code'] input.code", desk.office.code(KEEPER))
    hand.press("form[action^='/people/invite/'][action$='/code'] button", to="/code")
    hand.sees("Mã mời cho")


@task(KEEPER, "Give a role an end")
def end(hand: Hand, desk: Desk) -> None:
    hand.start("/people")
    hand.press(f"main a[href='/people/{desk.office.ids[OFFICIAL]}']", to="/people/")
    hand.press("[aria-labelledby=h-roles] ul summary")
    hand.fill("[aria-labelledby=h-roles] ul input[type=date]", _day(90))
    hand.fill("[aria-labelledby=h-roles] ul input.code", desk.office.code(KEEPER))
    hand.press("[aria-labelledby=h-roles] ul form[action$='/until'] button", to="said=saved")
    hand.sees("Đã lưu")


@task(KEEPER, "Sign somebody out everywhere")
def sign_out(hand: Hand, desk: Desk) -> None:
    desk.sign_in_anew(LEAVING)
    hand.start(f"/people/{desk.office.ids[LEAVING]}")
    hand.press("form[action$='/sessions/end'] button", to="said=sessions-ended")
    hand.sees("Đã đăng xuất")


@task(KEEPER, "Hand over what a leaving official holds")
def handover(hand: Hand, desk: Desk) -> None:
    desk.sign_in_anew(LEAVING)
    desk.post(LEAVING, "/broadcasts", desk.draft())
    hand.start(f"/people/{desk.office.ids[LEAVING]}")
    hand.press("main a[href$='/handover']", to="/handover")
    hand.choose("#to", desk.office.ids[OFFICIAL])
    hand.press("form[action$='/handover'] button.main", to="said=")
    hand.sees("Đã bàn giao")
    _come_back(desk)


def _come_back(desk: Desk) -> None:
    """So that somebody can leave once more."""
    who, api = desk.office.ids[LEAVING], desk.api(KEEPER)
    tag = api.get(f"/users/{who}").headers["etag"]
    enabled = {"disabled": False, "code": desk.office.code(KEEPER)}
    api.patch(f"/users/{who}", json=enabled, headers={"If-Match": tag}).raise_for_status()
    role = {"user_id": who, "zone_id": desk.office.commune, "role": "editor"}
    desk.post(KEEPER, "/grants", role | {"code": desk.office.code(KEEPER)})


@task(KEEPER, "Add a loudspeaker and make its code")
def add(hand: Hand, desk: Desk) -> None:
    hand.start("/receivers")
    hand.press("main a[href='/receivers/new']", to="/receivers/new")
    hand.fill("#name", f"Trường tiểu học {number()}")
    hand.choose("#zone_id", desk.office.village("Thôn 2"))
    hand.press("form[action='/receivers/new'] button.main", to="/receivers")
    hand.sees("loa receiver enrol")


@task(KEEPER, "Make a loudspeaker quieter at night")
def quieter(hand: Hand, desk: Desk) -> None:
    hand.start(f"/receivers/{desk.office.ids['receiver']}")
    hand.press("main a[href$='/edit']", to="/edit")
    hand.choose("#volume_from_1", "20")
    hand.fill("#volume_percent_1", "40")
    hand.press("main form button.main", to="said=saved")
    hand.sees("Đã lưu")


@task(KEEPER, "Set a commune's quiet hours")
def quiet(hand: Hand, desk: Desk) -> None:
    hand.start("/zones")
    hand.press(f"main a[href='/zones/{desk.office.district.communes['20941']}']", to="/zones/")
    hand.fill("#quiet_from_1", "21:00")
    hand.fill("#quiet_to_1", "05:00")
    hand.fill("#proof", desk.office.code(KEEPER))
    hand.press("main form button.main", to="said=saved")
    hand.sees("Đã lưu")


@task(KEEPER, "Find who did something in the audit log")
def audit(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("details.menu a[href='/audit']", to="/audit")
    hand.choose("#who", desk.office.ids[OFFICIAL])
    hand.press("main form button.main", to="who=")
    hand.sees("Hồ Thị Lan")


@task(KEEPER, "Make a group of villages")
def group(hand: Hand, desk: Desk) -> None:
    hand.start("/zones")
    hand.press("main a[href='/groups/new']", to="/groups/new")
    hand.fill("#name", f"Dọc suối Leng {number()}")
    hand.press(f"button.fold[aria-controls='under-{desk.office.commune}']")
    hand.tick(f"input[name=zone][value='{desk.office.village()}']")
    hand.press("main form button.main", to="said=saved")
    hand.sees("Đã lưu")
