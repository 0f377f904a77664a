"""The routes of the promises: a search, a log in pages, many projects at once, who one is, and what goes away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from perfproof.demo import queries
from perfproof.demo.promises import Promises
from perfproof.demo.schemas import JobView, ProjectDetail
from perfproof.demo.tables import Job, Project, Record, User

MOST_AT_ONCE = 50
DEPRECATED = datetime(2026, 1, 15, tzinfo=UTC)
SUNSET = datetime(2027, 6, 30, tzinfo=UTC)
_KEY = "AKIAIOSFODNN7EXAMPLE"
"""The example of a key in the documentation of AWS: it opens nothing."""


class Found(BaseModel):
    """A record that was searched for."""

    id: int
    reference: str
    description: str
    amount_cents: int


class FoundPage(BaseModel):
    """A page of what was found."""

    total: int
    items: list[Found]


class JobPage(BaseModel):
    """A page of the log of jobs, and where the next one is."""

    total: int
    items: list[JobView]
    next: str | None


class Projects(BaseModel):
    """Projects asked for by their ids, in that order; those that are not there are left out."""

    items: list[ProjectDetail]


class Me(BaseModel):
    """Who is logged in."""

    id: int
    name: str
    email: str


class Summary(BaseModel):
    """A project in short."""

    id: int
    name: str


class Archive(BaseModel):
    """What is kept of a project."""

    project_id: int
    records: int


def add_routes(app: FastAPI, sessions: sessionmaker[Session], logged_in: Any, promises: Promises) -> None:
    """Add the routes that keep, or break, the promises."""
    routes = APIRouter(dependencies=[Depends(logged_in)])

    @routes.get("/search", response_model=FoundPage)
    async def search(
        q: Annotated[str, Query(min_length=1, max_length=100)],
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        with sessions() as session:
            find = _bound if promises.sql else _written_in
            return JSONResponse(find(session, q, limit, offset))

    if promises.pages:

        @routes.get("/job-log", response_model=JobPage)
        async def job_log(
            limit: Annotated[int, Query(ge=1, le=100)] = 20, offset: Annotated[int, Query(ge=0)] = 0
        ) -> Response:
            with sessions() as session:
                total = session.scalar(select(func.count()).select_from(Job)) or 0
                jobs = session.scalars(select(Job).order_by(Job.id).limit(limit).offset(offset)).all()
            more = offset + limit < total
            link = f"/job-log?limit={limit}&offset={offset + limit}" if more else None
            return JSONResponse({"total": total, "items": [_job(job) for job in jobs], "next": link})
    else:

        @routes.get("/job-log", response_model=dict[str, list[JobView]])
        async def whole_job_log() -> Response:
            with sessions() as session:
                return JSONResponse({"items": [_job(job) for job in session.scalars(select(Job).order_by(Job.id))]})

    @routes.get("/batch/projects", response_model=Projects, include_in_schema=promises.document)
    async def some_projects(
        ids: Annotated[str, Query(pattern=r"^\d{1,9}(,\d{1,9}){0,49}$", examples=["1,2,3"])],
    ) -> Response:
        wanted = [int(each) for each in ids.split(",")][:MOST_AT_ONCE]
        with sessions() as session:
            if promises.batch:
                found = queries.project_details(session, wanted)
            else:
                found = [each for id_ in wanted if (each := queries.project_detail(session, id_)) is not None]
        return JSONResponse({"items": [ProjectDetail.model_validate(each).model_dump(mode="json") for each in found]})

    @routes.get("/me", response_model=Me)
    async def me(user_id: int = Depends(logged_in)) -> Response:
        with sessions() as session:
            user = session.get(User, user_id)
            if user is None:
                raise HTTPException(404, "This user is no longer here.")
            told = {"id": user.id, "name": user.name, "email": user.email}
            if not promises.secrets:
                told |= {"password_hash": user.password, "api_key": _KEY}
        return JSONResponse(told)

    @routes.get("/projects/{project_id}/summary", response_model=Summary, deprecated=True)
    async def summary(project_id: int) -> Response:
        with sessions() as session:
            project = session.get(Project, project_id)
            if project is None:
                raise HTTPException(404, "There is no such project.")
            told = {"id": project.id, "name": project.name}
        return JSONResponse(told, headers=_going_away(project_id) if promises.deprecation else None)

    async def archive(project_id: int) -> Response:
        with sessions() as session:
            if not queries.project_exists(session, project_id):
                raise HTTPException(404, "There is no such project.")
            mine = select(func.count()).select_from(Record).where(Record.project_id == project_id)
            return JSONResponse({"project_id": project_id, "records": session.scalar(mine) or 0})

    if promises.document:
        routes.get("/projects/{project_id}/archive", response_model=Archive)(archive)
    app.include_router(routes)
    if not promises.document:
        _promise_an_archive(app)


def _bound(session: Session, q: str, limit: int, offset: int) -> dict[str, Any]:
    like = Record.description.contains(q, autoescape=True)
    columns = (Record.id, Record.reference, Record.description, Record.amount_cents)
    rows = session.execute(select(*columns).where(like).order_by(Record.id).limit(limit).offset(offset))
    total = session.scalar(select(func.count()).select_from(Record).where(like)) or 0
    return {"total": total, "items": [dict(row._mapping) for row in rows]}


def _written_in(session: Session, q: str, limit: int, offset: int) -> dict[str, Any]:
    """Search as it must not be done: a quote in what is searched for ends the text of the statement."""
    where = f"FROM records WHERE description LIKE '%{q.replace(':', '')}%'"
    rows = session.execute(
        text(f"SELECT id, reference, description, amount_cents {where} ORDER BY id LIMIT {limit} OFFSET {offset}")
    )
    found = [dict(row._mapping) for row in rows]
    total = session.execute(text(f"SELECT count(*) {where}")).scalar()
    return {"total": total, "items": found}


def _job(job: Job) -> dict[str, Any]:
    return {"id": job.id, "status": job.status, "started_at": job.started_at.isoformat(), "seconds": job.seconds}


def _going_away(project_id: int) -> dict[str, str]:
    return {
        "Deprecation": f"@{int(DEPRECATED.timestamp())}",
        "Sunset": SUNSET.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Link": f'</projects/{project_id}>; rel="successor-version"',
    }


def _promise_an_archive(app: FastAPI) -> None:
    """Have the document name an operation that is not there."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        made = plain()
        item = made["paths"]["/projects/{project_id}/summary"]["get"]
        made["paths"]["/projects/{project_id}/archive"] = {
            "get": {
                "summary": "Archive",
                "operationId": "archive",
                "parameters": item["parameters"],
                "security": item["security"],
                "responses": {"200": {"description": "What is kept of a project"}},
            }
        }
        return made

    app.openapi = openapi  # type: ignore[method-assign]
