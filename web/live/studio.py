"""The live talks that this process carries, from the first packet to the file that is kept (does I/O).

Rules
- A talk goes on the air with its first packet, when it is its turn; who was on the air below it then falls silent.
- What the database says counts: a talk that was ended there, by whomever, ends here within a moment.
- One talk's fault ends that talk and no other. Only where round after round fails does the process end.
- Whoever speaks must still have the right to it, and be signed in: each round looks.
- Receivers are told by `send`, at once; what it cannot do the publisher does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlmodel import Session

from broadcast.clock import Clock
from broadcast.live.desk import LiveDesk
from broadcast.live.recording import UnfitRecording
from broadcast.media import MediaStore
from scheduler.changes import Changes
from scheduler.errors import Conflict, Problem
from scheduler.live import keeping, passing, repository, service
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk
from scheduler.live.service import Air, Change
from scheduler.store.engine import Store
from scheduler.store.patience import outlast
from web.live.acts import Act, either
from web.live.line import Line
from web.live.listening import FeedTrack, ListeningLine
from web.live.offair import OffAirRecorder
from web.live.repertoire import Repertoire
from web.live.socket import SocketLine, Strangers
from web.live.stage import Stage
from web.live.switchboard import Switchboard

log = logging.getLogger(__name__)

WHO = "studio"
ROUND_S = 1.0
FAILED_ROUNDS = 10  # in succession: then nothing is watched any more, and to start anew is better
SERVED_ON_S = 15.0
"""How long a feed can still be fetched once its last words are due."""
US_PER_MS = 1000

P = ParamSpec("P")
T = TypeVar("T")
Send = Callable[[Collection[str]], Awaitable[None]]


class Studio:
    """`folder` is for recordings in the making, which are kept for `keep_days` (0: not made)."""

    def __init__(
        self,
        store: Store,
        desk: LiveDesk,
        clock: Clock,
        changes: Changes,
        *,
        media: MediaStore,
        folder: Path,
        keep_days: int,
        send: Send,
        relay_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.desk = desk
        self.strangers = Strangers()
        self._store = store
        self._clock = clock
        self._changes = changes
        self._recorders = OffAirRecorder(media, folder, keep_days)
        self._send = send
        self._repertoire = Repertoire(desk, clock, media, relay_hosts)
        self._stages: dict[str, Stage] = {}
        self._switchboard = Switchboard(clock, self._start, self._left)
        self._tasks: set[asyncio.Task[bool]] = set()
        self._wake = asyncio.Event()

    @property
    def lines(self) -> dict[str, Line | SocketLine | ListeningLine]:
        """The connections of microphones and of those who listen in, by their id."""
        return self._switchboard.lines

    def stage(self, talk_id: str) -> Stage | None:
        """What is on the air here."""
        return self._stages.get(talk_id)

    async def run(self) -> None:
        """For ever: let time do to talks what it does, and end here what has ended elsewhere."""
        watching = asyncio.create_task(self._watch(), name="studio-watch")
        failed = 0
        try:
            while failed < FAILED_ROUNDS:
                self._wake.clear()
                failed = 0 if await _whole(self._round()) else failed + 1
                await either(self._clock, ROUND_S, self._wake)
        finally:
            watching.cancel()
            await self.close()

    async def close(self) -> None:
        """End whatever is carried here: the centre stops."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._switchboard.close()

    async def connect(self, talk: LiveTalk, offer_sdp: str, sign_in: str) -> tuple[Line, str]:
        """A microphone's connection and our answer to its offer; an earlier one of the same talk is closed.

        It ends with `sign_in`, the digest of the session or token by which it was asked for. Raises TooMany, BadOffer.
        """
        self._switchboard.check_room()
        stage = self._stages.setdefault(talk.id, Stage(talk))
        return await self._switchboard.connect(stage, offer_sdp, sign_in, lambda: self._start(self._speak(stage)))

    async def plug(self, talk: LiveTalk, sign_in: str) -> tuple[SocketLine, Callable[[bytes], None]]:
        """A microphone's connection by WebSocket, and what takes its Opus packets; otherwise as `connect`."""
        self._switchboard.check_room()
        stage = self._stages.setdefault(talk.id, Stage(talk))
        return await self._switchboard.plug(stage, sign_in, lambda: self._start(self._speak(stage)))

    async def listen(self, talk_id: str, offer_sdp: str) -> tuple[ListeningLine, str]:
        """A connection that listens in, and our answer to its offer. Raises Conflict, TooMany, BadOffer."""
        stage = self._stages.get(talk_id)
        act = stage.act if stage is not None and stage.on_air else None
        if stage is None or act is None or act.feed.ended:
            raise Conflict("not_here", "This talk cannot be listened in to here.")
        self._switchboard.check_room(listening=True)
        ahead_us = act.start_us + stage.talk.delay_ms * US_PER_MS - self._clock.now_us()
        track = FeedTrack(act.feed, self._clock, self._clock.monotonic_us() + ahead_us)
        return await self._switchboard.listen(track, offer_sdp)

    async def hang_up(self, line_id: str) -> None:
        """End a connection; its talk goes on for as long as a page may take to come back."""
        await self._switchboard.hang_up(line_id)

    async def end(self, talk_id: str, reason: LiveEnd) -> bool:
        """End a talk that is carried here, well; False where it is not."""
        stage = self._stages.get(talk_id)
        if stage is None or stage.act is None or not stage.on_air:
            return False
        stage.act.end(reason)
        return True

    async def tell(self, change: Change) -> None:
        """Have receivers and pages know; then let those begin that no person begins."""
        if change.zone_ids:
            await _whole(self._send(change.zone_ids))
        self._changes.tell(change.words)
        for talk_id in change.begins:
            if talk_id not in self._stages:
                self._start(self._begin_alone(talk_id))

    async def _round(self) -> None:
        carried = {talk_id: stage.sign_in for talk_id, stage in self._stages.items() if stage.on_air}
        ends = await self._write(service.alive, carried) if carried else {}
        for talk_id, reason in ends.items():
            stage = self._stages.get(talk_id)
            if stage is not None and stage.act is not None:
                stage.act.end(reason)
        if await self._read(passing.due):
            await self.tell(await self._save(passing.tick))

    async def _watch(self) -> None:
        async for _words in self._changes.watch():
            if self._stages:
                self._wake.set()

    def _left(self, line: Line | SocketLine | ListeningLine) -> None:
        """A talk that has lost its microphone before it began is none that is carried here."""
        for stage in tuple(self._stages.values()):
            if stage.line is line and stage.act is None:
                self._stages.pop(stage.talk.id, None)

    async def _speak(self, stage: Stage) -> None:
        """A talk by microphone: on the air from its first packet on."""
        await self._perform(stage, self._booth(stage))

    async def _begin_alone(self, talk_id: str) -> None:
        """A talk that no person begins."""
        talk = await self._read(_asked, talk_id)
        if talk is None or talk.state is not LiveState.WAITING or talk.id in self._stages:
            return
        stage = self._stages[talk.id] = Stage(talk)
        await self._perform(stage, self._repertoire.alone(talk))

    async def _perform(self, stage: Stage, making: Awaitable[Act]) -> None:
        """What is made, on the air; a talk of which nothing can be made ends."""
        try:
            act = await making
        except UnfitRecording as unfit:
            stage.refused = str(unfit)
        except Exception:
            log.exception("live talk %s cannot begin", stage.talk.id)
        else:
            await self._carry(stage, act)
            return
        await self._end(stage, LiveEnd.FAILED, None)

    async def _booth(self, stage: Stage) -> Act:
        stage.booth = self._repertoire.booth(stage.talk)
        return stage.booth

    async def _carry(self, stage: Stage, act: Act) -> None:
        """From its beginning to the file that is kept."""
        talk, feed, stage.act = stage.talk, act.feed, act
        recorder = self._recorders.record(feed, kept=talk.kind is not LiveKind.RECORDED)
        reason = LiveEnd.FAILED
        try:
            if await self._begin(stage, act):
                reason = await act.run(lambda silent: self._warn(talk.id, silent=silent))
                if reason not in service.AT_ONCE:
                    await act.close()
        except asyncio.CancelledError:
            reason = LiveEnd.CENTRE_LEFT
            raise
        except Exception:
            log.exception("live talk %s", talk.id)
            reason = LiveEnd.FAILED
        finally:
            await _whole(_cut(act))
            await self._end(stage, reason, feed.frames)
            await self._keep(talk.id, await recorder.finish())

    async def _begin(self, stage: Stage, act: Act) -> bool:
        """Put it on the air; False where that is refused."""
        feed, urls = act.feed, self.desk.announced(act.feed).urls
        air = Air(act.start_us, feed.public_key, urls, act.opening_ms, feed.frames if feed.ended else None)
        try:
            change, limit_s = await self._write(_begun, stage.talk.id, air)
        except Problem as refused:
            log.info("talk %s does not begin: %s", stage.talk.id, refused)
            stage.refused = str(refused)
            stage.elsewhere = refused.code == service.NOT_WAITING
            return False
        stage.on_air = True
        act.limit(limit_s)
        await self.tell(change)
        return True

    async def _end(self, stage: Stage, reason: LiveEnd, frames: int | None) -> None:
        """Have it noted and told that it is over, unless another process carries it."""
        self._stages.pop(stage.talk.id, None)
        if stage.line is not None:
            await self.hang_up(stage.line.id)
        if service.silences(stage.talk.kind, reason) or not stage.on_air:
            self.desk.close(stage.talk.id)
        else:
            self._start(self._close_later(stage.talk))
        if not stage.elsewhere:
            end = await self._write(service.end, stage.talk.id, reason, frames=frames, detail=stage.refused)
            await self.tell(end)

    async def _close_later(self, talk: LiveTalk) -> None:
        await self._clock.sleep(talk.delay_ms / 1000 + SERVED_ON_S)
        self.desk.close(talk.id)

    async def _warn(self, talk_id: str, *, silent: bool) -> None:
        await self.tell(await self._write(service.warn, talk_id, silent=silent))

    async def _keep(self, talk_id: str, made: keeping.OffAir | None) -> None:
        if made is not None:
            await self._save(keeping.keep, talk_id, made, self._recorders.keep_days)
            self._changes.tell([f"live:{talk_id}"])

    async def _write(
        self, work: Callable[Concatenate[Session, datetime, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What is on the air goes before all other changes."""

        def once() -> T:
            return self._store.urgently(lambda db: work(db, self._clock.now(), *args, **kwargs))

        return await outlast(self._clock, WHO, once)

    async def _save(self, work: Callable[Concatenate[Session, datetime, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def once() -> T:
            with self._store.writing() as db:
                return work(db, self._clock.now(), *args, **kwargs)

        return await outlast(self._clock, WHO, once)

    async def _read(self, work: Callable[Concatenate[Session, datetime, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def once() -> T:
            with self._store.reading() as db:
                return work(db, self._clock.now(), *args, **kwargs)

        return await outlast(self._clock, WHO, once)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_whole(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _whole(work: Awaitable[Any]) -> bool:
    """Whether it was done without an error, which is logged."""
    try:
        await work
    except Exception:
        log.exception("live talks: something failed, the others go on")
        return False
    return True


async def _cut(act: Act) -> None:
    """Nothing more comes of it."""
    act.feed.end()
    await act.close()


def _begun(db: Session, now: datetime, talk_id: str, air: Air) -> tuple[Change, int]:
    """What is to be told of its beginning, and its limit by now, in seconds."""
    change = service.begin(db, now, talk_id, air)
    return change, db.get_one(LiveTalk, talk_id).limit_s


def _asked(db: Session, _now: datetime, talk_id: str) -> LiveTalk | None:
    return repository.get(db, talk_id)
