"""What stands in the `now` documents that are in force here, read anew only when something has changed.

It asks the vault and keeps no file; `receivers.orders` reads, `receivers.reckoning` tells the time by which is judged.
"""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from broadcast.wire.documents import Airing, Media, ReceiverSettings, Rules
from receivers import ledger, orders
from receivers.life import Hold
from receivers.live.decide import Growing
from receivers.media import MediaStore
from receivers.needs import Stored
from receivers.orders import Documents, Read
from receivers.plan import is_held
from receivers.reckoning import Reckoning
from receivers.vault import Vault
from scheduler.policy import is_zone
from scheduler.timeline import Resolution


class Standing:
    """`read` is what the documents make sound, in this node's time."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._reckoning = Reckoning()
        self._read_for: object = None
        self._read_us = 0
        self._number = 0
        self.read = Read()
        self.bank: dict[str, Media] = {}
        """The recording of each of the banks' messages, in this node's language."""
        self.fresh_refusals: list[str] = []
        self._slept: set[str] | None = None

    @property
    def shift_us(self) -> int:
        """The centre's clock less this node's, as the documents are judged."""
        return self._reckoning.shift_us

    def set_clock(self, *, trusted: bool, offset_us: int | None) -> None:
        """Whether orders go by this node's clock, and what was measured of the centre's."""
        self._reckoning.trusted, self._reckoning.offset_us = trusted, offset_us

    def centre_us(self, now_us: int) -> int:
        """The time by which a document that comes has expired."""
        return self._reckoning.centre_us(now_us, self._vault.issued_us)

    def came(self, issued_before_us: int, now_us: int) -> None:
        """A document was believed; the newest before it was issued at `issued_before_us`."""
        if self._vault.issued_us > issued_before_us:
            self._reckoning.arrived(self._vault.issued_us, now_us)

    def look(self, settings: ReceiverSettings, now_us: int) -> int:
        """Read again where something has changed; a number that is another one then."""
        issued_us = self._vault.issued_us
        self._reckoning.see(now_us, issued_us)
        judged_us = max(now_us + self.shift_us, issued_us)
        nows = tuple(now for now in self._vault.nows() if now.expires_us > judged_us)
        banks = self._vault.banks()
        held = tuple((one.target, one.number) for one in (*nows, *banks))
        read_for = settings, held, self.shift_us
        until_us, since_us = self.read.until_us, self._read_us - orders.LOOK_BACK_US // 2  # the clock may be set back
        if read_for == self._read_for and since_us <= now_us and (until_us is None or now_us < until_us):
            return self._number
        self._read_for, self._read_us = read_for, now_us
        self._number += 1
        documents = Documents(nows=nows, banks=banks, received_us=self._vault.received_us(), issued_us=issued_us)
        self.bank = {one.id: orders.media_for(one.media, settings.languages) for bank in banks for one in bank.messages}
        before, self.read = self.read, orders.read(documents, settings, now_us, self.shift_us)
        for order_id, against in self.read.against.items():
            if before.against.get(order_id) is not against:
                self._vault.refused[against] += 1
                self.fresh_refusals.append(f"{against}: order {order_id}")
        return self._number

    def wake(self, dealt_with: Iterable[str], now_us: int) -> bool:
        """Whether orders were all over while the node was off and count as come only now, once the time is known.

        `dealt_with` are the airings that sounded or of which it was told why not. What may still be heard whole after
        its place (`receivers.belated`) is left to that.
        """
        if self._slept is None:
            self._slept = set(self._vault.received_us())
        if not self._slept or not self._reckoning.is_known:
            return False
        known = {airing_id.partition(".")[0] for airing_id in (*dealt_with, *self.read.latest_us)}
        over = {key for key in self._slept - known if self.read.ends_us.get(key, now_us + 1) <= now_us}
        self._slept = set()
        if over:
            self._vault.received_anew(over, now_us + self.shift_us)
            self._read_for = None
        return bool(over)

    def path_of(self, store: MediaStore) -> Callable[[str], Path | None]:
        """Where a recording is or grows; a live session, which has no file, has a name. None for what is not here."""
        ready, feeds = store.ready, self.read.feeds

        def path(key: str) -> Path | None:
            growing = feeds.get(key)
            if growing is not None and key == orders.standing_in(growing.feed):
                return Path(growing.feed.id)
            return store.path(key) if growing is not None or key in ready else None

        return path

    def feeds(self, ready: Mapping[str, Stored], resolution: Resolution, now_us: int) -> tuple[Growing, ...]:
        """The feeds to follow: sessions, and sounds made for an order until no piece takes them from there any more."""
        on_air = resolution.at(now_us)
        sounding = on_air.media.sha256 if on_air is not None else None

        def is_used(key: str) -> bool:
            since = ready.get(key)
            return since is None or (on_air is not None and key == sounding and on_air.start_us < since.ready_us)

        to_come = resolution.segments[bisect_right(resolution.segments, now_us, key=attrgetter("end_us")) :]

        def placed(key: str, growing: Growing) -> Growing:
            heard_us = next((segment.start_us for segment in to_come if segment.media.sha256 == key), None)
            return replace(growing, heard_us=growing.until_us if heard_us is None else heard_us)

        return tuple(placed(key, one) for key, one in self.read.feeds.items() if is_used(key))

    def bank_missing(self, ready: Container[str]) -> tuple[str, ...]:
        """The banks' messages whose recording is not here."""
        return tuple(sorted(key for key, media in self.bank.items() if media.sha256 not in ready))

    def waits(self, hold: Hold) -> dict[str, str]:
        """Why orders do not sound that are no emergencies while the clock is doubted."""
        if hold is not Hold.ALL_BUT_EMERGENCIES:
            return {}
        held = (key for key, airing in self.read.airings.items() if is_held(airing.cls, hold))
        return dict.fromkeys((self.read.order_of[key] for key in held), ledger.CLOCK)

    def why_gone(self, airing: Airing) -> str:
        """Why no document tells of an airing that has begun to sound."""
        if airing.start_us < max(self.read.stops_us.values(), default=0):
            return ledger.STOPPED_BY_CENTRE
        return ledger.INTERRUPTED if airing.broadcast_id in self.read.received_us else ledger.CANCELLED


def with_known_timezone(settings: ReceiverSettings | None) -> ReceiverSettings | None:
    """`settings`, in which a time zone that is not known here is the default one."""
    if settings is None or is_zone(settings.rules.timezone):
        return settings
    return replace(settings, rules=replace(settings.rules, timezone=Rules().timezone))
