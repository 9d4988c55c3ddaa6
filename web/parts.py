"""What a centre is made of: its shared things, and the parts that run until it stops (does I/O)."""

import logging
import ssl
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from broadcast.broker.process import Broker
from broadcast.bus import Bus
from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.live.server import FeedServer, Limits
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.speech.say import all_voices
from broadcast.trustroot.authority import URGENT
from broadcast.trustroot.folder import KeysDamaged, TrustRoot, load_or_make, renew
from scheduler.announcements.worker import Worker
from scheduler.bank.maker import BankMaker
from scheduler.broadcasts.onair import tick
from scheduler.changes import Changes
from scheduler.emergency import service as emergencies
from scheduler.emergency.rehearsal import service as rehearsals
from scheduler.emergency.sender import Urgent
from scheduler.emergency.speaker import Speaker
from scheduler.fleet import repository
from scheduler.fleet.builders import BUILDERS
from scheduler.fleet.doorkeeper import Doorkeeper, Gate
from scheduler.ingest import Ingest
from scheduler.live.asking import Terms
from scheduler.people import anchors
from scheduler.publisher import Publisher
from scheduler.relays import passing as relays
from scheduler.reports.book import BookKeeper
from scheduler.retention.keeper import Keeper
from scheduler.store.engine import Store
from scheduler.store.patience import is_away, outlast
from web import practice
from web.centre import Centre
from web.live.peer import offer_addresses
from web.live.studio import Studio
from web.notices.call import Caller
from web.notices.courier import Courier
from web.notices.mail import Mailer, parsed
from web.settings import Settings

log = logging.getLogger(__name__)

TICK_S = 1.0
Tick = Callable[..., Sequence[str]]
"""Is given the session and the time, and what its look found as `over`."""
TICKS: Mapping[str, Tick] = {
    "emergencies": emergencies.tick,
    "broadcasts": tick,
    "rehearsals": rehearsals.tick,
}
LOOKS: Mapping[str, Callable[[Session, datetime], Any]] = {"rehearsals": rehearsals.outcomes}
"""What is worked out for a tick before its turn to write comes, so that others may write meanwhile."""


class CannotStart(Exception):
    """The centre cannot run like this; the message says what to do."""


def build_centre(settings: Settings, clock: Clock) -> Centre:
    """The centre's shared things, with the database brought to this version and keys made at the first start.

    Raises CannotStart.
    """
    if (refusal := practice.refusal(settings)) is not None:
        raise CannotStart(refusal)
    try:
        settings.data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        trust = load_or_make(settings.data_dir / "keys", clock.now())
        renew(trust, _broker_names(settings), clock.now())
        store = Store(settings.database)
        store.migrate(lambda step: log.info("database: %s", step))
    except KeysDamaged as damaged:
        raise CannotStart(str(damaged)) from damaged
    except OSError as refused:
        raise CannotStart(f"The data folder {settings.data_dir} cannot be used: {refused}") from refused
    except SQLAlchemyError as refused:
        raise CannotStart(f"The database cannot be used: {refused}") from refused
    media, originals = MediaStore(settings.data_dir / "media"), MediaStore(settings.data_dir / "originals")
    return Centre(
        settings=settings,
        clock=clock,
        store=store,
        changes=Changes(),
        media=media,
        originals=originals,
        producer=Producer(media, originals, all_voices(settings.voice_model_dir)),
        trust=trust,
    )


