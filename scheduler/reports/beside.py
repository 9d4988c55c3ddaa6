"""What stands beside the figures of an airing, and is none of them (reads the database)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct
from sqlmodel import Session, col, select

from scheduler.broadcasts.models import Broadcast
from scheduler.fleet.upkeep import village
from scheduler.fleet.upkeep.schemas import Confirmed
from scheduler.reports.repository import Row

AT_ONCE = 5000
"""So many are named to the database in one question."""


class Beside(Struct, frozen=True):
    """The numbers of signed papers by broadcast; what people in a village said, by airing and zone."""

    documents: dict[str, str]
    said: dict[tuple[str, str], Confirmed]


def beside(db: Session, rows: Sequence[Row]) -> Beside:
    documents: dict[str, str] = {}
    said: dict[tuple[str, str], Confirmed] = {}
    for ids in _chunks(dict.fromkeys(airing.broadcast_id for _line, airing in rows)):
        query = select(Broadcast.id, Broadcast.document_no).where(col(Broadcast.id).in_(ids))
        documents |= {key: number for key, number in db.exec(query) if number}
    for ids in _chunks(dict.fromkeys(airing.id for _line, airing in rows)):
        said |= village.confirmed(db, ids)
    return Beside(documents, said)


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while chunk := list(islice(left, AT_ONCE)):
        yield chunk
