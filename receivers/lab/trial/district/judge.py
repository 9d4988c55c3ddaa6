"""Whether a village's week was right (pure): every difference between what was and what should have been, in words."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from broadcast.clock import from_us
from broadcast.wire.documents import BroadcastClass, Outcome, PlayReport, ReceiverSettings
from receivers.lab.trial.district.oracle import Life, Oracle
from receivers.lab.trial.district.village import Diary, Sound

HALF_DB = 10  # each halving of the percentage is so much less
MUTE_DB = -120.0


def faults(settings: ReceiverSettings, diary: Diary, end_us: int) -> Iterator[str]:
    """One line for each thing that was wrong; none when all was right."""
    oracle = Oracle(settings, diary.facts, end_us)
    oracle.run()
    heard, due = _in_order(diary.sounds), _in_order(oracle.sounds)
    yield from (f"missed: {_told(sound, settings)}" for sound in due if sound not in heard)
    yield from (f"heard for nothing: {_told(sound, settings)}" for sound in heard if sound not in due)
    yield from (f"twice: {_told(sound, settings)}" for sound in set(heard) if heard.count(sound) > 1)
    yield from _loudness(settings, diary, oracle.lives)
    yield from _limits(settings, diary, oracle.lives)
    yield from _reports(diary, oracle)


def _in_order(sounds: list[Sound]) -> list[Sound]:
    return sorted(sounds, key=lambda sound: sound.start_us)


def _told(sound: Sound, settings: ReceiverSettings) -> str:
    zone = ZoneInfo(settings.rules.timezone)
    start, end = (from_us(us).astimezone(zone).strftime("%a %H:%M:%S.%f") for us in (sound.start_us, sound.end_us))
    return f"{sound.airing_id} from {start} to {end}, {(sound.start_us - sound.anchor_us) / 1e6:.3f} s into it"


def _loudness(settings: ReceiverSettings, diary: Diary, lives: dict[str, Life]) -> Iterator[str]:
    """Each sound has the volume of its hour, from its beginning and from each full hour on."""
    zone = ZoneInfo(settings.rules.timezone)
    gains = sorted((at_us, key, gain_db) for key, at_us, gain_db in diary.gains)
    for sound in diary.sounds:
        mine = [
            (at_us, gain_db)
            for at_us, key, gain_db in gains
            if key.startswith(f"{sound.airing_id}~") and sound.start_us <= at_us < sound.end_us
        ]
        hour_us = 3600 * 1_000_000
        moments = [sound.start_us, *range(sound.start_us // hour_us * hour_us + hour_us, sound.end_us, hour_us)]
        for moment_us in moments:
            percent = settings.volume_by_hour[from_us(moment_us).astimezone(zone).hour]
            if lives[sound.airing_id].airing.cls is BroadcastClass.EMERGENCY:
                percent = max(settings.volume_by_hour)
            held = [gain_db for at_us, gain_db in mine if at_us <= moment_us]
            if not held or not _is_gain(held[-1], percent):
                yield f"wrong volume at {moment_us}: {held[-1:]} dB for {percent} %, {_told(sound, settings)}"


def _is_gain(gain_db: float, percent: int) -> bool:
    if percent == 0:
        return gain_db == MUTE_DB
    return round(100 * 2 ** (gain_db / HALF_DB), 6) == percent


def _limits(settings: ReceiverSettings, diary: Diary, lives: dict[str, Life]) -> Iterator[str]:
    """Looked at on what sounded alone: quiet hours by the minute, and the longest that an airing may sound."""
    zone, sounded_us = ZoneInfo(settings.rules.timezone), dict[str, int]()
    for sound in diary.sounds:
        if lives[sound.airing_id].airing.cls is BroadcastClass.EMERGENCY:
            continue
        sounded_us[sound.airing_id] = sounded_us.get(sound.airing_id, 0) + sound.end_us - sound.start_us
        for at_us in (*range(sound.start_us, sound.end_us, 60_000_000), sound.end_us - 1):
            wall = from_us(at_us).astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            for quiet in settings.rules.quiet_hours:
                over_midnight = quiet.end_minute <= quiet.start_minute
                after, before = minute >= quiet.start_minute, minute < quiet.end_minute
                if (after or before) if over_midnight else (after and before):
                    yield f"in quiet hours: {_told(sound, settings)}"
    for airing_id, us in sounded_us.items():
        if us > settings.rules.max_airing_us:
            yield f"too long: {airing_id}, {us / 1e6:.3f} s"


def _reports(diary: Diary, oracle: Oracle) -> Iterator[str]:
    reports = diary.arrived
    if [report.number for report in reports] != list(range(1, len(reports) + 1)):
        yield f"reports came as {[report.number for report in reports]}"
    yield from (f"one number, two reports: {one} {other}" for one, other in diary.contradictions)
    if diary.left_behind:
        yield f"{diary.left_behind} reports never came"
    by_airing: dict[str, list[PlayReport]] = {}
    for report in reports:
        by_airing.setdefault(report.airing_id, []).append(report)
    yield from (f"reported {len(told)} times: {key}" for key, told in by_airing.items() if len(told) > 1)
    for airing_id in oracle.must_be_reported() - by_airing.keys():
        yield f"not reported: {airing_id}"
    for airing_id, told in by_airing.items():
        yield from _truth(told[0], oracle.lives.get(airing_id), [s for s in diary.sounds if s.airing_id == airing_id])


def _truth(report: PlayReport, life: Life | None, sounds: list[Sound]) -> Iterator[str]:
    if life is None:
        yield f"reported what was never ordered: {report.airing_id}"
        return
    whole = any(s.start_us == s.anchor_us and s.end_us - s.start_us == life.length_us for s in sounds)
    if whole != (report.outcome in {Outcome.HEARD, Outcome.SILENT}):
        yield f"{report.airing_id} was {'' if whole else 'not '}heard whole and is reported {report.outcome}"
    if not whole and bool(sounds) != (report.outcome is Outcome.CUT):
        yield f"{report.airing_id} sounded {len(sounds)} times and is reported {report.outcome}"
    known_us = sum(sound.end_us - sound.start_us for sound in sounds)
    if report.played_us > known_us:
        yield f"{report.airing_id} sounded {known_us} us and is reported with {report.played_us}"
