"""Who may do what where (pure): one table, deny by default.

Rules
- A grant gives a role on a zone and everything below it, until the instant `until` (exclusive) if that is set.
- What no grant gives is refused. A person may hold several grants; nothing takes a right away but the end of a grant.
- What touches several zones needs the right on each of them.
- Nobody approves what they wrote or changed, whatever their roles; nobody seconds an emergency of their own.
- A deputy has of another's role only what `DEPUTED` names, as long as the other has it; and uses it for nothing that
  the other wrote. What is deputed is passed on to nobody.
- Who runs the system (administrator) does not thereby speak through it.
- A zone is named by its path of ids from the root, `/a/b/c/`, never by its name.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct


class Role(StrEnum):
    VIEWER = "viewer"  # sees; a village helper
    EDITOR = "editor"  # prepares announcements and plans broadcasts; a commune official
    APPROVER = "approver"  # releases what others prepared; a commune leader
    OPERATOR = "operator"  # emergencies, live sessions and receivers; district and provincial staff
    ADMINISTRATOR = "administrator"  # zones, people, receivers, settings


class Action(StrEnum):
    ZONE_READ = "zone.read"
    ZONE_EDIT = "zone.edit"
    RECEIVER_READ = "receiver.read"
    RECEIVER_EDIT = "receiver.edit"
    RECEIVER_ENROL = "receiver.enrol"
    RECEIVER_CONTROL = "receiver.control"  # volume, self-test, restart
    ANNOUNCEMENT_READ = "announcement.read"
    ANNOUNCEMENT_EDIT = "announcement.edit"
    BROADCAST_READ = "broadcast.read"
    BROADCAST_EDIT = "broadcast.edit"
    BROADCAST_SUBMIT = "broadcast.submit"
    BROADCAST_APPROVE = "broadcast.approve"
    BROADCAST_CANCEL = "broadcast.cancel"
    DEPUTY_NAME = "deputy.name"  # have another approve for oneself; for others, who administers people there
    BROADCAST_STOP = "broadcast.stop"  # what is on the air, STOP ALL too
    EMERGENCY_ISSUE = "emergency.issue"
    EMERGENCY_CONFIRM = "emergency.confirm"  # as the second person
    DRILL_ISSUE = "drill.issue"
    BANK_EDIT = "bank.edit"  # what the prepared messages say; of use only with the right in every root zone
    LIVE_SPEAK = "live.speak"
    LIVE_LISTEN = "live.listen"
    FAULT_REPORT = "fault.report"  # report a fault, confirm that something was heard
    REPORT_READ = "report.read"
    FEEDBACK_READ = "feedback.read"  # what residents write, with their names and numbers
    FEEDBACK_ANSWER = "feedback.answer"
    USER_READ = "user.read"
    USER_EDIT = "user.edit"
    AUDIT_READ = "audit.read"
    SETTINGS_EDIT = "settings.edit"
    RETENTION_READ = "retention.read"
    RETENTION_EDIT = "retention.edit"  # how long what is kept
    TOKEN_EDIT = "token.edit"  # noqa: S105 -- an action: one's own bearer tokens


_SEES = frozenset(
    {
        Action.ZONE_READ,
        Action.RECEIVER_READ,
        Action.ANNOUNCEMENT_READ,
        Action.BROADCAST_READ,
        Action.LIVE_LISTEN,
        Action.FAULT_REPORT,
        Action.REPORT_READ,
        Action.TOKEN_EDIT,
    }
)
_HEARS_RESIDENTS = frozenset({Action.FEEDBACK_READ, Action.FEEDBACK_ANSWER})
_PREPARES = frozenset(
    {
        Action.ANNOUNCEMENT_EDIT,
        Action.BROADCAST_EDIT,
        Action.BROADCAST_SUBMIT,
        Action.BROADCAST_CANCEL,
        Action.BROADCAST_STOP,
    }
)
TABLE = MappingProxyType(
    {
        Role.VIEWER: _SEES,
        Role.EDITOR: _SEES | _PREPARES | _HEARS_RESIDENTS,
        Role.APPROVER: _SEES
        | _HEARS_RESIDENTS
        | {
            Action.BROADCAST_APPROVE,
            Action.DEPUTY_NAME,
            Action.BROADCAST_CANCEL,
            Action.BROADCAST_STOP,
            Action.EMERGENCY_CONFIRM,
            Action.AUDIT_READ,
            Action.RETENTION_READ,
        },
        Role.OPERATOR: _SEES
        | _PREPARES
        | _HEARS_RESIDENTS
        | {
            Action.RECEIVER_CONTROL,
            Action.EMERGENCY_ISSUE,
            Action.EMERGENCY_CONFIRM,
            Action.DRILL_ISSUE,
            Action.BANK_EDIT,
            Action.LIVE_SPEAK,
            Action.AUDIT_READ,
            Action.RETENTION_READ,
        },
        Role.ADMINISTRATOR: _SEES
        | _HEARS_RESIDENTS
        | {
            Action.ZONE_EDIT,
            Action.RECEIVER_EDIT,
            Action.RECEIVER_ENROL,
            Action.RECEIVER_CONTROL,
            Action.BROADCAST_CANCEL,
            Action.BROADCAST_STOP,
            Action.DEPUTY_NAME,
            Action.USER_READ,
            Action.USER_EDIT,
            Action.AUDIT_READ,
            Action.SETTINGS_EDIT,
            Action.RETENTION_READ,
            Action.RETENTION_EDIT,
        },
    }
)


DEPUTED = frozenset({Action.ZONE_READ, Action.ANNOUNCEMENT_READ, Action.BROADCAST_READ, Action.BROADCAST_APPROVE})


class Grant(Struct, frozen=True):
    """`role` on `zone_id` and below, up to the aware instant `until`; of a deputy, the id of whose role it is."""

    role: Role
    zone_id: str
    until: datetime | None = None
    on_behalf_of: str | None = None

    @property
    def actions(self) -> frozenset[Action]:
        return TABLE[self.role] & DEPUTED if self.on_behalf_of is not None else TABLE[self.role]


def allowed(grants: Iterable[Grant], action: Action, zone_path: str, now: datetime) -> bool:
    """Whether one of `grants` gives `action` in the zone with the path `/a/b/c/` at the aware instant `now`."""
    whole = zone_path.startswith("/") and zone_path.endswith("/")
    zone_ids = frozenset(zone_path.split("/")) - {""} if whole else frozenset[str]()
    return not zone_ids.isdisjoint(allowed_somewhere(grants, action, now))


def allowed_somewhere(grants: Iterable[Grant], action: Action, now: datetime) -> tuple[str, ...]:
    """The zones (their subtrees with them) on which `action` is given; what a list may be made from."""
    held = (g for g in grants if action in g.actions and (g.until is None or now < g.until))
    return tuple(sorted({grant.zone_id for grant in held}))


def other_person(author_ids: Collection[str], person_id: str) -> bool:
    """Whether `person_id` may judge what `author_ids` wrote and changed: never one of them, and not without them."""
    return bool(person_id) and bool(author_ids) and person_id not in author_ids


def fit_to_judge(grants: Iterable[Grant], author_ids: Collection[str]) -> tuple[Grant, ...]:
    """`grants` without those held for one of the authors: nobody has a deputy release what they wrote."""
    return tuple(grant for grant in grants if grant.on_behalf_of is None or grant.on_behalf_of not in author_ids)


def on_behalf_of(grants: Iterable[Grant], action: Action, zone_paths: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Whose deputy one must be to do `action` in these zones; nobody's where one's own grants give it."""
    held, paths = tuple(grants), tuple(zone_paths)
    own = tuple(grant for grant in held if grant.on_behalf_of is None)
    lacking = [path for path in paths if not allowed(own, action, path, now)]
    found = {g.on_behalf_of for g in held for path in lacking if g.on_behalf_of and allowed([g], action, path, now)}
    return tuple(sorted(found))
