"""The audit record's actions in words (pure): what kind of thing, and what was done to it.

An action that this version does not know is shown as it is written; nothing in the record is hidden.
"""

from gettext import NullTranslations
from types import MappingProxyType

from web.i18n import N_

KIND = MappingProxyType(
    {
        "announcement": N_("Announcement"),
        "bank": N_("Message bank"),
        "broadcast": N_("Broadcast"),
        "deputy": N_("Deputy"),
        "drill": N_("Drill"),
        "emergency": N_("Emergency"),
        "feedback": N_("From residents"),
        "group": N_("Group of places"),
        "holiday": N_("Public holiday"),
        "invitation": N_("Invitation"),
        "live": N_("Live talk"),
        "programme": N_("Programme"),
        "receiver": N_("Loudspeaker"),
        "recovery": N_("Recovery codes"),
        "rehearsal": N_("Rehearsal"),
        "report": N_("Report"),
        "retention": N_("Retention rule"),
        "role": N_("Role"),
        "session": N_("Sign-in"),
        "token": N_("Token"),
        "totp": N_("Second step at sign-in"),
        "urgent": N_("Urgent act"),
        "user": N_("Account"),
        "village": N_("Village"),
        "zone": N_("Place"),
    }
)
DONE = MappingProxyType(
    {
        "answer": N_("answered"),
        "approve": N_("approved"),
        "ask": N_("asked for"),
        "begin": N_("begun"),
        "cancel": N_("cancelled"),
        "cancel_one": N_("one time left out"),
        "change": N_("changed"),
        "change_password": N_("password changed"),
        "close": N_("closed"),
        "code": N_("code made"),
        "confirm": N_("confirmed"),
        "correct": N_("corrected"),
        "create": N_("made"),
        "delete": N_("deleted"),
        "edit": N_("changed"),
        "end": N_("ended"),
        "end_all": N_("all ended"),
        "end_others": N_("all others ended"),
        "enrol": N_("installed"),
        "expire": N_("sound let go after its time"),
        "force": N_("put in force"),
        "forgotten": N_("deleted after its time"),
        "give": N_("given"),
        "hand_over": N_("handed over"),
        "heard": N_("confirmed as heard"),
        "hide": N_("taken off the public page"),
        "kept": N_("recording kept"),
        "make": N_("made"),
        "refused": N_("refused"),
        "remove": N_("removed"),
        "rename": N_("renamed"),
        "renew": N_("made anew"),
        "report": N_("fault reported"),
        "reset_password": N_("new one-time password"),
        "retire": N_("taken out"),
        "return": N_("returned"),
        "revoke": N_("shut out"),
        "run": N_("run"),
        "seed": N_("filled in"),
        "set": N_("set"),
        "settings": N_("settings changed"),
        "silent": N_("nothing heard from the microphone"),
        "stop": N_("stopped"),
        "submit": N_("sent for approval"),
        "take": N_("taken away"),
        "until": N_("end changed"),
        "use": N_("used"),
        "withdraw": N_("withdrawn"),
    }
)


def kind(translations: NullTranslations, name: str) -> str:
    """`Bản tin`."""
    return translations.gettext(KIND[name]) if name in KIND else name


def action(translations: NullTranslations, name: str) -> str:
    """`Lịch phát: đã duyệt`."""
    of, _, what = name.partition(".")
    if of not in KIND or what not in DONE:
        return name
    return f"{translations.gettext(KIND[of])}: {translations.gettext(DONE[what])}"
