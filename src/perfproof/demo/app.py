"""The ASGI application: ``uvicorn perfproof.demo.app:app``.

Routes are ``async def`` and use SQLAlchemy synchronously, so a process handles one request at a time from its first
line to its response. That blocks the event loop, which is a fault in a service that waits on the network, and on
purpose here: FastAPI would run ``def`` routes in a thread pool, whose hand-overs cost 0.2 ms at the median and 0.4 ms
at p90 of a 1.8 ms route (serial requests), as much as the smaller levers, and which would win nothing while SQLite
works in this very process. It also makes the injected extra work exact (see ``work``).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import sessionmaker
from starlette.middleware.gzip import GZipMiddleware

from perfproof.demo import auth, placebo, queries, schemas
from perfproof.demo.around import Around
from perfproof.demo.cache import TimedCache
from perfproof.demo.database import reading_engine
from perfproof.demo.jobs import Jobs, StartedJob
from perfproof.demo.levers import Settings, from_environment
from perfproof.demo.more_routes import add_routes
from perfproof.demo.problems import answer_anyhow, answer_problems
from perfproof.demo.rendering import Plain, render_fast, render_slow
from perfproof.demo.work import ExtraWork

GZIP_FROM_BYTES, GZIP_LEVEL = 1024, 5
BEARER = HTTPBearer(auto_error=False)

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0)]


def create_app(settings: Settings) -> FastAPI:
    """Return the service. Its engine (``app.state.engine``) connects with the first request."""
    levers = settings.levers
    engine = reading_engine(settings.database_url, levers.pool)
    sessions = sessionmaker(engine)
    render = render_fast if levers.serialization else render_slow
    pages = placebo if settings.placebo else queries
    jobs = Jobs()
    dashboards: TimedCache[tuple[bytes, str]] = TimedCache(settings.cache_seconds)

    async def logged_in(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> int:
        user_id = auth.user_of_token(credentials.credentials, settings.secret) if credentials else None
        if user_id is None:
            raise HTTPException(401, "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})
        return user_id

    def answer(shape: type[BaseModel], data: Plain | None) -> Response:
        if data is None:
            raise HTTPException(404, "no such project")
        return _json(render(shape, data))

    app = FastAPI(title="Reconciliation demo", description="A small API with slow and fast ways.", version="1")
    app.state.engine = engine
    if levers.compression:
        app.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL)
    if settings.promises is not None:
        app.add_middleware(Around, promises=settings.promises)
        (answer_problems if settings.promises.errors else answer_anyhow)(app)
    if settings.extra_work or settings.extra_ms:  # added last, so it is the outermost and sees all of the work
        app.add_middleware(ExtraWork, fraction=settings.extra_work, extra_ns=int(settings.extra_ms * 1e6))
    protected: list[Any] = [Depends(logged_in)]

    @app.get("/health")
    async def health() -> dict[str, str]:
        try:
            with sessions() as session:
                ready = queries.seeded(session)
        except SQLAlchemyError as error:
            raise HTTPException(503, f"the database does not answer: {type(error).__name__}") from error
        if not ready:
            raise HTTPException(503, "the database is empty: run python -m perfproof.demo.seed")
        return {"status": "ok"}

    @app.post("/auth/login")
    async def login(body: schemas.Login) -> schemas.Token:
        with sessions() as session:
            user = queries.user_by_email(session, body.email)
        if user is None or not auth.password_fits(body.password, user.password):
            raise HTTPException(401, "unknown address or wrong password", {"WWW-Authenticate": "Bearer"})
        return schemas.Token(token=auth.issue_token(user.id, settings.secret), expires_in=auth.TOKEN_SECONDS)

    @app.get("/projects", response_model=schemas.ProjectPage, dependencies=protected)
    async def list_projects(limit: Limit = 20, offset: Offset = 0) -> Response:
        with sessions() as session:
            return answer(schemas.ProjectPage, pages.project_page(session, limit, offset, eager=levers.eager))

    @app.get("/projects/{project_id}", response_model=schemas.ProjectDetail, dependencies=protected)
    async def show_project(project_id: int) -> Response:
        with sessions() as session:
            return answer(schemas.ProjectDetail, queries.project_detail(session, project_id))

    @app.get("/projects/{project_id}/records", response_model=schemas.RecordPage, dependencies=protected)
    async def list_records(project_id: int, limit: Limit = 20, offset: Offset = 0) -> Response:
        with sessions() as session:
            page = pages.record_page(
                session, project_id, limit, offset, eager=levers.eager, fast_similarity=levers.hotpath
            )
            return answer(schemas.RecordPage, page)

    def job_view(job: StartedJob) -> schemas.StartedJobView:
        return schemas.StartedJobView(id=job.id, project_id=job.project_id, status=jobs.status(job))

    @app.post("/projects/{project_id}/jobs", status_code=202, dependencies=protected)
    async def start_job(project_id: int, response: Response) -> schemas.StartedJobView:
        with sessions() as session:
            if not queries.project_exists(session, project_id):
                raise HTTPException(404, "no such project")
        job = jobs.start(project_id)
        response.headers["Location"] = f"/jobs/{job.id}"
        return job_view(job)

    @app.get("/jobs/{job_id}", dependencies=protected)
    async def show_job(job_id: int) -> schemas.StartedJobView:
        job = jobs.find(job_id)
        if job is None:
            raise HTTPException(404, "no such job")
        return job_view(job)

    def make_dashboard() -> tuple[bytes, str]:
        with sessions() as session:
            body = render(schemas.Dashboard, queries.dashboard(session))
        # A weak tag: the same totals may leave compressed or not.
        return body, f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'

    @app.get("/dashboard", response_model=schemas.Dashboard, dependencies=protected)
    async def show_dashboard(request: Request) -> Response:
        if not levers.cache:
            return _json(make_dashboard()[0], {"Cache-Control": "no-store"})
        (body, tag), age = dashboards.get("dashboard", make_dashboard)
        headers = {"ETag": tag, "Cache-Control": f"private, max-age={settings.cache_seconds:.0f}", "Age": f"{age:.0f}"}
        headers["Cache-Status"] = "demo; hit" if age else "demo; fwd=miss; stored"
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=headers)
        return _json(body, headers)

    if settings.promises is not None:
        add_routes(app, sessions, logged_in, settings.promises)
    return app


def _json(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, media_type="application/json", headers=headers)


app = create_app(from_environment())
