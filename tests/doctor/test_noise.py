"""What a look at noise is taken at, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, sqrt
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perfproof.core.redaction import Redactor
from perfproof.doctor.context import Asked, Context
from perfproof.doctor.noise import adapted, asked_in_pairs, judged, smallest_goal
from perfproof.doctor.results import NoiseEstimate, NotChecked
from perfproof.machine.cores import split_cpus
from perfproof.model.metrics import ALL, METRICS
from perfproof.model.rules import Rules
from perfproof.model.scenario import Arm, Goal, Load, LocustFile, Request, Rounds, Scenario, Service
from perfproof.rounds.observer import Silent
from perfproof.stats.intervals import STARTS
from perfproof.stats.series import Series
from perfproof.verdict.rows import Terms, planned_spread

SERVICE = Service(
    command="serve {arm} {port}", environment={"NAME": "{arm}"}, prepare="make", snapshot="x.db", reset="put {arm}"
)
READS, WRITES = Request("read", "GET", "/"), Request("write", "POST", "/")
STEPS = (replace(READS, name="a", flow="f"), replace(WRITES, name="b", flow="f"))


def scenario(*requests: Request, **changes: object) -> Scenario:
    made = Scenario("some", Path("some.yaml"), (Arm("baseline", SERVICE), Arm("candidate", SERVICE)), requests)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Asked(), tmp_path, split_cpus(), Redactor(frozenset()), Silent(), sound=True)


def test_a_look_sends_what_reads_and_prepares_nothing(context):
    looked = adapted(context, scenario(READS, *STEPS, WRITES, goals=(Goal("latency_p50", 0.2),)))
    assert looked.requests == (READS,)
    assert looked.goals == ()
    assert looked.rounds.pairing == "request"
    (arm,) = looked.arms
    assert (arm.service.prepare, arm.service.snapshot) == (None, None)
    assert arm.service.command == "serve baseline {port}", "its second instance has another name"
    assert arm.service.environment == {"NAME": "baseline"}
    assert arm.service.reset == "put baseline"
    assert arm.service.restart == "always", "it starts at once"
    context.start_seconds["baseline"] = 30.0
    assert adapted(context, scenario(READS)).arms[0].service.restart == "never", "two starts would take a minute"


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (scenario(WRITES), "every request writes"),
        (scenario(READS, load=Load(workers=2)), "several workers"),
        (scenario(locustfile=LocustFile(Path("load.py"))), "Locust file"),
    ],
)
def test_what_cannot_be_looked_at_says_why(context, unfit, reason):
    with pytest.raises(NotChecked, match=reason):
        adapted(context, unfit)


def test_a_service_that_is_unwell_or_slow_is_not_looked_at(context):
    context.pass_seconds = 9.0
    with pytest.raises(NotChecked, match="too slow"):
        adapted(context, scenario(READS))
    context.sound = False
    with pytest.raises(NotChecked, match="does not answer"):
        adapted(context, scenario(READS))


def said(last: float, goal: float | None = None):
    recording = SimpleNamespace(info=SimpleNamespace(arms=("baseline", "again"), rules=SimpleNamespace(restarts=True)))
    recording.rounds = (1, 2, 3)
    sights = [NoiseEstimate(60, 0, float("inf")), NoiseEstimate(300, 20, last)]
    (finding,) = judged(sights, recording, scenario(READS), "", goal)
    return finding


def test_a_machine_that_sees_little_is_a_warning_with_what_to_do():
    finding = said(0.021)
    assert finding.state == "ok"
    assert "none in 1 min (too short), 2.1 % in 5 min" in finding.what
    assert "baseline against itself, over 3 fresh starts" in finding.what
    finding = said(0.08)
    assert finding.state == "warning"
    assert "perfproof count" in finding.fix
    finding = said(0.04, goal=0.03)
    assert finding.state == "warning"
    assert finding.what.endswith("the goal is 3 %")


def test_whether_a_run_asks_in_pairs_and_what_it_promises():
    assert asked_in_pairs(scenario(READS, load=Load(given=False)))
    assert not asked_in_pairs(scenario(READS, rounds=Rounds(blocks=4)))
    goals = (Goal("latency_p95", 0.3), Goal("latency_p50", 0.1), Goal("memory_peak", 0.01))
    assert smallest_goal(scenario(READS, goals=goals)) == 0.1
    assert smallest_goal(scenario(READS)) is None


def test_a_look_within_one_start_is_planned_with_what_starts_usually_differ_by():
    quiet, error = np.array([0.001, -0.001, 0.002]), np.full(3, 0.004)

    def planned(changes, *, fresh: bool, restarts: bool) -> float:
        series = Series(
            METRICS["latency_p50"], ALL, (0 * changes, changes), changes=changes, errors=error, in_pairs=True
        )
        found = planned_spread(series, Terms(Rules(restarts=fresh), 0.98), restarts=restarts)
        assert found is not None
        return found.sd

    own = STARTS["latency_p50"]
    both = sqrt((2 * quiet.var(ddof=1) + 4 * 0.004**2) / 6)
    assert planned(quiet, fresh=False, restarts=True) == pytest.approx(hypot(own, both))
    assert planned(40 * quiet, fresh=False, restarts=True) == pytest.approx(hypot(own, (40 * quiet).std(ddof=1)))
    assert planned(quiet, fresh=False, restarts=False) == pytest.approx(quiet.std(ddof=1)), "a service that stays up"
    assert planned(quiet[:1], fresh=True, restarts=True) == pytest.approx(hypot(own, 0.004)), (
        "one round shows no spread"
    )
    assert quiet.std(ddof=1) < planned(quiet, fresh=True, restarts=True) < own, "three that agree may do so by luck"
