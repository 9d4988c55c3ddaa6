"""The filter graph that makes any sound fit for a horn. Pure: it builds ffmpeg's argument lists.

One chain serves both passes. Mono first (other filters silently do nothing on an unnamed layout), the band a horn
can give, a level that suits the compressor, gentle compression, a limiter; then a plain gain to the target, and a
last limiter that only catches what the gain lifted too far.

The limiter takes loudness away, and how much depends on the sound, so pass one measures behind two ceilings at once and
`plan` chooses the ceiling between them whose distance to the loudness is just what the target leaves.
Measured on speech of two engines, soft, clipped, stereo, with pauses and changing level: -16.1 to -15.5 LUFS and at
most -2.6 dBTP into the encoder; after Opus -16.5 to -15.7 LUFS and at most -1.9 dBTP. Steady broadband noise is the
exception: Opus at 24 kbit/s gives it back 2 LU softer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from broadcast.produce.assemble import Surroundings
from broadcast.produce.probe import GUARD, Scan

TARGET_LUFS = -15.7
"""Opus at 24 kbit/s gives speech back 0.2 to 0.5 LU softer: this is -16 at the horn, give or take half a unit."""
CEILING_DBFS = -3.6
"""Of the samples handed to the encoder; the true peak between samples stays below -2 dBTP with it."""
MAX_GAIN_DB = 40.0
"""More would only make the noise of a dead microphone loud."""

COMPRESSOR_RMS_DBFS = -20.0
COMPRESSOR_PEAK_DBFS = 3.0
_HIGH_CEILING_DB = -15.0
_LOW_CEILING_DB = -20.5
_FURTHEST_SHARE = 1.5
"""How far past the low ceiling the line through both measures is trusted."""

RATE_HZ = 48_000
OPUS = {
    "c:a": "libopus", "b:a": "24k", "vbr": "on", "frame_duration": 20, "application": "audio", "ac": 1, "ar": RATE_HZ,
    "map_metadata": -1, "fflags": "+bitexact", "flags:a": "+bitexact", "format": "ogg",
}  # fmt: skip
"""What every receiver gets: mono, 24 kbit/s, 20 ms frames; bit exact, so that the same sound has the same SHA-256."""
_SAMPLES = {"format": "f32le", "ar": RATE_HZ, "ac": 1}
_FLAGS = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")
QUEUE_PACKETS = 8
_MIN_LUFS = -69.0
"""ebur128 says -70 where no block was loud enough, or long enough, to count."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers that pass one found for pass two, all in dB or dBFS."""

    pre_gain_db: float
    ceiling_db: float
    gain_db: float
    bounded: bool = False
    """The sound was so soft that MAX_GAIN_DB does not bring it to the target."""


@dataclass(frozen=True, slots=True, order=True)
class Loudness:
    """Integrated loudness in LUFS and true peak in dBTP."""

    integrated_lufs: float
    true_peak_dbtp: float


def pre_gain_db(scan: Scan) -> float:
    """What brings the sound to where the compressor works, judged by its mean and its peak."""
    if scan.silent:
        return 0.0
    wanted = min(COMPRESSOR_RMS_DBFS - scan.mean_db, COMPRESSOR_PEAK_DBFS - scan.peak_db)
    return round(min(wanted, MAX_GAIN_DB), 2)


def measure_command(body: Path, pre_gain: float) -> list[str]:
    """Pass one: loudness of the compressed body behind a high and a low ceiling."""
    branches = _compressed(body, pre_gain).filter_multi_output("asplit", 2)
    outputs = [
        _ebur128(_limited(branches.stream(index), ceiling)).output("-", format="null")
        for index, ceiling in enumerate((_HIGH_CEILING_DB, _LOW_CEILING_DB))
    ]
    return compiled(ffmpeg.merge_outputs(*outputs))


def plan(scan: Scan, log: str, louder_lu: float = 0.0) -> Plan:
    """From pass one's log to the numbers of pass two; `louder_lu` than speech is what it shall become."""
    target_lufs = TARGET_LUFS + louder_lu
    before = pre_gain_db(scan)
    found = read_loudness(log)
    if scan.silent or len(found) != 2 or min(found).integrated_lufs <= _MIN_LUFS:  # noqa: PLR2004
        return Plan(before, _HIGH_CEILING_DB, 0.0)
    room_db = CEILING_DBFS - target_lufs
    high, low = max(found).integrated_lufs, min(found).integrated_lufs  # a lower ceiling takes more away
    high_room, low_room = _HIGH_CEILING_DB - high, _LOW_CEILING_DB - low
    share = 0.0 if high_room <= low_room else (high_room - room_db) / (high_room - low_room)
    share = min(_FURTHEST_SHARE, max(0.0, share))
    ceiling = _HIGH_CEILING_DB + share * (_LOW_CEILING_DB - _HIGH_CEILING_DB)
    gain = target_lufs - (high + share * (low - high))
    bound = MAX_GAIN_DB - before
    return Plan(before, round(ceiling, 2), round(min(gain, bound), 2), bounded=gain > bound)


