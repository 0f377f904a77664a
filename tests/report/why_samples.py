"""Answers to "why" as reports meet them, made by analysis of made-up evidence. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import why_builders as make
from perfproof.model.levers import Encoding, HttpFacts, QueryPlan
from perfproof.model.profile import ArmProfile
from perfproof.model.result import QueryDetail, StatementChange, Verdict
from perfproof.model.why import FlameNode, Why
from perfproof.why.explain import explain

SERVER = "~uvicorn.protocols.http.httptools_impl:run_asgi > ~fastapi.applications:FastAPI.__call__"
HANDLER = f"{SERVER} > ~fastapi.routing:run_endpoint_function > shop.app:create_app.list_projects"
PAGE = f"{HANDLER} > shop.queries:project_page"
SLOW = {
    SERVER: 0.35,
    f"{SERVER} > ~fastapi.dependencies.utils:solve_dependencies": 0.3,
    f"{SERVER} > ~starlette.middleware.gzip:GZipResponder.send > ~gzip:GzipFile.write": 0.2,
    HANDLER: 0.05,
    f"{PAGE}": 0.12,
    f"{PAGE} > ~sqlalchemy.orm.session:Session.scalars > ~sqlalchemy.orm.loading:load": 1.1,
    f"{PAGE} > shop.queries:_job > ~sqlalchemy.orm.strategies:LazyLoader._load": 6.4,
    f"{PAGE} > shop.similarity:nearest_naive": 3.1,
    f"{HANDLER} > shop.rendering:render_slow > ~fastapi.encoders:jsonable_encoder": 1.4,
    f"{HANDLER} > shop.rendering:render_slow > ~json.encoder:JSONEncoder.iterencode": 0.7,
    f"{HANDLER} > shop.tree:walk > shop.tree:walk > shop.tree:walk": 0.4,
}
FAST = {
    **{
        text: ms
        for text, ms in SLOW.items()
        if "naive" not in text and "render_slow" not in text and "Lazy" not in text
    },
    f"{PAGE} > ~sqlalchemy.orm.session:Session.scalars > ~sqlalchemy.orm.loading:load": 1.9,
    f"{PAGE} > shop.similarity:nearest_fast": 0.4,
    f"{HANDLER} > shop.rendering:render_fast > ~orjson:dumps": 0.05,
    f"{HANDLER} > shop.audit:record_access": 0.9,
}


def profiles(names: Sequence[str]) -> tuple[ArmProfile, ArmProfile]:
    """Return both arms' profiles of every request name, each a little different."""
    pair = [
        {name: {text: ms * (1 + at % 5 / 4) for text, ms in held.items()} for at, name in enumerate(names)}
        for held in (SLOW, FAST)
    ]
    return make.profile("baseline", pair[0], seed=1), make.profile("candidate", pair[1], seed=2)


def answer(names: Sequence[str] = ("list projects", "dashboard", "log in", "export records")) -> Why:
    """Return an answer with several levers, doubts, profiles and notes."""
    first, second = names[0], names[1 % len(names)]
    latency = dict.fromkeys(names, (15.0, 6.0))
    rows = [
        *make.rows(latency, cpu=(14.0, 6.1)),
        make.row("queries_per_request", first, 41, 5),
        make.row("db_time_per_request", first, 3.1, 0.9),
        make.row("response_bytes", second, 9000, 9000),
    ]
    statement = StatementChange(
        "k", "SELECT job.id, job.status FROM job WHERE job.project_id = ?", "gone", (2, 11, 41), (), 1.0, None,
        "shop/queries.py:42 project_page",
    )  # fmt: skip
    queries = [QueryDetail(first, (1, 10, 40), {}, (statement,))]
    gzip = (Encoding("gzip", "identity", 9000, 9000),), (Encoding("gzip", "gzip", 2000, 9000),)
    plan = QueryPlan(
        first, "f", "SELECT count(*) FROM record WHERE project_id = ?", ("SCAN record",), {"record": 12_000}, calls=1
    )
    plans = (plan,), (replace(plan, shape=("SEARCH record USING INDEX by_project",), scanned={}),)
    http = tuple([HttpFacts(second, 200, encodings=each)] for each in gzip)
    causes = make.causes(*profiles(names), http=(http[0], http[1]), plans=plans)
    causes = replace(
        causes,
        levers=tuple(
            replace(each, notes=("in-use connections are not known: no pool was found",)) for each in causes.levers
        ),
    )
    rates = dict.fromkeys(names, 20.0) | {"all": 20.0 * len(names)}
    found = explain(causes, rows, queries, Verdict.IMPROVED, rates)
    assert found is not None
    return found


def alone(names: Sequence[str] = ("list projects", "dashboard")) -> Why:
    """Return what a single arm has to say."""
    found = explain(replace(make.causes(), levers=(), profiles=(profiles(names)[1],)), [], (), Verdict.MET, kind="run")
    assert found is not None
    return found


def not_shown() -> Why:
    """Return an answer that names no cause."""
    return Why("Faster, cause not shown.", notes=("the service is no Python program: it was not profiled",))


def bushy(names: Sequence[str]) -> Why:
    """Return an answer as large as it gets: every graph full of long names."""
    rng = np.random.default_rng(4)

    def grow(depth: int, weight: float) -> FlameNode:
        shares = rng.dirichlet(np.ones(3)) * weight * 0.98 if depth else ()
        word = f"package.module{depth}.Class<{rng.integers(1000)}>." + "long_name&" * 8
        return FlameNode(
            word, bool(depth % 2), weight, weight * rng.uniform(0.5, 2), tuple(grow(depth - 1, w) for w in shares)
        )

    found = answer(names)
    return replace(found, profiles=tuple(replace(each, flame=grow(4, 30.0)) for each in found.profiles))