@dataclass(frozen=True, slots=True)
class Parts:
    centre: Centre
    broker: Broker | None
    bus: Bus
    urgent: Urgent
    speaker: Speaker
    ingest: Ingest
    publisher: Publisher
    doorkeeper: Doorkeeper
    worker: Worker
    bank: BankMaker
    live: FeedServer
    studio: Studio
    courier: Courier
    book: BookKeeper
    retention: Keeper

    def running(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The parts by name, in the order in which they start; they end in the opposite one."""
        parts = {"broker": self.broker.run()} if self.broker is not None else {}
        return parts | {
            "urgent": self.urgent.run(),
            "bus": self.bus.run(self.ingest.take),
            "speaker": self.speaker.run(),
            "ingest": self.ingest.run(),
            "time": self.ingest.time_desk.run(),
            "publisher": self.publisher.run(),
            "doorkeeper": self.doorkeeper.run(),
            "worker": self.worker.run(),
            "bank": self.bank.run(),
            "live": self.live.run(),
            "studio": self.studio.run(),
            "courier": self.courier.run(),
            "book": self.book.run(),
            "retention": self.retention.run(),
            "tick": _tick(self.centre),
            "anchors": _anchors(self.centre),
        }


def assemble(centre: Centre) -> Parts:
    settings, clock, trust = centre.settings, centre.clock, centre.trust
    if trust is None or centre.producer is None:
        raise ValueError("this centre was not made by build_centre")
    broker = None if settings.broker_external else _own_broker(centre, trust)
    if broker is not None:
        centre.settings = settings = settings.model_copy(update={"broker_port": broker.port})
    gate = _gate(settings, broker)
    bus = Bus(gate.host, gate.port, lambda: trust.client_context(gate.ca_file), clock)
    centre.bus = bus
    urgent = _urgent(centre, trust, gate, bus)
    live = _live(centre)
    return Parts(
        centre=centre,
        broker=broker,
        bus=bus,
        urgent=urgent,
        speaker=Speaker(centre.store, centre.producer, urgent, desk=centre.live, clock=clock, changes=centre.changes),
        ingest=Ingest(centre.store, bus, clock, centre.changes),
        publisher=Publisher(
            centre.store, bus, key=trust.order_key, builders=BUILDERS, clock=clock, changes=centre.changes
        ),
        doorkeeper=Doorkeeper(centre.store, trust, gate, clock),
        worker=Worker(centre.store, centre.producer, clock=clock, changes=centre.changes),
        bank=BankMaker(
            centre.store, centre.producer, clock=clock, changes=centre.changes, rest_s=settings.bank_delay_s
        ),
        live=live,
        studio=_studio(centre),
        courier=_courier(centre, urgent),
        book=BookKeeper(centre.store, clock, centre.changes, lambda: urgent.is_fresh),
        retention=Keeper(
            centre.store,
            clock,
            centre.changes,
            centre.producer.media,
            centre.producer.originals,
            timezone=settings.timezone,
        ),
    )


def _gate(settings: Settings, broker: Broker | None) -> Gate:
    """How this process and receivers reach the broker, its own one where it is given."""
    return Gate(
        host=settings.broker_host if broker is None else _reachable(settings.broker_bind),
        port=settings.broker_port,
        ca_file=settings.broker_ca_file if settings.broker_external else None,
        broker=broker,
        names=_broker_names(settings),
    )


def _urgent(centre: Centre, trust: TrustRoot, gate: Gate, bus: Bus) -> Urgent:
    """What sends emergencies, by a connection of its own and else by `bus`."""
    own = Bus(gate.host, gate.port, lambda: trust.urgent_context(gate.ca_file), centre.clock, name=URGENT, hears=())
    centre.urgent = Urgent(
        centre.store,
        (own, bus),
        key=trust.order_key,
        build=BUILDERS["now"],
        clock=centre.clock,
        threads=centre.urgent_threads,
    )
    return centre.urgent


def _courier(centre: Centre, urgent: Urgent) -> Courier:
    settings = centre.settings
    mailer = Mailer(parsed(settings.smtp_url.get_secret_value())) if settings.smtp_url is not None else None
    caller = Caller(settings.private_hooks)
    return Courier(centre.store, centre.clock, settings, mailer=mailer, caller=caller, urgent=lambda: urgent.is_fresh)


def _live(centre: Centre) -> FeedServer:
    """The server of live sound, and the desk that it serves."""
    settings, desk = centre.settings, LiveDesk("")
    host, port = settings.live_listens_at
    try:
        tls = None
        if settings.live_tls_certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(settings.live_tls_certificate, settings.live_tls_key)
    except OSError as refused:
        raise CannotStart(f"LOA_LIVE_TLS_CERTIFICATE and LOA_LIVE_TLS_KEY cannot be used: {refused}") from refused
    try:
        limits = Limits(
            connections=settings.live_listeners,
            per_address=settings.live_listeners_per_address,
            per_feed=settings.live_listeners_per_session,
        )
        server = FeedServer(desk, host, port, centre.clock, tls=tls, limits=limits, congestion=settings.live_congestion)
    except OSError as refused:
        raise CannotStart(
            f"Live sound cannot be served at {host} port {port}: {refused.strerror}. "
            "Stop what uses the port (`ss -ltnp` shows it), or set LOA_LIVE_HOST and LOA_LIVE_PORT."
        ) from refused
    desk.url = settings.live_base_url(server.port)
    centre.live = desk
    return server


def _studio(centre: Centre) -> Studio:
    """What carries the live talks of the desk that `_live` made."""
    settings = centre.settings
    if centre.live is None or centre.media is None:
        raise ValueError("this centre has no live desk")
    offer_addresses(settings.microphone_addresses, loopback=_is_loopback(settings.host))

    async def send(zone_ids: Collection[str]) -> None:
        if centre.urgent is not None:
            await centre.urgent.send(zone_ids)

    centre.studio = Studio(
        centre.store,
        centre.live,
        centre.clock,
        centre.changes,
        media=centre.media,
        folder=settings.data_dir / "live",
        keep_days=settings.live_keep_days,
        send=send,
        relay_hosts=settings.relay_hosts,
    )
    return centre.studio


def _is_loopback(host: str) -> bool:
    """Whether pages served there are opened on this machine only."""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _own_broker(centre: Centre, trust: TrustRoot) -> Broker:
    settings = centre.settings
    folder = settings.data_dir / "broker"
    broker = Broker(folder, trust, settings.broker_bind, settings.broker_port, centre.clock)
    with centre.store.reading() as db:
        revoked = repository.revoked(db, centre.clock.now())
    try:
        broker.prepare(revoked.items())
    except (OSError, LookupError) as refused:
        raise CannotStart(f"The broker's folder {folder} cannot be made: {refused}") from refused
    return broker


async def _tick(centre: Centre) -> None:
    """What time does to emergencies, broadcasts and rehearsals, each by itself: a fault of one stops no other."""
    terms = Terms(centre.settings.relay_hosts)
    ticks: Mapping[str, Tick] = {**TICKS, "relays": partial(relays.tick, terms=terms)}
    failing: set[str] = set()

    def once(of: str, what: Tick) -> Sequence[str]:
        try:
            if of in LOOKS:
                with centre.store.reading() as db:
                    what = partial(what, over=LOOKS[of](db, centre.clock.now()))
            with centre.store.writing() as db:
                words = what(db, centre.clock.now())
        except Exception as error:
            if is_away(error):
                raise
            log.log(logging.DEBUG if of in failing else logging.ERROR, "the tick of %s failed", of, exc_info=True)
            failing.add(of)
            return ()
        failing.discard(of)
        return words

    while True:
        for of, what in ticks.items():
            centre.changes.tell(await outlast(centre.clock, "tick", once, of, what))
        await centre.clock.sleep(TICK_S)


async def _anchors(centre: Centre) -> None:
    """Has the audit record anchored by the key of this centre."""
    if centre.trust is not None:
        await anchors.keep(centre.store, centre.trust.order_key, centre.audit_anchors, centre.clock)


def _broker_names(settings: Settings) -> tuple[str, ...]:
    return settings.broker_host, _reachable(settings.broker_bind)


def _reachable(bind: str) -> str:
    """Where this machine itself reaches what listens at `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(bind, bind)  # noqa: S104 - a name, not a bind
