"""A commune official: prepares, plans, looks what was heard."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from bench.tasks.hands import Hand
from bench.tasks.jobs import Desk, task
from bench.tasks.office import LEADER, OFFICIAL, ZONE
from broadcast.clock import SystemClock

TEXT = "Mời bà con thôn 1 sáng mai ra nhà văn hóa nhận giống lúa vụ đông xuân, mang theo sổ hộ khẩu."
SENT = r"/broadcasts/[0-9A-Z]{26}\?said="


def _sound_is_made(hand: Hand) -> None:
    expect(hand.page.locator("button[value=send]")).to_be_enabled(timeout=120_000)


@task(OFFICIAL, "Send a typed announcement to all villages of the commune, at the next usual time", most=6)
def announce(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("main a[href='/broadcasts/new']", to="/broadcasts/new$")
    hand.fill("#text", TEXT)
    hand.onward("what")
    hand.tick(f"input[name=zone][value='{desk.office.commune}']")
    hand.onward("where")
    _sound_is_made(hand)
    hand.press("button[value=send]", to=SENT)
    hand.sees("Đã gửi")


@task(OFFICIAL, "Repeat an announcement every weekday in one village")
def repeat(hand: Hand, desk: Desk) -> None:
    last = SystemClock().now().astimezone(ZONE).date() + timedelta(days=40)
    hand.start("/broadcasts/new")
    hand.fill("#text", TEXT)
    hand.onward("what")
    hand.tick(f"input[name=zone][value='{desk.office.village('Thôn 2')}']")
    hand.onward("where")
    hand.press("[data-step=when] [data-change]")
    hand.tick("#when-repeat")
    hand.fill("#repeat_time", "17:45")
    hand.fill("#until", last.isoformat())
    hand.onward("when")
    _sound_is_made(hand)
    hand.press("button[value=send]", to=SENT)
    hand.sees("Đã gửi")


@task(OFFICIAL, "See where today's announcement was heard")
def heard(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press(f"main a[href='/broadcasts/{desk.office.ids['heard']}']", to="/broadcasts/")
    hand.sees("Kết quả phát")


@task(OFFICIAL, "Mend what was returned and send it again")
def mend(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast()
    body = {"reason": "Ghi rõ ngày và giờ."}
    desk.post(LEADER, f"/broadcasts/{made['id']}/return", body, version=made["version"])
    hand.start("/broadcasts")
    hand.press("main a[href='/broadcasts?state=mine']", to="state=mine")
    hand.press(f"main a[href='/broadcasts/{made['id']}']", to="/broadcasts/")
    hand.press("main a[href$='/edit']", to="/edit")
    box = hand.page.locator("#text")
    expect(box).to_have_value(re.compile(re.escape(made["title"])))
    hand.fill("#text", f"{box.input_value()} {TEXT}")
    hand.onward("what")
    _sound_is_made(hand)
    hand.press("button[value=send]", to=SENT)
    hand.sees("Chờ duyệt")


@task(OFFICIAL, "Cancel what is planned")
def cancel(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast(until="approve")
    hand.start("/broadcasts")
    hand.press(f"main a[href='/broadcasts/{made['id']}']", to="/broadcasts/")
    hand.press("#more-cancel summary")
    hand.press("form[action$='/cancel'] button", to="said=cancelled")
    hand.sees("Đã hủy")


@task(OFFICIAL, "Put what is planned at another hour")
def move(hand: Hand, desk: Desk) -> None:
    made = desk.broadcast(until="approve")
    hand.start(f"/broadcasts/{made['id']}/move")
    hand.fill("#time", "19:40")
    hand.press("form[action$='/move'] button.main", to=r"/(board|broadcasts)")
    hand.sees("19:40")


@task(OFFICIAL, "Fill in tomorrow's bulletin and send it for approval")
def bulletin(hand: Hand, desk: Desk) -> None:
    hand.start(f"/bulletins/{desk.office.ids['bulletin']}")
    hand.press("main ul.rows li:nth-child(1) a", to=r"/17:00$")
    hand.choose("#slot-s1", desk.office.ids["announcement"])
    hand.press("button[value=send]", to="said=")
    hand.sees("Nghe cả bản tin")


@task(OFFICIAL, "Find an old announcement by words without accents and use it again")
def again(hand: Hand, desk: Desk) -> None:
    hand.start("/announcements")
    hand.fill("main input[type=search]", "sot xuat huyet")
    hand.press("main form[role=search] button, main form.search button", to="q=")
    hand.press("main ul.rows li:nth-child(1) a", to="/announcements/")
    hand.press("main a[href^='/broadcasts/new?announcement=']", to="/broadcasts/new")
    hand.onward("what")
    hand.tick(f"input[name=zone][value='{desk.office.village('Thôn 3')}']")
    hand.onward("where")
    _sound_is_made(hand)
    hand.press("button[value=send]", to=SENT)
    hand.sees("Chờ duyệt")


@task(OFFICIAL, "Note what was done about a resident's words")
def feedback(hand: Hand, desk: Desk) -> None:
    desk.leave_word("Đề nghị phát lại thông báo tiêm chủng vào buổi tối.")
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("details.menu a[href='/feedback']", to="/feedback")
    hand.fill("main input[name=note]", "Đã phát lại lúc 19 giờ.")
    hand.press("main form[action^='/feedback/'] button.main", to="said=")
    hand.sees("Đã lưu")


@task(OFFICIAL, "Save a draft for later")
def draft(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("main a[href='/broadcasts/new']", to="/broadcasts/new$")
    hand.fill("#text", TEXT)
    hand.onward("what")
    hand.tick(f"input[name=zone][value='{desk.office.village()}']")
    hand.onward("where")
    _sound_is_made(hand)
    hand.press("button[value=draft]", to=SENT)
    hand.sees("lưu nháp")
