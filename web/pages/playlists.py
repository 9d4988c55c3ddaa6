"""Playlists: announcements one after the other, put into order by dragging, by keys, or by buttons without script."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from broadcast.produce.request import MAX_PARTS
from scheduler.announcements import parts, service
from scheduler.announcements.schemas import AnnouncementOut, NewPlaylist, PlaylistParts
from scheduler.rights import Action
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import choosing, words
from web.pages.compose_area import area_for
from web.pages.form_data import TheForm
from web.pages.frame import Errors, Page, ThePage
from web.pages.sounds import longest_us, state_of
from web.telling import tell_after

PER_PAGE = 30
PAUSES_MS = (0, 500, 1000, 1500, 3000, 5000)
NOTHING = N_("Add at least one announcement.")

router = APIRouter(prefix="/playlists", include_in_schema=False)
Fields = dict[str, Any]


@router.get("")
def listing(db: ReadDb, page: ThePage, before: Annotated[str | None, Query(max_length=26)] = None) -> Response:
    found = service.index(db, page.actor, page.now, before=before, limit=PER_PAGE, playlists=True)
    within = parts.of(db, [one.id for one in found.items])
    return page.render(
        "playlists/list.html",
        items=[_line(page, one, [part.title for part in within[one.id]]) for one in found.items],
        older=f"/playlists?before={found.next}" if found.next else None,
        may_edit=page.can(Action.ANNOUNCEMENT_EDIT),
    )


@router.get("/new")
def new(db: ReadDb, page: ThePage) -> Response:
    page.needs(Action.ANNOUNCEMENT_EDIT)
    form = {"title": "", "parts": [], "pause_ms": "1500", "between": "", "version": "0"}
    return _form(db, page, form)


@router.post("/new")
def create(db: WriteDb, page: ThePage, data: TheForm) -> Response:
    form, made = _read(data), ""
    if _rearranged(form, str(data.get("intent") or "")):
        return _form(db, page, form)
    empty = page.lacking(form, "title")
    with page.attempt(db) as errors:
        asked = {"zone_id": area_for(db, page).home.id, "title": form["title"]} | _asked(form)
        new_one = NewPlaylist.model_validate(asked)
        if not empty:
            made = parts.create(db, page.actor, page.now, new_one).id
            tell_after(db, page.centre.changes, f"announcement:{made}")
    errors = empty | errors
    return _form(db, page, form, errors=errors) if errors else page.go(f"/announcements/{made}", "uploading")


@router.get("/{announcement_id}/edit")
def edit_form(db: ReadDb, page: ThePage, announcement_id: str) -> Response:
    item = service.view(db, page.actor, page.now, announcement_id)
    recipe = item.recordings[0].recipe
    form = {
        "title": item.title, "parts": [part.id for part in parts.of(db, [item.id])[item.id]],
        "pause_ms": str(recipe.pause_ms), "between": recipe.between or "", "version": str(item.version),
    }  # fmt: skip
    return _form(db, page, form, item=item)


@router.post("/{announcement_id}/edit")
def edit(db: WriteDb, page: ThePage, announcement_id: str, data: TheForm) -> Response:
    item, form = service.view(db, page.actor, page.now, announcement_id), _read(data)
    if _rearranged(form, str(data.get("intent") or "")):
        return _form(db, page, form, item=item)
    with page.attempt(db) as errors:
        version = int(form["version"]) if form["version"].isdigit() else 0
        asked = PlaylistParts.model_validate(_asked(form))
        parts.change(db, page.actor, page.now, announcement_id, asked, version=version)
        tell_after(db, page.centre.changes, f"announcement:{announcement_id}")
    if errors:
        return _form(db, page, form, item=item, errors=errors)
    return page.go(f"/announcements/{announcement_id}", "uploading")


def _read(data: FormData) -> Fields:
    form: Fields = {name: str(data.get(name) or "").strip() for name in ("title", "pause_ms", "between", "version")}
    form["parts"] = [str(one) for one in data.getlist("part") if one][:MAX_PARTS]
    chosen = str(data.get("add") or "")
    if chosen and len(form["parts"]) < MAX_PARTS:  # also where one forgot to press the button
        form["parts"].append(chosen)
    return form


def _rearranged(form: Fields, intent: str) -> bool:
    """Whether the form was sent to be shown again: `up-2`, `down-0`, `remove-1`, `add`."""
    what, _, number = intent.partition("-")
    place, rows = int(number) if number.isdigit() else -1, form["parts"]
    if what == "remove" and 0 <= place < len(rows):
        rows.pop(place)
    if what in ("up", "down") and 0 <= place < len(rows):
        rows.insert(max(0, place - 1 if what == "up" else place + 1), rows.pop(place))
    return what in ("up", "down", "remove", "add")


def _asked(form: Fields) -> dict[str, Any]:
    recipe = {
        "pause_ms": int(form["pause_ms"]) if form["pause_ms"].isdigit() else 0,
        "between": form["between"] or None,
    }
    return {"announcement_ids": form["parts"], "recipe": recipe}


def _form(
    db: Session, page: Page, form: Fields, *, item: AnnouncementOut | None = None, errors: Errors | None = None
) -> Response:
    choices = choosing.choices(db, page, form["parts"])
    known = {choice["id"]: choice for choice in choices}
    if any(one not in known for one in form["parts"]):
        known = _gone(db, page, form["parts"], item) | known
    rows = [known[one] for one in form["parts"]]
    names = {"announcement_ids": "parts"}
    told = {names.get(name, name): text for name, text in (errors or {}).items()}
    if "parts" in told and not rows:
        told["parts"] = page.say(NOTHING)
    return page.render(
        "playlists/form.html",
        422 if errors else 200,
        form=form,
        item=item,
        rows=rows,
        total_us=sum(row["duration_us"] or 0 for row in rows),
        choices=[choice for choice in choices if item is None or choice["id"] != item.id],
        pauses=[(str(ms), page.say(N_("%(number)s s"), number=page.show.number(ms / 1000, 1))) for ms in PAUSES_MS],
        full=len(rows) >= MAX_PARTS,
        errors=told,
    )


def _gone(db: Session, page: Page, chosen: list[str], item: AnnouncementOut | None) -> dict[str, dict[str, Any]]:
    """A row for each that was chosen, as of what is no longer there; named where the playlist was made from it."""
    held = parts.of(db, [item.id])[item.id] if item is not None else []
    named = {part.id: page.say(N_("%(title)s (no longer there)"), title=part.title) for part in held}
    unnamed = page.say(N_("An announcement that is no longer there"))
    return {one: {"id": one, "title": named.get(one, unnamed), "duration_us": None} for one in chosen}


def _line(page: Page, one: AnnouncementOut, titles: list[str]) -> dict[str, Any]:
    state = state_of(one)
    return {
        "item": one,
        "titles": ", ".join(titles),
        "count": page.count("%(num)s part", "%(num)s parts", len(titles)),
        "duration_us": longest_us(one.recordings),
        "look": words.look(words.RECORDING, state) if state != "ready" else None,
    }
