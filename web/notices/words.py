"""A notice as a mail that a person reads: plain text, in their language (pure).

Rules
- The first line says what happened, then what it is about; the last is where to look, by the centre's own address.
- There is nothing secret in it: no code, no token, no text of the announcement.
"""

from collections.abc import Mapping
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import TypeAdapter

from scheduler.broadcasts.schemas import When
from scheduler.notices.models import Kind
from scheduler.reports.figures import Kind as Airing
from web.i18n import N_, translations
from web.pages import report_words, telling, words
from web.pages.present import Present

WHEN: TypeAdapter[Any] = TypeAdapter(When)
NOW = "now"
TITLES: Mapping[Kind, str] = {
    Kind.WAITING: N_("Waiting for your approval: %(title)s"),
    Kind.APPROVED: N_("Approved: %(title)s"),
    Kind.RETIMED: N_("Approved for another time: %(title)s"),
    Kind.RETURNED: N_("Returned to you: %(title)s"),
    Kind.CANCELLED: N_("Cancelled: %(title)s"),
    Kind.NO_SOUND: N_("There is no sound, it will not be heard: %(title)s"),
    Kind.FAULT: N_("Faults at loudspeakers: %(count)s"),
    Kind.FAULT_OVER: N_("Faults at loudspeakers that are over: %(count)s"),
    Kind.EMERGENCY: N_("EMERGENCY issued: %(title)s"),
    Kind.EMERGENCY_OVER: N_("Emergency is over: %(title)s"),
    Kind.TRIAL: N_("Mail from Loa arrives"),
}
NAMES: Mapping[Kind, str] = {
    Kind.WAITING: N_("Something waits for my approval"),
    Kind.APPROVED: N_("Approved"),
    Kind.RETIMED: N_("Approved for another time"),
    Kind.RETURNED: N_("Returned"),
    Kind.CANCELLED: N_("Cancelled"),
    Kind.NO_SOUND: N_("There is no sound of what was approved"),
    Kind.FAULT: N_("A fault at a loudspeaker lasts"),
    Kind.FAULT_OVER: N_("A fault at a loudspeaker is over"),
    Kind.EMERGENCY: N_("An emergency is issued"),
    Kind.EMERGENCY_OVER: N_("An emergency is over"),
    Kind.DIGEST: N_("What was not heard"),
    Kind.TRIAL: N_("A trial"),
}


CHOICES: Mapping[Kind, str] = {
    **NAMES,
    Kind.APPROVED: N_("Approved, and if its sound cannot be produced"),
    Kind.FAULT: N_("A fault at a loudspeaker lasts, and when it is over"),
}


class Letter(Struct, frozen=True):
    subject: str
    text: str


def letter(show: Present, kind: Kind, subject: str, data: Mapping[str, Any], base_url: str) -> Letter:
    """`show` is the reader's; `base_url` is where pages are reached."""
    t = show.translations
    about = {"title": data.get("title", ""), "count": _count(data)}
    title = _digest_title(show, data) if kind is Kind.DIGEST else t.gettext(TITLES[kind]) % about
    lines = {Kind.FAULT: _faults, Kind.FAULT_OVER: _faults, Kind.DIGEST: _digest, Kind.TRIAL: _trial}.get(kind, _act)(
        show, data
    )
    foot = t.gettext(N_("You chose to be told of this. Change it here: %(url)s")) % {"url": f"{base_url}/notices"}
    text = "\n".join(
        [title, *(["", *lines] if lines else []), "", f"{base_url}{link(kind, subject)}", "", "-- ", foot, ""]
    )
    return Letter(" ".join(title.split())[:200], text)


def link(kind: Kind, subject: str) -> str:
    """The page that tells more."""
    of, _, which = subject.partition(":")
    if kind is Kind.WAITING:
        return f"/inbox#b-{which}"
    if kind is Kind.DIGEST:
        zone_id, _, day = which.partition(":")
        return f"/reports?zone={zone_id}&length=day&day={day}&missed=1"
    pages = {
        "broadcast": f"/broadcasts/{which}",
        "relay": f"/relays/{which}",
        "order": f"/emergency/{which}",
        "faults": "/faults",
    }
    return pages.get(of, "/notices" if kind is Kind.TRIAL else "/")


