"""A prepared message obeys the zone's rules like everything else, and the centre takes its report."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire import topics
from broadcast.wire.documents import (
    Airing,
    Amplifier,
    BroadcastClass,
    LocalMessage,
    Media,
    MessageName,
    Outcome,
    QuietHours,
    ReceiverSettings,
    Rules,
)
from receivers import ledger, plan
from receivers.hands.message import PREPARE_US, WINDOW_US, NotSaid, airing, message_of
from receivers.ledger import Ending, Planned
from scheduler.fleet import inbox
from scheduler.fleet.inbox import ReportSaid
from scheduler.timeline import Resolution

S = 1_000_000
NOON = 1_800_000_000 * S
FIRE = Media(sha256="f" * 64, size_bytes=9, duration_us=30 * S)
ALWAYS_QUIET = Rules(timezone="UTC", quiet_hours=(QuietHours(start_minute=0, end_minute=0),))
SETTINGS = ReceiverSettings(
    target="rx1",
    number=1,
    issued_us=NOON,
    expires_us=2 * NOON,
    zone_path=("z",),
    rules=Rules(timezone="UTC"),
    messages=(LocalMessage(name="fire", media=FIRE), LocalMessage(name="fire-2", media=FIRE)),
)


def intended(settings: ReceiverSettings, *airings: Airing) -> Resolution:
    return plan.intend({airing.id: airing for airing in airings}, settings, {"f" * 64, "e" * 64}, {})


def higher(start_us: int, seconds: int) -> Airing:
    media = Media(sha256="e" * 64, size_bytes=9, duration_us=seconds * S)
    return Airing(id="e1", broadcast_id="b1", cls=BroadcastClass.EMERGENCY, start_us=start_us, media=(media,))


def test_it_begins_when_recording_and_amplifier_can_be_ready() -> None:
    assert airing(SETTINGS, "fire", NOON).start_us == NOON + PREPARE_US
    slow = replace(SETTINGS, amplifier=Amplifier(lead_us=3 * S))
    assert airing(slow, "fire", NOON, lead_us=3 * S).start_us == NOON + 3 * S
    assert airing(slow, "fire", NOON).start_us == NOON + PREPARE_US  # the amplifier is warm


def test_it_sounds_whole() -> None:
    fire = airing(SETTINGS, "fire", NOON)
    [segment] = intended(SETTINGS, fire).segments
    assert (segment.start_us, segment.offset_us, segment.sound_us) == (fire.start_us, 0, 30 * S)


@pytest.mark.parametrize(("cls", "sounds"), [(BroadcastClass.PRIORITY, 0), (BroadcastClass.EMERGENCY, 1)])
def test_quiet_hours_hold_for_all_but_an_emergency(cls: BroadcastClass, sounds: int) -> None:
    message = LocalMessage(name="fire", media=FIRE, cls=cls)
    settings = replace(SETTINGS, rules=ALWAYS_QUIET, messages=(message,))
    assert len(intended(settings, airing(settings, "fire", NOON)).segments) == sounds


def test_it_waits_for_what_goes_before_it_and_begins_again_after_what_cuts_it() -> None:
    fire = airing(SETTINGS, "fire", NOON)
    waited = intended(SETTINGS, higher(NOON, 60), fire).segments[-1]
    assert (waited.airing_id, waited.start_us, waited.offset_us) == (fire.id, NOON + 60 * S, 0)
    again = intended(SETTINGS, higher(fire.start_us + 10 * S, 60), fire).segments[-1]
    assert (again.airing_id, again.offset_us, again.sound_us) == (fire.id, 0, 30 * S)
    too_long = intended(SETTINGS, higher(NOON, WINDOW_US // S + 60), fire)
    assert [segment.airing_id for segment in too_long.segments] == ["e1"]


def test_asked_for_twice_it_is_once() -> None:
    fire = airing(SETTINGS, "fire", NOON)
    with pytest.raises(NotSaid, match="already"):
        airing(SETTINGS, "fire", NOON + S, [fire])
    assert airing(SETTINGS, "fire-2", NOON + S, [fire]).id != fire.id
    assert airing(SETTINGS, "fire", NOON + S, [airing(SETTINGS, "fire-2", NOON)]).start_us > NOON


def test_an_unknown_one_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(NotSaid, match="no message 'flood' here; there is fire, fire-2"):
        airing(SETTINGS, "flood", NOON)
    with pytest.raises(NotSaid, match="there is none"):
        airing(replace(SETTINGS, messages=()), "flood", NOON)


@given(st.from_regex(r"\A[a-z0-9-]{1,40}\Z"), st.integers(0, 2**52))
def test_every_name_makes_an_airing_that_the_wire_and_the_centre_take(name: str, now_us: int) -> None:
    settings = replace(SETTINGS, messages=(LocalMessage(name=msgspec.convert(name, MessageName), media=FIRE),))
    started = airing(settings, name, now_us)
    assert msgspec.convert(msgspec.to_builtins(started), Airing) == started
    assert message_of(started) == name
    report = ledger.report(1, Planned(started, FIRE, 0), (), Ending(Outcome.FAILED, "why"))
    said = inbox.read(topics.reports("rx1"), msgspec.json.encode(report), retained=False)
    assert isinstance(said, ReportSaid)
    assert (said.report.airing_id, said.report.broadcast_id) == (started.id, "local")


def test_other_airings_are_no_messages() -> None:
    assert message_of(higher(NOON, 1)) is None
    assert message_of(replace(higher(NOON, 1), broadcast_id="local")) is None


def test_its_name_parts_from_the_cue_s_key() -> None:
    fire = airing(SETTINGS, "fire", NOON)
    [cue] = plan.cues(intended(SETTINGS, fire), SETTINGS, {FIRE.sha256: Path("f")}.get, NOON)
    assert plan.key_parts(cue.key)[0] == fire.id
