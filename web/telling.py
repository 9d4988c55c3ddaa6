"""Letting the pages that look know, once what they look at is committed."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import event
from sqlmodel import Session

from scheduler.changes import Changes
from web.auth import TheCentre

TellAfter = Callable[..., None]


def tell_after(db: Session, changes: Changes, *words: str) -> None:
    """Have those who watch told `words` when this session's transaction is committed, and not if it is not."""

    def told(_session: Any) -> None:
        changes.tell(words)

    event.listen(db, "after_commit", told, once=True)


def teller(centre: TheCentre) -> TellAfter:
    def tell(db: Session, *words: str) -> None:
        tell_after(db, centre.changes, *words)

    return tell


Tell = Annotated[TellAfter, Depends(teller)]
