"""The connection to a real Mosquitto, with TLS and certificates."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.trustroot.authority import Authority
from broadcast.wire import topics
from broadcast.wire.documents import Ack, Beat, Outcome, PlayReport, ReceiverState, TimeTold
from receivers.link import Link, Pacing
from receivers.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from receivers.identity import Identity
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

LIMIT_S = 60


@dataclass
class Office:
    """What a link carries for, by hand."""

    zones: tuple[str, ...] = ("province",)
    reports: dict[int, PlayReport] = field(default_factory=dict)
    stored: int = 0
    state: ReceiverState = field(default_factory=lambda: ReceiverState(online=True, at_us=1))
    documents: asyncio.Queue[tuple[str, bytes]] = field(default_factory=asyncio.Queue)
    acks: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    links: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)
    times: asyncio.Queue[TimeTold] = field(default_factory=asyncio.Queue)
    beats: int | None = None

    def wanted_topics(self) -> frozenset[str]:
        return frozenset((topics.settings("rx1"), *map(topics.programme, self.zones)))

    def pending_reports(self) -> Mapping[int, PlayReport]:
        return self.reports

    def acknowledged(self) -> int:
        return self.stored

    def current_state(self) -> ReceiverState:
        return self.state

    def farewell_state(self) -> ReceiverState:
        return ReceiverState(online=False, at_us=1, player="off")

    def beat(self) -> Beat | None:
        if self.beats is None:
            return None
        self.beats += 1
        return Beat(at_us=self.beats)

    def on_time(self, told: TimeTold) -> None:
        self.times.put_nowait(told)

    def on_document(self, topic: str, raw: bytes) -> None:
        self.documents.put_nowait((topic, raw))

    def on_ack(self, ack: Ack) -> None:
        self.stored = ack.number
        self.acks.put_nowait(ack.number)
        self.reports = {number: report for number, report in self.reports.items() if number > ack.number}

    def on_link(self, *, online: bool) -> None:
        self.links.put_nowait(online)

    def add(self, number: int) -> None:
        self.reports[number] = PlayReport(
            number=number,
            airing_id=f"a{number}",
            broadcast_id="b",
            outcome=Outcome.HEARD,
            planned_start_us=1,
            planned_duration_us=1,
        )


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def me(centre: Centre, tmp_path: Path) -> Identity:
    return centre.enrolled(tmp_path, "rx1")


@pytest.fixture
async def link(me: Identity, office: Office, tmp_path: Path) -> AsyncIterator[Link]:
    """A link that is up."""
    link = Link(me, tmp_path, SystemClock(), office, pacing=Pacing(resend_s=0.2, beat_s=0.2, ack_s=0.2))
    task = asyncio.create_task(link.run())
    async with asyncio.timeout(LIMIT_S):
        assert await office.links.get() is True
    yield link
    await end((task,))


async def test_what_the_centre_has_is_heard_before_anything_is_sent(
    centre: Centre, me: Identity, tmp_path: Path, office: Office
) -> None:
    await centre.acknowledge("rx1", 3)
    for number in (1, 2, 5):  # the first two were sent by another life of this node, and were other reports
        office.add(number)
    task = asyncio.create_task(Link(me, tmp_path, SystemClock(), office, pacing=Pacing(ack_s=LIMIT_S)).run())
    await centre.until(lambda: centre.reports != [])
    await end((task,))
    assert [report.number for report in centre.reports] == [5]


async def test_a_report_without_an_answer_is_repeated_less_and_less_often(
    centre: Centre, me: Identity, tmp_path: Path
) -> None:
    asked_us: list[int] = []

    class Watched(Office):
        def pending_reports(self) -> Mapping[int, PlayReport]:
            asked_us.append(SystemClock().monotonic_us())
            return super().pending_reports()

    office = Watched()
    office.add(1)
    centre.acknowledging = False
    first_s = 0.05
    link = Link(me, tmp_path, SystemClock(), office, pacing=Pacing(resend_s=first_s, ack_s=0.01))
    task = asyncio.create_task(link.run())
    await centre.until(lambda: len(centre.reports) == 5)
    await end((task,))
    for place in range(4):  # nothing wakes it before its time, however slow the machine is
        assert asked_us[place + 1] - asked_us[place] >= first_s * 2**place * 1_000_000


async def test_the_state_is_retained_and_a_death_is_told_by_the_broker(
    centre: Centre, me: Identity, tmp_path: Path, office: Office
) -> None:
    link = Link(me, tmp_path, SystemClock(), office)
    task = asyncio.create_task(link.run())
    await centre.until(lambda: any(state.online for state in centre.states))
    assert link.status.online
    office.state = replace(office.state, player="playing")
    link.state_changed()
    await centre.until(lambda: centre.states[-1].player == "playing")
    retained = await centre.bus.retained(topics.state("rx1"))
    assert retained is not None
    assert b'"playing"' in retained
    async with centre.lab.client("rx1"):  # takes our place: to the broker that is a death
        await centre.until(lambda: not centre.states[-1].online)
        await end((task,))


async def test_an_orderly_end_says_farewell(centre: Centre, me: Identity, tmp_path: Path, office: Office) -> None:
    task = asyncio.create_task(Link(me, tmp_path, SystemClock(), office).run())
    await centre.until(lambda: any(state.online for state in centre.states))
    await end((task,))
    await centre.until(lambda: centre.states[-1].player == "off")


async def test_documents_come_and_new_zones_are_subscribed(
    centre: Centre, link: Link, office: Office, desk: Desk
) -> None:
    await centre.publish(desk.settings())
    await centre.publish(desk.programme([], zone="tra-van"))
    async with asyncio.timeout(LIMIT_S):
        assert (await office.documents.get())[0] == topics.settings("rx1")
        office.zones = ("tra-van",)
        link.topics_changed()
        assert (await office.documents.get())[0] == topics.programme("tra-van")
        await centre.publish(desk.programme([], zone="province"))
        await centre.publish(desk.programme([], zone="tra-van"))
        assert (await office.documents.get())[0] == topics.programme("tra-van")
    assert office.documents.empty()


async def test_what_the_broker_remembers_can_be_asked_for_again(
    centre: Centre, link: Link, office: Office, desk: Desk
) -> None:
    await centre.publish(desk.settings())
    async with asyncio.timeout(LIMIT_S):
        first = await office.documents.get()
        link.ask_again()
        assert await office.documents.get() == first


async def test_reports_go_in_order_and_again_until_they_are_acknowledged(
    centre: Centre, link: Link, office: Office
) -> None:
    centre.acknowledging = False
    for number in (1, 2, 3):
        office.add(number)
    link.reports_changed()
    await centre.until(lambda: len(centre.reports) >= 6)
    assert [report.number for report in centre.reports[:6]] == [1, 2, 3, 1, 2, 3]
    await centre.acknowledge("rx1", 2)
    async with asyncio.timeout(LIMIT_S):
        assert await office.acks.get() == 2
        seen = len(centre.reports)
        await centre.until(lambda: len(centre.reports) >= seen + 2)
        assert {report.number for report in centre.reports[seen:]} == {3}
        centre.acknowledging = True
        assert await office.acks.get() == 3
    assert not office.reports


async def test_beats_go_out_and_the_time_comes_back(centre: Centre, link: Link, office: Office) -> None:
    office.beats = 0
    async with asyncio.timeout(LIMIT_S):
        await centre.bus.publish(topics.time("rx1"), b"no time", retain=False)
        told = [await office.times.get() for _ in range(3)]
    assert link.status.online
    assert [time.at_us for time in told] == [1, 2, 3]
    assert all(time.centre_us > 1 for time in told)
    assert [beat.at_us for beat in centre.beats[:3]] == [1, 2, 3]


async def test_a_broker_that_was_killed_is_found_again(centre: Centre, link: Link, office: Office, desk: Desk) -> None:
    assert centre.lab.broker.pid is not None
    os.kill(centre.lab.broker.pid, signal.SIGKILL)
    async with asyncio.timeout(LIMIT_S):
        assert await office.links.get() is False
        assert link.status.error
        assert await office.links.get() is True
        await centre.bus.next_session(1)
        await centre.publish(desk.settings())
        assert (await office.documents.get())[0] == topics.settings("rx1")


async def _why(identity: Identity, folder: Path, office: Office) -> str:
    """Why a link with this identity does not come up, the second time that it tries."""
    link = Link(identity, folder, SystemClock(), office)
    task = asyncio.create_task(link.run())
    async with asyncio.timeout(LIMIT_S):
        assert [await office.links.get() for _ in range(2)] == [False, False]
    await end((task,))
    return link.status.error or ""


async def test_a_name_that_does_not_resolve_is_tried_again(me: Identity, tmp_path: Path, office: Office) -> None:
    nowhere = replace(me, broker=replace(me.broker, host="no-such-broker.invalid"))
    assert await _why(nowhere, tmp_path, office)


async def test_a_broker_with_another_name_than_its_certificate_is_not_spoken_to(
    me: Identity, tmp_path: Path, office: Office
) -> None:
    same_address = replace(me.broker, host="127.1")
    assert "127.1" in await _why(replace(me, broker=same_address), tmp_path, office)


async def test_a_broker_of_another_ca_is_not_spoken_to(me: Identity, tmp_path: Path, office: Office) -> None:
    other = Authority.make(SystemClock().now()).certificate
    stranger = replace(me, ca=other.public_bytes(Encoding.PEM).decode())
    assert "certificate verify failed" in await _why(stranger, tmp_path, office)


async def test_credentials_that_cannot_be_read_are_told_and_tried_again(
    me: Identity, tmp_path: Path, office: Office
) -> None:
    (tmp_path / me.credentials).write_bytes(b"-----BEGIN NONSENSE-----")
    assert await _why(me, tmp_path, office)
