"""Both ends of a carrier of live sound, each a process of its own: `python -m bench.carriers ROLE …`.

Speech-like sound is sent as 24 kbit/s Opus, and the end that listens notes when its horn would have been silent.

    loa-send, loa-hear      the centre's FeedServer over TLS; the receiver's fetcher and source, whose sound a horn
                            takes at real time, DEVICE_US ahead of when it is heard
    rtc-send, rtc-hear      aiortc to aiortc, 20 ms packets that are encoded once; what `track.recv()` puts out counts,
                            however late
    radio-send, radio-hear  Debian's Icecast, fed and heard by ffmpeg as IP radios do it: it begins once the delay is
                            buffered, is silent while the buffer is empty, and goes on later than before

A sender says a line of JSON that its listener is told; the listener's answer is told the sender. A line to a sender's
input ends it; it then says how many bytes of Opus it sent in `[from_us, to_us)`, as that line asked. A listener hears
until the instant that it was told and says a `Heard`.
"""

import asyncio
import itertools
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, Packet
from msgspec import Struct

from broadcast.clock import US_PER_S, SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import PacketEncoder
from broadcast.live.server import FeedServer
from broadcast.trustroot.folder import load_or_make, renew
from broadcast.wire.chunks import PACKET_FRAMES, Chunk
from broadcast.wire.now import LiveSession
from receivers.lab.trial.signals import Sound, murmur
from receivers.live.buffer import Buffers
from receivers.live.decide import of_session
from receivers.live.feeds import Feeds
from receivers.live.source import opener
from receivers.sound.cue import RATE_HZ, Cue
from receivers.tasks import end

BITRATE_BPS = 24_000
PACKET_US = PACKET_FRAMES * US_PER_S // RATE_HZ
SOUND_S = 10
BEGIN_US = 1_000_000  # from now to the first sample
DEVICE_US = 60_000  # a sound card's buffer
HOUR_US = 3_600 * US_PER_S
PORT = 8443
RADIO_PORT = 8000
CLOCK = SystemClock()


class Window(Struct, frozen=True):
    """`[from_us, to_us)` of UTC."""

    from_us: int
    to_us: int

    def holds(self, us: int) -> bool:
        return self.from_us <= us < self.to_us


class Heard(Struct, frozen=True):
    """When the horn was silent, or gave out what was made up: (UTC in us, how long in us), in order."""

    missing: list[tuple[int, int]]


class Task(Struct, frozen=True, kw_only=True):
    """What a listener is told: what the sender said, how long to play behind it, and until when to hear."""

    said: Any
    delay_us: int
    until_us: int


class Payload:
    """Bytes of Opus by when they were sent."""

    def __init__(self) -> None:
        self._sent: list[tuple[int, int]] = []

    def add(self, size_bytes: int) -> None:
        self._sent.append((CLOCK.now_us(), size_bytes))

    def within(self, window: Window) -> int:
        return sum(size_bytes for us, size_bytes in self._sent if window.holds(us))


