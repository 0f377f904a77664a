from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.history import Point
from perfproof.model.result import Estimate
from perfproof.stats.changepoints import trend


def points(values: Sequence[float], environments: Sequence[str] = (), scenarios: Sequence[str] = ()) -> list[Point]:
    return [
        Point(
            f"run-{at:03d}",
            f"2026-11-01T{at // 60:02d}:{at % 60:02d}:00+00:00",
            scenarios[at] if scenarios else "s",
            environments[at] if environments else "e",
            Estimate(value, None, None, None, 12),
        )
        for at, value in enumerate(values)
    ]


def test_runs_of_alternating_machines_are_never_joined() -> None:
    found = trend("s", "m", "all", "ms", points([10.0, 5.0] * 20, environments=["slow", "fast"] * 20))
    assert [(each.environment_hash, len(each.points), each.changes) for each in found.stretches] == [
        ("slow", 20, ()),
        ("fast", 20, ()),
    ]


def test_a_changed_scenario_is_a_break_and_not_a_change_of_level() -> None:
    found = trend("s", "m", "all", "ms", points([10.0] * 20 + [20.0] * 20, scenarios=["old"] * 20 + ["new"] * 20))
    assert len(found.stretches) == 2
    assert not any(each.changes for each in found.stretches)
    joined = trend(
        "s", "m", "all", "ms", points([10.0 + at / 100 for at in range(20)] + [20.0 + at for at in range(20)])
    )
    assert [change.index for change in joined.stretches[0].changes][:1] == [20]


def test_points_come_in_order_of_time_and_unknown_values_are_left_out() -> None:
    given_points = points([1.0, math.nan, 3.0, math.inf])[::-1]
    found = trend("s", "m", "all", "ms", given_points)
    assert [point.run for point in found.points] == ["run-000", "run-002"]


@given(st.lists(st.tuples(st.floats(0.1, 10), st.sampled_from("ab"), st.sampled_from("xy")), max_size=40))
def test_every_point_is_in_one_stretch_of_its_own_fingerprints(made: list[tuple[float, str, str]]) -> None:
    given_points = points([v for v, _, _ in made], [e for _, e, _ in made], [s for _, _, s in made])
    found = trend("s", "m", "all", "ms", given_points)
    assert list(found.points) == given_points
    for stretch in found.stretches:
        assert {(p.scenario_hash, p.environment_hash) for p in stretch.points} == {
            (stretch.scenario_hash, stretch.environment_hash)
        }
