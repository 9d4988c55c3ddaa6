"""One receiver of the district in virtual time, on a real disk, with bad power and a bad link (does I/O).

The node, its documents, reports and recordings are the real ones; the sound card, the network and the clock are not.
What happened to it and what was heard is written down for the judge.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from random import Random

from broadcast.clock import US_PER_S
from broadcast.wire import jws
from broadcast.wire.documents import PlayReport, Programme
from receivers.lab.trial.district.office import BEGIN_US, KEY, Edition, Office
from receivers.lab.trial.district.weather import Weather
from receivers.media import MediaStore
from receivers.needs import backoff_us, next_fetch
from receivers.node import Node
from receivers.outbox import Outbox
from receivers.plan import key_parts
from receivers.rehearsal import VirtualPlayer
from receivers.vault import Vault

KEYS = {jws.key_id(KEY.public_key()): KEY.public_key()}
ORDERLY = 0.3  # of the times it is switched off
TWICE = 0.2  # of the documents
RESEND_US = 60 * US_PER_S


@dataclass(frozen=True)
class Fact:
    """Something that happened to the receiver: `on`, `off`, `cut` (as `off`, without warning), `told`, `media`."""

    at_us: int
    kind: str
    programme: Programme | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Sound:
    """A piece as the horn gave it out."""

    airing_id: str
    anchor_us: int
    start_us: int
    end_us: int


@dataclass
class Diary:
    """What the judge is given of one receiver."""

    facts: list[Fact] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    gains: list[tuple[str, int, float]] = field(default_factory=list)
    arrived: list[PlayReport] = field(default_factory=list)
    """What the centre stored, in the order in which it came."""
    contradictions: list[tuple[PlayReport, PlayReport]] = field(default_factory=list)
    left_behind: int = 0


class Village:
    """Receiver `receiver_id` of `office`, in `folder`; `live` through the week and the time after it."""

    def __init__(self, folder: Path, office: Office, receiver_id: str, weather: Weather, random: Random) -> None:
        self._folder = folder
        self._office = office
        self._receiver_id = receiver_id
        self._weather = weather
        self._random = random
        self._now_us = BEGIN_US
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._durations_us: dict[Path, int] = {}
        self._power = self._link = 0  # odd while on; the count tells one session from another
        self._fetching = False
        self._failures: dict[str, int] = {}
        self._not_before_us: dict[str, int] = {}
        self._sent = 0
        self._on_wire_us = BEGIN_US
        self._acknowledged = 0
        self._stored: dict[int, PlayReport] = {}
        self.diary = Diary()

    def live(self) -> Diary:
        for at_us in self._weather.power:
            self._at(at_us, self._switch_power)
        for at_us in self._weather.link:
            self._at(at_us, self._switch_link)
        for editions in self._office.editions.values():
            for edition in editions:
                self._at(edition.at_us, partial(self._publish, edition))
        while self._step():
            pass
        if self._is_on:
            self._take_sounds()
            self.diary.left_behind = len(self._outbox.pending)
        return self.diary

    def _at(self, at_us: int, job: Callable[[], None]) -> None:
        self._sequence += 1
        heappush(self._events, (at_us, self._sequence, job))

    def _later(self, seconds: float, job: Callable[[], None]) -> None:
        self._at(self._now_us + round(seconds * US_PER_S), job)

    def _step(self) -> bool:
        """On to the next instant at which something happens."""
        times = [self._events[0][0]] if self._events else []
        if self._is_on:
            player_us = self._player.next_us
            times += [self._node.due_us, *([] if player_us is None else [player_us])]
        if not times or min(times) > self._weather.end_us:
            return False
        self._now_us = max(min(times), self._now_us)
        if self._is_on:
            self._player.advance(self._now_us)
        while self._events and self._events[0][0] <= self._now_us:
            heappop(self._events)[2]()
        if self._is_on:
            number = self._outbox.number
            self._player.set_plan(self._node.tick(self._now_us, self._player.status()))
            if self._outbox.number != number:
                self._send_reports()
        return True

    @property
    def _is_on(self) -> bool:
        return self._power % 2 == 1

    @property
    def _is_linked(self) -> bool:
        return self._is_on and self._link % 2 == 1

    # Power

    def _switch_power(self) -> None:
        if self._is_on:
            orderly = self._random.random() < ORDERLY
            if orderly:
                self._player.close()
            self._take_sounds()
            self.diary.facts.append(Fact(self._now_us, "off" if orderly else "cut"))
        else:
            self._boot()
            self.diary.facts.append(Fact(self._now_us, "on"))
        self._power += 1
        if self._is_linked:
            self._connected()

    def _boot(self) -> None:
        self._store = MediaStore(self._folder / "media")
        self._store.open()
        self._vault = Vault(self._folder / "documents", self._receiver_id, KEYS)
        self._outbox = Outbox(self._folder / "reports")
        self._node = node = Node(self._vault, self._outbox, self._store, self._now_us)
        self._vault.open(self._now_us)
        self._outbox.open(self._now_us)
        for sha256 in self._store.on_disk():
            self._store.check(sha256, self._now_us)
        self._player = VirtualPlayer(self._durations_us, node.on_played, self._now_us)
        self._fetching = False
        self._failures.clear()
        self._not_before_us.clear()
        node.look(self._now_us)

    def _take_sounds(self) -> None:
        heard = list(self._player.heard)
        if self._player.sounding is not None:
            key, since_us = self._player.sounding
            heard.append((key, since_us, self._now_us))
        self.diary.sounds += (Sound(*key_parts(key), start_us, end_us) for key, start_us, end_us in heard)
        self.diary.gains += self._player.gains

    # The link: what is on its way when it is cut is lost, and some of what is not comes twice or late

    def _switch_link(self) -> None:
        self._link += 1
        if self._is_linked:
            self._connected()

    def _connected(self) -> None:
        self._sent = self._outbox.acknowledged
        self._on_wire_us = self._now_us
        for topic in self._vault.wanted():
            self._retained(topic)
        self._carry(self._random.uniform(0.1, 3), self._hear_ack, self._acknowledged)
        self._not_before_us.clear()
        self._fetch_next()
        self._send_reports()
        self._resend()

    def _retained(self, topic: str) -> None:
        edition = self._office.latest(topic, self._now_us) if topic in self._office.editions else None
        if edition is not None:
            self._deliver(edition)

    def _publish(self, edition: Edition) -> None:
        if self._is_linked and edition.topic in self._vault.wanted():
            self._deliver(edition)

    def _deliver(self, edition: Edition) -> None:
        self._carry(self._random.uniform(0.05, 5), self._hear, edition)
        if self._random.random() < TWICE:
            self._carry(self._random.uniform(0.05, 600), self._hear, edition)

    def _carry(self, seconds: float, take: Callable[..., None], what: object) -> None:
        """Give `what` to `take` after a while, unless the connection has ended by then."""
        session = self._power, self._link

        def arrive() -> None:
            if session == (self._power, self._link):
                take(what)

        self._later(seconds, arrive)

    def _hear(self, edition: Edition) -> None:
        wanted = self._vault.wanted()
        if not self._node.on_document(edition.topic, edition.raw, self._now_us):
            return
        if isinstance(edition.document, Programme):
            self.diary.facts.append(Fact(self._now_us, "told", edition.document))
        self._node.look(self._now_us)
        for topic in self._vault.wanted() - wanted:
            self._retained(topic)
        self._fetch_next()

    # Recordings

    def _fetch_next(self) -> None:
        if self._fetching or not self._is_linked:
            return
        needs = self._node.needs(self._now_us)
        need = next_fetch(needs, self._store.ready, self._not_before_us, self._now_us)
        if need is None:
            waits = [at_us for at_us in self._not_before_us.values() if at_us > self._now_us]
            if waits:
                self._carry((min(waits) - self._now_us) / US_PER_S, lambda _: self._fetch_next(), None)
            return
        self._fetching = True
        seconds = self._random.choice((1, 5, 60, 600)) * self._random.uniform(0.5, 1)
        session = self._power, self._link
        self._later(seconds, lambda: self._fetched(need.sha256, session))

    def _fetched(self, sha256: str, session: tuple[int, int]) -> None:
        if session[0] != self._power:
            return
        self._fetching = False
        if session != (self._power, self._link) or self._random.random() < self._weather.fetch_failures:
            self._failures[sha256] = failures = self._failures.get(sha256, 0) + 1
            self._not_before_us[sha256] = self._now_us + backoff_us(failures, self._random.random())
        else:
            self._store.part(sha256).write_bytes(self._office.bodies[sha256])
            if not self._store.finish(sha256, self._now_us):
                raise AssertionError("a whole recording was refused")
            self._durations_us[self._store.path(sha256)] = self._office.durations_us[sha256]
            self.diary.facts.append(Fact(self._now_us, "media", sha256=sha256))
            self._node.look(self._now_us)
        self._fetch_next()

    # Reports

    def _resend(self) -> None:
        if not self._is_linked:
            return
        self._sent = self._outbox.acknowledged
        self._send_reports()
        self._carry(RESEND_US * self._random.uniform(1, 60) / US_PER_S, lambda _: self._resend(), None)

    def _send_reports(self) -> None:
        if not self._is_linked:
            return
        for number, report in self._outbox.to_send().items():
            if number > self._sent:
                self._sent = number
                self._on_wire_us = max(self._on_wire_us, self._now_us) + round(self._random.uniform(0.01, 2) * US_PER_S)
                self._carry((self._on_wire_us - self._now_us) / US_PER_S, self._centre_takes, report)

    def _centre_takes(self, report: PlayReport) -> None:
        """As the centre's intake does: a number is stored once, and acknowledged as far as none is missing."""
        before = self._stored.get(report.number)
        if before is None:
            self._stored[report.number] = report
            self.diary.arrived.append(report)
        elif before != report:
            self.diary.contradictions.append((before, report))
        while self._acknowledged + 1 in self._stored:
            self._acknowledged += 1
        self._carry(self._random.uniform(0.05, 2), self._hear_ack, self._acknowledged)

    def _hear_ack(self, number: int) -> None:
        self._outbox.acknowledge(number, self._now_us)
