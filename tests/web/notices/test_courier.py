"""What is to be told arrives once: by mail and by a call, over restarts and refusals."""

import asyncio
import email
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from broadcast.clock import ManualClock
from scheduler.errors import Invalid
from scheduler.fleet.models import Receiver
from scheduler.notices import service, told
from scheduler.notices.models import Channel, Kind, Notice, NoticeEvent, NoticeState
from scheduler.notices.schemas import ChoiceIn, HookIn
from scheduler.notices.spreading import notice
from scheduler.people.actor import Actor
from scheduler.reports.models import ReportBook, ReportSubscription
from scheduler.reports.service import BRING_WITHIN
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone
from web.notices.call import Caller
from web.notices.courier import Courier
from web.notices.mail import Mailer, NotDelivered, parsed
from web.settings import Settings

LIMIT_S = 30
Make = Callable[..., Courier]


@pytest.fixture
def make(store: Store, clock: ManualClock, post: Any) -> Make:
    """A courier of a centre that is started again each time."""

    def made(url: str = "") -> Courier:
        settings = Settings(public_url="https://centre.example", smtp_url=SecretStr(url or post.url))
        mailer = Mailer(parsed(url or post.url), post.tls)
        return Courier(store, clock, settings, mailer=mailer, caller=Caller({"127.0.0.1"}))

    return made


@pytest.fixture
def lan(store: Store, places: Any, add_person: Any, clock: ManualClock) -> Actor:
    person: Actor = add_person("lan", places.leng, Role.ADMINISTRATOR)
    with store.writing() as db:
        service.choose(db, person, clock.now(), ChoiceIn(address="lan@traleng.example", kinds=list(Kind)))
    return person


def trial(store: Store, clock: ManualClock, who: Actor) -> None:
    with store.writing() as db:
        service.try_out(db, who, clock.now())


def kept_book(store: Store, clock: ManualClock) -> None:
    """Of reports, until now."""
    now = clock.now()
    with store.writing() as db:
        db.merge(ReportBook(id=1, opened_until=now, reported_until=now, claimed_until=now))


def states(store: Store) -> list[tuple[NoticeState, int, str | None]]:
    with store.reading() as db:
        return [(row.state, row.tries, row.trouble) for row in db.exec(select(Notice).order_by(Notice.id))]


async def test_a_mail_arrives_once_in_the_persons_language(
    store: Store, clock: ManualClock, make: Make, lan: Actor, post: Any
) -> None:
    trial(store, clock, lan)
    courier = make()
    while await courier.once(Channel.MAIL):
        pass
    [text] = post.mails
    mail = email.message_from_string(text)
    assert (mail["To"], mail["From"]) == ("Lan <lan@traleng.example>", "loa@localhost")
    body = mail.get_payload(decode=True)
    assert "https://centre.example/notices" in body.decode()  # type: ignore[union-attr]
    assert states(store) == [(NoticeState.SENT, 1, None)]


async def test_a_mail_shows_the_time_that_pages_show_its_reader(  # noqa: PLR0917 -- fixtures
    store: Store, clock: ManualClock, make: Make, lan: Actor, post: Any, places: Any
) -> None:
    receiver = {"receiver_id": "R1", "receiver": "Loa 1", "zone": "Thôn 1"}
    fault = receiver | {"code": "disk", "since": "2026-11-22T20:30:00Z"}
    with store.writing() as db:
        db.get_one(Zone, places.leng).timezone = "Asia/Tokyo"
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa 1"))
        event = NoticeEvent(kind=Kind.FAULT, subject="faults:1", zone_path="", at=clock.now())
        db.add(notice(clock.now(), event, {"faults": [fault]}, user_id=lan.user_id))
    assert await make().once(Channel.MAIL)
    body = email.message_from_string(post.mails[0]).get_payload(decode=True)
    assert "05:30" in body.decode()  # type: ignore[union-attr]


async def test_a_restart_in_the_middle_of_a_mail_sends_it_once(
    store: Store, clock: ManualClock, make: Make, lan: Actor, post: Any
) -> None:
    trial(store, clock, lan)
    post.held.set()
    sending = asyncio.create_task(make().once(Channel.MAIL))
    async with asyncio.timeout(LIMIT_S):
        await asyncio.to_thread(post.begun.wait)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    [(state, tries, trouble)] = states(store)
    assert (state, tries, bool(trouble)) == (NoticeState.WAITING, 1, True)
    post.held.clear()
    await clock.advance(timedelta(minutes=2))
    courier = make()
    while await courier.once(Channel.MAIL):
        pass
    assert len(post.mails) == 1
    assert states(store) == [(NoticeState.SENT, 2, None)]


async def test_what_a_killed_centre_was_sending_is_tried_again_after_a_while(
    store: Store, clock: ManualClock, make: Make, lan: Actor, post: Any
) -> None:
    trial(store, clock, lan)
    with store.writing() as db:
        row = db.exec(select(Notice)).one()
        row.state, row.begun_at, row.tries = NoticeState.SENDING, clock.now(), 1
    assert not await make().once(Channel.MAIL)
    await clock.advance(timedelta(minutes=6))
    assert await make().once(Channel.MAIL)
    assert len(post.mails) == 1


