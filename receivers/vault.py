"""The signed documents a receiver holds, on disk (does I/O); `broadcast.wire.trust` decides what is believed.

Rules
- Verify, accept, persist, in this order: the document's own file first, then the table of last numbers. A power cut in
  between leaves a document newer than the table, which is right again at the next start.
- Only topics that are this receiver's own are looked at: its settings, and programme, now and bank of each zone in its
  path.
- What lies on disk is verified again at every start, except its expiry: whether a document is in force is asked when
  it is used, so that a clock that was wrong at boot costs nothing.
- When an order first came is kept as long as a document names it: who knew of it does not take it for news, unless
  `received_anew` says so.
- What cannot be read is put aside, never fatal: the broker remembers every document and is asked at each connection.
- What cannot be written is held in memory, shown as a fault and tried again.
- Leaving a zone drops its documents, after the settings that say so are on disk; the last numbers stay, so that no
  old order comes back with the zone. Without settings what lies there is left alone: it may be ours.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from broadcast.wholefile import sync, write_whole
from broadcast.wire import topics
from broadcast.wire.documents import Document, Programme, ReceiverSettings
from broadcast.wire.now import Bank, Now
from broadcast.wire.trust import Accepted, Reason, Refused, TrustedDocuments
from receivers.quarantine import open_folder, put_aside, read_json, write_json

if TYPE_CHECKING:
    from broadcast.wire.signed import SignedDocument

D = TypeVar("D", bound=Document)
NUMBERS = "numbers.json"
ANY_TIME_US = 0  # a time at which nothing has expired yet


class _Remembered(Struct, frozen=True, kw_only=True):
    """The last document accepted on a topic, and when the first one was; 0 for a zone that was left.

    `orders` says when each order and session that it names came to be known, by the centre's clock.
    """

    number: int
    digest: str
    first_us: int
    orders: dict[str, int] = {}


class Vault:
    """All documents of receiver `receiver_id` under `folder`, opened with `open`."""

    def __init__(self, folder: Path, receiver_id: str, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._folder = folder
        self._settings_topic = topics.settings(receiver_id)
        self._trusted = TrustedDocuments(keys)
        self._documents: dict[str, SignedDocument] = {}
        self._sorted: dict[type[Document], tuple[Document, ...]] = {}  # what `_held` found since they changed
        self._first_us: dict[str, int] = {}
        self._orders_us: dict[str, dict[str, int]] = {}
        self._unsaved: dict[str, bytes] = {}
        self._numbers_unsaved = False
        self.refused: Counter[str] = Counter()
        self.disk_error: str | None = None

    def open(self, now_us: int) -> None:
        """Take in what is on disk. Never raises for what is wrong there."""
        open_folder(self._folder, now_us)
        self._read_numbers(now_us)
        paths = sorted(self._folder.glob("*.jws"), key=lambda path: "receivers" not in path.name)
        for path in paths:  # settings first: they say which zones are ours
            topic = "/".join((topics.PREFIX, *path.name.removesuffix(".jws").split(".")))
            if topic not in self.wanted():
                if self.settings is not None:  # the power went before it was removed
                    _remove([path])
                continue
            try:
                self._take(topic, path.read_bytes(), ANY_TIME_US, now_us)
            except (Refused, OSError) as error:
                reason = error.reason if isinstance(error, Refused) else Reason.MALFORMED
                self.refused[reason] += 1
                put_aside(path, now_us)
        if self.settings is not None:
            wanted = self.wanted()
            self._first_us = {topic: us for topic, us in self._first_us.items() if topic in wanted}
            self._orders_us = {topic: orders for topic, orders in self._orders_us.items() if topic in wanted}

    def accept(self, topic: str, raw: bytes, now_us: int, centre_us: int | None = None) -> bool:
        """Believe and keep the document in `raw`; False when it is believed already; Refused (counted) else.

        `centre_us` is the centre's time, by which it may have expired, where that is not `now_us`.
        """
        try:
            fresh = self._take(topic, raw, now_us if centre_us is None else centre_us, now_us)
        except Refused as refusal:
            self.refused[refusal.reason] += 1
            raise
        if not fresh:
            return False
        self._unsaved[topic] = raw
        left = self._leave_zones() if topic == self._settings_topic else ()
        self.flush()
        if self.disk_error is None:
            _remove([self._path(gone) for gone in left])
        return True

    def flush(self) -> None:
        """Write what could not be written before; `disk_error` says why it still cannot."""
        if not self._unsaved and not self._numbers_unsaved:
            return
        self._numbers_unsaved = True
        try:
            for topic, raw in list(self._unsaved.items()):
                write_whole(self._path(topic), raw)
                del self._unsaved[topic]
            self._write_numbers()
            self._numbers_unsaved = False
        except OSError as error:
            self.disk_error = str(error)
        else:
            self.disk_error = None

    @property
    def settings(self) -> ReceiverSettings | None:
        """The latest settings believed, expired or not: a zone's quiet hours do not end with a document."""
        document = self._documents.get(self._settings_topic)
        return document if isinstance(document, ReceiverSettings) else None

    def programmes(self) -> tuple[Programme, ...]:
        """The programmes held, root zone first, expired ones too."""
        return self._held(topics.programme, Programme)

    def nows(self) -> tuple[Now, ...]:
        """The now documents held, as `programmes`."""
        return self._held(topics.now, Now)

    def banks(self) -> tuple[Bank, ...]:
        """The message banks held, as `programmes`."""
        return self._held(topics.bank, Bank)

    def received_us(self) -> dict[str, int]:
        """When each order and session in the now documents first came, by the centre's clock."""
        found: dict[str, int] = {}
        for orders in self._orders_us.values():
            for order_id, us in orders.items():
                found[order_id] = min(us, found.get(order_id, us))
        return found

    def received_anew(self, order_ids: Collection[str], centre_us: int) -> None:
        """These orders count as having come at `centre_us`."""
        for orders in self._orders_us.values():
            orders.update(dict.fromkeys(orders.keys() & order_ids, centre_us))
        self._numbers_unsaved = True
        self.flush()

    @property
    def issued_us(self) -> int:
        """When the newest document held was issued; 0 without any."""
        return max((document.issued_us for document in self._documents.values()), default=0)

    def first_us(self, topic: str) -> int | None:
        """Since when `topic` is ours: when its first document was accepted."""
        return self._first_us.get(topic)

    def since_us(self) -> dict[str, int]:
        """Since when each airing's zone has been ours: what was over before was never ours to play."""
        found: dict[str, int] = {}
        for programme in self.programmes():
            first_us = self._first_us.get(topics.programme(programme.target), 0)
            for airing in programme.airings:
                found[airing.id] = min(first_us, found.get(airing.id, first_us))
        return found

    def numbers(self) -> dict[str, int]:
        """The number of each document held, by topic without its prefix."""
        accepted = self._trusted.accepted
        return {topic.removeprefix(topics.PREFIX + "/"): accepted[topic].number for topic in sorted(self._documents)}

    def wanted(self) -> frozenset[str]:
        """The topics whose documents concern this receiver."""
        zones = self.settings.zone_path if self.settings else ()
        of_zones = (str(topics.Topic("zones", zone_id, kind)) for zone_id in zones for kind in topics.ZONE_KINDS)
        return frozenset((self._settings_topic, *of_zones))

    def _held(self, topic_of: Callable[[str], str], kind: type[D]) -> tuple[D, ...]:
        if kind not in self._sorted:
            path = self.settings.zone_path if self.settings else ()
            held = (self._documents.get(topic_of(zone_id)) for zone_id in path)
            self._sorted[kind] = tuple(document for document in held if isinstance(document, kind))
        return cast("tuple[D, ...]", self._sorted[kind])

    def _take(self, topic: str, raw: bytes, valid_us: int, now_us: int) -> bool:
        if topic not in self.wanted():
            raise Refused(Reason.WRONG_TARGET, topic[:200])
        document = self._trusted.accept(topic, raw, valid_us)
        if document is None and topic in self._documents:
            return False
        # The number is known but the document was lost from the disk: the same bytes bring it back.
        self._documents[topic] = held = document or self._trusted.check(topic, raw, valid_us)
        self._sorted.clear()
        self._first_us.setdefault(topic, now_us)
        if isinstance(held, Now):
            known, came_us = self._orders_us.get(topic, {}), max(valid_us, held.issued_us)
            named = (*(order.id for order in held.orders), *(session.feed.id for session in held.sessions))
            self._orders_us[topic] = {order_id: known.get(order_id, came_us) for order_id in named}
        return True

    def _leave_zones(self) -> set[str]:
        left = self._documents.keys() - self.wanted()
        self._sorted.clear()
        for topic in left:
            del self._documents[topic]
            self._first_us.pop(topic, None)
            self._orders_us.pop(topic, None)
            self._unsaved.pop(topic, None)
        return left

    def _path(self, topic: str) -> Path:
        return self._folder / (".".join(topic.split("/")[2:]) + ".jws")

    def _read_numbers(self, now_us: int) -> None:
        table = read_json(self._folder / NUMBERS, dict[str, _Remembered], now_us) or {}
        for topic, last in table.items():
            self._trusted.accepted[topic] = Accepted(last.number, last.digest)
            if last.first_us:
                self._first_us[topic] = last.first_us
            if last.orders:
                self._orders_us[topic] = last.orders

    def _write_numbers(self) -> None:
        table = {
            topic: _Remembered(
                number=last.number,
                digest=last.digest,
                first_us=self._first_us.get(topic, 0),
                orders=self._orders_us.get(topic, {}),
            )
            for topic, last in self._trusted.accepted.items()
        }
        write_json(self._folder / NUMBERS, table)


def _remove(paths: Sequence[Path]) -> None:
    """What stays because it cannot be removed goes at the next start."""
    with contextlib.suppress(OSError):
        for path in paths:
            path.unlink(missing_ok=True)
            sync(path.parent)
