import asyncio
import http.server
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from broadcast.clock import SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.encoder import Samples
from broadcast.live.feed import LiveFeed
from broadcast.live.lab import HOST, Icecast
from broadcast.live.origin import MAX_REDIRECTS, NotAllowed, Origin, is_public
from broadcast.live.relay import Relay
from broadcast.wire.chunks import Chunk
from tests.broadcast.live.conftest import Decode

SOON_S = 30
TONE_HZ = 700
HERE = frozenset({HOST})
MP3 = ("-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3", "-content_type", "audio/mpeg")
AAC = ("-c:a", "aac", "-f", "adts", "-content_type", "audio/aac")
OPUS = ("-c:a", "libopus", "-page_duration", "100000", "-f", "ogg", "-content_type", "application/ogg")

Relaying = Callable[[str], AbstractAsyncContextManager[tuple[Relay, "Heard"]]]


class Heard:
    """What has gone out of a feed."""

    def __init__(self, feed: LiveFeed, decode: Decode) -> None:
        self._packets: list[bytes] = []
        self._decode = decode
        self._more = asyncio.Event()
        feed.follow(self._take)

    def _take(self, chunk: Chunk, _sealed: bytes) -> None:
        self._packets += chunk.packets
        self._more.set()

    async def chunks(self, count: int) -> Samples:
        """The sound of the next chunks."""
        begin = len(self._packets)
        async with asyncio.timeout(SOON_S):
            while len(self._packets) < begin + 12 * count:
                self._more.clear()
                await self._more.wait()
        return self._decode(self._packets)[begin * 960 :]

    async def until(self, true: Callable[[Samples], bool]) -> None:
        """Wait for a chunk of which `true` says so."""
        async with asyncio.timeout(SOON_S):
            while not true(await self.chunks(1)):
                pass


@pytest.fixture
def relaying(desk: LiveDesk, decode: Decode) -> Relaying:
    """A relay that runs for a minute, or for as long as the block."""

    @asynccontextmanager
    async def running(url: str) -> AsyncIterator[tuple[Relay, Heard]]:
        feed = desk.open("relay", levelled=False)
        relay = Relay(url, feed, SystemClock(), hosts=HERE)
        task = asyncio.create_task(relay.run(60.0))
        yield relay, Heard(feed, decode)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return running


