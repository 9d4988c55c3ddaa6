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
from broadcast.live.feed import LiveFeed
from broadcast.live.recording import UnfitRecording
from broadcast.live.relay import Relay
from broadcast.media import MediaStore
from scheduler.announcements.models import Recording
from scheduler.changes import Changes
from scheduler.errors import Conflict, Problem, TooMany
from scheduler.live import keeping, passing, repository, service
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk
from scheduler.live.service import Air, Change
from scheduler.store.engine import Store
from scheduler.store.patience import outlast
from web import i18n
from web.live.acts import Act, Playing, Relaying, either
from web.live.booth import Booth
from web.live.line import Line
from web.live.listening import FeedTrack, ListeningLine
from web.live.microphone import Microphone
from web.live.offair import OffAirRecorder
from web.live.placing import RtpPacket
from web.live.pouring import PouredMicrophone
from web.live.socket import SocketLine, Strangers
from web.live.stage import Stage

log = logging.getLogger(__name__)

WHO = "studio"
ROUND_S = 1.0
FAILED_ROUNDS = 10  # in succession: then nothing is watched any more, and to start anew is better
MAX_LINES, MAX_LISTENERS = 16, 10
"""Connections at once, each costs two sockets and a decoder; those who listen leave room for microphones."""
CONNECT_S = 15.0
"""For a connection to bring its first packet."""
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
        self.lines: dict[str, Line | SocketLine | ListeningLine] = {}
        self.strangers = Strangers()
        self._store = store
        self._clock = clock
        self._changes = changes
        self._media = media
        self._recorders = OffAirRecorder(media, folder, keep_days)
        self._send = send
        self._relay_hosts = relay_hosts
        self._stages: dict[str, Stage] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        self._wake = asyncio.Event()

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
        await asyncio.gather(*(line.close() for line in self.lines.values()), return_exceptions=True)

    async def connect(self, talk: LiveTalk, offer_sdp: str, sign_in: str) -> tuple[Line, str]:
        """A microphone's connection and our answer to its offer; an earlier one of the same talk is closed.

        It ends with `sign_in`, the digest of the session or token by which it was asked for. Raises TooMany, BadOffer.
        """
        self._check_room()
        line, stage = Line(), self._stages.setdefault(talk.id, Stage(talk))
        self.lines[line.id] = line
        try:
            answer = await line.answer(offer_sdp, stage.seat(line, lambda: self._start(self._speak(stage)), _by_rtp))
        except BaseException:
            await self.hang_up(line.id)
            raise
        stage.sign_in = sign_in
        await self._replace(stage, line)
        self._start(self._expect(stage, line))
        return line, answer

    async def plug(self, talk: LiveTalk, sign_in: str) -> tuple[SocketLine, Callable[[bytes], None]]:
        """A microphone's connection by WebSocket, and what takes its Opus packets; otherwise as `connect`."""
        self._check_room()
        line, stage = SocketLine(), self._stages.setdefault(talk.id, Stage(talk))
        self.lines[line.id] = line
        put = stage.seat(line, lambda: self._start(self._speak(stage)), _by_socket)
        stage.sign_in = sign_in
        await self._replace(stage, line)
        self._start(self._expect(stage, line))
        return line, put

    async def listen(self, talk_id: str, offer_sdp: str) -> tuple[ListeningLine, str]:
        """A connection that listens in, and our answer to its offer. Raises Conflict, TooMany, BadOffer."""
        stage = self._stages.get(talk_id)
        act = stage.act if stage is not None and stage.on_air else None
        if stage is None or act is None or act.feed.ended:
            raise Conflict("not_here", "This talk cannot be listened in to here.")
        self._check_room(listening=True)
        ahead_us = act.start_us + stage.talk.delay_ms * US_PER_MS - self._clock.now_us()
        line = ListeningLine()
        self.lines[line.id] = line
        try:
            track = FeedTrack(act.feed, self._clock, self._clock.monotonic_us() + ahead_us)
            answer = await line.answer(offer_sdp, track)
        except BaseException:
            await self.hang_up(line.id)
            raise
        self._start(self._until_lost(line))
        return line, answer

    async def hang_up(self, line_id: str) -> None:
        """End a connection; its talk goes on for as long as a page may take to come back."""
        line = self.lines.pop(line_id, None)
        if line is None:
            return
        await line.close()
        for stage in tuple(self._stages.values()):
            if stage.line is line and stage.act is None:
                self._stages.pop(stage.talk.id, None)

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

    def _check_room(self, *, listening: bool = False) -> None:
        listeners = sum(isinstance(line, ListeningLine) for line in self.lines.values())
        if len(self.lines) >= MAX_LINES or (listening and listeners >= MAX_LISTENERS):
            message = i18n.N_("Too many are connected. Try again in a moment.")
            raise TooMany("too_many_lines", message, retry_after_s=5)

    async def _until_lost(self, line: ListeningLine) -> None:
        """Close a connection that is not made in time, or that is lost."""
        await either(self._clock, CONNECT_S, line.connected)
        if line.connected.is_set():
            await line.lost.wait()
        await self.hang_up(line.id)

    async def _replace(self, stage: Stage, line: Line | SocketLine) -> None:
        before, stage.line = stage.line, line
        if before is not None:
            await self.hang_up(before.id)

    async def _expect(self, stage: Stage, line: Line | SocketLine) -> None:
        """Close a connection that brings nothing in time, or that is lost."""
        patience = asyncio.create_task(self._clock.sleep(CONNECT_S))
        lost = asyncio.create_task(line.lost.wait())
        await asyncio.wait((patience, lost), return_when=asyncio.FIRST_COMPLETED)
        if not lost.done() and stage.has_come(line):
            await lost
        patience.cancel()
        lost.cancel()
        await self.hang_up(line.id)

    async def _speak(self, stage: Stage) -> None:
        """A talk by microphone: on the air from its first packet on."""
        await self._perform(stage, self._booth(stage))

    async def _begin_alone(self, talk_id: str) -> None:
        """A talk that no person begins."""
        talk, sha256 = await self._read(_facts, talk_id)
        if talk is None or talk.state is not LiveState.WAITING or talk.id in self._stages:
            return
        stage = self._stages[talk.id] = Stage(talk)
        await self._perform(stage, self._act(talk, sha256))

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
        cls, limit_s = stage.talk.cls, stage.talk.limit_s
        stage.booth = Booth(self._open(stage.talk), self._clock, cls=cls, limit_s=limit_s)
        return stage.booth

    async def _act(self, talk: LiveTalk, sha256: str | None) -> Act:
        if talk.source_url is not None:
            feed = self._open(talk)
            stand_in = self._media.path(sha256) if sha256 is not None else None
            relay = Relay(talk.source_url, feed, self._clock, hosts=self._relay_hosts, stand_in=stand_in)
            return Relaying(relay, feed, self._clock, limit_s=talk.limit_s)
        if sha256 is None:
            raise UnfitRecording("the recording is no more")
        feed = await asyncio.to_thread(self.desk.from_recording, talk.id, self._media.path(sha256))
        return Playing(feed, self._clock, delay_us=talk.delay_ms * US_PER_MS)

    def _open(self, talk: LiveTalk) -> LiveFeed:
        return self.desk.open(talk.id, delay_us=talk.delay_ms * US_PER_MS, bitrate_bps=talk.bitrate_bps)

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
        if stage.booth is not None:
            stage.booth.limit(limit_s)
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


def _by_rtp(booth: Booth) -> Callable[[RtpPacket], None]:
    return Microphone(booth.timeline, booth.heard).put


def _by_socket(booth: Booth) -> Callable[[bytes], None]:
    return PouredMicrophone(booth.timeline, lambda: booth.feed.frames, booth.heard).put


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


def _facts(db: Session, _now: datetime, talk_id: str) -> tuple[LiveTalk | None, str | None]:
    talk = repository.get(db, talk_id)
    recording = db.get(Recording, talk.recording_id) if talk is not None and talk.recording_id else None
    return talk, recording.sha256 if recording is not None else None
