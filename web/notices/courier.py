"""Delivering what is to be told, beside everything else that the centre does (does I/O).

Rules
- Mails and calls wait for nothing but their like: each channel has a lane of its own, one delivery at a time.
- Asked to stop, it cuts off the conversation that is going on and notes what came of it before it ends; what was not
  taken by the other side is tried again at the next start.
- A centre without a mail server writes no mail at all, so that none is sent long afterwards when there is one.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from broadcast.clock import US_PER_S, Clock, to_us
from scheduler.aside import Aside
from scheduler.notices import outbox, rounds, spreading
from scheduler.notices.models import Channel
from scheduler.notices.outbox import Job
from scheduler.store.engine import Store
from scheduler.store.patience import outlast
from web.notices.call import Caller, signature
from web.notices.mail import Mailer, NotDelivered
from web.notices.words import letter, link, present
from web.settings import Settings

log = logging.getLogger(__name__)

POLL_S = 2.0
ROUND_S = 30.0


class Courier:
    """The deliveries of one centre process; several processes may each have one.

    `urgent` says whether others have it urgent just now, from any thread.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        *,
        mailer: Mailer | None,
        caller: Caller,
        urgent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._mailer = mailer
        self._caller = caller
        self._is_aside = Aside(clock, urgent)
        self._began_us = clock.monotonic_us()
        self._channels = (Channel.HOOK, *([Channel.MAIL] if mailer is not None else []))

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._rounds())
            for channel in self._channels:
                parts.create_task(self._lane(channel))

    async def _rounds(self) -> None:
        while True:
            await self.look_round()
            await self._clock.sleep(ROUND_S)

    async def _lane(self, channel: Channel) -> None:
        while True:
            if not await self.once(channel):
                await self._clock.sleep(POLL_S)

    async def look_round(self) -> None:
        """What time brings; a mistake there keeps nothing else from being delivered."""
        try:
            await outlast(self._clock, "courier", self._look_round)
        except Exception:
            log.exception("looking for what is to be told failed")

    async def once(self, channel: Channel) -> bool:
        """Deliver one thing that is due by this channel; whether there was anything."""
        try:
            events = await outlast(self._clock, "courier", self._spread)
            job = await outlast(self._clock, "courier", self._take, channel)
        except Exception:
            log.exception("what is to be told cannot be looked up; trying again")
            return False
        if job is not None:
            await self._deliver(job)
        return bool(events) or job is not None

    async def _deliver(self, job: Job) -> None:
        trying = asyncio.ensure_future(asyncio.to_thread(self._try, job))
        cancelled = False
        while not trying.done():
            try:
                await asyncio.shield(trying)
            except asyncio.CancelledError:
                cancelled = True
                self._caller.abort()
                if self._mailer is not None:
                    self._mailer.abort()
        noting = asyncio.ensure_future(outlast(self._clock, "courier", self._done, job, trying.result()))
        while not noting.done():
            try:
                await asyncio.shield(noting)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def _try(self, job: Job) -> str | None:
        try:
            if job.channel is Channel.HOOK:
                self._call(job)
            elif self._mailer is not None:
                self._mailer.send(self._mail(job))
        except NotDelivered as error:
            return str(error)
        except Exception as error:
            log.exception("notice %s cannot be made", job.id)
            return f"a mistake in Loa: {type(error).__name__}"
        return None

    def _call(self, job: Job) -> None:
        if self._settings.practice:
            return  # its log says that nothing was sent
        now = self._clock.now()
        said = {
            "id": job.id,
            "event": job.kind.value,
            "at": job.at.isoformat(),
            "subject": job.subject,
            "url": f"{self._settings.base_url}{link(job.kind, job.subject)}",
            "data": job.data,
        }
        body = json.dumps(said, ensure_ascii=False).encode()
        headers = {
            "User-Agent": "Loa",
            "Loa-Delivery": job.id,
            "Loa-Signature": signature(job.secret, body, to_us(now) // US_PER_S),
        }
        self._caller.call(job.to, body, headers)

    def _mail(self, job: Job) -> EmailMessage:
        now = self._clock.now()
        base_url = self._settings.base_url
        show = present(job.language, job.timezone or self._settings.timezone, now)
        said = letter(show, job.kind, job.subject, job.data, base_url)
        message = EmailMessage()
        message["Subject"] = said.subject
        message["From"] = self._settings.mail_from
        message["To"] = Address(job.name, addr_spec=job.to)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{job.id}@{urlsplit(base_url).hostname or 'loa'}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = job.language
        message.set_content(said.text)
        return message

    def _look_round(self) -> None:
        if self._is_aside():
            return
        now, lasting = self._clock.now(), timedelta(minutes=self._settings.fault_notice_minutes)
        rounds.lasting_faults(self._store, now, self._channels, lasting)
        rounds.ended_faults(self._store, now, self._channels)
        hears_since = now - timedelta(microseconds=self._clock.monotonic_us() - self._began_us)
        rounds.digests(self._store, now, self._channels, hears_since, self._is_aside)

    def _spread(self) -> int:
        with self._store.writing() as db:
            return spreading.spread(db, self._clock.now(), self._channels)

    def _take(self, channel: Channel) -> Job | None:
        with self._store.writing() as db:
            return outbox.take(db, self._clock.now(), channel)

    def _done(self, job: Job, trouble: str | None) -> None:
        with self._store.writing() as db:
            outbox.done(db, self._clock.now(), job.id, trouble)