@contextmanager
def station(url: str, *how: str) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg sending a tone."""
    tone = f"sine=frequency={TONE_HZ}:sample_rate=44100"
    process = subprocess.Popen(
        ["ffmpeg", "-hide_banner", "-loglevel", "quiet", "-re", "-f", "lavfi", "-i", tone, *how, url]
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_tone(sound: Samples) -> bool:
    if np.sqrt(np.mean(sound**2)) < 0.02:
        return False
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return abs(float(np.argmax(spectrum)) * 48_000 / len(sound) - TONE_HZ) < 20


def is_silent(sound: Samples) -> bool:
    return float(np.abs(sound).max()) < 0.001


async def test_a_station_that_is_cut_comes_back(relaying: Relaying, tmp_path: Path) -> None:
    with Icecast(tmp_path / "icecast") as icecast:
        async with relaying(icecast.url("vov")) as (relay, heard):
            with station(icecast.source_url("vov"), *MP3):
                await heard.until(is_tone)
                assert relay.fault is None
            icecast.stop()
            await heard.until(is_silent)
            assert relay.fault
            icecast.start()
            with station(icecast.source_url("vov"), *MP3):
                await heard.until(is_tone)
                assert relay.fault is None


@pytest.mark.parametrize("how", [AAC, OPUS], ids=["aac", "opus"])
async def test_other_codecs_are_heard(relaying: Relaying, tmp_path: Path, how: tuple[str, ...]) -> None:
    with Icecast(tmp_path / "icecast") as icecast, station(icecast.source_url("vov"), *how):
        async with relaying(icecast.url("vov")) as (_, heard):
            await heard.until(is_tone)


async def test_a_playlist_is_heard(relaying: Relaying, web: tuple[str, Path]) -> None:
    url, folder = web
    how = ("-c:a", "aac", "-f", "hls", "-hls_time", "0.5", "-hls_flags", "delete_segments")
    with station(str(folder / "live.m3u8"), *how):
        async with relaying(f"{url}/live.m3u8") as (_, heard):
            await heard.until(is_tone)


async def test_a_relay_ends_when_its_time_is_over_whatever_the_stream_does(
    desk: LiveDesk, web: tuple[str, Path]
) -> None:
    feed = desk.open("relay")
    relay = Relay(f"{web[0]}/nothing", feed, SystemClock(), hosts=HERE)
    async with asyncio.timeout(SOON_S):
        await relay.run(0.5)
    assert feed.frames == 24_000
    assert not feed.ended
    assert "404" in str(relay.fault)


@pytest.mark.parametrize("late", [False, True])
async def test_the_least_time_that_was_said_counts(desk: LiveDesk, web: tuple[str, Path], late: bool) -> None:
    feed = desk.open("relay")
    relay = Relay(f"{web[0]}/nothing", feed, SystemClock(), hosts=HERE)
    if not late:
        relay.limit(2.0)
    running = asyncio.create_task(relay.run(60.0))
    async with asyncio.timeout(SOON_S):
        while late and not feed.frames:  # noqa: ASYNC110 -- a feed has no bell for asyncio
            await asyncio.sleep(0.01)
        relay.limit(2.0)
        relay.limit(60.0)
        await running
    assert feed.frames == 96_000


async def test_a_broken_stream_is_no_noise_but_a_chime(relaying: Relaying, web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "broken.mp3").write_bytes(np.random.default_rng(1).bytes(200_000))
    async with relaying(f"{url}/broken.mp3") as (relay, heard):
        assert is_silent(await heard.chunks(10))
        await heard.until(lambda sound: not is_silent(sound))
        assert relay.fault


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://127.0.0.1:x/",
        "concat:a|b",
        "",
        "//127.0.0.1/",
    ],
)
def test_only_what_is_allowed_is_opened(url: str) -> None:
    with pytest.raises(NotAllowed):
        Origin(HERE).open(url)


def test_a_name_that_leads_inside_is_refused_and_an_address_that_is_named_is_not(web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "file").write_bytes(b"here")
    with pytest.raises(NotAllowed, match="private address"):
        Origin(frozenset({"localhost"})).open(url.replace(HOST, "localhost") + "/file")
    both = frozenset({"localhost", "127.0.0.1", "::1"})  # whoever names the address as well means it
    for hosts, address in ((HERE, url), (both, url.replace(HOST, "localhost"))):
        with Origin(hosts).open(f"{address}/file") as stream:
            assert stream.read(100) == b"here"
            assert stream.read(100) == b""


@pytest.fixture
def redirecting() -> Iterator[tuple[str, list[str]]]:
    """A host that sends everyone on to what is in the list."""
    to: list[str] = []

    class Redirecting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", to[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Redirecting)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}", to
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://169.254.169.254/latest/meta-data", "not among the hosts"),
        ("http://localhost/x", "not among the hosts"),
        ("//other.example/x", "not among the hosts"),
        ("file:///etc/passwd", "begin with http"),
        ("/round-and-round", "from address to address"),
    ],
)
def test_a_redirect_leads_nowhere_else(redirecting: tuple[str, list[str]], target: str, why: str) -> None:
    url, to = redirecting
    to[:] = [target]
    with pytest.raises(NotAllowed, match=why):
        Origin(HERE).open(f"{url}/x")


class _Counting(http.server.BaseHTTPRequestHandler):
    """/3 leads to /2 and so on; /0 tells what the client calls itself."""

    def do_GET(self) -> None:
        left = int(self.path[1:])
        self.send_response(302 if left else 200)
        self.send_header("Location", f"/{left - 1}")
        self.end_headers()
        self.wfile.write(self.headers["User-Agent"].encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(how: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a host that answers so."""
    server = http.server.ThreadingHTTPServer((HOST, 0), how)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_so_many_redirects_and_no_more_are_followed_and_it_says_who_it_is() -> None:
    with answering(_Counting) as url:
        with Origin(HERE).open(f"{url}/{MAX_REDIRECTS}") as stream:
            assert stream.read(100) == b"Loa"
        with pytest.raises(NotAllowed, match="from address to address"):
            Origin(HERE).open(f"{url}/{MAX_REDIRECTS + 1}")


