"""What is told to the centre, and when it is worth telling."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from msgspec.structs import replace

from broadcast.wire.documents import ReceiverState
from broadcast.wire.fault_codes import FaultCode
from receivers import state
from receivers.needs import Need, Stored
from receivers.sound.cue import FLOOR_DBFS, PlayerStatus
from receivers.tasks import end, run_until

NOON = 1_800_000_000_000_000
S = 1_000_000
FACTS = state.Facts(
    player="playing",
    status=PlayerStatus("a~1~0", -20.04, 0, True, None, ()),
    numbers={"receivers/rx1/settings": 3},
    needs=(Need("a" * 64, 100, 5), Need("b" * 64, 100, 6)),
    ready={"a" * 64: Stored(100, NOON, NOON)},
    done_bytes={"b" * 64: 500},
    refused={},
    pending_reports=0,
    acknowledged=7,
    cache_bytes=1,
    free_bytes=2,
    senses=state.Senses(),
    volume_percent=50,
    started_us=NOON,
    version="1",
)
WELL = state.Troubles(
    configured=True,
    settings_good=True,
    missing=(),
    corrupt=(),
    refused_media=None,
    unfetched=None,
    refusal=None,
    device=None,
    disk=None,
    disk_full=None,
)


def test_a_state_is_what_the_wire_allows() -> None:
    told = state.state(FACTS, (), NOON, online=True)
    assert msgspec.json.decode(msgspec.json.encode(told), type=ReceiverState) == told
    assert (told.player, told.airing_id, told.level_dbfs) == ("playing", "a", -20.0)
    assert (told.pending_reports, told.acknowledged) == (0, 7)
    assert (told.ready, [media.done_bytes for media in told.media]) == (("a" * 12,), [100])


def test_digital_silence_is_told_as_a_number() -> None:
    status = PlayerStatus("a~1~0", FLOOR_DBFS, 0, True, None, ())
    told = state.state(msgspec.structs.replace(FACTS, status=status), (), NOON, online=True)
    assert msgspec.json.decode(msgspec.json.encode(told), type=ReceiverState).level_dbfs == FLOOR_DBFS


@pytest.mark.parametrize("playing", [None, "fallback.a~1~0", "none"])
def test_what_is_no_airing_has_neither_name_nor_level(playing: str | None) -> None:
    status = None if playing == "none" else PlayerStatus(playing, -20.0, 0, True, None, ())
    told = state.state(msgspec.structs.replace(FACTS, status=status), (), NOON, online=True)
    assert (told.airing_id, told.level_dbfs) == (None, None)


def test_a_fault_keeps_the_time_since_when_it_holds() -> None:
    ill = replace(WELL, missing=("a1", "a2"), device="device-silent")
    assert state.conditions(WELL, NOON) == {}
    first = state.faults(state.conditions(ill, NOON), (), NOON)
    later = state.faults(state.conditions(replace(ill, device=None, disk="full"), NOON), first, NOON + 5)
    assert [(fault.code, fault.detail, fault.since_us) for fault in later] == [
        ("disk", "full", NOON + 5),
        ("media_missing", "a1, a2", NOON),
    ]


def test_a_refused_order_is_shown_for_an_hour() -> None:
    ill = replace(WELL, refusal=(NOON, "unsigned"))
    assert "order_refused" in state.conditions(ill, NOON + 3599 * S)
    assert "order_refused" not in state.conditions(ill, NOON + 3600 * S)


async def test_a_task_that_loses_a_cancelling_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receivers.tasks.ASK_AGAIN_S", 0.01)

    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await end((task,))
    assert task.cancelled()


async def test_a_failing_task_ends_the_others_and_is_told() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def lasts() -> None:
        await asyncio.Event().wait()

    tasks = (asyncio.create_task(lasts()), asyncio.create_task(fails()))
    with pytest.raises(ZeroDivisionError):
        await run_until(asyncio.Event(), tasks)
    assert tasks[0].cancelled()


def test_what_of_the_bank_is_missing_is_a_fault_and_its_recordings_are_not_listed() -> None:
    held = state.conditions(replace(WELL, bank_missing=("flood.1", "siren.1")), NOON)
    assert held == {FaultCode.BANK_MISSING: "flood.1, siren.1"}
    bank = Need("c" * 64, 100, 5, kept=True, told=False)
    made = state.state(replace(FACTS, needs=(*FACTS.needs, bank)), (), NOON, online=True)
    assert ([made.ready, *(media.sha256[0] for media in made.media)]) == [("a" * 12,), "b"]
