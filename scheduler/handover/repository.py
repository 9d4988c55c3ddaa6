"""All SQL about what somebody answers for."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, exists, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from scheduler.announcements.models import Announcement
from scheduler.announcements.repository import put_together
from scheduler.broadcasts.models import Broadcast
from scheduler.bulletins.models import Bulletin
from scheduler.deputies.models import Deputy
from scheduler.live.models import LiveState, LiveTalk
from scheduler.notices.models import NoticeChoice
from scheduler.people.models import RoleGrant, User
from scheduler.relays.models import Relay
from scheduler.reports.models import ReportSubscription
from scheduler.rights import TABLE, Action
from scheduler.workflow import State
from scheduler.zones.models import Zone

IN_WORK = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.ON_AIR)


def broadcasts_by(db: Session, user_id: str, *, lock: bool = False) -> Sequence[tuple[Broadcast, str]]:
    """Those that are not over, with their titles, oldest first."""
    query = (
        select(Broadcast, Announcement.title)
        .join(Announcement, col(Announcement.id) == Broadcast.announcement_id)
        .where(Broadcast.author_id == user_id, col(Broadcast.state).in_(IN_WORK))
        .order_by(col(Broadcast.id))
    )
    return db.exec(query.with_for_update(of=Broadcast) if lock else query).all()


def unused_announcements_by(db: Session, user_id: str) -> Sequence[Announcement]:
    """Those that no broadcast plays yet, oldest first."""
    used = exists().where(col(Broadcast.announcement_id) == col(Announcement.id))
    query = _announcements_by(user_id).where(~used, ~put_together())
    return db.exec(query.order_by(col(Announcement.id))).all()


def playlists_by(db: Session, user_id: str) -> Sequence[Announcement]:
    """Those that were broadcast too: they are put into another order and broadcast again."""
    return db.exec(_announcements_by(user_id).where(put_together()).order_by(col(Announcement.id))).all()


def bulletins_by(db: Session, user_id: str) -> Sequence[Bulletin]:
    """Those that still come."""
    query = select(Bulletin).where(Bulletin.author_id == user_id, col(Bulletin.ended_at).is_(None))
    return db.exec(query.order_by(Bulletin.id)).all()


def relays_by(db: Session, user_id: str, *, lock: bool = False) -> Sequence[Relay]:
    """Those that are not over."""
    query = select(Relay).where(Relay.author_id == user_id, col(Relay.state).in_(IN_WORK)).order_by(Relay.id)
    return db.exec(query.with_for_update() if lock else query).all()


def reports_to(db: Session, user_id: str) -> Sequence[ReportSubscription]:
    """Of which zones they are told each morning."""
    query = select(ReportSubscription).where(ReportSubscription.user_id == user_id)
    return db.exec(query.order_by(ReportSubscription.zone_id)).all()


def end_mail_to(db: Session, user_id: str) -> None:
    """No notice and no daily report goes to them any more."""
    db.execute(delete(NoticeChoice).where(col(NoticeChoice.user_id) == user_id))
    db.execute(delete(ReportSubscription).where(col(ReportSubscription.user_id) == user_id))


def _announcements_by(user_id: str) -> SelectOfScalar[Announcement]:
    return select(Announcement).where(Announcement.author_id == user_id, col(Announcement.deleted_at).is_(None))


def talks_by(db: Session, user_id: str) -> Sequence[LiveTalk]:
    """Those that wait for their turn or are on the air."""
    query = select(LiveTalk).where(LiveTalk.speaker_id == user_id, col(LiveTalk.state) != LiveState.ENDED)
    return db.exec(query.order_by(col(LiveTalk.id))).all()


def submitted(db: Session) -> Sequence[tuple[Broadcast, str, str]]:
    """What waits for approval, with its title and the name of its zone."""
    query = (
        select(Broadcast, Announcement.title, Zone.name)
        .join(Announcement, col(Announcement.id) == Broadcast.announcement_id)
        .join(Zone, col(Zone.id) == Broadcast.zone_id)
        .where(Broadcast.state == State.SUBMITTED)
        .order_by(col(Broadcast.id))
    )
    return db.exec(query).all()


def relays_submitted(db: Session) -> Sequence[tuple[Relay, str]]:
    """The relays that wait for approval, each with the name of its zone."""
    query = select(Relay, Zone.name).join(Zone, col(Zone.id) == Relay.zone_id).where(Relay.state == State.SUBMITTED)
    return db.exec(query.order_by(Relay.id)).all()


def holders(db: Session, action: Action) -> Sequence[User]:
    """Who may sign in and holds a role that gives `action` somewhere, or is a deputy."""
    roles = [role.value for role, actions in TABLE.items() if action in actions]
    held = select(RoleGrant.user_id).where(col(RoleGrant.role).in_(roles))
    lent = select(Deputy.deputy_id).where(col(Deputy.ended_at).is_(None))
    query = select(User).where(or_(col(User.id).in_(held), col(User.id).in_(lent)), col(User.disabled).is_(False))
    return db.exec(query.order_by(User.name)).all()


def zones(db: Session, zone_ids: Collection[str]) -> dict[str, Zone]:
    return {zone.id: zone for zone in db.exec(select(Zone).where(col(Zone.id).in_(zone_ids))).all()}