class _Trickling(http.server.BaseHTTPRequestHandler):
    """/head never comes to the end of its head, /body never to that of its body; something comes all the time."""

    def do_GET(self) -> None:
        if self.path == "/body":
            self.send_response(200)
            self.end_headers()
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        with suppress(OSError):
            while True:
                self.wfile.write(b"x")
                self.server.shaken.wait(0.02)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def trickling(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(http.server.ThreadingHTTPServer, "shaken", threading.Event(), raising=False)
    with answering(_Trickling) as url:
        yield url


def test_a_host_that_never_finishes_its_answer_is_left(trickling: str) -> None:
    with pytest.raises(OSError, match="too long to answer"):
        Origin(HERE, head_s=0.3).open(f"{trickling}/head")


def test_a_resolver_that_never_answers_is_left_and_asked_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shaken, asked = threading.Event(), []

    def never(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        shaken.wait()
        return []

    monkeypatch.setattr("broadcast.live.origin.LOOK_UP_S", 0.05)
    monkeypatch.setattr("socket.getaddrinfo", never)
    origin = Origin(frozenset({"radio.example"}))
    for _ in range(3):
        with pytest.raises(OSError, match="is not found in time"):
            origin.open("http://radio.example/")
    shaken.set()
    assert asked == ["radio.example"]


def test_a_part_of_a_playlist_has_a_time_and_a_stream_has_none(trickling: str) -> None:
    with Origin(HERE).open(f"{trickling}/body", limit_s=0.3) as part, pytest.raises(OSError, match="too long to come"):
        all(iter(lambda: part.read(1), b""))
    with Origin(HERE, head_s=0.3).open(f"{trickling}/body") as stream:
        assert all(stream.read(1) == b"x" for _ in range(30))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
        ("10.0.0.1", False), ("127.0.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("0.0.0.1", False), ("224.0.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fc00::1", False),
        ("ff02::1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::", False),
    ],
)  # fmt: skip
def test_private_addresses_are_known_in_every_dress(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_playlist_leads_nowhere_else(relaying: Relaying, web: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = web
    secret = tmp_path / "secret.ts"
    with station(str(secret), "-t", "2", "-c:a", "aac", "-f", "mpegts") as making:
        await asyncio.to_thread(making.wait)
    parts = (f"file://{secret}", str(secret), "http://localhost:1/secret.ts")
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", *(f"#EXTINF:2.0,\n{part}" for part in parts)]
    (folder / "list.m3u8").write_text("\n".join((*lines, "#EXT-X-ENDLIST", "")))
    async with relaying(f"{url}/list.m3u8") as (_, heard):
        assert is_silent(await heard.chunks(8))


def test_a_stream_that_is_too_large_ends(web: tuple[str, Path]) -> None:
    url, folder = web
    (folder / "large").write_bytes(bytes(5_000))
    with Origin(HERE).open(f"{url}/large", limit_bytes=1_000) as stream:
        assert sum(len(stream.read(300)) for _ in range(4)) == 1_000
        with pytest.raises(OSError, match="more than"):
            stream.read(300)


def test_a_read_that_waits_ends_when_the_relay_does(redirecting: tuple[str, list[str]]) -> None:
    origin = Origin(HERE)
    origin.close()
    redirecting[1][:] = ["/"]
    with pytest.raises((OSError, NotAllowed)):
        origin.open(redirecting[0])
