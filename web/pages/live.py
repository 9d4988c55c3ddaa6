"""One talk: the microphone of whoever speaks, its state for all who hear it, and afterwards what was heard of it."""

from typing import Any

from fastapi import APIRouter, Response
from sqlmodel import Session
from starlette.responses import RedirectResponse

from scheduler.live import asking, hearing, service
from scheduler.live.models import LiveKind, LiveState
from scheduler.live.repository import AIRING_PREFIX
from scheduler.live.schemas import LiveOut
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from web.api import live as api
from web.auth import CurrentActor, ReadDb, TheCentre
from web.pages import live_words as said
from web.pages import words
from web.pages.frame import Page, ThePage
from web.pages.live_desk import listen_at, own

router = APIRouter(prefix="/live", include_in_schema=False)


@router.get("/{talk_id}")
def talk_page(db: ReadDb, page: ThePage, talk_id: str) -> Response:
    talk = service.view(db, page.actor, page.now, talk_id)
    over = talk.state is LiveState.ENDED
    speaks = own(page, talk) and talk.kind is LiveKind.MICROPHONE and not over
    return page.render(
        "live/talk.html",
        talk=talk,
        state=said.state_of(talk),
        look=words.look(said.STATE, said.state_of(talk)),
        line=said.line(page.show, talk, own=own(page, talk), listen=listen_at(db, page, talk)),
        delay=said.delay(page.show, talk.delay_ms),
        waiting=said.waiting(page.show, talk) if talk.state is LiveState.WAITING else "",
        kind=page.say(said.KIND[talk.kind]),
        end=page.say(said.END[talk.end_reason]) if talk.end_reason else "",
        speaks=speaks,
        over=over,
        heard=_heard(db, page, talk) if talk.began_at else None,
        reported=f"airing:{AIRING_PREFIX}{talk.id}",
    )


@router.post("/{talk_id}/end")
async def end(talk_id: str, actor: CurrentActor, centre: TheCentre) -> Response:
    """What one speaks with its last words, a recording and another's at once."""
    ended = await api.end_talk(talk_id, actor, centre)
    return RedirectResponse(f"/live/{ended.id}?said=live-ended", 303)


def _heard(db: Session, page: Page, talk: LiveOut) -> dict[str, Any]:
    """What the receivers that the reader sees told of it, and what suits the next talk there."""
    seen = zone_sql.paths_of(db, page.actor.zones_for(Action.RECEIVER_READ, page.now))
    heard = zone_sql.paths_of(db, talk.zone_ids)
    paths = [
        max(one, other, key=len) for one in heard for other in seen if one.startswith(other) or other.startswith(one)
    ]
    ears = hearing.heard(db, talk.id, paths)
    late = hearing.late_ratio(ears)
    return {
        "ears": [(ear, words.reason(page.translations, ear.reason) if ear.reason else "") for ear in ears],
        "late": page.show.number(late * 100, 1) if late is not None else "",
        "suggested": said.delay(page.show, asking.advice(db, page.now, paths).delay_ms) if ears else "",
    }
