"""`python -m bench.prepare`: an MP3 to a broadcast-ready file, against the bare ffmpeg commands of the same work.

Both sides read the same MP3, measure it in a first pass and encode it in a second, with the same filters, codec and
chime. Loa also checks the file, scans its level, works out the numbers between the passes, synthesises the chime,
hashes and stores both files; the bare side is handed all of that for nothing. Loa mixes and encodes in two programs at
once, so it may be faster where a second core is free. Sides alternate, and the figure is the median of the pairs'
ratios.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from bench import report
from broadcast import child
from broadcast.media import MediaStore
from broadcast.produce import assemble, graph
from broadcast.produce.probe import out_time_us, probe, read_scan, scan_command
from broadcast.produce.producer import Producer
from broadcast.produce.request import FileSource, ProduceRequest, Recipe
from broadcast.speech.espeak import EspeakVoice

GOAL_RATIO = 1.1
SOUND_S, QUICK_SOUND_S = 600, 90
PAIRS, QUICK_PAIRS = 5, 3
TEXT = "thông báo đến bà con trong xã. hôm nay trời mưa to, đề nghị bà con không qua ngầm tràn. " * 6
RECIPE = Recipe()


def make_mp3(folder: Path, sound_s: int) -> Path:
    """Speech as people upload it: stereo, 44.1 kHz, 128 kbit/s."""
    EspeakVoice("north").speak(TEXT, 1.0, folder / "speech.wav")
    source = ["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", str(folder / "speech.wav"), "-t", str(sound_s)]
    subprocess.run(
        [*source, "-ac", "2", "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "128k", str(folder / "in.mp3")],
        check=True,
    )
    return folder / "in.mp3"


def bare_commands(mp3: Path, folder: Path) -> list[list[str]]:
    """The two ffmpeg commands, with every number already found."""
    reached: list[int] = [0]
    result = child.run(scan_command(mp3), on_line=out_time_us(reached.append))
    scan = read_scan(result, max(reached), probe(mp3))
    first = graph.measure_command(mp3, graph.pre_gain_db(scan))
    numbers = graph.plan(scan, "\n".join(child.run(first).errors))
    ends = assemble.surroundings(RECIPE, folder)
    whole = graph.mixed(mp3, ends, RECIPE.repeat_count, numbers)
    return [first, graph.compiled(whole.output(str(folder / "bare.ogg"), **graph.OPUS).overwrite_output())]


def seconds(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()  # noqa: TID251 a bench measures
    work()
    return time.perf_counter() - start_s  # noqa: TID251


def main() -> int:
    quick = report.is_quick()
    sound_s, pairs = (QUICK_SOUND_S, QUICK_PAIRS) if quick else (SOUND_S, PAIRS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mp3 = make_mp3(folder, sound_s)
        commands = bare_commands(mp3, folder)
        producer = Producer(MediaStore(folder / "media"), MediaStore(folder / "originals"), ())

        def bare() -> None:
            for command in commands:
                subprocess.run(command, check=True, capture_output=True)

        loa_s: list[float] = []
        bare_s: list[float] = []
        for pair in range(pairs):
            sides = [(loa_s, lambda: producer.produce(ProduceRequest(FileSource(mp3), RECIPE))), (bare_s, bare)]
            for times_s, work in sides if pair % 2 == 0 else reversed(sides):
                times_s.append(seconds(work))
            print(f"pair {pair + 1} of {pairs}: Loa {loa_s[-1]:.2f} s, bare ffmpeg {bare_s[-1]:.2f} s", flush=True)
    ratios = [mine / theirs for mine, theirs in zip(loa_s, bare_s, strict=True)]
    ratio = statistics.median(ratios)
    rows = [_row("Loa's producer", loa_s, sound_s), _row("bare ffmpeg, two passes", bare_s, sound_s)]
    report.table(f"{sound_s} s of MP3 to broadcast-ready, median of {pairs} pairs", rows)
    reached = ratio <= GOAL_RATIO
    print(f"\nratio, median of pairs: {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"goal: ratio <= {GOAL_RATIO}: {'reached' if reached else 'MISSED'}")
    tools = {"ffmpeg": report.version_of("ffmpeg", "-version"), "pydub": version("pydub")}
    result = {"goal_ratio": GOAL_RATIO, "reached": reached, "ratio": ratio, "ratios": ratios, "sound_s": sound_s}
    path = report.write("prepare", {**result, "loa_s": loa_s, "bare_s": bare_s, "tools": tools})
    print(f"written to {path}")
    return 0 if reached else 1


def _row(name: str, times_s: list[float], sound_s: int) -> dict[str, object]:
    median_s = statistics.median(times_s)
    spread = {"fastest s": min(times_s), "slowest s": max(times_s)}
    return {"": name, "median s": median_s, **spread, "times real time": sound_s / median_s}


if __name__ == "__main__":
    sys.exit(main())