def present(language: str, timezone: str, now: datetime) -> Present:
    return Present(language, timezone, now, translations(language))


def _count(data: Mapping[str, Any]) -> int:
    return len(data.get("faults", ())) + int(data.get("more", 0))


def _trial(show: Present, _data: Mapping[str, Any]) -> list[str]:
    return [show.translations.gettext(N_("If you read this, notices reach you."))]


def _act(show: Present, data: Mapping[str, Any]) -> list[str]:
    t, lines = show.translations, []
    if "when" in data:
        here = show.within(data["timezone"])
        when = telling.when(here, WHEN.validate_python(data["when"])).text
        lines.append(t.gettext(N_("When: %(when)s")) % {"when": when})
        if "asked_local" in data:
            asked = data["asked_local"]
            was = t.gettext(N_("at once")) if asked == NOW else here.moment(_wall(asked, here.tz))
            lines.append(t.gettext(N_("Asked for was: %(when)s")) % {"when": was})
    if data.get("places"):
        lines.append(t.gettext(N_("Where: %(places)s")) % {"places": ", ".join(data["places"][:10])})
    if "by" in data:
        lines.append(t.gettext(N_("By: %(name)s")) % {"name": data["by"]})
    if "reason" in data:
        lines.append(t.gettext(N_("Reason: %(reason)s")) % {"reason": data["reason"]})
    return lines


def _faults(show: Present, data: Mapping[str, Any]) -> list[str]:
    lines = []
    for one in data["faults"]:
        times = [show.moment(datetime.fromisoformat(one[name])) for name in ("since", "until") if name in one]
        what = words.fault(show.translations, one["code"])
        lines.append(f"- {one['receiver']} ({one['zone']}): {what}, {' – '.join(times)}")
    return [*lines, *_more(show, data)]


def _digest_title(show: Present, data: Mapping[str, Any]) -> str:
    values = {"place": data["zone"], "day": show.day(date.fromisoformat(data["day"]))}
    if not data["airings"]:
        said = N_("%(place)s, %(day)s: nothing was planned")
    elif not data["missed"] and not data["more"]:
        said = N_("%(place)s, %(day)s: everything was heard")
    else:
        said, values = N_("%(place)s, %(day)s: heard %(heard)s of %(all)s"), values | {
            "heard": data["heard"], "all": data["airings"],
        }  # fmt: skip
    return show.translations.gettext(said) % values


def _digest(show: Present, data: Mapping[str, Any]) -> list[str]:
    """Emergencies first, then by station: each under the name of its own."""
    parts = []
    if data["silent_villages"]:
        said = show.translations.gettext(N_("Villages that heard nothing all day: %(silent)s of %(villages)s."))
        parts.append(said % {"silent": data["silent_villages"], "villages": data["villages"]})
    for station, missed in groupby(data["missed"], lambda one: str(one["station"])):
        parts.append("\n".join([station, *(_missed(show.within(one["timezone"]), one) for one in missed)]))
    parts += _more(show, data)
    return ["\n\n".join(parts)] if parts else []


def _missed(show: Present, one: Mapping[str, Any]) -> str:
    t, title = show.translations, one["title"]
    if one.get("kind") == Airing.EMERGENCY:
        title = f"[{t.gettext(N_('EMERGENCY'))}] {title}"
    values = {"missed": one["missed"], "all": one["receivers"]}
    how_many = N_("%(missed)s of %(all)s loudspeakers missed it")
    if one["missed"] >= one["receivers"]:
        how_many = N_("nobody heard it")
    why = report_words.reasons(show, one.get("reasons", ()))
    at = show.time(datetime.fromisoformat(one["start"]))
    return f"- {at} {one['village']}: {title} – {t.gettext(how_many) % values}{f': {why}' if why else ''}"


def _more(show: Present, data: Mapping[str, Any]) -> list[str]:
    number = int(data.get("more", 0))
    return (
        [show.translations.ngettext("and %(num)s more", "and %(num)s more", number) % {"num": number}] if number else []
    )


def _wall(text: str, tz: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=tz)
