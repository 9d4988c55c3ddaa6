"""What states, roles and kinds are called on a page, with the shape and the colour of each (pure).

A state is a word, a shape and a tone; the tone alone never carries meaning. Red (`alarm`) is for emergencies.
"""

from dataclasses import dataclass
from types import MappingProxyType

from web.i18n import N_


@dataclass(frozen=True, slots=True)
class Look:
    word: str
    tone: str
    icon: str


UNKNOWN = Look(N_("unknown"), "lost", "lost")

BROADCAST = MappingProxyType(
    {
        "draft": Look(N_("draft"), "plain", "pencil"),
        "submitted": Look(N_("waiting for approval"), "busy", "hourglass"),
        "returned": Look(N_("returned"), "warn", "back"),
        "approved": Look(N_("approved"), "ready", "clock"),
        "on_air": Look(N_("on air"), "onair", "wave"),
        "done": Look(N_("played"), "good", "check"),
        "cancelled": Look(N_("cancelled"), "plain", "cross"),
    }
)
AIRING = MappingProxyType(
    {
        "fetching": Look(N_("fetching"), "busy", "down"),
        "ready": Look(N_("ready"), "ready", "dot"),
        "on_air": Look(N_("on air"), "onair", "wave"),
        "heard": Look(N_("heard"), "good", "check"),
        "silent": Look(N_("played, no sound heard"), "warn", "triangle"),
        "cut": Look(N_("cut short"), "warn", "triangle"),
        "skipped": Look(N_("skipped"), "warn", "triangle"),
        "failed": Look(N_("not heard"), "warn", "triangle"),
        "part": Look(N_("heard in part"), "warn", "triangle"),
        "not_heard": Look(N_("not heard"), "warn", "triangle"),
        "waiting_report": Look(N_("waiting for reports"), "busy", "hourglass"),
        "not_played": Look(N_("does not play"), "warn", "triangle"),
        "stopped": Look(N_("stopped"), "plain", "stop"),
    }
)
RECEIVER = MappingProxyType(
    {
        "online": Look(N_("online"), "good", "dot"),
        "playing": Look(N_("on air"), "onair", "wave"),
        "fault": Look(N_("fault"), "warn", "triangle"),
        "offline": Look(N_("connection lost"), "lost", "lost"),
        "never": Look(N_("never connected"), "lost", "lost"),
        "unenrolled": Look(N_("not installed yet"), "plain", "clock"),
        "revoked": Look(N_("revoked"), "plain", "cross"),
    }
)
RECORDING = MappingProxyType(
    {
        "queued": Look(N_("waiting to be produced"), "busy", "hourglass"),
        "producing": Look(N_("being produced"), "busy", "hourglass"),
        "ready": Look(N_("ready"), "good", "check"),
        "failed": Look(N_("failed"), "warn", "triangle"),
    }
)
CLASS = MappingProxyType(
    {
        "normal": N_("Normal"),
        "priority": N_("Priority"),
        "emergency": N_("Emergency"),
        "background": N_("Background"),
    }
)
ROLE = MappingProxyType(
    {
        "viewer": (N_("Viewer"), N_("Sees everything, changes nothing. A village helper.")),
        "editor": (N_("Editor"), N_("Prepares announcements and plans broadcasts. A commune official.")),
        "approver": (N_("Approver"), N_("Approves or returns what others prepared. A commune leader.")),
        "operator": (N_("Operator"), N_("Plans broadcasts and looks after the loudspeakers of many communes.")),
        "administrator": (N_("Administrator"), N_("Looks after zones, people and loudspeakers. Does not broadcast.")),
    }
)
ZONE_KIND = MappingProxyType(
    {
        "province": N_("Province"),
        "district": N_("District"),
        "commune": N_("Commune"),
        "village": N_("Village"),
        "hamlet": N_("Hamlet"),
        "other": N_("Area"),
    }
)
# Tags of BCP 47 (ISO 639-3 where there is no shorter one) for what is spoken in the mountain districts.
LANGUAGE = MappingProxyType(
    {
        "vi": N_("Vietnamese"),
        "sed": N_("Xo Dang, Ca Dong"),
        "mng": N_("Mnong"),
        "cua": N_("Co"),
        "ktv": N_("Co Tu"),
        "bru": N_("Bru, Van Kieu"),
        "pac": N_("Pa Co, Ta Oi"),
        "hre": N_("Hre"),
        "en": N_("English"),
    }
)
VOICE_REGION = MappingProxyType({"north": N_("North"), "central": N_("Centre"), "south": N_("South")})
REFUSAL = MappingProxyType(
    {
        "empty_file": N_("The file is empty. Choose another file."),
        "not_audio": N_("This file is not sound. Choose an MP3, WAV, M4A or OGG file."),
        "no_audio_stream": N_("There is no sound in this file. Choose another file."),
        "too_long": N_("This is longer than 2 hours. Shorten it or send it in parts."),
        "too_large": N_("The file is larger than 200 MB. Save it as MP3 and try again."),
        "empty_text": N_("There is nothing to read. Type the text of the announcement."),
        "text_too_long": N_("The text is too long to be read. Shorten it or send it in parts."),
        "unknown_voice": N_("This voice is not installed any more. Choose another voice."),
        "bad_speed": N_("Choose a reading speed between 0.5 and 2."),
        "bad_recipe": N_("The chimes and repeats do not fit together. Use the usual ones."),
        "speech_failed": N_("The text could not be read aloud. Try another voice."),
        "produce_failed": N_("The sound could not be produced. Try again, or try another file."),
    }
)
FAILED = N_("The sound could not be produced. Try again, or try another file.")
WARNING = MappingProxyType(
    {
        "silence_only": N_("There is nothing to hear in this recording."),
        "very_quiet": N_("This recording is very quiet. Listen to it before you send it."),
        "damaged": N_("Parts of this file are damaged. Listen to it before you send it."),
        "voice_fallback": N_("The chosen voice did not work, so another one was used."),
    }
)
FAULT = MappingProxyType(
    {
        "media_missing": N_("A sound file is missing"),
        "media_damaged": N_("A sound file is damaged"),
        "audio_device": N_("The sound card does not work"),
        "order_refused": N_("An order with a wrong signature was refused"),
        "clock": N_("The clock cannot be trusted"),
        "disk_full": N_("The disk is full"),
    }
)
NOT_PLAYED = MappingProxyType(
    {
        "media_missing": N_("its sound is missing"),
        "quiet_hours": N_("quiet hours"),
        "quota": N_("the day's sessions are used up"),
        "max_length": N_("longer than allowed"),
        "late": N_("others had the air when it was due"),
        "cut": N_("a higher one took the air"),
        "covered": N_("others had the air all the time"),
    }
)
REASON = MappingProxyType(
    {
        "audio_device": N_("the sound card does not work"),
        "media_missing": N_("its sound was not there"),
        "media_damaged": N_("its sound was damaged"),
        "quiet_hours": N_("quiet hours"),
        "quota": N_("the day's sessions were used up"),
        "max_length": N_("longer than allowed"),
        "late": N_("it came too late"),
        "cut": N_("a higher one took the air"),
        "covered": N_("others had the air all the time"),
        "withdrawn": N_("it was stopped"),
    }
)
HISTORY = MappingProxyType(
    {
        "broadcast.create": N_("Written"),
        "broadcast.edit": N_("Changed"),
        "broadcast.submit": N_("Sent for approval"),
        "broadcast.approve": N_("Approved"),
        "broadcast.return": N_("Returned"),
        "broadcast.cancel": N_("Cancelled"),
        "broadcast.cancel_one": N_("One time left out"),
        "broadcast.stop": N_("Stopped"),
    }
)


def look(table: MappingProxyType[str, Look], state: str) -> Look:
    """How a state is shown; one this version does not know is shown as unknown, never as good."""
    return table.get(state, UNKNOWN)
