"""The web application: pages and API over one centre."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware

from web import assets, once, openapi, problems
from web.api import (
    announcements,
    bank,
    broadcasts,
    deputies,
    emergencies,
    enrolments,
    feedback,
    handover,
    health,
    inbox,
    live,
    media,
    microphone,
    notices,
    people,
    photos,
    programmes,
    receivers,
    rehearsals,
    reports,
    retention,
    session,
    upkeep,
    zones,
)
from web.centre import Centre
from web.middleware import AnswerHeaders, BodyLimit
from web.problems import ProblemPage
from web.shared_accounts import spare
from web.urgent_door import Door

API = "/api/v1"

# Each has its own prefix, /api/v1/… or a page's path, and its tag.
ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    people.router,
    handover.router,
    zones.router,
    receivers.router,
    photos.router,
    upkeep.router,
    enrolments.router,
    media.router,
    health.router,
    announcements.router,
    broadcasts.router,
    emergencies.router,
    live.router,
    microphone.router,
    bank.router,
    programmes.router,
    rehearsals.router,
    reports.router,
    retention.router,
    feedback.router,
    deputies.router,
    inbox.router,
    notices.router,
)


def create_app(centre: Centre, page: ProblemPage | None = None) -> FastAPI:
    """The application over `centre`, which others start and stop; `page` tells problems to browsers."""
    app = FastAPI(
        title="Loa",
        version="1",
        summary="Public-address radio over IP for communes.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        generate_unique_id_function=_operation_id,
        dependencies=[Depends(spare)],
    )
    app.state.centre = centre
    app.state.urgent_door = Door()
    app.state.assets = assets.Assets()
    problems.install(app, page)
    once.install(app)
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    app.mount(assets.PREFIX, app.state.assets)
    app.add_middleware(GZipMiddleware, minimum_size=600, compresslevel=6)
    app.add_middleware(BodyLimit)
    settings = centre.settings
    app.add_middleware(
        AnswerHeaders, https=settings.secure_cookies, base_url=settings.base_url, tiles_from=settings.map_tiles_origin
    )
    return app


def _operation_id(route: APIRoute) -> str:
    return "_".join([*map(str, route.tags[:1]), route.name])


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    centre: Centre = app.state.centre
    centre.changes.attach(asyncio.get_running_loop())
    yield