async def test_a_wrong_password_is_seen_and_never_shown(
    store: Store, clock: ManualClock, make: Make, lan: Actor, post: Any
) -> None:
    trial(store, clock, lan)
    await make(post.url.replace("x:y@", "x:wrong@")).once(Channel.MAIL)
    with store.reading() as db:
        trouble = service.standing_trouble(db, Channel.MAIL)
        [shown] = service.log(db, lan, clock.now()).items
    assert trouble == shown.trouble == "the mail server refused user name or password (535)"
    assert (shown.to, shown.state) == ("Lan", NoticeState.WAITING)


async def test_what_cannot_be_delivered_for_days_is_given_up(
    store: Store, clock: ManualClock, make: Make, lan: Actor
) -> None:
    trial(store, clock, lan)
    nobody = make("smtps://127.0.0.1:1")
    for _hour in range(80):
        await nobody.once(Channel.MAIL)
        await clock.advance(timedelta(hours=1))
    [(state, _tries, trouble)] = states(store)
    assert (state, trouble) == (NoticeState.GIVEN_UP, "the mail server cannot be reached: ConnectionRefusedError")


async def test_a_program_is_called_with_a_signature_until_it_takes_it(  # noqa: PLR0917 -- fixtures
    store: Store, clock: ManualClock, make: Make, lan: Actor, places: Any, program: Any
) -> None:
    url, called, answers = program
    answers += [503, 302]
    asked = HookIn(zone_id=places.leng, name="IOC", url=url, kinds=[Kind.CANCELLED])
    with store.writing() as db:
        made = service.add_hook(db, lan, clock.now(), asked, Caller({"127.0.0.1"}).check)
        event = told.Event(Kind.EMERGENCY_OVER, "order:1", "", "", clock.now())
        db.add(NoticeEvent(kind=Kind.FAULT, subject="f", zone_path=f"/{places.van}/", at=event.at, data={}))
        path = f"/{places.province}/{places.leng}/"
        db.add(NoticeEvent(kind=Kind.CANCELLED, subject="broadcast:gone", zone_path=path, at=event.at, data={}))
    courier = make()
    await courier.once(Channel.HOOK)
    assert called == []  # the broadcast is not there
    with store.writing() as db:
        row = Notice(
            id="N", key="k", channel=Channel.HOOK, hook_id=made.id, kind=Kind.CANCELLED, subject="broadcast:1",
            zone_path=path, at=clock.now(), data={"title": "Đổi"}, created_at=clock.now(), next_at=clock.now(),
        )  # fmt: skip
        db.add(row)
    for _try in range(3):
        await courier.once(Channel.HOOK)
        await clock.advance(timedelta(minutes=5))
    assert [state for state, _tries, _trouble in states(store)] == [NoticeState.SENT]
    headers, body = called[-1]
    at, _, signed = headers["Loa-Signature"].partition(",v1=")
    key = made.secret.encode()
    assert hmac.new(key, at.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest() == signed
    said = json.loads(body)
    assert (said["event"], said["data"]["title"], said["url"]) == (
        "cancelled",
        "Đổi",
        "https://centre.example/broadcasts/1",
    )
    assert {one[0]["Loa-Delivery"] for one in called} == {"N"}
    assert len(called) == 3


async def test_a_practice_centre_calls_no_program(
    store: Store, clock: ManualClock, lan: Actor, places: Any, program: Any
) -> None:
    url, called, _answers = program
    asked = HookIn(zone_id=places.leng, name="IOC", url=url, kinds=[Kind.EMERGENCY])
    with store.writing() as db:
        made = service.add_hook(db, lan, clock.now(), asked, Caller({"127.0.0.1"}).check)
        row = Notice(
            id="N", key="k", channel=Channel.HOOK, hook_id=made.id, kind=Kind.EMERGENCY, subject="order:1",
            zone_path=f"/{places.province}/{places.leng}/", at=clock.now(), data={}, created_at=clock.now(),
            next_at=clock.now(),
        )  # fmt: skip
        db.add(row)
    caller = Caller({"127.0.0.1"})
    courier = Courier(store, clock, Settings(practice=True), mailer=None, caller=caller)
    assert await courier.once(Channel.HOOK)
    assert (called, states(store)) == ([], [(NoticeState.SENT, 1, None)])


async def test_a_centre_that_has_just_begun_waits_for_what_receivers_kept_before_it_tells_of_yesterday(
    store: Store, clock: ManualClock, make: Make, lan: Actor, places: Any
) -> None:
    with store.writing() as db:
        db.add(ReportSubscription(user_id=lan.user_id, zone_id=places.leng, since=clock.now()))
    kept_book(store, clock)
    courier = make()
    await courier.look_round()
    assert states(store) == []
    await clock.advance(BRING_WITHIN)
    kept_book(store, clock)
    await make().look_round()
    assert states(store) == []
    await courier.look_round()
    assert [state for state, _tries, _trouble in states(store)] == [NoticeState.WAITING]


@pytest.mark.parametrize(
    "url", ["http://centre.example/", "https://a:b@centre.example/", "ftp://x/", "https://", "https://é.example/", "x"]
)
def test_nothing_is_sent_to_such_an_address(url: str) -> None:
    with pytest.raises(Invalid):
        Caller().check(url)


def test_a_name_that_leads_inside_is_not_called() -> None:
    with pytest.raises(NotDelivered, match="private machine"):
        Caller().call("https://localhost/", b"", {})
