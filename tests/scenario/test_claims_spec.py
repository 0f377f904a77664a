"""``claims:`` in a scenario file: what a target stands for, and each mistake at its own line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from editors import validator
from perfproof.errors import ScenarioError
from perfproof.model.scenario import Budget, Goal
from perfproof.scenario import read

BASE = """\
name: shop
service: {command: "run {port}"}
requests: [{name: list, get: /}, {name: item, get: "/{id}", values: {id: [1]}}]
"""


def scenario(tmp_path: Path, text: str):
    file = tmp_path / "shop.yaml"
    file.write_text(BASE + text)
    return read(file, {})


def claimed(metric: str, target: str, more: str = "") -> str:
    return f"claims:\n  - {{claim: It is so, metric: {metric}, target: {target}{more}}}\n"


@pytest.mark.parametrize(
    ("metric", "target", "demand"),
    [
        ("latency_p50", "20%", Goal("latency_p50", 0.2)),
        ("latency_p50", "20-30%", Goal("latency_p50", 0.2, 0.3)),
        ("latency_p50", "20 – 30 %", Goal("latency_p50", 0.2, 0.3)),
        ("latency_p50", "20% to 30%", Goal("latency_p50", 0.2, 0.3)),
        ("latency_p50", "{improve: 20%, stretch: 30%}", Goal("latency_p50", 0.2, 0.3)),
        ("latency_p95", "500ms", Budget("latency_p95", 500.0)),
        ("memory_peak", "200MiB", Budget("memory_peak", 200 * 2**20)),
        ("lines_of_code", "10-15%", Goal("lines_of_code", 0.1, 0.15)),
        ("failed_requests", "0", Budget("failed_requests", 0.0)),
        ("error_shape", "100%", Budget("error_shape", 1.0)),
        ("error_rate", "1%", Budget("error_rate", 0.01)),
        ("error_rate", "{improve: 50%}", Goal("error_rate", 0.5)),
        ("throughput", "{limit: 100/s}", Budget("throughput", 100.0)),
        ("instructions_per_request", "2.5M", Budget("instructions_per_request", 2_500_000.0)),
    ],
)
def test_a_share_is_a_change_and_all_else_a_limit(tmp_path, metric, target, demand):
    text = claimed(metric, target)
    found = scenario(tmp_path, text)
    (claim,) = found.claims
    assert (claim.text, claim.demand) == ("It is so", demand)
    assert demand in (*found.goals, *found.budgets)
    validator().validate(yaml.safe_load(BASE + text))


def test_claims_make_their_checks_and_share_goals_with_what_is_demanded_anyway(tmp_path):
    more = "goals: {lines_of_code: 10%}\n"
    found = scenario(
        tmp_path, more + claimed("lines_of_code", "10%") + "  - {claim: B, metric: failed_requests, target: 0}\n"
    )
    assert set(found.checks.wanted) == {"build", "rollout"}
    assert found.goals == (Goal("lines_of_code", 0.1),)
    assert [claim.metric for claim in found.claims] == ["lines_of_code", "failed_requests"]


def test_requests_are_named_and_claims_change_no_fingerprint(tmp_path):
    found = scenario(tmp_path, claimed("latency_p50", "20%", ", requests: [list, all]"))
    assert found.claims[0].requests == ("list", "all")
    assert found.hash == scenario(tmp_path, "").hash


TWICE = claimed("latency_p95", "20%") + "  - {claim: It is so, metric: latency_p50, target: 20%}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TWICE, "claims[1].claim: is claimed twice"),
        (claimed("latency_p5", "20%"), "5:31: claims[0].metric: `latency_p5` is not a metric"),
        (claimed("latency_p95", "soon"), "claims[0].target: `soon` is not a duration"),
        (claimed("failed_requests", "few"), "claims[0].target"),
        (claimed("latency_p95", "30-20%"), "claims[0].target: ends below where it begins"),
        (claimed("latency_p95", "100%"), "claims[0].target: nothing can fall by 100% or more"),
        (claimed("latency_p95", "{improve: 20%, limit: 5ms}"), "asks for a change and for a limit"),
        (claimed("latency_p95", "{stretch: 20%}"), "has a stretch and nothing that it stretches (add improve)"),
        (claimed("latency_p95", "{}"), "is empty (write e.g. target: 20% (a change)"),
        (claimed("capacity", "100/s"), "claims[0].metric: `capacity` is searched for by a command of its own"),
        (claimed("db_time_per_request", "20%"), "is shown and never judged (write a limit, e.g. 500ms)"),
        (claimed("latency_p95", "20%", ", requests: [lists]"), "there is no request `lists` (did you mean list?)"),
        (claimed("memory_peak", "20%", ", requests: [list]"), "memory_peak is known for all requests together only"),
        ("claims:\n  - {metric: latency_p95, target: 20%}\n", "claims[0].claim: is missing (add e.g."),
        ("claims:\n  - {claim: A, metric: latency_p95}\n", "claims[0].target: is missing (add e.g. `target: 20%`"),
        ("claims:\n  - {claim: A, metrics: latency_p95, target: 20%}\n", "unknown key (did you mean metric?)"),
        ("claims: faster\n", "claims: must be a list"),
        (
            claimed("latency_p95", "20%") + "  - {claim: B, metric: latency_p95, target: 30%, requests: list}\n",
            "claims[1].target: the claim `It is so` asks for something else of the same figure",
        ),
        (
            "goals: {latency_p95: 30%}\n" + claimed("latency_p95", "20%"),
            "claims[0].target: goals.latency_p95 asks for something else of the same figure",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line_and_a_fix(tmp_path, text, told):
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, text)
    assert told in str(caught.value)


def test_one_wrong_claim_does_not_hide_the_next(tmp_path):
    text = "claims:\n  - {claim: A, metric: nope, target: 1}\n  - {claim: B, metric: failed_requests, target: some}\n"
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, text)
    places = [str(problem).split(": ")[0].rpartition("shop.yaml:")[2] for problem in caught.value.problems]
    assert [place.split(":")[0] for place in places] == ["5", "6"]
