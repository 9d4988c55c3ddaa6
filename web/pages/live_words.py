"""Live talks in words: states, why they ended, who has the air (pure)."""

from types import MappingProxyType

from msgspec import Struct

from scheduler.errors import Named
from scheduler.live.models import LiveEnd, LiveKind, LiveState
from scheduler.live.schemas import LiveAdvice, LiveOut
from web.i18n import N_, named
from web.pages import words
from web.pages.present import Present
from web.pages.words import Look

_SAID_ONE_BY_ONE = 3
_WEAK_BPS = 16_000

STATE = MappingProxyType(
    {
        "waiting": Look(N_("waiting in the queue"), "busy", "hourglass"),
        "turn": Look(N_("its turn now"), "ready", "dot"),
        "planned": Look(N_("planned"), "ready", "clock"),
        "on_air": Look(N_("on air"), "onair", "wave"),
        "silent": Look(N_("on air, nothing is heard"), "warn", "triangle"),
        "ended": Look(N_("ended"), "plain", "check"),
    }
)
KIND = MappingProxyType(
    {
        LiveKind.MICROPHONE: N_("Microphone"),
        LiveKind.RECORDED: N_("Recorded, listened to, then played"),
        LiveKind.RELAY: N_("Relay of another station"),
    }
)
AIRED = MappingProxyType(
    {
        LiveKind.MICROPHONE: N_("Broadcast live"),
        LiveKind.RECORDED: KIND[LiveKind.RECORDED],
        LiveKind.RELAY: N_("Relayed"),
    }
)
"""How what is kept of a talk was broadcast."""
END = MappingProxyType(
    {
        LiveEnd.SPEAKER: N_("Ended by the speaker."),
        LiveEnd.FINISHED: N_("It was over by itself."),
        LiveEnd.LIMIT: N_("Its minutes were used up."),
        LiveEnd.SILENCE: N_("Nothing was heard from the microphone for a while, so the centre ended it."),
        LiveEnd.GONE: N_("The page was closed or the network dropped. The closing chime was played."),
        LiveEnd.STOPPED: N_("Somebody stopped it."),
        LiveEnd.TAKEN_OVER: N_("Something more important took the air."),
        LiveEnd.TURN_MISSED: N_("Its turn passed without anybody speaking."),
        LiveEnd.ROLE_TAKEN: N_("The right to speak there was taken away, so the centre ended it."),
        LiveEnd.ACCOUNT_LOCKED: N_("The speaker's account was locked, so the centre ended it."),
        LiveEnd.SIGNED_OUT: N_("The speaker was not signed in any more, so the centre ended it."),
        LiveEnd.FAILED: N_("It could not go on the air."),
        LiveEnd.CENTRE_LEFT: N_("The centre was restarted."),
    }
)


class Line(Struct, frozen=True, kw_only=True):
    """A talk in the queue. `listen` is the zone to listen in at, `number` its place among those that wait."""

    talk: LiveOut
    look: Look
    places: str
    until: str
    own: bool
    number: int
    listen: str


def state_of(talk: LiveOut) -> str:
    """`STATE`'s name for it."""
    if talk.state is LiveState.ON_AIR:
        return "silent" if talk.silent else "on_air"
    if talk.state is LiveState.WAITING and talk.may_begin:
        return "turn"
    if talk.state is LiveState.WAITING and talk.starts_at > talk.asked_at:
        return "planned"
    return talk.state.value


def line(show: Present, talk: LiveOut, *, own: bool, listen: str) -> Line:
    return Line(
        talk=talk,
        look=words.look(STATE, state_of(talk)),
        places=places(show, talk.zone_names),
        until=until(show, talk),
        own=own,
        number=number(talk),
        listen=listen,
    )


def number(talk: LiveOut) -> int:
    """Its place among those that wait, from 1."""
    return 1 + sum(other.state is LiveState.WAITING for other in talk.ahead)


def until(show: Present, talk: LiveOut) -> str:
    """Until when at the latest, or when it begins, or when it ended."""
    say = show.translations.gettext
    if talk.state is LiveState.ENDED:
        return show.moment(talk.ended_at)
    if talk.state is LiveState.ON_AIR:
        return say(N_("until %(time)s at the latest")) % {"time": show.time(talk.ends_at)}
    if state_of(talk) == "planned":
        return say(N_("begins %(moment)s")) % {"moment": show.moment(talk.starts_at)}
    return say(N_("at most %(span)s")) % {"span": show.duration(talk.limit_s * 1_000_000)}


def places(show: Present, names: list[str]) -> str:
    shown = names[:_SAID_ONE_BY_ONE]
    return named(show.translations, Named(tuple(shown), len(names) - len(shown)))


def waiting(show: Present, talk: LiveOut) -> str:
    """`Number 2 in the queue. Before you: …`; nothing where it waits for nobody."""
    say = show.translations.gettext
    if state_of(talk) == "planned":
        return until(show, talk)
    if not talk.ahead:
        return ""
    before = Named.of((f"{other.speaker_name} (“{other.title}”)", other.id is not None) for other in talk.ahead)
    return say(N_("Number %(number)s in the queue. Before you: %(before)s.")) % {
        "number": number(talk),
        "before": named(show.translations, before),
    }


def delay(show: Present, delay_ms: int) -> str:
    """`2,5 s`."""
    digits = 0 if delay_ms % 1000 == 0 else 1
    return show.translations.gettext(N_("%(seconds)s s")) % {"seconds": show.number(delay_ms / 1000, digits)}


QUALITY = {
    12_000: N_("%(rate)s kbit/s: only words, for the weakest links"),
    16_000: N_("%(rate)s kbit/s: for weak links"),
    24_000: N_("%(rate)s kbit/s: as usual"),
    32_000: N_("%(rate)s kbit/s: clearer"),
    48_000: N_("%(rate)s kbit/s: music too, for good links only"),
}


def bitrate(show: Present, bps: int) -> str:
    """`24 kbit/s: như thường`."""
    text = show.translations.gettext(QUALITY.get(bps, N_("%(rate)s kbit/s")))
    return text % {"rate": show.number(bps / 1000, 0)}


def why(show: Present, advice: LiveAdvice) -> str:
    """The reason for the delay that is suggested."""
    say = show.translations.gettext
    if advice.late_ratio is None:
        told = say(N_("No loudspeaker there has reported a live talk yet, so it is the usual one."))
    else:
        horns = show.translations.ngettext("%(num)s loudspeaker", "%(num)s loudspeakers", advice.receivers)
        told = say(N_("In the last 30 days %(share)s%% of the sound came late at %(horns)s.")) % {
            "share": show.number(advice.late_ratio * 100, 1),
            "horns": horns % {"num": advice.receivers},
        }
    weak = say(N_("The links are weak, so less data are sent.")) if advice.bitrate_bps <= _WEAK_BPS else ""
    return f"{told} {weak}".strip()
