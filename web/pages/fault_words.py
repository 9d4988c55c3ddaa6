"""What a receiver tells of a fault beside its code, in the reader's words (pure).

Rules
- Receivers tell it in short English sentences that never change while their condition holds; those with a name here
  are said anew with their values. A test makes each with the receiver's own code, so that neither changes alone.
- What is not known here, of a newer receiver or of its system, is shown as it was told, marked as English.
"""

import re
from collections.abc import Mapping
from datetime import date

from broadcast.wire.documents import MAX_FAULT_DETAIL
from broadcast.wire.fault_codes import FaultCode
from web.i18n import N_
from web.pages.present import Present

LISTS: Mapping[str, str] = {
    FaultCode.MEDIA_MISSING: N_("recordings: %(count)s"),
    FaultCode.MEDIA_CORRUPT: N_("recordings: %(count)s"),
    FaultCode.BANK_MISSING: N_("prepared messages: %(count)s"),
}
_ORDER = (FaultCode.ORDER_REFUSED,)
_FETCH = (FaultCode.MEDIA_UNFETCHED, FaultCode.MEDIA_REFUSED)
_SOUND = (FaultCode.AUDIO_DEVICE,)
_CLOCK = (FaultCode.CLOCK_UNTRUSTED,)
_SYSTEM = (FaultCode.DISK, FaultCode.DISK_FULL, *_FETCH, *_SOUND, FaultCode.GPIO, FaultCode.MICROPHONE)
_ENROL = r"run `loa receiver enrol --again`"

