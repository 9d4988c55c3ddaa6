"""The whole daemon as a process and a live session: real broker, real HTTP, real player on a virtual horn."""

from __future__ import annotations

import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from broadcast.clock import SystemClock
from broadcast.wire.documents import Outcome
from broadcast.wire.now import LiveSession, Now
from receivers.lab.correlate import RIGHT, align
from receivers.lab.listen import Listener
from receivers.lab.trial.signals import murmur, read_opus, write_opus
from receivers.lab.trial.studio import FeedHost, Studio, packets_in, spoken, then
from receivers.live.fetcher import BAD
from receivers.sound.cue import RATE_HZ

if TYPE_CHECKING:
    from pathlib import Path

    from receivers.lab.horns import VirtualHorns
    from tests.receivers.daemon.conftest import Desk
    from tests.receivers.daemon.online.conftest import Centre

S = 1_000_000
DAY = 86_400 * S
CLOCK = SystemClock()
SECONDS = 6
BOUND_US = 5_000
ZONE = "tra-van"


async def _now(centre: Centre, number: int, *sessions: LiveSession) -> None:
    now_us = CLOCK.now_us()
    await centre.publish(Now(target=ZONE, number=number, issued_us=now_us, expires_us=now_us + DAY, sessions=sessions))


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
async def test_a_live_session_is_heard_at_its_place_and_reported_with_its_chunks(
    centre: Centre, horns: VirtualHorns, desk: Desk, tmp_path: Path
) -> None:
    """The first answer is a forgery, the session's length becomes known when it ends, then it leaves the document."""
    folder = tmp_path / "state"
    folder.mkdir()
    centre.enrolled(folder, "rx1")
    talk = write_opus(tmp_path / "talk.opus", murmur(SECONDS, seed=11))
    studio = Studio("talk", packets_in(talk))
    now_us = CLOCK.now_us()
    await centre.publish(replace(desk.settings(), issued_us=now_us, expires_us=now_us + DAY))
    with Listener(horns, "horn1", tmp_path / "heard.s16", CLOCK) as listener:
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "receivers", "run", "--state", str(folder), "--device", "horn1"),
            env={**os.environ, **horns.environment},
            stderr=PIPE,
        )
        try:
            await centre.until(lambda: any(state.online and state.player == "idle" for state in centre.states))
            start_us = CLOCK.now_us() + S
            forged = Studio("talk", studio.packets).sealed[0]
            async with FeedHost(studio, [then(forged, stands=True)], usual=spoken(start_us)) as host:
                session = LiveSession(feed=host.feed, start_us=start_us, until_us=start_us + 600 * S)
                await _now(centre, 1, session)
                await centre.until(lambda: centre.states[-1].airing_id == "live.talk")
                await _now(centre, 2, replace(session, frames=SECONDS * RATE_HZ))
                await centre.until(lambda: centre.reports != [])
                await _now(centre, 3)
                await centre.until(lambda: centre.states[-1].numbers.get(f"zones/{ZONE}/now") == 3)
        finally:
            process.kill()
            await process.wait()
        recording = listener.stop()
    (report,) = centre.reports
    assert (report.airing_id, report.outcome, report.reason) == ("live.talk", Outcome.HEARD, "")
    assert (report.chunks, report.late_chunks, report.concealed_us) == (len(studio.chunks), 0, 0)
    assert report.gap_us == 0
    plays_us, margin_us = start_us + session.delay_us, 100_000
    found = align(read_opus(talk), recording.between(plays_us - margin_us, plays_us + SECONDS * S + margin_us), RATE_HZ)
    began_us = recording.utc_us_at(recording.frame_at(plays_us - margin_us) + found.offset_frames)
    assert abs(began_us - plays_us) < BOUND_US
    assert found.heard_once, found
    assert np.median([window.correlation for window in found.windows]) >= RIGHT
    assert any(state.refused == {BAD: 1} for state in centre.states)
