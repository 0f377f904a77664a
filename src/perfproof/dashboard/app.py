"""The application: which address shows which page."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from perfproof.dashboard import views
from perfproof.dashboard.access import AccessGuard
from perfproof.dashboard.documents import Documents
from perfproof.dashboard.lately import lately_page
from perfproof.errors import EvidenceError, PerfproofError, StoreError
from perfproof.model.metrics import ALL
from perfproof.report.page import templating
from perfproof.store.repository import Store
from perfproof.store.summary import RunFilter, RunSummary

REPORT_POLICY = (
    "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""A report is a page of its own, and may come from an imported file: it runs nothing, and has no origin to act for."""
_HERE = Path(__file__).parent
_STYLES = (
    _HERE.parent / "report" / "templates" / "report.css",
    _HERE.parent / "report" / "templates" / "trend.css",
    _HERE / "templates" / "dashboard.css",
)


def create_app(store: Store, *, token: str | None = None) -> Starlette:
    """Return the dashboard over ``store``; with a ``token`` nothing is shown without it (``access.AccessGuard``)."""
    app = Starlette(
        routes=[
            Route("/", _lately, methods=["GET"]),
            Route("/runs", _runs, methods=["GET"]),
            Route("/runs/{run:path}/report", _report, methods=["GET"]),
            Route("/runs/{run:path}", _run, methods=["GET"]),
            Route("/compare", _compare, methods=["GET"]),
            Route("/trends", _trends, methods=["GET"]),
            Route("/style.css", _style, methods=["GET"]),
        ],
        middleware=[Middleware(AccessGuard, token=token)],
        exception_handlers={PerfproofError: _failed, HTTPException: _missing},
    )
    app.state.store = store
    app.state.documents = Documents(store)
    return app


def _lately(request: Request) -> Response:
    page = _whole(request.query_params.get("page"), 1)
    return _page("lately.html", "What changed lately", lately_page(_store(request), page, datetime.now(UTC)))


def _runs(request: Request) -> Response:
    query = request.query_params
    names = ("scenario", "label", "branch", "commit", "verdict")
    wanted = RunFilter(**{name: query.get(name) or None for name in names})
    return _page("runs.html", "Runs", views.runs_page(_store(request), wanted, _whole(query.get("page"), 1)))


def _run(request: Request) -> Response:
    run = _found(request, request.path_params["run"])
    return _page("run.html", run.id, views.run_page(_store(request), run))


def _report(request: Request) -> Response:
    run = _found(request, request.path_params["run"])
    return _document(request.app.state.documents.report(run))


def _compare(request: Request) -> Response:
    query = request.query_params
    baseline, candidate = query.get("baseline", ""), query.get("candidate", "")
    if not (baseline and candidate) or "choose" in query:
        context = views.compare_page(_store(request), baseline, candidate, query.get("scenario", ""))
        return _page("compare.html", "Compare", context)
    after = _found(request, candidate)
    runs = views.named_run(_store(request), baseline, after.scenario), after
    return _document(request.app.state.documents.comparison(*runs, force="force" in query))


def _trends(request: Request) -> Response:
    query = request.query_params
    context = views.trends_page(
        _store(request),
        query.get("scenario", ""),
        query.get("request") or ALL,
        query.get("branch", ""),
        _whole(query.get("last"), 100),
        query.get("arm", ""),
    )
    return _page("trend_page.html", "Trends", context)


def _style(request: Request) -> Response:  # noqa: ARG001 - the signature of an endpoint
    return Response(_styles(), media_type="text/css")


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature of a handler
    assert isinstance(error, PerfproofError)  # noqa: S101 - registered for these alone
    context = {"what": error.what, "why": error.why or "", "hint": error.hint or ""}
    return _page("error.html", "Not shown", context, 404 if isinstance(error, StoreError | EvidenceError) else 400)


async def _missing(request: Request, error: Exception) -> Response:  # noqa: ARG001
    code = error.status_code if isinstance(error, HTTPException) else 500
    what = "there is no such page" if code == 404 else "this is a read-only dashboard: pages can only be read"
    return _page("error.html", "Not shown", {"what": what, "why": "", "hint": ""}, code)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _found(request: Request, reference: str) -> RunSummary:
    return _store(request).find(reference)


def _document(page: bytes) -> Response:
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


def _page(template: str, title: str, context: dict[str, Any], status: int = 200) -> Response:
    return HTMLResponse(_templates().get_template(template).render(title=title, page_name=template, **context), status)


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else otherwise


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Return the templates; kept, since compiling them costs more than filling them."""
    return templating.environment(PackageLoader("perfproof.dashboard"))


@lru_cache(maxsize=1)
def _styles() -> str:
    """Return the reports' style sheet with what the dashboard adds: both look alike."""
    return "\n".join(file.read_text(encoding="utf-8") for file in _STYLES)
