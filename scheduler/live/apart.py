"""What is done to one talk of many, so that its fault is no other's (part of one transaction)."""

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session

from scheduler.store.patience import is_away

log = logging.getLogger(__name__)

T = TypeVar("T")


def apart(db: Session, talk_id: str, work: Callable[[], T], fault: Callable[[], T]) -> T:
    """What `work` returns; where it fails nothing of it stays, it is logged, and `fault` is asked instead.

    A database that is away is no talk's fault: that is raised.
    """
    try:
        with db.begin_nested():
            return work()
    except Exception as error:
        if is_away(error):
            raise
        log.exception("live talk %s", talk_id)
    return fault()
