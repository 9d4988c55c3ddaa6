"""Reports in words: the columns of their tables, spans, reasons (pure)."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from scheduler.live.models import LiveEnd
from scheduler.relays.timing import PREFIX
from scheduler.reports.figures import Kind
from scheduler.reports.schemas import DetailsGone, LineOut, StationOut, SummaryOut
from scheduler.reports.spans import Length, Span
from scheduler.reports.spoken import ENDED
from web.i18n import N_
from web.pages import words
from web.pages.present import Present
from web.pages.words import Look
from web.sheets import Column, Table, Value
from web.sheets import Kind as Of

US_PER_S = 1_000_000
LENGTH = MappingProxyType(
    {Length.DAY: N_("Day"), Length.WEEK: N_("Week"), Length.MONTH: N_("Month"), Length.YEAR: N_("Year")}
)
KIND = MappingProxyType(
    {
        Kind.BULLETIN: N_("bulletin"),
        Kind.LIVE: N_("live talk"),
        Kind.EMERGENCY: N_("emergency"),
        Kind.DRILL: N_("drill"),
        Kind.TEST: N_("test"),
    }
)
REASON = MappingProxyType(
    {
        "no_sound": N_("its sound could not be produced in time"),
        "no_report": N_("the loudspeaker said nothing of it"),
        "silent": N_("played, no sound heard"),
        "not_heard_by_microphone": N_("the microphone did not hear it"),
        "centre_was_away": N_("the centre was switched off at that time"),
        "host_not_allowed": N_("the centre's settings did not allow its station any more"),
        "nowhere_free": N_("the rules there forbade it at that time"),
        **{
            f"{ENDED}{end}": said
            for end, said in {
                LiveEnd.SPEAKER: N_("it was ended before it began"),
                LiveEnd.STOPPED: N_("it was ended before it began"),
                LiveEnd.TURN_MISSED: N_("others had the air all the time"),
                LiveEnd.TAKEN_OVER: N_("a higher one took the air"),
                LiveEnd.FAILED: N_("it could not go on the air"),
                LiveEnd.CENTRE_LEFT: N_("the centre was restarted"),
            }.items()
        },
    }
)
RELAY = N_("relay")
_STATION = (
    Column(N_("Station"), Of.TEXT),
    Column(N_("Code"), Of.TEXT),
    Column(N_("Clusters")),
    Column(N_("Area"), Of.TEXT),
    Column(N_("Latitude"), Of.REAL),
    Column(N_("Longitude"), Of.REAL),
    Column(N_("Bulletins")),
    Column(N_("Airings in villages")),
    Column(N_("Played successfully")),
    Column(N_("Emergencies")),
    Column(N_("Emergencies heard")),
    Column(N_("Seconds asked for"), Of.REAL),
    Column(N_("Seconds played"), Of.REAL),
    Column(N_("Ratio"), Of.SHARE),
)
_LINE = (
    Column(N_("Day"), Of.TEXT),
    Column(N_("Time"), Of.TEXT),
    Column(N_("Station"), Of.TEXT),
    Column(N_("Village"), Of.TEXT),
    Column(N_("Title"), Of.TEXT),
    Column(N_("Kind"), Of.TEXT),
    Column(N_("Planned")),
    Column(N_("Fetched")),
    Column(N_("Started")),
    Column(N_("Start error, ms"), Of.REAL),
    Column(N_("Heard")),
    Column(N_("Level, dBFS"), Of.REAL),
    Column(N_("Microphone, dBFS"), Of.REAL),
    Column(N_("Missed")),
    Column(N_("Reason"), Of.TEXT),
    Column(N_("Seconds asked for"), Of.REAL),
    Column(N_("Seconds played"), Of.REAL),
    Column(N_("Signed paper"), Of.TEXT),
    Column(N_("Said they heard it")),
    Column(N_("Said they did not")),
)


def span(show: Present, of: Span) -> str:
    """`Tháng 11/2026`, `Thứ Hai 23/11`, `23/11/2026 – 29/11/2026`."""
    t = show.translations
    if of.length is Length.DAY:
        return show.day(of.first)
    if of.length is Length.MONTH:
        return t.gettext(N_("Month %(month)s")) % {"month": f"{of.first.month}/{of.first.year}"}
    if of.length is Length.YEAR:
        return t.gettext(N_("Year %(year)s")) % {"year": of.first.year}
    return f"{show.date(of.first)} – {show.date(of.last)}"


def gone(show: Present, what: DetailsGone | None) -> str:
    """That details are no longer kept, and where their sums are; nothing where all are kept."""
    if what is None:
        return ""
    said = N_("Details before %(day)s are no longer kept, only the sums of each commune; the total is whole.")
    if not what.total_whole:
        said = N_(
            "Details before %(day)s are no longer kept, only the sums of each commune: "
            "what was heard here until then is in the report of the commune of that time."
        )
    return show.translations.gettext(said) % {"day": show.date(what.before)}


def kind(show: Present, line: LineOut) -> str:
    """A relay that comes again is a live talk of nobody's."""
    word = RELAY if line.broadcast_id.startswith(PREFIX) else KIND[line.kind]
    return show.translations.gettext(word)


