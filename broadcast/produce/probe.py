"""What a file from outside is, before anything is made of it.

ffmpeg sees it only through GUARD: local files and pipes, formats that hold their own sound. A playlist, a concat
script or an image is not among them, so no file can name another file or host that would be opened in its place.
Nor are AMR frames without a header: nearly any file, an archive say, passes for some minutes of them.
"""

import json
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broadcast import child
from broadcast.produce.request import MAX_DURATION_US, MAX_SOURCE_BYTES, US_PER_S, ProduceError, Refusal

FORMATS = (
    "aac,ac3,adts,aea,aiff,amr,ape,asf,au,avi,caf,dts,dtshd,dsf,eac3,flac,flv,gsm,loas,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,nut,ogg,oma,rm,shn,tak,tta,voc,w64,wav,wv,xwma"
)
GUARD = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS}
"""Input options for every file that did not come from Loa itself."""

MEMORY_BYTES = 2 << 30
PROBE_LIMITS = child.Limits(cpu_s=60, memory_bytes=MEMORY_BYTES)
SILENCE_DB = -60.0
"""A loudest sample below this is no sound that anyone meant."""

PADDING_US = US_PER_S
"""Codecs pad: a file cut at two hours decodes to a little more."""
CUT_SHARE = 0.9
"""Less sound than this share of the announced length means that the end of the file is missing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the container says of itself; the length is None where it does not say (a browser's recording).

    Headers lie (streamed WAV claims six hours), so a length is refused only once it has been decoded.
    """

    format_name: str
    codec_name: str
    duration_us: int | None


@dataclass(frozen=True, slots=True)
class Scan:
    """What decoding it all found. Levels in dBFS after the mix to mono; `damaged` where parts did not decode."""

    duration_us: int
    mean_db: float
    peak_db: float
    damaged: bool

    @property
    def silent(self) -> bool:
        return self.peak_db <= SILENCE_DB


def probe(source: Path, cancel: threading.Event | None = None) -> Claim:
    """Read the container only. Raises ProduceError."""
    size_bytes = source.stat().st_size
    if size_bytes == 0:
        raise ProduceError(Refusal.EMPTY_FILE, "the file is empty")
    if size_bytes > MAX_SOURCE_BYTES:
        raise ProduceError(Refusal.TOO_LARGE, f"the file is larger than {MAX_SOURCE_BYTES // 1_000_000} MB")
    lines: list[str] = []
    result = child.run(_probe_command(source), on_line=lines.append, limits=PROBE_LIMITS, cancel=cancel)
    if result.failed:
        raise ProduceError(Refusal.NOT_AUDIO, "the file is not sound, or it is broken")
    return _read_claim("".join(lines))


def scan_command(source: Path) -> list[str]:
    """Decode everything and measure levels; a little past the limit is enough to know that it is too long."""
    guard = [part for key, value in GUARD.items() for part in (f"-{key}", value)]
    limit_s = (MAX_DURATION_US + PADDING_US) // US_PER_S + 1
    return [
        *["ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-progress", "pipe:1"],
        *[*guard, "-i", f"file:{source.resolve()}", "-map", "0:a:0", "-t", str(limit_s)],
        *["-af", "aformat=channel_layouts=mono,volumedetect", "-f", "null", "-"],
    ]  # fmt: skip


def read_scan(result: child.ChildResult, duration_us: int, claim: Claim) -> Scan:
    """The meaning of a finished scan. Raises ProduceError."""
    text = "\n".join(result.errors)
    mean, peak = (re.findall(rf"{name}_volume: (-?[\d.]+|-inf) dB", text) for name in ("mean", "max"))
    if duration_us == 0 or not mean or not peak:
        raise ProduceError(Refusal.NOT_AUDIO, "no sound could be decoded from the file")
    if duration_us > MAX_DURATION_US + PADDING_US:
        raise ProduceError(Refusal.TOO_LONG, "the sound is longer than two hours")
    cut_short = claim.duration_us is not None and duration_us < claim.duration_us * CUT_SHARE
    damaged = cut_short or result.failed or bool(re.search(r"\[(error|fatal)\]", text))
    return Scan(duration_us, float(mean[-1]), float(peak[-1]), damaged)


def out_time_us(on_time: Callable[[int], None]) -> Callable[[str], None]:
    """A line reader for ffmpeg's -progress that calls `on_time` with the microseconds written so far."""

    def read(line: str) -> None:
        key, _, value = line.partition("=")
        if key == "out_time_us" and value.strip().isdecimal():
            on_time(int(value))

    return read


def _probe_command(source: Path) -> list[str]:
    guard = [part for key, value in GUARD.items() for part in (f"-{key}", value)]
    entries = "format=format_name,duration:stream=codec_type,codec_name"
    return ["ffprobe", "-v", "error", *guard, "-of", "json", "-show_entries", entries, f"file:{source.resolve()}"]


def _read_claim(text: str) -> Claim:
    report = json.loads(text or "{}")
    streams = report.get("streams", [])
    codecs = [stream.get("codec_name", "") for stream in streams if stream.get("codec_type") == "audio"]
    if not codecs and streams:
        raise ProduceError(Refusal.NO_AUDIO_STREAM, "the file holds no sound, only pictures or text")
    if not codecs:
        raise ProduceError(Refusal.NOT_AUDIO, "the file is not sound")
    container = report.get("format", {})
    seconds = float(container.get("duration", "nan"))
    duration_us = round(seconds * US_PER_S) if math.isfinite(seconds) else None
    return Claim(str(container.get("format_name", "")), str(codecs[0]), duration_us)
