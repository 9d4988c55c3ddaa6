"""What of a node is neither its documents, its link nor its sound path: hands, relay, sensors, self-tests (does I/O).

Rules
- Nothing here can hold up or end the sound: a part that fails is a fault, and is tried again.
- `follow` is given each plan before the sound path is: it adds the chirp of a self-test and moves the relay.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from broadcast.clock import US_PER_S, Clock
from broadcast.wire.documents import Airing, Amplifier, ReceiverSettings, SelfTestResult
from broadcast.wire.fault_codes import FaultCode
from receivers.config import Config
from receivers.ear.tester import SelfTester
from receivers.hands import amplifier, command, message
from receivers.hands.control import Control
from receivers.hands.hands import Hands
from receivers.hands.lines import Chip, KernelChip
from receivers.sensors.sensors import Readings, Sensors
from receivers.sound.cue import Cue, Played
from receivers.stop import Stop

US_PER_MINUTE = 60 * US_PER_S
READ_S = 60.0  # between two readings of the sensors
_UNTIMED = "the time is not known here"  # what holds besides STOP


@dataclass(frozen=True, slots=True)
class Desk:
    """What the board asks of the daemon.

    `started` are the messages started here that are not over; `start` says why one does not sound, or None; `hush`
    silences the horn at once.
    """

    settings: Callable[[], ReceiverSettings | None]
    started: Callable[[], Iterable[Airing]]
    start: Callable[[Airing], str | None]
    changed: Callable[[], None]
    hush: Callable[[], None]


class Board:
    """The board of the receiver in `folder`. Made in the loop that its tasks run in."""

    def __init__(self, folder: Path, config: Config, clock: Clock, desk: Desk, chip: Chip | None = None) -> None:
        self._clock = clock
        self._desk = desk
        self._stop = Stop(folder, config.stop_hold_minutes * US_PER_MINUTE, clock)
        self._hands = Hands(config.gpio, chip or KernelChip(config.gpio), clock, self.obey, self._stop.is_held)
        self._control = Control(folder, clock, self.obey)
        self._sensors = Sensors()
        self._tester = SelfTester(folder)
        self._relay = amplifier.OPEN
        self._on_since_us = 0
        self._held = False
        self.readings = Readings()

    def open(self) -> None:
        """Take up what was when the process ended."""
        self._stop.open()
        self._tester.open()

    def tasks(self) -> dict[str, Coroutine[object, object, None]]:
        """What runs for ever, by name."""
        return {"hands": self._hands.run(), "control": self._control.run(), "sensors": self._read()}

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_held()

    @property
    def self_test(self) -> SelfTestResult | None:
        return self._tester.result

    @property
    def change_us(self) -> int | None:
        """When the relay moves next if the plan stays."""
        return self._relay.change_us if self._hands.has_relay else None

    @property
    def lead_us(self) -> int:
        """How long from now the amplifier takes to be warm: what comes to be known now sounds no sooner."""
        settings = self._desk.settings()
        if settings is None or not self._hands.has_relay:
            return 0
        warmed_us = self._clock.monotonic_us() - self._on_since_us if self._relay.on else 0
        return max(settings.amplifier.lead_us - warmed_us, 0)

    def follow(self, plan: Sequence[Cue], now_us: int, playing: str | None, *, held: bool) -> tuple[Cue, ...]:
        """`plan`, and the self-test's chirp where one is due; the relay is where these want it.

        `held` says that not everything may sound: then no chirp does.
        """
        settings = self._desk.settings()
        self._held = held
        whole = tuple(plan)
        if settings is not None and not held:
            whole = self._tester.add(plan, settings, now_us, playing)
        timing, sounding = settings.amplifier if settings else Amplifier(), playing is not None
        was_on = self._relay.on
        self._relay = (
            amplifier.OPEN
            if self.is_stopped
            else amplifier.relay(self._relay, whole, timing, now_us, sounding=sounding)
        )
        if self._relay.on and not was_on:
            self._on_since_us = self._clock.monotonic_us()
        self._hands.set_amplifier(on=self._relay.on)
        return whole

    def take(self, played: Played) -> bool:
        """Whether a record is the self-test's; then it is dealt with."""
        return self._tester.take(played, self._clock.now_us())

    def obey(self, given: command.Command, by: command.By) -> command.Reply:
        """Do what someone at the node asks for."""
        match given:
            case command.Stop():
                self._desk.hush()  # first: a disk may take its time to write down that STOP holds
                self._stop.press()
                said = "everything is silent now"
            case command.Go():
                self._stop.let_go()
                said = "what begins from now on may sound"
            case command.Say(name=name):
                return self._say(name, by)
            case command.SelfTest():
                against = self._against() or (_UNTIMED if self._held else None)
                if against is not None:
                    return command.Reply(done=False, said=against)
                self._tester.ask(self._clock.now_us())
                said = "the chirp sounds as soon as nothing else does; `loa receiver status` tells what came of it"
        self._desk.changed()
        return command.Reply(done=True, said=said)

    def faults(self) -> dict[FaultCode, str]:
        """What is wrong, or was done at the node."""
        found = self._hands.faults()
        if self.is_stopped:
            found[FaultCode.STOPPED_LOCALLY] = "STOP was pressed at the node"
        if self._tester.fault is not None:
            found[FaultCode.HORN_NOT_HEARD] = self._tester.fault
        return found

    def _against(self) -> str | None:
        """Why nothing of what is asked for here would sound, if so."""
        if self._desk.settings() is None:
            return "no settings have come from the centre yet"
        return "STOP holds; let go first" if self.is_stopped else None

    def _say(self, name: str, by: command.By) -> command.Reply:
        settings, against = self._desk.settings(), self._against()
        if settings is None or against is not None:
            return command.Reply(done=False, said=against or "")
        try:
            airing = message.airing(settings, name, self._clock.now_us(), self._desk.started(), self.lead_us)
        except message.NotSaid as error:
            return command.Reply(done=False, said=str(error))
        against = self._desk.start(airing)
        if against is not None:
            return command.Reply(done=False, said=f"message {name!r} does not sound: {against}")
        self._desk.changed()
        return command.Reply(done=True, said=f"message {name!r} begins, by {by}")

    async def _read(self) -> None:
        while True:
            self.readings = await self._sensors.read()
            await self._clock.sleep(READ_S)
