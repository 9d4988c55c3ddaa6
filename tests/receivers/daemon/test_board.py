"""The board in virtual time, with lines that are there as the kernel's are: what hands do, and what the relay does."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from broadcast.clock import ManualClock
from broadcast.wire.documents import Airing, Amplifier, BroadcastClass, LocalMessage, ReceiverSettings, SelfTest
from receivers.board import Board, Desk
from receivers.config import Config, Gpio
from receivers.hands import command
from receivers.hands.command import By
from receivers.hands.lines import LineGone
from receivers.hands.message import PREPARE_US
from receivers.sound.cue import Cue

S = 1_000_000
BUSY = Path("busy.opus")


@dataclass
class Relay:
    on: bool = False

    def set(self, *, on: bool) -> None:
        self.on = on

    def close(self) -> None:
        self.on = False


@dataclass
class Chip:
    """A relay's line and no contacts."""

    line: Relay = field(default_factory=Relay)

    def contact(self, line: object) -> object:
        raise LineGone(f"line {line} is not wired")

    def relay(self, _line: object) -> Relay:
        return self.line


@dataclass
class Node:
    settings: ReceiverSettings | None
    started: list[Airing] = field(default_factory=list)
    against: str | None = None
    looked: int = 0
    stops_kept: list[bool] = field(default_factory=list)
    folder: Path = Path()

    def start(self, airing: Airing) -> str | None:
        if self.against is None:
            self.started.append(airing)
        return self.against

    def hush(self) -> None:
        self.stops_kept.append((self.folder / "stop.json").exists())

    def changed(self) -> None:
        self.looked += 1


@pytest.fixture
def node(desk: "object") -> Node:
    media = desk.media("message", 10)  # type: ignore[attr-defined]
    settings = desk.settings(  # type: ignore[attr-defined]
        messages=(LocalMessage(name="fire", media=media, cls=BroadcastClass.EMERGENCY),),
        amplifier=Amplifier(lead_us=2 * S, tail_us=5 * S),
        self_test=SelfTest(asked_us=None),
    )
    return Node(settings)


@pytest.fixture
def chip() -> Chip:
    return Chip()


@pytest.fixture
async def board(tmp_path: Path, clock: ManualClock, node: Node, chip: Chip) -> Board:
    node.folder = tmp_path
    desk = Desk(lambda: node.settings, lambda: node.started, node.start, node.changed, node.hush)
    made = Board(tmp_path, Config(gpio=Gpio(amplifier=27)), clock, desk, chip)  # type: ignore[arg-type]
    made.open()
    return made


def _cue(start_us: int, seconds: int = 10) -> Cue:
    return Cue("a~1~0", BUSY, start_us, 0, start_us + seconds * S)


async def test_the_relay_leads_each_sound_and_stays_its_tail(board: Board, clock: ManualClock, chip: Chip) -> None:
    start_us = clock.now_us() + 60 * S
    states = []
    for at_us in (start_us - 3 * S, start_us - 2 * S, start_us, start_us + 14 * S, start_us + 16 * S):
        plan = (_cue(start_us),) if at_us < start_us + 10 * S else ()
        board.follow(plan, at_us, None, held=False)
        states.append(chip.line.on)
    assert states == [False, True, True, True, False]
    assert board.lead_us == 2 * S


async def test_stop_silences_opens_the_relay_and_lets_go(
    board: Board, clock: ManualClock, chip: Chip, node: Node
) -> None:
    now_us = clock.now_us()
    board.follow((_cue(now_us),), now_us, "a~1~0", held=False)
    assert chip.line.on
    assert board.obey(command.Stop(), By.COMMAND).done
    assert board.is_stopped
    assert node.stops_kept == [False]  # silence does not wait for the disk
    assert "stopped_locally" in board.faults()
    board.follow((), now_us, "a~1~0", held=True)
    assert not chip.line.on
    assert not board.obey(command.Say("fire"), By.CONTACT).done
    assert board.obey(command.Go(), By.COMMAND).done
    assert not board.is_stopped
    assert node.looked == 2


async def test_a_message_is_started_once_and_an_unknown_one_is_named(board: Board, node: Node) -> None:
    assert board.obey(command.Say("fire"), By.CONTACT).done
    assert [airing.cls for airing in node.started] == [BroadcastClass.EMERGENCY]
    again = board.obey(command.Say("fire"), By.CONTACT)
    assert not again.done
    unknown = board.obey(command.Say("flood"), By.COMMAND)
    assert "flood" in unknown.said
    assert "fire" in unknown.said
    assert len(node.started) == 1


async def test_a_message_that_would_not_sound_is_refused_with_the_reason(board: Board, node: Node) -> None:
    node.against = "these are quiet hours"
    refused = board.obey(command.Say("fire"), By.COMMAND)
    assert not refused.done
    assert "these are quiet hours" in refused.said
    node.against = None
    assert board.obey(command.Say("fire"), By.CONTACT).done


async def test_an_amplifier_that_is_warm_is_not_waited_for(board: Board, clock: ManualClock, node: Node) -> None:
    now_us = clock.now_us()
    board.follow((_cue(now_us + 2 * S),), now_us, None, held=False)
    assert board.lead_us == 2 * S  # it was switched on just now
    await clock.advance(timedelta(seconds=1))
    assert board.lead_us == S
    await clock.advance(timedelta(seconds=3))
    assert board.lead_us == 0
    assert board.obey(command.Say("fire"), By.CONTACT).done
    assert node.started[0].start_us == clock.now_us() + PREPARE_US
    board.follow((), clock.now_us() + 60 * S, None, held=False)
    assert board.lead_us == 2 * S


async def test_a_chirp_asked_for_here_waits_for_silence_and_for_a_trusted_clock(
    board: Board, clock: ManualClock
) -> None:
    now_us = clock.now_us()
    assert board.obey(command.SelfTest(), By.COMMAND).done
    busy = (_cue(now_us),)
    assert board.follow(busy, now_us, "a~1~0", held=False) == busy
    assert board.follow((), now_us, None, held=True) == ()
    (chirp,) = board.follow((), now_us, None, held=False)
    assert chirp.start_us > now_us


@pytest.mark.parametrize(
    ("why", "said"), [("stopped", "STOP holds"), ("clock", "the time is not known"), ("unset", "no settings")]
)
async def test_a_chirp_that_cannot_come_is_refused_with_the_reason(
    board: Board, clock: ManualClock, node: Node, why: str, said: str
) -> None:
    if why == "stopped":
        board.obey(command.Stop(), By.COMMAND)
    if why == "unset":
        node.settings = None
    board.follow((), clock.now_us(), None, held=why == "clock")
    refused = board.obey(command.SelfTest(), By.COMMAND)
    assert not refused.done
    assert said in refused.said


async def test_without_settings_nothing_can_be_said_and_the_relay_follows_the_sound(
    tmp_path: Path, clock: ManualClock, chip: Chip
) -> None:
    desk = Desk(lambda: None, tuple, lambda _airing: None, lambda: None, lambda: None)
    made = Board(tmp_path, Config(gpio=Gpio(amplifier=27)), clock, desk, chip)  # type: ignore[arg-type]
    made.open()
    assert not made.obey(command.Say("fire"), By.COMMAND).done
    now_us = clock.now_us()
    made.follow((_cue(now_us),), now_us, "a~1~0", held=False)
    assert chip.line.on
    made.follow((), now_us + S, None, held=False)
    assert not chip.line.on
