"""How long what is kept where: /api/v1/retention."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from scheduler.retention import service
from scheduler.retention.night import Shelves
from scheduler.retention.schemas import DryRun, KeepIn, RuleIn, RuleList, RuleOut, RunList, SeenIn
from scheduler.rights import Action
from web.api.announcements import producer_of
from web.auth import CurrentActor, Now, ReadDb, TheCentre, WriteDb, needs
from web.centre import Centre
from web.conditional import IfMatch, give_etag
from web.once import CreateOnce
from web.problems import EDIT_PROBLEMS, responses

router = APIRouter(
    prefix="/api/v1/retention",
    tags=["retention"],
    responses=responses(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
)
Ends = Annotated[bool, Query(description="What would go if the rule ended.")]


def shelves_of(centre: Centre) -> Shelves:
    """Where the centre's sounds lie: those produced, and those sent."""
    producer = producer_of(centre)
    return producer.media, producer.originals


@router.get("/rules", dependencies=[needs(Action.RETENTION_READ)])
def list_rules(db: ReadDb, actor: CurrentActor, now: Now) -> RuleList:
    """The rules of your places. What no rule speaks of is kept; measurements for 90 days."""
    return service.index(db, actor, now)


@router.post("/rules", status_code=HTTPStatus.CREATED, responses=responses(HTTPStatus.CONFLICT))
def ask_for_rule(
    body: RuleIn, response: Response, *, db: WriteDb, actor: CurrentActor, now: Now, once: CreateOnce
) -> RuleOut:
    """Ask for a rule. Nothing goes by it before its dry run was looked at and it was put in force."""
    made = once(db, now, lambda: service.create(db, actor, now, body))
    give_etag(response, made.version)
    return made


@router.get("/rules/{rule_id}")
def get_rule(rule_id: str, response: Response, db: ReadDb, actor: CurrentActor, now: Now) -> RuleOut:
    """One rule."""
    found = service.view(db, actor, now, rule_id)
    give_etag(response, found.version)
    return found


@router.put("/rules/{rule_id}", responses=EDIT_PROBLEMS)
def ask_for_change(
    rule_id: str, body: KeepIn, response: Response, *, db: WriteDb, actor: CurrentActor, now: Now, version: IfMatch
) -> RuleOut:
    """Ask for another time; what is in force goes on until that is put in force."""
    made = service.change(db, actor, now, rule_id, body, version=version)
    give_etag(response, made.version)
    return made


@router.get("/rules/{rule_id}/dry-run", responses=responses(HTTPStatus.CONFLICT))
def try_rule(
    rule_id: str, *, db: ReadDb, actor: CurrentActor, now: Now, centre: TheCentre, ends: Ends = False
) -> DryRun:
    """What would go today by the rule as it is asked for: how much, the oldest and the newest."""
    return service.dry_run(db, actor, now, rule_id, shelves_of(centre), ends=ends)


@router.post("/rules/{rule_id}/in-force", responses=EDIT_PROBLEMS)
def put_rule_in_force(
    rule_id: str,
    body: SeenIn,
    response: Response,
    *,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    version: IfMatch,
) -> RuleOut:
    """What is asked for holds from the next night on; `seen` is that of the dry run you looked at."""
    with centre.store.reading() as db:
        found = service.dry_run(db, actor, now, rule_id, shelves_of(centre))
    with centre.store.writing() as db:
        made = service.put_in_force(db, actor, now, found, body.seen, version=version)
    give_etag(response, made.version)
    return made


@router.delete("/rules/{rule_id}", status_code=HTTPStatus.NO_CONTENT, responses=EDIT_PROBLEMS)
def end_rule(
    rule_id: str,
    *,
    actor: CurrentActor,
    now: Now,
    centre: TheCentre,
    version: IfMatch,
    seen: Annotated[str, Query(max_length=64, description="Of the dry run with `ends`, for one in force.")] = "",
) -> None:
    """The rule is no more; what it settled is settled by the next one above."""
    with centre.store.reading() as db:
        found = service.dry_run(db, actor, now, rule_id, shelves_of(centre), ends=True)
    with centre.store.writing() as db:
        service.end(db, actor, now, rule_id, version=version, found=found, seen=seen)


@router.get("/runs", dependencies=[needs(Action.RETENTION_READ)])
def list_runs(*, db: ReadDb, actor: CurrentActor, now: Now, limit: Annotated[int, Query(ge=1, le=100)] = 14) -> RunList:
    """The last nights, the newest first: what went by which rule, and how much room that made."""
    return service.runs(db, actor, now, limit=limit)
