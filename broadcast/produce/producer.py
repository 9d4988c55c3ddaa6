"""One request to one broadcast-ready file: speak or take the source, scan, measure, encode, store.

Everything is made in folders of its own and enters the stores whole or not at all, so an error, a cancel or a
killed process leaves nothing behind that anyone could play.
"""

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from broadcast import child
from broadcast.media import MediaMissingError, MediaStore
from broadcast.produce import assemble, graph, ogg
from broadcast.produce.joined import join
from broadcast.produce.probe import MEMORY_BYTES, Scan, out_time_us, probe, read_scan, scan_command
from broadcast.produce.request import (
    MAX_PARTS,
    MAX_PAUSE_MS,
    MAX_TEXT_CHARS,
    US_PER_S,
    FileSource,
    OriginalSource,
    PartsSource,
    Produced,
    ProduceError,
    ProduceRequest,
    Refusal,
    TextSource,
    Warn,
)
from broadcast.speech.say import Said, say
from broadcast.speech.voice import MAX_SPEED, MIN_SPEED, NothingToSayError, Progress, SpeechError, Voice

_CPU_MIN_S = 120
_SHARE_SPEECH, _SHARE_SCAN, _SHARE_MEASURE = 0.25, 0.05, 0.15
"""Of the whole time, roughly, as measured; the rest is encoding."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Makes announcements; holds no state of its own, so any number of threads may use one."""

    media: MediaStore
    originals: MediaStore
    voices: tuple[Voice, ...]

    def produce(
        self, request: ProduceRequest, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> Produced:
        """Blocking; run it in a worker thread. `progress` is called from that thread.

        Raises ProduceError, or ChildCancelledError soon after `cancel` is set.
        """
        assemble.check(request.recipe)
        job = _Job(self, _Meter(progress), cancel or threading.Event())
        with tempfile.TemporaryDirectory(prefix="loa-produce-") as folder:
            try:
                return job.run(request, Path(folder))
            except child.ChildMissingError as error:
                raise ProduceError(Refusal.PRODUCE_FAILED, str(error)) from error
            except child.ChildStalledError as error:
                raise ProduceError(Refusal.PRODUCE_FAILED, "the audio program hung and was ended") from error


class _Meter:
    """Stages that each know their own share to one number that never falls."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0.0
        self._shown = 0.0

    def stage(self, share: float) -> Progress:
        start = self._done
        self._done = start + share

        def report(fraction: float) -> None:
            shown = start + share * min(1.0, max(0.0, fraction))
            if self._progress and shown > self._shown:
                self._shown = shown
                self._progress(shown)

        return report

    def rest(self) -> Progress:
        return self.stage(1.0 - self._done)


@dataclass(frozen=True, slots=True)
class _Job:
    producer: Producer
    meter: _Meter
    cancel: threading.Event

    def run(self, request: ProduceRequest, folder: Path) -> Produced:
        said: Said | None = None
        if isinstance(request.source, TextSource):
            body = folder / "speech.wav"
            said = self._say(request.source, body)
        else:
            body = self._file(request.source, folder)
        scan = self._scan(body)
        assemble.check_length(request.recipe, scan.duration_us)
        with self.producer.media.staging() as out_ogg:
            loudness, numbers = self._encode(body, scan, request, folder, out_ogg)
            original = self._keep(body, said, folder)
            size_bytes, duration_us = _measure_file(out_ogg)
            sha256 = self.producer.media.put_staged(out_ogg)
        return Produced(
            sha256=sha256,
            size_bytes=size_bytes,
            duration_us=duration_us,
            loudness_lufs=None if scan.silent else loudness.integrated_lufs,
            true_peak_dbtp=None if scan.silent else loudness.true_peak_dbtp,
            original_sha256=original,
            warnings=_warnings(scan, numbers, said),
            spoken_text=said.spoken_text if said else None,
        )

    def _file(self, source: FileSource | OriginalSource | PartsSource, folder: Path) -> Path:
        if isinstance(source, FileSource):
            return source.path
        if isinstance(source, OriginalSource):
            return self._original(source.sha256)
        if not 1 <= len(source.originals) <= MAX_PARTS or not 0 <= source.pause_ms <= MAX_PAUSE_MS:
            raise ProduceError(Refusal.BAD_RECIPE, f"1 to {MAX_PARTS} parts, with pauses of at most a minute")
        parts, body = [self._original(sha256) for sha256 in source.originals], folder / "joined.flac"
        between = assemble.gap(source.pause_ms, source.between, folder)
        join(parts, between, body, progress=self.meter.stage(_SHARE_SPEECH), cancel=self.cancel)
        return body

    def _original(self, sha256: str) -> Path:
        """What was said live has no original but what was heard."""
        for files in (self.producer.originals, self.producer.media):
            if sha256 in files:
                return files.path(sha256)
        raise MediaMissingError(f"no original has the SHA-256 {sha256}")

    def _say(self, source: TextSource, wav: Path) -> Said:
        voice = next((voice for voice in self.producer.voices if voice.info.id == source.voice_id), None)
        if voice is None:
            raise ProduceError(Refusal.UNKNOWN_VOICE, f"there is no voice {source.voice_id!r}")
        if not MIN_SPEED <= source.speed <= MAX_SPEED:
            raise ProduceError(Refusal.BAD_SPEED, f"the speed is {MIN_SPEED} to {MAX_SPEED}")
        if len(source.text) > MAX_TEXT_CHARS:
            raise ProduceError(Refusal.TEXT_TOO_LONG, f"the text is longer than {MAX_TEXT_CHARS} characters")
        try:
            progress = self.meter.stage(_SHARE_SPEECH)
            return say(voice, source.text, source.speed, wav, progress=progress, cancel=self.cancel)
        except NothingToSayError as error:
            raise ProduceError(Refusal.EMPTY_TEXT, "the text has no words") from error
        except SpeechError as error:
            raise ProduceError(Refusal.SPEECH_FAILED, str(error)) from error

    def _scan(self, body: Path) -> Scan:
        claim = probe(body, self.cancel)
        result, duration_us = self._ffmpeg(scan_command(body), claim.duration_us, _SHARE_SCAN)
        return read_scan(result, duration_us, claim)

    def _encode(
        self, body: Path, scan: Scan, request: ProduceRequest, folder: Path, out_ogg: Path
    ) -> tuple[graph.Loudness, graph.Plan]:
        recipe, log = request.recipe, ""
        if not scan.silent:
            command = graph.measure_command(body, graph.pre_gain_db(scan))
            result, _ = self._ffmpeg(command, scan.duration_us, _SHARE_MEASURE)
            log = "\n".join(result.errors)
        numbers = graph.plan(scan, log, request.louder_lu)
        ends = assemble.surroundings(recipe, folder)
        pauses_us = ends.pause_us * (recipe.repeat_count - 1)
        total_us = scan.duration_us * recipe.repeat_count + ends.around_us + pauses_us
        mix = graph.mix_command(body, ends, recipe.repeat_count, numbers)
        result, _ = self._ffmpeg(graph.encode_command(out_ogg), total_us, None, feeder=mix)
        found = graph.read_loudness("\n".join(result.errors))
        if result.failed or not found or not out_ogg.is_file():
            raise ProduceError(Refusal.PRODUCE_FAILED, f"the sound could not be encoded: {result.last_error()}")
        return found[0], numbers

    def _keep(self, body: Path, said: Said | None, folder: Path) -> str:
        if said is None:
            return self.producer.originals.put(body)
        flac = folder / "speech.flac"
        result = child.run(graph.lossless_command(body, flac), limits=_limits(0), cancel=self.cancel)
        if result.failed:
            raise ProduceError(Refusal.PRODUCE_FAILED, f"the speech could not be kept: {result.last_error()}")
        return self.producer.originals.put(flac)

    def _ffmpeg(
        self, command: list[str], total_us: int | None, share: float | None, feeder: list[str] | None = None
    ) -> tuple[child.ChildResult, int]:
        """The finished run and how many microseconds it wrote; `share` None takes what progress is left."""
        report = self.meter.rest() if share is None else self.meter.stage(share)
        reached_us = 0

        def on_time(time_us: int) -> None:
            nonlocal reached_us
            reached_us = max(reached_us, time_us)
            if total_us:
                report(time_us / total_us)

        limits = _limits(total_us or 0)
        line = out_time_us(on_time)
        result = child.run(command, feeder=feeder, on_line=line, limits=limits, cancel=self.cancel)
        report(1.0)
        return result, reached_us


def _limits(total_us: int) -> child.Limits:
    """Processor time as long as the sound itself and two minutes: forty times what a two-core box needs."""
    return child.Limits(cpu_s=_CPU_MIN_S + total_us // US_PER_S, memory_bytes=MEMORY_BYTES)


def _measure_file(path: Path) -> tuple[int, int]:
    """Size in bytes and playing time in microseconds of a finished Ogg file."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        file.seek(max(0, size_bytes - ogg.TAIL_BYTES))
        return size_bytes, ogg.duration_us(head, file.read())


def _warnings(scan: Scan, numbers: graph.Plan, said: Said | None) -> tuple[Warn, ...]:
    found = {
        Warn.SILENCE_ONLY: scan.silent,
        Warn.VERY_QUIET: numbers.bounded,
        Warn.DAMAGED: scan.damaged,
        Warn.VOICE_FALLBACK: said is not None and said.fallback_reason is not None,
    }
    return tuple(warning for warning, holds in found.items() if holds)
