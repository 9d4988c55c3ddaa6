"""A process that is nothing but a player, `python -m receivers.lab.trial.play DEVICE [MICROPHONE]`, and its driver.

It reads a plan per line from standard input, as a JSON list of cues, and writes a line per event: `{"ready": …}` once
the sound card's clock is known, `{"played": …}` for each piece, `{"status": …}` for an empty input line. A line
`{"follow": […]}` says which feeds are in force. It ends, with its last piece reported, when its input does.
"""

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import msgspec

from broadcast.clock import SystemClock
from receivers.horn import NoDevice, sound_card
from receivers.live.buffer import Buffers
from receivers.live.decide import Growing
from receivers.live.feeds import Feeds
from receivers.live.source import opener
from receivers.sound.cue import Cue, Played
from receivers.sound.device import DeviceError

READY_S = 60.0  # for a player to come up, or to its state, on a machine that is busy
END_S = 30.0  # longer than a card may hang in a call
POLL_S = 0.02


class PlayerProcess:
    """Context manager: a player for device `name` in a process of its own, given `environment` besides our own."""

    def __init__(self, name: str, environment: Mapping[str, str], microphone: str | None = None) -> None:
        self._name = name
        self._devices = [name] if microphone is None else [name, microphone]
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._played: queue.Queue[Played] = queue.Queue()
        self._status: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ready: queue.Queue[None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, name=f"player {name}", daemon=True)

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._running().poll()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "receivers.lab.trial.play", *self._devices],
            env={**os.environ, **self._environment},
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread.start()
        try:
            self._ready.get(timeout=READY_S)
        except queue.Empty:
            self.close()
            raise DeviceError(f"no player came up on {self._name}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_plan(self, cues: Sequence[Cue]) -> None:
        self._send(json.dumps([{**asdict(cue), "path": str(cue.path)} for cue in cues]))

    def follow(self, growing: Sequence[Growing]) -> None:
        """Make these the feeds in force."""
        self._send(msgspec.json.encode({"follow": growing}).decode())

    def played(self, timeout_s: float) -> Played:
        """The next piece that was played; queue.Empty when there is none in time."""
        return self._played.get(timeout=timeout_s)

    def status(self) -> Mapping[str, Any]:
        self._send("")
        return self._status.get(timeout=READY_S)

    def await_status(self, condition: Callable[[Mapping[str, Any]], bool], timeout_s: float = READY_S) -> None:
        """Return once the player's status fulfils `condition`; TimeoutError when it does not in time."""
        for _ in range(round(timeout_s / POLL_S)):
            if condition(self.status()):
                return
            time.sleep(POLL_S)
        raise TimeoutError("the player did not come to the state waited for")

    def close(self) -> None:
        process = self._running()
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._thread.join()

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise DeviceError("the player process has not been started")
        return self._process

    def _send(self, line: str) -> None:
        stdin = self._running().stdin
        if stdin is not None:
            stdin.write(line + "\n")
            stdin.flush()

    def _read(self) -> None:
        for line in self._running().stdout or ():
            event = json.loads(line)
            if "played" in event:
                self._played.put(msgspec.convert(event["played"], Played))
            elif "status" in event:
                self._status.put(event["status"])
            else:
                self._ready.put(None)


def main() -> int:
    clock = SystemClock()
    name, microphone = [*sys.argv[1:], None][:2]
    buffers = Buffers()
    player = sound_card(name, clock, microphone, opener(buffers, clock))(lambda played: _tell(played=played))
    try:
        player.start()
    except NoDevice as error:
        sys.stderr.write(f"{error}\n")
        return 1
    while not player.status().clock_ready:
        time.sleep(POLL_S)
    _tell(ready=os.getpid())
    follow = _follower(buffers, clock)
    for line in sys.stdin:
        if line.startswith("{"):
            follow(msgspec.json.decode(line, type=dict[str, list[Growing]])["follow"])
        elif line.strip():
            player.set_plan([Cue(**{**cue, "path": Path(cue["path"])}) for cue in json.loads(line)])
        else:
            _tell(status=player.status())
    player.close()
    return 0


def _follower(buffers: Buffers, clock: SystemClock) -> Callable[[list[Growing]], object]:
    """Fetches feeds in a loop of its own thread; what says which, and returns when they are in force."""
    loop = asyncio.new_event_loop()
    feeds = Feeds(buffers, clock)
    threading.Thread(target=lambda: loop.run_until_complete(feeds.run()), name="feeds", daemon=True).start()

    async def follow(growing: list[Growing]) -> None:
        feeds.follow(growing)

    return lambda growing: asyncio.run_coroutine_threadsafe(follow(growing), loop).result()


def _tell(**event: object) -> None:
    sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
