"""Staff on duty in the district: emergencies, live talks, loudspeakers that are ill."""

from bench.tasks.affairs import FLOOD
from bench.tasks.hands import Hand
from bench.tasks.jobs import Desk, task
from bench.tasks.office import DUTY, HELPER

FLASH_FLOOD = "input[name=message]:not([value=text]):not([value=live])"


@task(DUTY, "STOP ALL", most=2)
def stop_all(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("nav a[href='/emergency']", to="/emergency$")
    hand.press("form[action='/emergency/stop'] button.stop", to="said=")
    hand.sees("Đã dừng tất cả")


@task(DUTY, "Ask for an emergency in one commune", most=6)
def emergency(hand: Hand, desk: Desk) -> None:
    hand.start("/")
    hand.press("nav a[href='/emergency']", to="/emergency$")
    hand.tick(f"input[name=zone][value='{desk.office.commune}']")
    hand.tick(FLASH_FLOOD)
    hand.press("button[value=read]", to="/emergency$")
    hand.sees("Sẽ phát như sau")
    hand.press("button[value=send]", to=r"/emergency/[0-9A-Z]{26}")
    order = hand.page.url.rpartition("/")[2].partition("?")[0]
    desk.post(DUTY, f"/emergencies/{order}/withdraw")


@task(DUTY, "Ask for a drill in one commune")
def drill(hand: Hand, desk: Desk) -> None:
    hand.start("/emergency")
    hand.press("a[href='/drills']", to="/drills$")
    hand.tick(f"input[name=zone][value='{desk.office.commune}']")
    hand.tick(FLASH_FLOOD)
    hand.press("button[value=read]", to="/drills$")
    hand.press("button[value=send]", to=r"/drills/[0-9A-Z]{26}")
    order = hand.page.url.rpartition("/")[2].partition("?")[0]
    hand.sees("diễn tập")
    desk.post(DUTY, f"/drills/{order}/withdraw")


@task(DUTY, "Take an emergency back with “false alarm”", most=2)
def take_back(hand: Hand, desk: Desk) -> None:
    place = desk.office.village("Thôn 2")
    body = {"zone_ids": [place], "parts": [{"kind": "bank", "id": FLOOD}], "reason": "Báo nhầm", "minutes": 1}
    asked = desk.post(DUTY, "/emergencies", body)
    desk.post("truccap", f"/emergencies/{asked['id']}/confirm", {"word": "KHẨN CẤP"}, version=asked["version"])
    hand.start("/")
    hand.press(f"form[action='/emergency/{asked['id']}/correct'] button", to="said=corrected")
    hand.sees("Đã dừng")
    desk.post(DUTY, "/stop", {"zone_ids": [place]})


@task(DUTY, "Acknowledge a fault")
def acknowledge(hand: Hand, _desk: Desk) -> None:
    hand.start("/receivers")
    hand.press("main a.btn[href='/faults']", to="/faults")
    hand.tick("input[name=fault]")
    hand.press("button[value=acknowledge]", to="said=fault-acknowledged")
    hand.sees("Đã xác nhận")


@task(DUTY, "Find the loudspeakers that are silent")
def silent(hand: Hand, _desk: Desk) -> None:
    hand.start("/")
    hand.press("nav a[href='/receivers']", to="/receivers$")
    hand.press("main nav.filters a[href*='show=offline']", to="show=offline")
    hand.sees("mất kết nối")


@task(DUTY, "Have a loudspeaker test its microphone")
def self_test(hand: Hand, desk: Desk) -> None:
    hand.start("/receivers")
    hand.press(f"main a[href='/receivers/{desk.office.ids['receiver']}']", to="/receivers/")
    hand.press("form[action$='/self-test'] button", to="said=test-asked")
    hand.sees("Đã yêu cầu")


@task(DUTY, "Speak live to a commune")
def talk(hand: Hand, desk: Desk) -> None:
    hand.start("/live")
    hand.tick(f"input[name=zone][value='{desk.office.commune}']")
    hand.tick("#mode-microphone")
    hand.fill("#code", desk.office.code(DUTY))
    hand.press("button:has-text('micrô'):visible", to=r"/live/[0-9A-Z]{26}")
    talk_id = hand.page.url.rpartition("/")[2].partition("?")[0]
    hand.sees("micrô")
    desk.post(DUTY, f"/live/{talk_id}/end")


@task(DUTY, "See to what a village reported")
def see_to(hand: Hand, desk: Desk) -> None:
    words = {"zone_id": desk.office.village(), "text": "Loa không kêu từ tối qua."}
    desk.post(HELPER, "/village-reports", words)
    hand.start("/faults")
    hand.fill("form[action^='/faults/reports/'] input[name=answer]", "Đã cử người đi kiểm tra.")
    hand.press("form[action^='/faults/reports/'] button", to="/faults")
    hand.sees("Sự cố")


@task(DUTY, "Set a commune's weekly test")
def weekly(hand: Hand, desk: Desk) -> None:
    hand.start(f"/rehearsals/{desk.office.commune}")
    hand.choose("#weekday", "2")
    hand.fill("#at", "16:45")
    hand.press("form[action^='/rehearsals/'] button.main", to="said=saved")
    hand.sees("Đã lưu")
