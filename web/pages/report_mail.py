"""The morning mail of what was not heard, in the reader's words (pure): subject and plain text."""

from msgspec import Struct

from scheduler.reports.digest import Digest, Missed
from scheduler.reports.figures import Kind
from web.i18n import N_
from web.pages import report_words
from web.pages.present import Present


class Letter(Struct, frozen=True):
    subject: str
    text: str


def letter(show: Present, digest: Digest, base_url: str) -> Letter:
    """`base_url` is how the centre is reached, without a slash at its end."""
    t = show.translations
    values = {"place": digest.zone_name, "day": show.day(digest.day), "heard": digest.heard, "all": digest.airings}
    if digest.airings == 0:
        subject = t.gettext(N_("%(place)s, %(day)s: nothing was planned")) % values
    elif digest.all_heard:
        subject = t.gettext(N_("%(place)s, %(day)s: everything was heard")) % values
    else:
        subject = t.gettext(N_("%(place)s, %(day)s: heard %(heard)s of %(all)s")) % values
    lines = [subject, ""]
    if digest.silent_villages:
        silent = {"silent": digest.silent_villages, "villages": digest.villages}
        lines += [t.gettext(N_("Villages that heard nothing all day: %(silent)s of %(villages)s.")) % silent, ""]
    station = None
    for missed in digest.missed:
        if missed.station != station:
            lines += ["", missed.station] if station is not None else [missed.station]
            station = missed.station
        lines.append(_line(show.within(missed.timezone), missed))
    if digest.left_out:
        lines += ["", t.gettext(N_("… and %(count)s more.")) % {"count": digest.left_out}]
    address = f"{base_url}/reports?zone={digest.zone_id}&length=day&day={digest.day.isoformat()}"
    lines += ["", t.gettext(N_("All of it: %(address)s")) % {"address": address}]
    return Letter(subject, "\n".join(lines) + "\n")


def _line(show: Present, missed: Missed) -> str:
    t = show.translations
    title = missed.title if missed.kind is not Kind.EMERGENCY else f"[{t.gettext(N_('EMERGENCY'))}] {missed.title}"
    how_many = (
        t.gettext(N_("nobody heard it"))
        if missed.whole
        else t.gettext(N_("%(missed)s of %(all)s loudspeakers missed it"))
        % {"missed": missed.missed, "all": missed.receivers}
    )
    why = report_words.reasons(show, missed.reasons)
    return f"- {show.time(missed.start)} {missed.village}: {title} – {how_many}: {why}"
