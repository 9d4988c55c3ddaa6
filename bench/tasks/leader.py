"""A commune leader: approves, from a telephone in the field."""

from datetime import timedelta

from bench.tasks.affairs import FLOOD
from bench.tasks.hands import Hand
from bench.tasks.jobs import Desk, task
from bench.tasks.office import DUTY, LEADER, LEAVING, SECOND, ZONE
from broadcast.clock import SystemClock


def _day(days: int) -> str:
    return (SystemClock().now().astimezone(ZONE).date() + timedelta(days=days)).isoformat()


@task(LEADER, "Approve what waits", most=3)
def approve(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    hand.start("/")
    hand.press("nav a[href='/inbox']", to="/inbox")
    hand.press(f"form[action='/inbox/{made['id']}/approve'] button.main", to="said=approved")
    hand.sees("Đã duyệt")


@task(LEADER, "Return something with a reason")
def give_back(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    hand.start("/inbox")
    hand.press(f"#b-{made['id']} > details.more > summary")
    hand.fill(f"#reason-{made['id']}", "Ghi rõ ngày và giờ của từng thôn.")
    hand.press(f"form[action='/inbox/{made['id']}/return'] button", to="said=returned")
    hand.sees("Đã trả lại")


@task(LEADER, "Approve for another time")
def retime(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    hand.start("/inbox")
    hand.press(f"form[action='/inbox/{made['id']}/approve'] summary")
    day, _, clock = made["when"]["starts_local"].partition("T")
    hand.fill(f"#day-{made['id']}", day)
    hand.fill(f"#time-{made['id']}", f"{clock[:3]}{int(clock[3:5]) + 2:02d}")
    hand.press(f"form[action='/inbox/{made['id']}/approve'] button.main", to="said=approved")
    hand.sees("Đã duyệt")


@task(LEADER, "Approve with the number of the signed paper")
def paper(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    hand.start("/inbox")
    hand.press(f"form[action='/inbox/{made['id']}/approve'] summary")
    hand.fill(f"#document_no-{made['id']}", "47/TB-UBND")
    hand.press(f"form[action='/inbox/{made['id']}/approve'] button.main", to="said=approved")
    hand.sees("Đã duyệt")


@task(LEADER, "Approve two together")
def several(hand: Hand, desk: Desk) -> None:
    two = [desk.broadcast() for _ in range(2)]
    hand.start("/inbox")
    for made in two:
        hand.tick(f"input[name=which][value^='{made['id']}:']")
    hand.press("#several button", to="inbox")
    hand.sees("Đã duyệt")


@task(LEADER, "Read and listen before approving")
def listen(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    hand.start("/inbox")
    hand.press(f"#b-{made['id']} h2 a", to="/broadcasts/")
    hand.sees("Đề nghị bà con")
    hand.press("form[action$='/approve'] button", to="said=approved")
    hand.sees("Đã duyệt")


@task(LEADER, "Name a deputy for a week")
def deputy(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("details.menu a[href='/deputies']", to="/deputies")
    hand.choose("#deputy_id", desk.office.ids[LEAVING])
    hand.fill("#until", _day(7))
    hand.press("form[action='/deputies'] button.main", to="said=deputy-named")
    hand.press("form[action$='/end'] button", to="/deputies")
    hand.sees("Duyệt thay")


@task(LEADER, "See what a village hears tomorrow")
def tomorrow(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("main a[href^='/board']", to="/board")
    hand.press("main a[rel=next]", to="day=")
    hand.press(f"main a[href*='/zones/{desk.office.village()}/day']", to="/day")
    hand.sees("Thôn 1")


@task(LEADER, "Take the month's report of the station as a file")
def report(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("details.menu a[href='/reports']", to="/reports")
    hand.press("main a[href^='/reports/stations']", to="/stations")
    with hand.page.expect_download() as taken:
        hand.press("main a[href*='stations.xlsx']")
    assert taken.value.suggested_filename.endswith(".xlsx")
    hand.sees("Trà Leng")


@task(LEADER, "Confirm an emergency as the second person")
def confirm(hand: Hand, desk: Desk) -> None:
    body = {
        "zone_ids": [desk.office.village("Thôn 3")],
        "parts": [{"kind": "bank", "id": FLOOD}],
        "reason": "Lũ quét trên suối",
        "minutes": 1,
    }
    asked = desk.post(SECOND, "/emergencies", body)
    hand.start("/")
    hand.press(f"a[href='/emergency/{asked['id']}']", to="/emergency/")
    hand.fill("#word", "khẩn cấp")
    hand.press("form[action$='/confirm'] button", to="said=issued")
    hand.sees("Đã phát lệnh")
    desk.post(DUTY, "/stop", {"zone_ids": [desk.office.village("Thôn 3")]})