def blocks() -> Iterator[Sound]:
    """Sound without pauses for ever, a packet at a time."""
    sound = murmur(SOUND_S, seed=1)
    return itertools.cycle(np.split(sound, len(sound) // PACKET_FRAMES))


async def paced(start_us: int) -> AsyncIterator[tuple[int, Sound]]:
    """The blocks with their numbers, each as soon as it has been spoken."""
    for number, block in enumerate(blocks()):
        await CLOCK.sleep((start_us + (number + 1) * PACKET_US - CLOCK.now_us()) / US_PER_S)
        yield number, block


def say(told: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


async def told() -> bytes:
    return await asyncio.to_thread(sys.stdin.buffer.readline)


async def loa_send(address: str, folder: Path, delay_us: int, congestion: str) -> None:
    root = load_or_make(folder / "keys", CLOCK.now())
    renew(root, [address], CLOCK.now())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(root.broker_file)
    desk, payload = LiveDesk(f"https://{address}:{PORT}"), Payload()
    server = FeedServer(desk, address, PORT, CLOCK, tls=tls, congestion=congestion)
    feed = desk.open("speech", delay_us=delay_us, bitrate_bps=BITRATE_BPS, levelled=False)

    def count(chunk: Chunk, _sealed: bytes) -> None:
        payload.add(sum(len(packet) for packet in chunk.packets))

    feed.follow(count)
    start_us = CLOCK.now_us() + BEGIN_US

    async def speak() -> None:
        async for number, block in paced(start_us):
            feed.write(block, number * PACKET_FRAMES)

    tasks = [asyncio.create_task(server.run()), asyncio.create_task(speak())]
    say(LiveSession(feed=desk.announced(feed), start_us=start_us, until_us=start_us + HOUR_US, delay_us=delay_us))
    await told()  # a listener of Loa's has nothing to say
    say(payload.within(msgspec.json.decode(await told(), type=Window)))
    await end(tasks)


async def loa_hear(task: Task) -> None:
    session = msgspec.convert(task.said, LiveSession)
    plays_us = session.start_us + session.delay_us
    buffers = Buffers()
    feeds = Feeds(buffers, CLOCK)
    feeds.follow([of_session(session)])
    fetching = asyncio.create_task(feeds.run())
    cue = Cue("live", Path(session.feed.id), plays_us, 0, session.until_us, feed_id=session.feed.id)
    source = opener(buffers, CLOCK)(cue, 0)
    say(None)
    missing: list[tuple[int, int]] = []
    out, concealed_us = np.zeros(PACKET_FRAMES, dtype=np.float32), 0
    for number in itertools.count():
        heard_us = plays_us + number * PACKET_US
        if heard_us >= task.until_us:
            break
        await CLOCK.sleep((heard_us - DEVICE_US - CLOCK.now_us()) / US_PER_S)
        done = source.fill(number * PACKET_FRAMES, out)
        before_us, concealed_us = concealed_us, source.counts.concealed_us
        silent_us = (PACKET_FRAMES - done) * US_PER_S // RATE_HZ + concealed_us - before_us
        if silent_us:
            missing.append((heard_us, silent_us))
    say(Heard(missing))
    source.close()
    await end([fetching])


class Speech(MediaStreamTrack):
    """Packets at their time, encoded as Loa's are."""

    kind = "audio"

    def __init__(self, payload: Payload) -> None:
        super().__init__()
        self._encoder = PacketEncoder(BITRATE_BPS)
        self._payload = payload
        self._blocks = paced(CLOCK.now_us())

    async def recv(self) -> "Packet[Any]":
        number, block = await anext(self._blocks)
        encoded = self._encoder.encode(block)
        self._payload.add(len(encoded))
        packet: Packet[Any] = Packet(encoded)
        packet.pts, packet.time_base = number * PACKET_FRAMES, Fraction(1, RATE_HZ)
        return packet


async def rtc_send(_address: str, _folder: Path, _delay_us: int, _congestion: str) -> None:
    peer, payload = RTCPeerConnection(RTCConfiguration(iceServers=[])), Payload()
    peer.addTrack(Speech(payload))
    await peer.setLocalDescription(await peer.createOffer())
    say({"sdp": peer.localDescription.sdp, "type": peer.localDescription.type})
    await peer.setRemoteDescription(RTCSessionDescription(**json.loads(await told())))
    say(payload.within(msgspec.json.decode(await told(), type=Window)))
    await peer.close()


async def rtc_hear(task: Task) -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    await peer.setRemoteDescription(RTCSessionDescription(**task.said))
    await peer.setLocalDescription(await peer.createAnswer())
    say({"sdp": peer.localDescription.sdp, "type": peer.localDescription.type})
    track = await tracks.get()
    missing: list[tuple[int, int]] = []
    expected: int | None = None
    came_us = CLOCK.now_us()
    while (left_us := task.until_us - CLOCK.now_us()) > 0:
        try:
            frame = await asyncio.wait_for(track.recv(), left_us / US_PER_S)
        except (TimeoutError, MediaStreamError):
            missing.append((came_us, task.until_us - came_us))  # nothing more came
            break
        if not isinstance(frame, AudioFrame) or frame.pts is None:
            raise TypeError("no sound")
        before_us, came_us = came_us, CLOCK.now_us()
        hole_us = 0 if expected is None else (frame.pts - expected) * US_PER_S // RATE_HZ
        if hole_us > 0:
            missing.append((max(before_us, came_us - hole_us), hole_us))
        expected = frame.pts + frame.samples
    say(Heard(missing))
    await peer.close()


ICECAST = """<icecast>
<limits><sources>1</sources><queue-size>524288</queue-size><burst-size>{burst}</burst-size></limits>
<authentication><source-password>bench</source-password><admin-password>bench</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>{port}</port></listen-socket>
<paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot></paths>
<logging><errorlog>-</errorlog><accesslog>-</accesslog></logging>
<security><chroot>0</chroot><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>"""
FFMPEG = ("setpriv", "--pdeathsig=KILL", "ffmpeg", "-loglevel", "error")
PCM = ("-ar", str(RATE_HZ), "-ac", "1")
ENCODED = f"-c:a libopus -b:a {BITRATE_BPS} -frame_duration 20 -page_duration 240000 -f ogg -content_type audio/ogg"
RECONNECTING = "-reconnect 1 -reconnect_streamed 1 -reconnect_on_network_error 1 -reconnect_delay_max 2"


def radio_send(address: str, folder: Path, delay_us: int, _congestion: str) -> None:
    """Icecast sends who connects as much at once as makes up the delay."""
    config, payload = folder / "icecast.xml", Payload()
    folder.chmod(0o755)
    burst = BITRATE_BPS // 8 * delay_us // US_PER_S
    config.write_text(ICECAST.format(burst=burst, port=RADIO_PORT, folder=folder))
    icecast = ["setpriv", "--pdeathsig=KILL", "icecast2", "-c", str(config)]
    server = subprocess.Popen(icecast, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not _is_open(RADIO_PORT):
        time.sleep(0.1)
    mount = f"icecast://source:bench@127.0.0.1:{RADIO_PORT}/speech"
    feeding = subprocess.Popen(
        [*FFMPEG, "-f", "f32le", *PCM, "-i", "pipe:0", *ENCODED.split(), mount], stdin=subprocess.PIPE
    )
    encoder = PacketEncoder(BITRATE_BPS)  # beside ffmpeg's, which does not tell: the same libopus makes as much of it

    async def speak() -> None:
        async for _, block in paced(CLOCK.now_us()):
            payload.add(len(encoder.encode(block)))
            if feeding.stdin is not None:
                feeding.stdin.write(block.tobytes())
                feeding.stdin.flush()

    threading.Thread(target=asyncio.run, args=(speak(),), daemon=True).start()
    time.sleep(delay_us / US_PER_S + 1)
    say(f"http://{address}:{RADIO_PORT}/speech")
    sys.stdin.buffer.readline()  # a radio has nothing to say
    say(payload.within(msgspec.json.decode(sys.stdin.buffer.readline(), type=Window)))
    for process in (feeding, server):
        process.kill()
        process.wait()


def _is_open(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def radio_hear(task: Task) -> None:
    address = ("-fflags", "nobuffer", *RECONNECTING.split(), "-rw_timeout", "5000000", "-i", str(task.said))
    radio = subprocess.Popen(
        [*FFMPEG, *address, "-f", "s16le", *PCM, "-flush_packets", "1", "pipe:1"], stdout=subprocess.PIPE
    )
    came = [0]

    def read() -> None:
        while radio.stdout is not None and (block := os.read(radio.stdout.fileno(), 65_536)):
            came[0] += len(block) // 2

    threading.Thread(target=read, daemon=True).start()
    say(None)
    while came[0] < task.delay_us * RATE_HZ // US_PER_S and CLOCK.now_us() < task.until_us:
        time.sleep(PACKET_US / US_PER_S)
    missing: list[tuple[int, int]] = []
    played, began_us = 0, CLOCK.now_us()
    for heard_us in range(began_us, task.until_us, PACKET_US):
        time.sleep(max(0, heard_us - CLOCK.now_us()) / US_PER_S)
        if came[0] - played >= PACKET_FRAMES:
            played += PACKET_FRAMES
        else:
            missing.append((heard_us, PACKET_US))
    say(Heard(missing))
    radio.kill()
    radio.wait()


SENDERS = {
    "loa-send": lambda *given: asyncio.run(loa_send(*given)),
    "rtc-send": lambda *given: asyncio.run(rtc_send(*given)),
    "radio-send": radio_send,
}
LISTENERS = {
    "loa-hear": lambda task: asyncio.run(loa_hear(task)),
    "rtc-hear": lambda task: asyncio.run(rtc_hear(task)),
    "radio-hear": radio_hear,
}


def main() -> None:
    role, *rest = sys.argv[1:]
    if role in SENDERS:
        address, folder, delay_us, congestion = rest
        SENDERS[role](address, Path(folder), int(delay_us), congestion)
    else:
        LISTENERS[role](msgspec.json.decode(sys.stdin.buffer.readline(), type=Task))


if __name__ == "__main__":
    main()
