"""What a receiver knows and wants, moved on by events; it touches the disk through vault and outbox, and nothing else.

Rules
- Every method takes the time and none waits.
- `tick` is called after every event, and by `due_us` at the latest; it returns the sound path's whole plan. Ticks in
  between change nothing and cost next to nothing.
- The timeline is resolved anew only when a document, a recording or a rule has changed.
- What stands in the now documents is joined with the programmes' airings; what they stop is over at once.
- Since when an airing could have been played is remembered for as long as the process lives, so that a change of plan
  never moves what already sounds.
- A wall clock that moved otherwise than by itself is like a restart: what began in the part that was missed is late.
- STOP at the node ends what sounds and all that should sound meanwhile: it is reported, so it never comes back.
- While the clock is doubted only emergencies are over, and with STOP what had begun; trusted again is like a restart.
- What was missed is only said to be over when the clock has gone on by itself for STEADY_US: an airing that was
  reported never plays again, and a clock that was wrong for a moment must not cost a day's programme.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import chain

from msgspec.structs import replace

from broadcast.wire.documents import Airing, BroadcastClass, Outcome, ReceiverSettings
from broadcast.wire.trust import Refused
from receivers import ledger, orders, past, plan, verdict
from receivers.belated import Belated, SureFeeds
from receivers.hands import message
from receivers.known import Known
from receivers.ledger import Ending, Planned, piece_of
from receivers.life import Hold
from receivers.live.decide import Growing
from receivers.media import MediaStore
from receivers.needs import Need, needs
from receivers.outbox import Began, Outbox, Reported, Sounded
from receivers.progress import Progress
from receivers.sound.cue import Cue, Played, PlayerStatus
from receivers.standing import Standing, with_known_timezone
from receivers.vault import Vault
from receivers.verdict import Story
from scheduler.timeline import Resolution

Lead = Callable[[], int]
LOOK_BACK_US = 24 * 3600 * 1_000_000  # airings missed longer ago are not reported any more
SETTLE_US = 3_000_000  # for the last piece's measurements to come from the sound path
GIVE_UP_US = 60_000_000  # a piece whose end is not told by then is taken for lost
STEADY_US = 120_000_000  # time servers have set a clock right by then
NEEDS_LIVE_US = 60_000_000  # what is past drops out of the needs this late at most
GAP_US = 30_000_000  # a tick that comes this much later than it was due: the process slept or the clock was set
DOUBTED = (Hold.ALL_BUT_EMERGENCIES, Hold.EVERYTHING_UNTIMED)
WATCH_US = 1_000_000  # how often is looked what only the sound path or a hold can change


@dataclass
class _Rest:
    """Until when nothing changes by itself, and the plan that holds so long; `over` when something happened."""

    due_us: int
    over: bool = True
    playing: str | None = None
    cues: tuple[Cue, ...] = ()


class Node:
    """The receiver between its documents, its recordings and its horn."""

    def __init__(self, vault: Vault, outbox: Outbox, store: MediaStore, now_us: int) -> None:
        self.vault = vault
        self.outbox = outbox
        self._store = store
        self.known = Known(now_us)
        self.airings: dict[str, Airing] = {}
        self._own: dict[str, Airing] = {}
        self.standing = Standing(vault)
        self.progress = Progress()
        self._stopped: frozenset[str] = frozenset()
        self._hold = Hold.NOTHING
        self._held_us = now_us
        self.resolution = Resolution((), ())
        self._stories: dict[str, Story] = {}
        self._left: dict[str, Planned] = {}  # what had just begun when a new plan came that does not tell of it
        self._resolved_for: object = None
        self._last_tick_us = now_us
        self._rest = _Rest(due_us=now_us)
        self.jumps = 0
        self.lead_us: Lead = lambda: 0  # what comes to be known now waits so long for the amplifier
        self.sure_feeds: SureFeeds = frozenset
        self._belated = Belated()
        self._needs: tuple[int, tuple[Need, ...]] = 0, ()
        self.last_refusal: tuple[int, str] | None = None

    @property
    def settings(self) -> ReceiverSettings | None:
        """The settings in force; a time zone that is not known here counts as the default one."""
        return with_known_timezone(self.vault.settings)

    @property
    def settings_good(self) -> bool:
        """Whether the settings' time zone is known here."""
        return self.settings == self.vault.settings

    def on_document(self, topic: str, raw: bytes, now_us: int) -> bool:
        """A document came; whether it is news."""
        issued_us = self.vault.issued_us
        try:
            fresh = self.vault.accept(topic, raw, now_us, self.standing.centre_us(now_us))
        except Refused as refusal:
            self.last_refusal = now_us, str(refusal)[:200]
            return False
        self.standing.came(issued_us, now_us)
        return fresh

    def on_played(self, played: Played) -> None:
        """The sound path has ended a piece."""
        self._rest.over = True
        airing_id, anchor_us = plan.key_parts(played.key)
        if plan.is_stand_in(airing_id):
            if played.start_us is not None:
                self.known.stood_in.add(airing_id.removeprefix(plan.STAND_IN))
            return
        planned = self.outbox.planned.get(airing_id) or self._planned(airing_id) or self._left.get(airing_id)
        if planned is None or airing_id in self.outbox.over:
            return
        self.progress.ended(planned.airing.broadcast_id, played, self.standing.shift_us)
        if airing_id not in self.outbox.sounding:
            self.outbox.add(Began(planned=planned, at_us=played.planned_start_us, anchor_us=anchor_us))
        self.outbox.add(Sounded(piece=piece_of(airing_id, anchor_us, played)))
        if played.error is not None and played.start_us is None:
            sha256 = planned.media.sha256
            self.known.would_not_play(airing_id, sha256, self._store.ready.get(sha256))

    def look(self, now_us: int, *, noted: bool = False) -> None:
        """Take in what documents and recordings have become; `noted`: and so has been what sounds."""
        settings = self.settings
        if settings is not None:
            number = self.standing.look(settings, now_us)
            fresh = self._belated.look(self.standing.read, self.outbox, now_us, noted=noted)
            if fresh:  # no plan has had them on the air, and they can be played from now on
                self.known.able_us = {key: us for key, us in self.known.able_us.items() if key not in fresh}
                self.resolution = past.without(self.resolution, fresh)
            self._resolve(settings, number, now_us)

    def set_hold(self, hold: Hold, now_us: int) -> None:
        """What must not sound from now on."""
        if self._hold in DOUBTED and hold not in DOUBTED:
            self._begin_again(now_us, clock_doubted=True)
            self._last_tick_us = now_us  # a clock that is set right again is no other start
        if hold is not self._hold:
            self._rest.over, self._hold, self._held_us = True, hold, now_us

    def start_message(self, airing: Airing, now_us: int) -> str | None:
        """Someone at the node wants a prepared message to sound; why it does not by the rules, then it is forgotten."""
        self._own[airing.id], self._resolved_for = airing, None
        self.look(now_us)
        against = message.against(airing, self._store.ready, self._hold, self.resolution)
        if against is not None:
            self._own.pop(airing.id, None)
            self._resolved_for = None
            self.look(now_us)
        return against

    @property
    def messages(self) -> tuple[Airing, ...]:
        """The messages started at the node that are not over."""
        return tuple(airing for airing in self._own.values() if airing.id not in self.outbox.over)

    @property
    def due_us(self) -> int:
        """When `tick` is due if nothing happens before."""
        return self._rest.due_us

    def tick(self, now_us: int, status: PlayerStatus | None) -> tuple[Cue, ...]:
        """The sound path's plan at `now_us`; reports what is over."""
        playing = self._note_playing(now_us, status)
        backwards = now_us < self._last_tick_us
        self._notice_gap(now_us)
        self.known.try_again(self._store.ready, now_us)
        self.look(now_us, noted=True)
        if self.standing.wake(chain(self.outbox.over, self.outbox.planned), now_us):
            self.look(now_us, noted=True)
        self._follow_orders(playing, status, now_us)
        self.vault.flush()
        self.outbox.flush()
        rest, settings = self._rest, self.settings
        if not backwards and not rest.over and rest.playing == playing and now_us < rest.due_us:
            return rest.cues
        self._close(now_us, playing, device_faulty=status is None or bool(status.faults))
        self.look(now_us, noted=True)
        cues = self._cues(settings, now_us) if settings is not None else ()
        self._rest = _Rest(self._next_due(now_us, playing), over=False, playing=playing, cues=cues)
        return cues

    def _cues(self, settings: ReceiverSettings, now_us: int) -> tuple[Cue, ...]:
        over, ready, places = self.outbox.over.keys() | self._stopped, self._store.ready, self.known.places
        feeds = {key: one.feed.id for key, one in self.standing.read.feeds.items() if key not in ready}
        told = self.resolution, settings, self.standing.path_of(self._store), now_us
        return plan.cues(*told, over=over, hold=self._hold, places=places, feeds=feeds, begin_by=self._belated.begin_by)

    def needs(self, now_us: int) -> tuple[Need, ...]:
        """The recordings that must be here, next needed first."""
        made_us, made = self._needs
        if not 0 <= now_us - made_us < NEEDS_LIVE_US:
            settings, bank = self.settings, self.standing.bank.values()
            made = needs(self.airings.values(), settings, now_us, bank) if settings else ()
            self._needs = now_us, made
        return made

    def look_us(self, now_us: int) -> int | None:
        """When the player is to be looked at before its next tick."""
        return self.progress.look_us(self.standing.read, self.resolution, now_us)

    @property
    def feeds(self) -> tuple[Growing, ...]:
        """The feeds to follow now."""
        return self.standing.feeds(self._store.ready, self.resolution, self._last_tick_us)

    def missing_now(self, now_us: int) -> tuple[str, ...]:
        """The airings that should be sounding and have no recording."""
        return verdict.missing(self._stories.values(), now_us)

    def _notice_gap(self, now_us: int) -> None:
        due_us = max(self._last_tick_us, self._rest.due_us)
        if not self._last_tick_us - GAP_US <= now_us <= due_us + GAP_US:
            self.jumps += 1
            self._begin_again(now_us, clock_doubted=False)
        self._last_tick_us = now_us

    def _begin_again(self, now_us: int, *, clock_doubted: bool) -> None:
        sounding = self.outbox.planned.keys()
        self.known.boot_us, self.known.clock_doubted = now_us, clock_doubted
        self.known.able_us = {key: us for key, us in self.known.able_us.items() if key in sounding}
        self._resolved_for = None

    def _resolve(self, settings: ReceiverSettings, number: int, now_us: int) -> None:
        live = tuple(programme for programme in self.vault.programmes() if programme.expires_us > now_us)
        lacking = self._belated.lack(self.standing.read, settings.languages, self._store.ready, self.sure_feeds())
        inputs = (
            settings,
            tuple((programme.target, programme.number) for programme in live),
            number,
            self._store.ready.keys(),
            self.known.broken,
            self._belated.mark,
            lacking,
        )
        if inputs == self._resolved_for:
            return
        self._resolved_for, self._left, self._rest.over = inputs, self._on_air(now_us), True
        read, known = self.standing.read, self.known
        self.airings = plan.by_id(live) | self._own | self._belated.airings(read)
        stopped = orders.stopped(read, live, self._own.values())
        if not stopped <= self._stopped:
            self._held_us = now_us
        self._stopped = stopped
        usable, gone = self._store.ready.keys() | read.feeds.keys(), past.gone(self.airings, self.outbox)
        silent, whole = self._learn(settings, usable, now_us), [*self.airings.values(), *gone]
        lived = past.lived(whole, self.outbox, self.resolution, now_us, orders=read.airings, stopped=stopped)
        intended = plan.intend(
            self.airings,
            settings,
            usable,
            known.able_us,
            broken=known.broken,
            unheard=silent,
            lived=lived,
            gone=gone,
            came_us=self._belated.begins_us(read, known.able_us),
        )
        before, self.resolution = self.resolution, past.going_on(self.resolution, intended, now_us)
        known.places = past.places(known.places, before, self.resolution, now_us)
        self._tell_stories(settings, now_us)
        self._needs = 0, ()

    def _on_air(self, now_us: int) -> dict[str, Planned]:
        segment = self.resolution.at(now_us)
        planned = self._planned(segment.airing_id) if segment is not None else None
        return {planned.airing.id: planned} if planned is not None else {}

    def _tell_stories(self, settings: ReceiverSettings, now_us: int) -> None:
        """What each airing has come to by the plan as it is now."""
        since_us = self.vault.since_us() | self.standing.read.since_us
        self._stories = verdict.stories(
            [airing for airing in self.airings.values() if airing.id not in self.outbox.over],
            settings.languages,
            self.resolution,
            self.known,
            lambda airing_id: max(since_us.get(airing_id, 0), now_us - LOOK_BACK_US),
        )
        self._own = {key: own for key, own in self._own.items() if key in self._stories}

    def _learn(self, settings: ReceiverSettings, usable: Collection[str], now_us: int) -> frozenset[str]:
        """What of the airings cannot be played now."""
        belated, languages = self._belated, settings.languages

        def able_us(airing_id: str) -> int:
            ready_us = belated.able_us(airing_id, now_us + self.lead_us(), self.standing.shift_us)
            return 0 if airing_id in self.outbox.over else self.outbox.begun.get(airing_id, ready_us)

        missing = frozenset(key for key, one in self.airings.items() if one.media_for(languages).sha256 not in usable)
        return self.known.learn(self.airings, belated.lacking | missing, able_us, now_us)

    def _note_playing(self, now_us: int, status: PlayerStatus | None) -> str | None:
        if status is None or status.playing is None:
            return None
        airing_id, anchor_us = plan.key_parts(status.playing)
        planned = self._planned(airing_id)
        if planned is not None and airing_id not in self.outbox.sounding and airing_id not in self.outbox.over:
            on_air = self.resolution.at(now_us)
            begun_us = on_air.start_us if on_air is not None and on_air.airing_id == airing_id else now_us
            self.outbox.add(Began(planned=planned, at_us=begun_us, anchor_us=anchor_us))
        return airing_id

    def _follow_orders(self, playing: str | None, status: PlayerStatus | None, now_us: int) -> None:
        """Keep what is told of orders; refusals are shown as those of documents are."""
        planned = self._planned(playing) if playing is not None else None
        order_id, shift_us = planned.airing.broadcast_id if planned else None, self.standing.shift_us
        if order_id is not None and status is not None and status.started_us is not None:
            self.progress.sounds(order_id, status.started_us, status.level_dbfs, shift_us)
        waits = {**self._belated.reasons(self.standing.read), **self.standing.waits(self._hold)}
        self.progress.look(self.standing.read, now_us, shift_us, playing=order_id, waits=waits)
        if self.standing.fresh_refusals:
            self.last_refusal = now_us, self.standing.fresh_refusals[-1]
            self.standing.fresh_refusals.clear()

    def _planned(self, airing_id: str) -> Planned | None:
        story = self._stories.get(airing_id)
        if story is None:
            return self.outbox.planned.get(airing_id)
        stored = self._store.ready.get(story.media.sha256)
        return Planned(story.airing, story.media, stored.ready_us if stored else None)

    def _close(self, now_us: int, playing: str | None, *, device_faulty: bool) -> None:
        for story in [story for story in self._stories.values() if story.airing.start_us <= now_us]:
            airing = story.airing
            stopped = self._stopped_by(airing)
            if stopped is not None and self._is_silent(airing.id, playing, now_us):
                self.outbox.end_lost(airing.id, now_us)
                self._report(airing.id, Ending(Outcome.SKIPPED, stopped), now_us)
            elif not plan.is_held(airing.cls, self._hold) and now_us >= self._over_us(story, playing):
                told = replace(story, device_faulty=device_faulty, stood_in=airing.id in self.known.stood_in)
                self._report(airing.id, verdict.ending(told), now_us)
        for airing_id in self._orphans(now_us, playing):
            gone = self.outbox.planned[airing_id].airing
            interrupted = airing_id in self.airings or message.message_of(gone)
            reason = ledger.INTERRUPTED if interrupted else self.standing.why_gone(gone)
            self._report(airing_id, Ending(Outcome.FAILED, reason), now_us)

    def _stopped_by(self, airing: Airing) -> str | None:
        """Which STOP ends it, now that it should sound by the clock."""
        begun = airing.cls is BroadcastClass.EMERGENCY or airing.id in self.outbox.planned
        if self._hold is Hold.EVERYTHING or (self._hold is Hold.EVERYTHING_UNTIMED and begun):
            return ledger.STOPPED
        return ledger.STOPPED_BY_CENTRE if airing.id in self._stopped else None

    def _is_silent(self, airing_id: str, playing: str | None, now_us: int) -> bool:
        """Whether its last piece has ended; a sound path that does not tell is not waited for long once STOP holds."""
        told = airing_id not in {*self.outbox.sounding, playing}
        return told or not 0 <= now_us - self._held_us < SETTLE_US

    def _orphans(self, now_us: int, playing: str | None) -> list[str]:
        """Airings that began to sound and that no programme tells of any more."""
        if self._resolved_for is None or now_us < self.known.boot_us + SETTLE_US:
            return []
        sounding = self.outbox.sounding
        gone = [key for key in self.outbox.planned if key not in self._stories and key != playing]
        if self._hold in DOUBTED:  # orders are not judged by this node's clock
            gone = [key for key in gone if self.progress.knows(self.outbox.planned[key].airing.broadcast_id)]
        return [key for key in gone if key not in sounding or now_us >= sounding[key] + GIVE_UP_US]

    def _over_us(self, story: Story, playing: str | None) -> int:
        airing_id, over_us = story.airing.id, verdict.over_us(story)
        if airing_id in self.outbox.sounding or playing == airing_id:
            return over_us + GIVE_UP_US
        pieces = self.outbox.pieces.get(airing_id, ())
        if any(piece.finished for piece in pieces):
            return over_us
        began_before = not pieces and story.airing.start_us < self.known.boot_us
        return max(over_us + SETTLE_US, self.known.boot_us + STEADY_US if began_before else 0)

    def _next_due(self, now_us: int, playing: str | None) -> int:
        """When the plan changes or an airing is over by itself, or something must be looked at again."""
        times = [programme.expires_us for programme in self.vault.programmes()]
        times += [now.expires_us - self.standing.shift_us for now in self.vault.nows()]
        for story in self._stories.values():
            start_us = story.airing.start_us
            times.append(start_us if start_us > now_us else max(self._over_us(story, playing), now_us + WATCH_US))
        if any(key not in self._stories for key in self.outbox.planned):
            times.append(now_us + WATCH_US)
        times += [*self.known.retries_us(), self._held_us + SETTLE_US]
        times += plan.changes(self.resolution, now_us, playing)
        return min((time for time in times if time > now_us), default=now_us + plan.HORIZON_US)

    def _report(self, airing_id: str, ending: Ending, now_us: int) -> None:
        planned = self._planned(airing_id)
        if planned is None:
            return
        pieces = self.outbox.pieces.get(airing_id, ())
        report = ledger.report(self.outbox.number + 1, planned, pieces, ending)
        self.outbox.add(Reported(report=report))
        self.progress.reported(report)
        story = self._stories.pop(airing_id, None)
        if story is not None and any(segment.end_us > now_us for segment in story.segments):
            self._resolved_for = None  # what it has left goes to others