def reason(show: Present, code: str) -> str:
    """Why it was missed."""
    known = REASON.get(code)
    return show.translations.gettext(known) if known else words.reason(show.translations, code)


def reasons(show: Present, missed_by: Iterable[tuple[str, int]], most: int = 1000) -> str:
    """`loa bị tắt (2), giờ yên lặng`; of more than `most` the rest as one."""
    known = [*missed_by]
    said = [(reason(show, code), count) for code, count in known[:most]]
    if rest := sum(count for _code, count in known[most:]):
        said.append((show.translations.gettext(N_("other reasons")), rest))
    return ", ".join(f"{text} ({count})" if count > 1 else text for text, count in said)


def look(line: LineOut) -> Look:
    """What became of an airing in a village, in one word."""
    if line.waiting:
        return words.AIRING["waiting_report"]
    if line.heard == line.receivers:
        return words.AIRING["heard"]
    return words.AIRING["part" if line.heard else "not_heard"]


def seconds(us: int) -> float:
    return round(us / US_PER_S, 1)


def summary_table(show: Present, summary: SummaryOut, of: Span) -> Table:
    """The province's columns: what page, CSV and XLSX have."""
    t = show.translations
    on = t.gettext(N_("Boundaries as of %(day)s")) % {"day": show.date(summary.boundaries)}
    return Table(
        title=t.gettext(N_("Report of the stations: %(place)s")) % {"place": summary.zone_name},
        notes=(span(show, of), on),
        warning=gone(show, summary.gone),
        columns=_said(show, _STATION),
        rows=[station_row(one) for one in summary.stations],
        total=_total_row(t.gettext(N_("All together")), summary.total),
    )


def _total_row(name: str, one: StationOut) -> list[Value]:
    """All but where it is."""
    values = station_row(one)
    return [name, *values[1:3], "", None, None, *values[6:]]


def station_row(one: StationOut) -> list[Value]:
    return [
        one.name,
        one.code or "",
        one.clusters,
        ", ".join(one.area),
        one.latitude,
        one.longitude,
        one.bulletins,
        one.airings,
        one.heard,
        one.emergencies,
        one.emergencies_heard,
        seconds(one.requested_us),
        seconds(one.played_us),
        None if one.ratio is None else round(one.ratio, 4),
    ]


def line_columns(show: Present) -> tuple[Column, ...]:
    """Plan and heard, an airing of a village a row."""
    return _said(show, _LINE)


def line_row(reader: Present, line: LineOut) -> list[Value]:
    show = reader.within(line.timezone)
    return [
        line.day.isoformat(),
        show.time(line.start),
        line.station,
        line.zone_name,
        line.title,
        kind(show, line),
        line.receivers,
        line.fetched,
        line.started,
        None if line.error_us is None else round(line.error_us / 1000, 1),
        line.heard,
        None if line.level_dbfs is None else round(line.level_dbfs, 1),
        None if line.microphone_dbfs is None else round(line.microphone_dbfs, 1),
        line.missed,
        reasons(show, sorted(line.missed_by.items(), key=lambda item: (-item[1], item[0]))),
        seconds(line.requested_us),
        seconds(line.played_us),
        line.document_no or "",
        line.confirmed.yes if line.confirmed else None,
        line.confirmed.no if line.confirmed else None,
    ]


def _said(show: Present, columns: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(Column(show.translations.gettext(column.heading), column.kind) for column in columns)
