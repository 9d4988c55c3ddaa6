"""A helper in the village: looks after one cluster, on an old telephone."""

from bench.tasks.hands import Hand
from bench.tasks.jobs import Desk, task
from bench.tasks.office import HELPER, PASSWORD


@task(HELPER, "Say that today's announcement was heard", most=3)
def heard(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("details.menu a[href='/village']", to="/village")
    hand.press("button[name=heard][value=yes]", to="said=heard-said")
    hand.sees("Cảm ơn")


@task(HELPER, "Say that it was not heard")
def not_heard(hand: Hand, _desk: Desk) -> None:
    hand.start("/village")
    hand.press("button[name=heard][value=no]", to="said=heard-said")
    hand.sees("Cảm ơn")


@task(HELPER, "Report what is wrong with the loudspeaker")
def report(hand: Hand, _desk: Desk) -> None:
    hand.start("/village")
    hand.fill("#text", "Loa thứ hai bị gió làm lệch hướng.")
    hand.press("form[action='/village/report'] button.main", to="said=reported")
    hand.sees("Đã gửi")


@task(HELPER, "See the state of the loudspeakers of the village")
def state(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("nav a[href='/receivers']", to="/receivers$")
    hand.press("main table a", to="/receivers/")
    hand.sees("Tình trạng thiết bị")


@task(HELPER, "See what is planned for tomorrow")
def tomorrow(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("main a[rel=next]", to="day=")
    hand.sees("Tiêm chủng")


@task(HELPER, "Read the text of an announcement")
def read(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press(f"main a[href='/broadcasts/{desk.office.ids['heard']}']", to="/broadcasts/")
    hand.sees("Đề nghị bà con")


@task(HELPER, "See the village's day on the board")
def board(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("main a[href^='/board']", to="/board")
    hand.press(f"main a[href*='/zones/{desk.office.village()}/day']", to="/day")
    hand.sees("Thôn 1")


@task(HELPER, "Have mail sent to oneself")
def mail(hand: Hand, _desk: Desk) -> None:
    hand.start("/notices")
    hand.fill("#address", "nhung@example.vn")
    hand.press("form[action='/notices'] button.main", to="said=saved")
    hand.sees("Đã lưu")


@task(HELPER, "Read the page in English and back")
def language(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("footer button[value=en]", to="/$")
    hand.sees("Today")
    hand.press("footer button[value=vi]", to="/$")
    hand.sees("Hôm nay")


@task(HELPER, "Sign out and in again")
def sign_in(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("details.menu > summary")
    hand.press("form[action='/sign-out'] button", to="/sign-in")
    hand.fill("#login", HELPER)
    hand.fill("#password", PASSWORD)
    hand.press("main form button.main, main form button.wide", to=r"//[^/]+/(\?.*)?$")
    hand.sees("Hôm nay")
