"""The audit record's actions in words (pure): what kind of thing, and what was done to it.

An action that this version does not know is shown as it is written; nothing in the record is hidden.
"""

from collections.abc import Mapping
from gettext import NullTranslations
from types import MappingProxyType
from typing import Any

from web.i18n import N_

KIND = MappingProxyType(
    {
        "announcement": N_("Announcement"),
        "bank": N_("Message bank"),
        "broadcast": N_("Broadcast"),
        "bulletin": N_("Daily bulletin"),
        "deputy": N_("Deputy"),
        "drill": N_("Drill"),
        "emergency": N_("Emergency"),
        "fault": N_("Fault"),
        "feedback": N_("From residents"),
        "group": N_("Group of places"),
        "holiday": N_("Public holiday"),
        "invitation": N_("Invitation"),
        "live": N_("Live talk"),
        "notices": N_("Notices"),
        "playlist": N_("Playlist"),
        "programme": N_("Programme"),
        "proof": N_("Code typed anew"),
        "receiver": N_("Loudspeaker"),
        "recovery": N_("Recovery codes"),
        "rehearsal": N_("Rehearsal"),
        "relay": N_("Relay"),
        "report": N_("Report"),
        "retention": N_("Retention rule"),
        "role": N_("Role"),
        "session": N_("Sign-in"),
        "token": N_("Token"),
        "totp": N_("Second step at sign-in"),
        "urgent": N_("Urgent act"),
        "user": N_("Account"),
        "village": N_("Village"),
        "webhook": N_("Program that is told"),
        "zone": N_("Place"),
    }
)
DONE = MappingProxyType(
    {
        "acknowledge": N_("acknowledged"),
        "add": N_("added"),
        "answer": N_("answered"),
        "approve": N_("approved"),
        "ask": N_("asked for"),
        "begin": N_("begun"),
        "cancel": N_("cancelled"),
        "cancel_one": N_("one time left out"),
        "change": N_("changed"),
        "change_password": N_("password changed"),
        "choose": N_("chosen"),
        "close": N_("closed"),
        "code": N_("code made"),
        "confirm": N_("confirmed"),
        "copy": N_("copied"),
        "correct": N_("corrected"),
        "create": N_("made"),
        "delete": N_("deleted"),
        "edit": N_("changed"),
        "enable": N_("enabled"),
        "end": N_("ended"),
        "end_all": N_("all ended"),
        "end_others": N_("all others ended"),
        "enrol": N_("installed"),
        "expire": N_("sound let go after its time"),
        "fill": N_("filled in"),
        "force": N_("put in force"),
        "forgotten": N_("deleted after its time"),
        "give": N_("given"),
        "hand_over": N_("handed over"),
        "heard": N_("said whether it was heard"),
        "heard_again": N_("heard again"),
        "hide": N_("taken off the public page"),
        "kept": N_("recording kept"),
        "local_stop": N_("STOP pressed at the loudspeaker itself"),
        "label": N_("category and tags changed"),
        "make": N_("made"),
        "messages": N_("messages kept there"),
        "move": N_("moved"),
        "name": N_("named"),
        "pause": N_("paused"),
        "photo": N_("photo taken up"),
        "photo_delete": N_("photo deleted"),
        "put_together": N_("put together"),
        "record": N_("recorded"),
        "refused": N_("refused"),
        "remove": N_("removed"),
        "rename": N_("renamed"),
        "renew": N_("made anew"),
        "report": N_("fault reported"),
        "reset": N_("reset"),
        "reset_password": N_("new one-time password"),
        "restart": N_("restarted"),
        "restore": N_("restored"),
        "resume": N_("resumed"),
        "retire": N_("taken out"),
        "retry": N_("produced again"),
        "return": N_("returned"),
        "revise": N_("revised"),
        "revoke": N_("shut out"),
        "run": N_("run"),
        "seed": N_("filled in"),
        "self_test": N_("self-test"),
        "send": N_("sent"),
        "set": N_("set"),
        "settings": N_("settings changed"),
        "silence": N_("silenced"),
        "silent": N_("nothing heard from the microphone"),
        "stop": N_("stopped"),
        "submit": N_("sent for approval"),
        "subscribe": N_("each morning from now on"),
        "take": N_("taken away"),
        "unrecord": N_("a language removed"),
        "unsubscribe": N_("no more each morning"),
        "until": N_("end changed"),
        "use": N_("used"),
        "volume": N_("volume changed"),
        "withdraw": N_("withdrawn"),
    }
)
NOBODY = "session.refused"
"""Done by whoever it was."""
LOCAL_STOP = "receiver.local_stop"
"""Its own doing, or that of nobody known: the receiver is who did it."""
WHOLE = MappingProxyType({"stop_all": N_("Everything stopped")})
# Why something was refused; other reasons are shown as they are kept.
WHY = MappingProxyType(
    {
        "code_needed": N_("No code was typed."),
        "forbidden": N_("This person has no right to it there."),
        "own_order": N_("The same person had asked for it."),
        "second_factor_needed": N_("The account has no second step at sign-in."),
        "too_many_sign_ins": N_("After several wrong ones none was looked at for a while."),
        "password_wrong": N_("The password was wrong."),
        "wrong_code": N_("The code was wrong or used already."),
        "wrong_credentials": N_("The login name or the password was wrong."),
        "wrong_word": N_("The word that confirms it was wrong."),
    }
)

FACT = MappingProxyType(
    {
        "address": N_("Address"),
        "device": N_("Device"),
        "language": N_("Language"),
        "left": N_("Left over"),
        "login": N_("Login"),
        "name": N_("Name"),
        "on_behalf_of": N_("On behalf of"),
        "reason": N_("Reason"),
        "role": N_("Role"),
        "roles": N_("Roles"),
        "scope": N_("What it may do"),
        "state": N_("State"),
        "title": N_("Title"),
        "until": N_("Until"),
    }
)
"""What the details of an entry are called; any other is shown as it is written."""


def fact(translations: NullTranslations, name: str) -> str:
    """`Lý do`; nothing for a detail that has no other name."""
    return translations.gettext(FACT[name]) if name in FACT else ""


def kind(translations: NullTranslations, name: str) -> str:
    """`Bản tin`."""
    return translations.gettext(KIND[name]) if name in KIND else name


def action(translations: NullTranslations, name: str) -> str:
    """`Lịch phát: đã duyệt`."""
    if name in WHOLE:
        return translations.gettext(WHOLE[name])
    of, _, what = name.partition(".")
    if of not in KIND or what not in DONE:
        return name
    return f"{translations.gettext(KIND[of])}: {translations.gettext(DONE[what])}"


def refusal(translations: NullTranslations, detail: Mapping[str, Any]) -> str:
    """`Mã sai hoặc đã dùng rồi. Định làm: Vai trò: đã trao. Từ địa chỉ: 203.0.113.7.`."""
    code, act = str(detail.get("code", "")), detail.get("act") or detail.get("request")
    parts = [translations.gettext(WHY[code]) if code in WHY else code]
    if act:
        parts.append(translations.gettext(N_("It was for: %(act)s.")) % {"act": action(translations, str(act))})
    if detail.get("tries", 1) != 1:
        parts.append(translations.gettext(N_("Tried %(count)s times more.")) % {"count": detail["tries"]})
    if detail.get("last"):
        parts.append(translations.gettext(N_("It is tried so often that more of it is not written down for an hour.")))
    if detail.get("address"):
        parts.append(translations.gettext(N_("From the address %(address)s.")) % {"address": detail["address"]})
    return " ".join(parts)