def mixed(body: Path, ends: Surroundings, repeat_count: int, numbers: Plan) -> Any:
    """Pass two: chime, body, pause, body, … closing chime, measured on the way out."""
    parts = [_mono(ends.head)] if ends.head else []
    for index in range(repeat_count):
        if index and ends.between:
            parts.append(_mono(ends.between, index))
        # each repeat reads the file anew: one input split in two would wait in memory for its turn
        limited = _limited(_compressed(body, numbers.pre_gain_db, index), numbers.ceiling_db)
        parts.append(_limited(limited.filter("volume", f"{numbers.gain_db}dB"), CEILING_DBFS))
    parts.append(_mono(ends.tail))
    return _ebur128(ffmpeg.concat(*parts, v=0, a=1), peak="true")


def mix_command(body: Path, ends: Surroundings, repeat_count: int, numbers: Plan) -> list[str]:
    """Pass two as far as samples, written to standard output for `encode_command` to read.

    Opus is two thirds of the work and ffmpeg does all of a graph on one core: two programs use two.
    """
    stream = mixed(body, ends, repeat_count, numbers).output("pipe:1", **_SAMPLES)
    return [str(part) for part in ffmpeg.compile(stream, cmd=["ffmpeg", *_FLAGS])]


def encode_command(out_ogg: Path) -> list[str]:
    """Samples from standard input to the finished file."""
    source = ffmpeg.input("pipe:0", protocol_whitelist="file,pipe", **_SAMPLES)
    return compiled(source.output(f"file:{out_ogg}", **OPUS).overwrite_output())


def framed_command(frame: tuple[Path, Scan], body: tuple[Path, Scan], out_wav: Path) -> list[str]:
    """`frame`, `body` and `frame` again in one file, each brought to the same level first."""
    parts = [
        _mono(path, reading).filter("volume", f"{pre_gain_db(scan)}dB")
        for reading, (path, scan) in enumerate((frame, body, frame))
    ]
    return compiled(ffmpeg.concat(*parts, v=0, a=1).output(f"file:{out_wav}", format="wav").overwrite_output())


def joined_command(parts: Sequence[tuple[Path, Scan]], between: Path | None, out_flac: Path) -> list[str]:
    """`parts` one after the other in one file, each brought to the same level first."""
    streams = []
    for reading, (path, scan) in enumerate(parts):
        if reading and between is not None:
            streams.append(_mono(between, reading))
        streams.append(_mono(path, reading).filter("volume", f"{pre_gain_db(scan)}dB"))
    packed = {"c:a": "flac", "sample_fmt": "s16", "map_metadata": -1, "format": "flac"}
    return compiled(ffmpeg.concat(*streams, v=0, a=1).output(f"file:{out_flac}", **packed))


def lossless_command(wav: Path, out_flac: Path) -> list[str]:
    """Speech as it came from the voice, packed without loss, to be kept as the original."""
    stream = ffmpeg.input(f"file:{wav}", **GUARD).audio
    settings = {"c:a": "flac", "map_metadata": -1, "fflags": "+bitexact", "flags:a": "+bitexact", "format": "flac"}
    return compiled(stream.output(f"file:{out_flac}", **settings).overwrite_output())


def read_loudness(log: str) -> list[Loudness]:
    """What each ebur128 filter found. A graph that ffmpeg had to build anew reports twice; the last report counts."""
    parts = re.split(r"\[Parsed_ebur128_(\d+)[^\n]*Summary:", log)[1:]
    last = dict(zip(parts[::2], parts[1::2], strict=True))
    return [Loudness(_read(r"I:\s+(\S+) LUFS", text), _read(r"Peak:\s+(\S+) dBFS", text)) for text in last.values()]


def _read(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else float("-inf")


def _compressed(body: Path, pre_gain: float, reading: int = 0) -> Any:
    return (
        _mono(body, reading)
        .filter("highpass", f=180)
        .filter("lowpass", f=9000)
        .filter("volume", f"{pre_gain}dB")
        .filter("acompressor", threshold="-24dB", ratio=2.5, attack=5, release=120, knee=4)
    )


def _limited(stream: Any, ceiling_db: float) -> Any:
    limit = round(10 ** (ceiling_db / 20), 6)
    return stream.filter("alimiter", level=0, limit=limit, attack=2, release=60, latency=1)


def _ebur128(stream: Any, peak: str = "none") -> Any:
    return stream.filter("ebur128", framelog="verbose", peak=peak)


def _mono(sound: Path, reading: int = 0) -> Any:
    """ffmpeg-python takes equal inputs for one and the same: the queue's length tells the readings of a file apart."""
    mono = {"channel_layouts": "mono", "sample_fmts": "flt", "sample_rates": RATE_HZ}
    source = ffmpeg.input(f"file:{sound.resolve()}", thread_queue_size=QUEUE_PACKETS + reading, **GUARD)
    # timestamps that start late or jump, as browsers write them, would end up in the length of the file
    return source.audio.filter("aformat", **mono).filter("asetpts", "N/SR/TB")


def compiled(stream: Any) -> list[str]:
    """The arguments of ffmpeg, reporting its progress on standard output."""
    return [str(part) for part in ffmpeg.compile(stream, cmd=["ffmpeg", *_FLAGS, "-progress", "pipe:1"])]
