"""A store with a history in it: believable levels, a step at a known commit, a change of machine."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.recording import Environment, RunInfo
from perfproof.model.result import Comparability, Comparison, Estimate, Level, Result, Verdict
from perfproof.model.revision import Revision
from perfproof.store.repository import Store

BASES = {"ms": 24.0, "bytes": 90e6, "bytes/1000": 20_000.0, "1/s": 240.0, "ratio": 0.0}
COMPARED = ("latency_p50", "latency_p95", "memory_peak", "error_rate")
STEP = 0.18
"""What the step adds to every latency."""


def one_of_each_kind() -> set[str]:
    """Return names of metrics, one for each unit, whether it is a request's, and whether it is compared."""
    return set({(each.unit, each.per_request, each.name in COMPARED): each.name for each in METRICS.values()}.values())


def commit(number: int) -> str:
    return hashlib.sha1(f"commit {number}".encode()).hexdigest()


def requests(count: int) -> list[str]:
    return [f"GET /things/{number}" for number in range(count)]


def fill(
    store: Store,
    folder: Path,
    *,
    runs: int = 40,
    names: Sequence[str] = ("list projects", "dashboard"),
    step: int | None = 28,
    machine: int | None = None,
    scenario: str = "projects",
    seed: int = 1,
    metrics: Collection[str] = METRICS,
) -> list[RunInfo]:
    """Add ``runs`` runs, a day apart; from run ``step`` on latencies are higher, from ``machine`` on it is another."""
    rng = np.random.default_rng(seed)
    began = datetime(2026, 8, 1, 6, 15, tzinfo=UTC)
    made = []
    for number in range(runs):
        moved = step is not None and number >= step
        other = machine is not None and number >= machine
        factor = (1 + STEP if moved else 1.0) * (0.7 if other else 1.0)
        info = make_info(number, began + timedelta(days=number), names, scenario, "b0b0" if other else "e417")
        made.append(info)
        store.add_run(info, folder / info.id)
        store.save_result(info.id, make_result(info, names, factor, rng, moved and number == step, metrics))
    return made


def make_info(number: int, at: datetime, names: Sequence[str], scenario: str, environment: str) -> RunInfo:
    branch = "main" if number % 4 else "faster-lists"
    return RunInfo(
        id=f"{at:%Y%m%d-%H%M%S}-{scenario}-{number:04x}",
        kind="ab",
        label="nightly" if number % 3 == 0 else None,
        scenario_name=scenario,
        scenario_hash="5ce7a210f00d",
        arms=("baseline", "candidate"),
        arm_details=({"command": "serve"}, {"command": "serve --fast"}),
        requests=tuple(names),
        variants=(("",),) * len(names),
        settings={},
        environment=Environment({"cores": "2"}, environment),
        started_at=at.isoformat(timespec="seconds"),
        status="complete",
        revision=Revision(commit(number), branch, number % 10 == 9),
    )


def make_result(
    info: RunInfo,
    names: Sequence[str],
    factor: float,
    rng: np.random.Generator,
    regressed: bool,
    metrics: Collection[str] = METRICS,
) -> Result:
    levels, comparisons = [], []
    for at, request in enumerate((ALL, *names)):
        for metric in METRICS.values():
            if metric.name not in metrics or (request != ALL and not metric.per_request):
                continue
            base = BASES.get(metric.unit, 10.0) * (1 + at % 7) * (2.4 if metric.name.endswith("p95") else 1.0)
            value = base * (factor if metric.unit == "ms" else 1.0) * rng.lognormal(0, 0.02)
            for arm, of in (("baseline", base), ("candidate", value)):
                estimate = Estimate(of, of * 0.985, of * 1.015, 0.95, 12)
                levels.append(Level(metric.name, request, arm, metric.unit, estimate))
            change = value / base - 1 if base else None
            low, high = (None, None) if change is None else (change - 0.015, change + 0.015)
            verdict = Verdict.REGRESSED if low and low > 0.02 else Verdict.EQUIVALENT
            if metric.name in COMPARED:
                comparisons.append(
                    Comparison(
                        metric.name, request, metric.unit, base, value, change, low, high, 0.95, verdict, "gate", 12
                    )
                )
    words = "Regressed: p95 of all requests rose by 18.2 % (95 % CI +16.7 to +19.7 %)."
    calm = "No change: p95 of all requests stayed within 5 % (95 % CI −1.2 to +1.9 %); memory as before."
    return Result(
        kind="ab",
        scenario=info.scenario_name,
        run_ids=(info.id,),
        arms=info.arms,
        verdict=Verdict.REGRESSED if regressed else Verdict.EQUIVALENT,
        sentence=words if regressed else calm,
        exit_code=int(regressed),
        rounds=12,
        planned_rounds=12,
        seconds=148.0,
        comparisons=tuple(comparisons),
        levels=tuple(levels),
        budgets=(),
        findings=(),
        comparability=Comparability(()),
        started_at=info.started_at,
    )