KNOWN: tuple[tuple[tuple[FaultCode, ...], str, str], ...] = (
    (_SOUND, "device-silent", N_("the sound card takes no sound")),
    (_SOUND, "device-clock-not-ready", N_("the sound card does not run steadily yet")),
    (_SOUND, r"device-hangs|has not returned", N_("the sound card does not answer")),
    (_SOUND, "render-failed", N_("the sound could not be worked out")),
    (_SOUND, "has not been opened yet", N_("the sound card has not been opened yet")),
    (_FETCH, r": answered (?P<status>\d+)", N_("the centre's server answered %(status)s")),
    (_FETCH, r": cut after (?P<done>\d+) of (?P<size>\d+) bytes", N_("cut off after %(done)s of %(size)s")),
    (_FETCH, "no answer within|nothing came for", N_("the centre's server did not answer in time")),
    (_FETCH, "does not fit the signed hash|longer than was signed", N_("it is not the file that the centre signed")),
    (_FETCH, r": (?P<done>\d+) bytes instead of (?P<size>\d+)", N_("%(done)s came instead of %(size)s")),
    (_FETCH, "a web page instead of sound", N_("a web page came instead: a Wi-Fi that asks for a sign-in?")),
    (_FETCH, "(?i)name or service not known|name resolution", N_("the centre's name is not found in the network")),
    (_FETCH, "(?i)certificate", N_("the certificate of the centre's server is not accepted")),
    (_ORDER, "^too_large", N_("it is too large")),
    (_ORDER, "^unsigned", N_("it is not signed by the centre")),
    (_ORDER, "^malformed", N_("it cannot be read")),
    (_ORDER, "^wrong_target", N_("it is for another place")),
    (_ORDER, "^expired", N_("it was out of date")),
    (_ORDER, "^older", N_("it is older than what the loudspeaker holds")),
    (_ORDER, "^replayed", N_("its number was used before")),
    (_ORDER, "^wrong_purpose", N_("drill and real thing mixed")),
    (_ORDER, "^reserved_id", N_("under a name that is the loudspeaker's own")),
    (_ORDER, "^unknown_message", N_("names a message it does not have")),
    ((FaultCode.DISK_FULL,), r"^(?P<size>\d+) bytes less are free", N_("%(size)s more must be free")),
    ((FaultCode.DISK_FULL,), r"(?P<size>\d+) bytes too few", N_("%(size)s too little for a recording")),
    (_CLOCK, "earlier than the documents", N_("the clock is earlier than what the centre has signed")),
    (_CLOCK, "no time server", N_("no time server sets the clock and the centre has another time")),
    (_CLOCK, "earlier than when", N_("the clock is earlier than when the loudspeaker ran last")),
    (_CLOCK, "the clock was set", N_("the clock was set and nothing confirms it")),
    (_CLOCK, "nothing confirms", N_("nothing confirms the clock since it was switched on")),
    ((FaultCode.CLOCK_OFF_CENTRE,), r"(?P<seconds>[\d.]+) s behind", N_("%(seconds)s s behind the centre's clock")),
    ((FaultCode.CLOCK_OFF_CENTRE,), r"(?P<seconds>[\d.]+) s ahead", N_("%(seconds)s s ahead of the centre's clock")),
    ((FaultCode.CERTIFICATE_REFUSED,), _ENROL, N_("run `loa receiver enrol --again` at the loudspeaker")),
    ((FaultCode.CERTIFICATE_EXPIRES,), r"expired on (?P<day>[\d-]+)", N_("it ended on %(day)s")),
    ((FaultCode.CERTIFICATE_EXPIRES,), r"expires on (?P<day>[\d-]+)", N_("it ends on %(day)s")),
    ((FaultCode.DATA_BUDGET_OVER,), r"month's (?P<budget>\d+) MB", N_("more than %(budget)s MB this month")),
    (
        (FaultCode.DATA_BUDGET_NEAR,),
        r"(?P<share>\d+) % of this month's (?P<budget>\d+) MB",
        N_("%(share)s%% of this month's %(budget)s MB"),
    ),
    ((FaultCode.MICROPHONE,), "it gives nothing", N_("it is connected and gives nothing")),
    ((FaultCode.HORN_NOT_HEARD,), "was last played", N_("it did not hear what was played last")),
    ((FaultCode.CONTACT_STUCK,), "^stop$", N_("the STOP button")),
    ((FaultCode.CONTACT_STUCK,), r"^messages\.(?P<name>[^,]+)$", N_("the button of the message %(name)s")),
    ((FaultCode.STOPPED_LOCALLY,), "STOP was pressed", N_("somebody pressed STOP at the loudspeaker")),
    ((FaultCode.MEMORY,), r"more than (?P<size_mib>\d+) MiB", N_("its program takes more than %(size_mib)s MB")),
    ((FaultCode.SETTINGS_MISSING,), "no settings have come", N_("nothing has come from the centre yet")),
    ((FaultCode.SETTINGS_BAD,), "unknown time zone", N_("they name an unknown time zone")),
    (_SYSTEM, r"\[Errno 28\]", N_("there is no room left")),
    (_SYSTEM, r"\[Errno 30\]", N_("the memory card can only be read: it may be worn out")),
    (_SYSTEM, r"\[Errno 5\]", N_("reading or writing fails: the memory card or the device may be broken")),
    (_SYSTEM, r"\[Errno (1|13)\]", N_("the program is not allowed to use it")),
    (_SYSTEM, r"\[Errno (2|6|19)\]", N_("it is not there any more")),
    (_SYSTEM, r"\[Errno 16\]", N_("another program uses it")),
    (_SYSTEM, r"\[Errno (101|104|110|111|113)\]", N_("the centre cannot be reached over the network")),
)
"""Of which codes, by what it is known, and how it is said. The first that fits holds."""


def worded(show: Present, code: str, detail: str) -> str | None:
    """`detail` in the reader's words; None where it has none."""
    if code in LISTS and detail:
        return _counted(show, LISTS[code], detail)
    found = (
        show.translations.gettext(say) % {name: _value(show, name, text) for name, text in match.groupdict().items()}
        for codes, sign, say in KNOWN
        if code in codes and (match := re.search(sign, detail))
    )
    return next(found, None)


def _counted(show: Present, say: str, detail: str) -> str:
    """A list that was cut does not say how many there are."""
    count = show.number(len(detail.split(", ")))
    if len(detail) >= MAX_FAULT_DETAIL:
        count = show.translations.gettext(N_("%(count)s or more")) % {"count": count}
    return show.translations.gettext(say) % {"count": count}


def _value(show: Present, name: str, text: str) -> str:
    if name in {"done", "size"}:
        return show.size(int(text))
    if name == "day":
        return show.date(date.fromisoformat(text))
    return show.number(float(text), 1) if name == "seconds" else text
