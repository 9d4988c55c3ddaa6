"""What states, roles and kinds are called on a page, with the shape and the colour of each (pure).

A state is a word, a shape and a tone; the tone alone never carries meaning. Red (`alarm`) is for emergencies.
"""

from dataclasses import dataclass
from gettext import NullTranslations
from types import MappingProxyType

from broadcast.wire.fault_codes import FaultCode
from scheduler.fleet.upkeep.records import UNREACHABLE
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
        "done": Look(N_("played"), "plain", "check"),
        "unaired": Look(N_("not heard"), "warn", "triangle"),
        "cancelled": Look(N_("cancelled"), "plain", "cross"),
    }
)
AIRING = MappingProxyType(
    {
        "planned": Look(N_("planned"), "ready", "clock"),
        "no_sound": Look(N_("no sound yet"), "warn", "triangle"),
        "fetching": Look(N_("fetching"), "busy", "down"),
        "ready": Look(N_("ready"), "ready", "dot"),
        "on_air": Look(N_("on air"), "onair", "wave"),
        "heard": Look(N_("heard"), "good", "check"),
        "faint": Look(N_("heard faintly"), "warn", "triangle"),
        "unheard": Look(N_("played, not heard by the microphone"), "warn", "triangle"),
        "silent": Look(N_("played, no sound heard"), "warn", "triangle"),
        "cut": Look(N_("cut short"), "warn", "triangle"),
        "skipped": Look(N_("skipped"), "warn", "triangle"),
        "failed": Look(N_("not heard"), "warn", "triangle"),
        "part": Look(N_("heard in part"), "warn", "triangle"),
        "not_heard": Look(N_("not heard"), "warn", "triangle"),
        "no_report": Look(N_("no report"), "lost", "lost"),
        "not_kept": Look(N_("details are no longer kept"), "plain", "doc"),
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
        "silent": Look(N_("nothing heard from it"), "lost", "lost"),
        "never": Look(N_("never connected"), "lost", "lost"),
        "unenrolled": Look(N_("not installed yet"), "plain", "clock"),
        "revoked": Look(N_("revoked"), "plain", "cross"),
    }
)
# Where a receiver's life stands, as it says itself.
PLAYER = MappingProxyType(
    {
        "idle": Look(N_("nothing plays"), "plain", "clock"),
        "playing": Look(N_("on air"), "onair", "wave"),
        "interrupted": Look(N_("on air, another one waits to go on"), "onair", "wave"),
        "emergency": Look(N_("emergency on air"), "alarm", "wave"),
        "fallback": Look(N_("plays the replacement"), "warn", "triangle"),
        "stopped": Look(N_("stopped by hand at the loudspeaker"), "warn", "stop"),
        "no_device": Look(N_("no sound card"), "warn", "triangle"),
        "off": Look(N_("switched off"), "lost", "lost"),
    }
)
# What a microphone at the horn says of a sound.
MICROPHONE = MappingProxyType(
    {
        "heard": Look(N_("heard by the microphone"), "good", "check"),
        "faint": Look(N_("faint at the microphone"), "warn", "triangle"),
        "not_heard": Look(N_("not heard by the microphone"), "warn", "triangle"),
    }
)
CLOCK_TRUSTED = Look(N_("trusted"), "good", "check")
CLOCK_DOUBTED = Look(N_("not trusted, only emergencies play"), "warn", "triangle")
DOUBT = MappingProxyType(
    {
        "before_documents": N_("it is earlier than what the centre has sent"),
        "off_centre": N_("no time server keeps it and it differs from the centre's"),
        "went_back": N_("it is earlier than when the loudspeaker ran last"),
        "was_set": N_("somebody set it and nothing confirms it"),
        "unproven": N_("nothing has confirmed it since the loudspeaker started"),
    }
)
SIGNAL = MappingProxyType(
    {
        "nr5g": "5G",
        "5gnr": "5G",
        "lte": "4G",
        "umts": "3G",
        "hspa": "3G",
        "gsm": "2G",
        "wifi": "Wi-Fi",
        "ethernet": N_("cable"),
        "wired": N_("cable"),
    }
)
ORDER_REFUSED = MappingProxyType(
    {
        "too_large": N_("too large"),
        "unsigned": N_("not signed by the centre"),
        "malformed": N_("not readable"),
        "wrong_target": N_("meant for another place"),
        "expired": N_("too old to count"),
        "older": N_("older than what it has"),
        "replayed": N_("sent again with other content"),
        "wrong_purpose": N_("drill and real thing mixed"),
        "reserved_id": N_("under a name that is the loudspeaker's own"),
        "unknown_message": N_("names a message it does not have"),
        "chunk_bad_signature": N_("live sound that the centre did not sign"),
        "chunk_twice": N_("live sound that came twice"),
        "chunk_ahead": N_("live sound ahead of its time"),
        "chunk_web_page": N_("a web page instead of live sound"),
        "media_not_signed": N_("sound files other than what was signed"),
    }
)
RECORDING = MappingProxyType(
    {
        "queued": Look(N_("waiting to be produced"), "busy", "hourglass"),
        "producing": Look(N_("being produced"), "busy", "hourglass"),
        "ready": Look(N_("ready"), "good", "check"),
        "failed": Look(N_("failed"), "warn", "triangle"),
        "expired": Look(N_("kept no more"), "lost", "clock"),
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
SECOND_PERSON = MappingProxyType(
    {
        "two_people": N_("A second person confirms it"),
        "second_factor": N_("A second person, or the same one with a code from their phone"),
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
FAULT: MappingProxyType[str, str] = MappingProxyType(
    {
        UNREACHABLE: N_("It cannot be reached"),
        FaultCode.AUDIO_DEVICE: N_("The sound card does not work"),
        FaultCode.MEDIA_MISSING: N_("A sound file is missing"),
        FaultCode.MEDIA_CORRUPT: N_("A sound file is damaged and is fetched again"),
        FaultCode.MEDIA_REFUSED: N_("A sound file that is not the centre's was refused"),
        FaultCode.MEDIA_UNFETCHED: N_("A sound file cannot be fetched"),
        FaultCode.BANK_MISSING: N_("A prepared message is missing"),
        FaultCode.ORDER_REFUSED: N_("An order was refused"),
        FaultCode.SETTINGS_MISSING: N_("Its settings have not come yet"),
        FaultCode.SETTINGS_BAD: N_("Its settings cannot be used"),
        FaultCode.DISK: N_("The disk cannot be written"),
        FaultCode.DISK_FULL: N_("The disk is full"),
        FaultCode.CLOCK_UNTRUSTED: N_("The clock cannot be trusted: only emergencies play"),
        FaultCode.CLOCK_OFF_CENTRE: N_("The clock differs from the centre's"),
        FaultCode.CERTIFICATE_REFUSED: N_("The centre refuses its key: install it anew"),
        FaultCode.CERTIFICATE_EXPIRES: N_("Its key is about to end: install it anew"),
        FaultCode.DATA_BUDGET_NEAR: N_("The month's data are nearly used up"),
        FaultCode.DATA_BUDGET_OVER: N_("More data are used than planned for the month"),
        FaultCode.MICROPHONE: N_("The microphone gives no sound"),
        FaultCode.HORN_NOT_HEARD: N_("The microphone does not hear the horns"),
        FaultCode.GPIO: N_("Buttons and amplifier relay cannot be used"),
        FaultCode.CONTACT_STUCK: N_("A button stays pressed"),
        FaultCode.STOPPED_LOCALLY: N_("Stopped by hand at the loudspeaker"),
        FaultCode.MEMORY: N_("It is short of memory"),
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
        "media_late": N_("its sound came too late"),
        "media_damaged": N_("its sound was damaged"),
        "order_late": N_("the order came too late"),
        "not_running": N_("the loudspeaker was switched off"),
        "interrupted": N_("the loudspeaker was switched off while it played"),
        "higher_class": N_("a higher one took the air"),
        "quiet_hours": N_("quiet hours"),
        "quota": N_("the day's sessions were used up"),
        "max_length": N_("longer than allowed"),
        "late": N_("it came too late"),
        "cut": N_("a higher one took the air"),
        "covered": N_("others had the air all the time"),
        "withdrawn": N_("it was stopped"),
        "cancelled": N_("it was cancelled"),
        "stopped_locally": N_("stopped by hand at the loudspeaker"),
        "stopped_by_centre": N_("everything was stopped"),
        "wrong_purpose": N_("drill and real thing mixed"),
        "reserved_id": N_("under a name that is the loudspeaker's own"),
        "unknown_message": N_("names a message it does not have"),
        "clock_untrusted": N_("the loudspeaker did not know the time"),
        "not_heard_by_microphone": N_("the microphone did not hear it"),
        "record_lost": N_("the loudspeaker lost its record of it"),
        "unknown": N_("for an unknown reason"),
    }
)
REPLACED = N_("%(reason)s, the replacement was heard")
_REPLACED_MARK = ", fallback heard"
HISTORY = MappingProxyType(
    {
        "broadcast.create": N_("Written"),
        "broadcast.edit": N_("Changed"),
        "broadcast.hand_over": N_("Handed over"),
        "broadcast.submit": N_("Sent for approval"),
        "broadcast.approve": N_("Approved"),
        "broadcast.return": N_("Returned"),
        "broadcast.cancel": N_("Cancelled"),
        "broadcast.cancel_one": N_("One time left out"),
        "broadcast.stop": N_("Stopped"),
        "broadcast.hide": N_("Taken off the public page"),
    }
)


def fault(translations: NullTranslations, code: str) -> str:
    """A fault in words; one that this version does not know by its code."""
    return translations.gettext(FAULT[code]) if code in FAULT else code


def reason(translations: NullTranslations, said: str) -> str:
    """Why something was not heard, in words; one that this version does not know as it was said."""
    plain = said.removesuffix(_REPLACED_MARK)
    known = translations.gettext(REASON[plain]) if plain in REASON else plain
    return known if plain == said else translations.gettext(REPLACED) % {"reason": known}


def look(table: MappingProxyType[str, Look], state: str) -> Look:
    """How a state is shown; one this version does not know is shown as unknown, never as good."""
    return table.get(state, UNKNOWN)
