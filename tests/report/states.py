"""Results of every state that a first screen has words for, made of the builders' rows. Deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import builders

from perfproof.model.metrics import ALL
from perfproof.model.result import (
    BudgetCheck,
    Comparability,
    Comparison,
    Detail,
    Result,
    Saving,
    Traffic,
    Verdict,
)
from perfproof.model.scenario import Goal
from perfproof.model.why import Cause, Mechanism, Why

P50 = Goal("latency_p50", 0.2, 0.3)
LONG = [f"GET /api/v2/organisations/{{organisation}}/projects/{{project}}/records?page={at}" for at in range(60)]

WHY = Why(
    "Queries on list projects and 1 more cause, −18 ms per request.",
    (
        Cause(
            "queries", "list projects", True, (Mechanism("queries per request", "queries", 21, 5),),
            "p50 latency −63 %",
            "Queries on list projects: fewer queries (21 → 5 per request, N+1 gone); with it p50 latency −63 %.",
            -13.7, 92,
        ),
        Cause(
            "compression", "list records", True, (Mechanism("response", "bytes", 6895, 967),),
            "p95 latency −41 %",
            "Compression on list records: responses are compressed (6.7 KiB → 967 B); with it p95 latency −41 %.",
            -4.2, 31,
        ),
    ),
)  # fmt: skip


def traffic(rate: float | None = 50.0) -> Traffic:
    """Return what a day is worth: half the waiting, a third of the CPU time, 13 of 16 queries."""
    requests = 1e6 if rate is None else rate * 86_400
    return Traffic(
        rate,
        requests,
        (
            Saving("waiting", "ms", 24 * requests, 12 * requests, 12 * requests, 11 * requests, 13 * requests, True),
            Saving("cpu", "ms", 6 * requests, 4 * requests, 2 * requests, 1.8 * requests, 2.2 * requests, True),
            Saving("queries", "queries", 16.6 * requests, 4.2 * requests, 12.4 * requests, None, None, True),
        ),
    )


def row(metric: str, request: str, base: float, change: float, width: float, **more: Any) -> Comparison:
    """Return a row; its goal, verdict and role are those given, or what ``builders`` make of them."""
    return builders.comparison(metric, request, base, change, width, **more)


def made(found: list[Comparison], verdict: Verdict, sentence: str, **more: Any) -> Result:
    """Return a result with these rows, nothing that weakens it, causes and what a day is worth."""
    details = (Detail(ALL, {}, {arm: {"completed": 1350} for arm in ("baseline", "candidate")}),)
    fields: dict[str, Any] = {
        "comparisons": tuple(found),
        "verdict": verdict,
        "sentence": sentence,
        "exit_code": 0 if verdict in (Verdict.MET, Verdict.IMPROVED, Verdict.EQUIVALENT) else 1,
        "budgets": (),
        "findings": (),
        "comparability": Comparability(builders.facts()),
        "advice": None,
        "details": details,
        "why": WHY,
        "traffic": traffic(),
        "rounds": 12,
    }
    return builders.make_result(**(fields | more))


def queries(request: str, before: float, after: float, **more: Any) -> Comparison:
    """Return a row of counted queries."""
    found = builders.comparison("queries_per_request", request, before, after / before - 1.0, 0.0, **more)
    verdict = Verdict.IMPROVED if after < before else Verdict.REGRESSED if after > before else Verdict.EQUIVALENT
    if found.goal is not None:
        verdict = Verdict.MET if 1 - after / before >= found.goal.improve else Verdict.GOAL_MISSED
    nothing: dict[str, Any] = {"ci_low": None, "ci_high": None, "confidence": None, "round_changes": ()}
    return replace(found, candidate=after, verdict=verdict, **nothing)


MEMORY = row("memory_peak", ALL, 86_400_000, -0.034, 0.008)
CPU = row("cpu_per_request", ALL, 6.02, -0.34, 0.03)


def one(change: float, width: float, **more: Any) -> Comparison:
    """Return the row of a single request with the goal of 20–30 %."""
    return row("latency_p50", "list projects", 31.4, change, width, **({"goal": P50} | more))


def met(**more: Any) -> Result:
    """One request, the promise of 20–30 % kept: 63 %, surely 55 %."""
    return made(
        [one(-0.63, 0.08), queries("list projects", 41, 3), MEMORY, CPU],
        Verdict.MET,
        "Goal met: p50 latency of list projects −63.0 % (95 % CI −71.0 to −55.0 %): meets 20 % and 30 %.",
        **more,
    )


def guarded() -> Result:
    """The goal is met, but a guard broke."""
    memory = row("memory_peak", ALL, 86_400_000, 0.21, 0.03)
    return made(
        [one(-0.40, 0.05), queries("list projects", 41, 3), memory, CPU],
        Verdict.REGRESSED,
        "Goal met (p50 latency of list projects −40.0 %), but peak memory rose by 21.0 % (guard): not passed.",
    )


def missed() -> Result:
    """Better, but surely less than promised."""
    return made(
        [one(-0.12, 0.03, verdict=Verdict.GOAL_MISSED), queries("list projects", 41, 33), MEMORY, CPU],
        Verdict.GOAL_MISSED,
        "Goal missed: p50 latency of list projects −12.0 % (95 % CI −15.0 to −9.0 %): surely less than the 20 % asked.",
    )


def unmoved() -> Result:
    """No difference, where some was promised."""
    return made(
        [one(0.004, 0.011), queries("list projects", 41, 41), MEMORY],
        Verdict.EQUIVALENT,
        "Goal missed: p50 latency of list projects +0.4 % (95 % CI −0.7 to +1.5 %): no difference.",
        why=Why("No difference, and no lever was pulled."),
        traffic=traffic(None),
    )


def undecided() -> Result:
    """The measurement does not settle it."""
    return made(
        [one(-0.18, 0.21), MEMORY],
        Verdict.INCONCLUSIVE,
        "Not decided: p50 latency of list projects −18.0 % (95 % CI −39.0 to +3.0 %): not decided.",
        advice="p50 latency of list projects: about 18 more rounds would settle it",
        why=None,
        traffic=None,
    )


def open_goal() -> Result:
    """Better, but whether by as much as promised is open."""
    return made(
        [one(-0.24, 0.095, verdict=Verdict.IMPROVED), MEMORY, CPU],
        Verdict.IMPROVED,
        "Goal open: p50 latency of list projects −24.0 % (95 % CI −33.5 to −14.5 %): better, but the 20 % asked is not "
        "shown yet.",
    )


def no_goal() -> Result:
    """Nothing was promised; better."""
    found = [row("latency_p50", ALL, 31.4, -0.268, 0.014), row("latency_p95", ALL, 118.0, -0.31, 0.03), MEMORY, CPU]
    found += [
        row("latency_p50", name, base, -0.2, 0.02, impact=base) for name, base in zip("abcd", (9, 8, 7, 6), strict=True)
    ]
    return made(found, Verdict.IMPROVED, "Improved: p50 latency −26.8 % (95 % CI −28.2 to −25.4 %).")


def no_goal_worse() -> Result:
    """Nothing was promised; worse."""
    found = [row("latency_p50", ALL, 31.4, 0.112, 0.014), row("latency_p95", ALL, 118.0, 1.9, 0.3), MEMORY]
    return made(found, Verdict.REGRESSED, "Regressed: p50 latency +11.2 %.", why=None)


def no_goal_alike() -> Result:
    """Nothing was promised; no difference."""
    found = [row("latency_p50", ALL, 31.4, 0.002, 0.011), MEMORY]
    return made(found, Verdict.EQUIVALENT, "No difference: p50 latency +0.2 %, within the margin of 3 %.", why=None)


def counted() -> Result:
    """Only counts were promised: queries."""
    goal = Goal("queries_per_request", 0.5)
    found = [queries("list projects", 41, 3, goal=goal), queries("show project", 4, 2, goal=goal), MEMORY]
    return made(found, Verdict.MET, "Goal met: queries of 2 of 2 requests: meets 50 %.", traffic=traffic(None))


def instructions() -> Result:
    """A count of instructions, without any timing."""
    goal = Goal("instructions_per_request", 0.2)
    found = [row("instructions_per_request", "list projects", 4.2e6, -0.34, 0.002, goal=goal)]
    sentence = "Goal met: instructions per request of list projects −34.0 % (99 % CI −34.2 to −33.8 %): meets 20 %."
    return made(found, Verdict.MET, sentence, kind="count", traffic=None, why=None, rounds=0)


def capacity(**more: Any) -> Result:
    """A search for the capacity; more is better."""
    goal = more.pop("goal", None)
    verdict = Verdict.MET if goal else Verdict.IMPROVED
    found = builders.comparison("capacity", ALL, 212.0, 0.38, 0.06, goal=goal, verdict=verdict)
    return made([found], verdict, "Improved: capacity +38.0 %.", kind="capacity", traffic=None, why=None, **more)


def many() -> Result:
    """Sixty requests with goals, most of which were met."""
    changes = [(-0.31, 0.02), (-0.42, 0.03), (-0.02, 0.01), (0.09, 0.02), (-0.22, 0.1)]
    found = [
        row("latency_p95", name, 20 + at, *changes[at % 5], goal=builders.GOAL, impact=60.0 - at)
        for at, name in enumerate(LONG)
    ]
    return made([*found, MEMORY, CPU], Verdict.GOAL_MISSED, "Goal missed: " + "; ".join(LONG[:9]) + ".")


def typical() -> Result:
    """Requests of several kinds: the change of all is a typical one, and the values would divide to another."""
    slow = replace(row("latency_p95", ALL, 48.0, -0.49, 0.11, goal=builders.GOAL), candidate=19.2, typical=True)
    middle = replace(row("latency_p50", ALL, 23.0, -0.642, 0.12), typical=True)
    return made([middle, slow, MEMORY, CPU], Verdict.MET, "Goal met: p95 latency typically −49.0 %.")


def price() -> Result:
    """Met, and one constant query more is accepted as a price."""
    more = replace(queries("dashboard", 28, 29), accepted="a price: 1 query more, at any size")
    return made(
        [one(-0.63, 0.08), queries("list projects", 41, 3), more, MEMORY, CPU],
        Verdict.MET,
        "Goal met: p50 latency of list projects −63.0 %; worse, but accepted: queries of dashboard 28 → 29 (a price).",
    )


def budget() -> Result:
    """The goal is met, but a budget is broken."""
    return met(
        budgets=(BudgetCheck("latency_p95", "export records", "candidate", "ms", 200.0, 568.0, True),),
    )


def broken_budget_alone() -> Result:
    """One arm, over its budget."""
    checks = (
        BudgetCheck("latency_p95", ALL, "main", "ms", 500.0, 118.0, False),
        BudgetCheck("latency_p95", "export records", "main", "ms", 200.0, 536.0, True),
    )
    return builders.make_run(budgets=checks, verdict=Verdict.GOAL_MISSED, exit_code=1)


def dear() -> Result:
    """Faster, but every request costs more CPU time and queries."""
    lost = traffic()
    worse = tuple(replace(s, saved=-s.saved, low=s.low and -s.low, high=s.high and -s.high) for s in lost.savings[1:])
    return met(traffic=replace(lost, savings=(lost.savings[0], *worse)))


def doubtful() -> Result:
    """Met, with something that weakens the claim."""
    return met(comparability=Comparability(builders.facts(), ("The machine had other work: 3.1 % was stolen.",)))


STATES: dict[str, Callable[[], Result]] = {
    "met": met,
    "guarded": guarded,
    "missed": missed,
    "unmoved": unmoved,
    "undecided": undecided,
    "open goal": open_goal,
    "no goal": no_goal,
    "no goal, worse": no_goal_worse,
    "no goal, alike": no_goal_alike,
    "counted": counted,
    "instructions": instructions,
    "capacity": capacity,
    "capacity, goal": lambda: capacity(goal=Goal("capacity", 0.2, 0.3)),
    "sixty": many,
    "typical": typical,
    "price": price,
    "budget": budget,
    "run, broken budget": broken_budget_alone,
    "dear": dear,
    "doubtful": doubtful,
    "several": builders.make_result,
    "run": builders.make_run,
    "noise": builders.make_noise,
    "invalid": builders.make_invalid,
    "empty": builders.make_empty,
    "hostile": builders.make_hostile,
}
"""Every state by its name."""
