"""Whatever the model can hold comes back from JSON as it was."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.core.codec import CodecError, decode, encode
from perfproof.evidence.formats import RoundFacts
from perfproof.model.recording import ArmRound, Block, Environment, RunInfo
from perfproof.model.result import Comparison, Detail, Verdict
from perfproof.model.rules import Rules
from perfproof.model.scenario import Budget, Goal

st.register_type_strategy(int, st.integers(-(2**63) + 1, 2**63 - 1))  # what a table or a database can hold
numbers = st.floats(allow_nan=False)
names = st.text(max_size=20)
lists_of_names = st.lists(names, max_size=3).map(tuple)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
goals = st.builds(Goal, metric=names, improve=numbers, stretch=st.none() | numbers, requests=lists_of_names)
budgets = st.builds(Budget, metric=names, limit=numbers, requests=lists_of_names)
rules = st.builds(
    Rules,
    goals=st.lists(goals, max_size=3).map(tuple),
    budgets=st.lists(budgets, max_size=3).map(tuple),
    margin=numbers,
)
infos = st.builds(
    RunInfo,
    id=names,
    label=st.none() | names,
    arms=lists_of_names,
    arm_details=st.lists(st.dictionaries(names, names, max_size=3), max_size=2).map(tuple),
    requests=lists_of_names,
    variants=st.lists(lists_of_names, max_size=3).map(tuple),
    settings=st.dictionaries(names, json_values, max_size=4),
    environment=st.builds(Environment, facts=st.dictionaries(names, names, max_size=3), hash=names),
    rules=rules,
)
rounds = st.builds(
    RoundFacts,
    arms=st.lists(st.builds(ArmRound, start_seconds=numbers, warmup_seconds=numbers), max_size=3).map(tuple),
    blocks=st.lists(st.builds(Block), max_size=3).map(tuple),
)
comparisons = st.builds(
    Comparison,
    **dict.fromkeys(("baseline", "candidate", "change", "ci_low", "ci_high", "confidence"), st.none() | numbers),
    goal=st.none() | goals,
    round_changes=st.lists(numbers, max_size=4).map(tuple),
    impact=numbers,
)


@given(st.one_of(infos, rounds, comparisons, rules))
def test_what_was_encoded_decodes_to_an_equal_value(value: Any) -> None:
    text = json.dumps(encode(value), allow_nan=False)
    assert decode(type(value), json.loads(text)) == value


def test_charts_of_curves_come_back() -> None:
    curve = {"label": "baseline", "x": [0, 1], "y": [0.5, 2]}
    document = {"request": "all", "charts": {"ecdf": [curve]}, "counts": {"baseline": {"sent": 3}}}
    detail = decode(Detail, document)
    assert detail.charts["ecdf"][0].y == (0.5, 2.0)
    assert encode(detail) == document | {"errors": {}}


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_figures_are_valid_json(value: float) -> None:
    text = json.dumps(encode(Budget("latency_p95", value)), allow_nan=False)
    assert decode(Budget, json.loads(text)).limit == value


def test_an_undefined_figure_is_valid_json() -> None:
    text = json.dumps(encode(Budget("latency_p95", math.nan)), allow_nan=False)
    assert math.isnan(decode(Budget, json.loads(text)).limit)


def test_numpy_scalars_become_plain_numbers() -> None:
    encoded = encode({"n": np.int64(3), "x": np.float32(0.5), "yes": np.bool_(True), "never": np.float64("inf")})
    assert encoded == {"n": 3, "x": 0.5, "yes": True, "never": "inf"}
    assert [type(value) for value in encoded.values()] == [int, float, bool, str]


def test_unknown_keys_are_ignored_and_missing_ones_take_their_default() -> None:
    assert decode(Goal, {"metric": "latency_p95", "improve": 0.2, "colour": "red"}) == Goal("latency_p95", 0.2)


@dataclass(frozen=True)
class Everything:
    number: float
    count: int
    yes: bool
    name: str
    file: Path
    verdict: Verdict
    goals: tuple[Goal, ...]
    facts: Mapping[str, str] | None = None


EVERYTHING = {
    "number": 1,
    "count": 2,
    "yes": True,
    "name": "x",
    "file": "/a/b",
    "verdict": "met",
    "goals": [{"metric": "latency_p95", "improve": 0.2}],
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": "1"}, "number should be a number and is '1'"),
        ({"number": True}, "number should be a number"),
        ({"count": 2.5}, "count should be a whole number and is 2.5"),
        ({"count": False}, "count should be a whole number"),
        ({"yes": 1}, "yes should be true or false"),
        ({"name": None}, "name should be a text and is None"),
        ({"file": 5}, "file should be a path"),
        ({"verdict": "super"}, "verdict should be a Verdict and is 'super'"),
        ({"facts": []}, "facts should be an object"),
        ({"facts": {"a": 1}}, r"facts\.a should be a text and is 1"),
        ({"goals": {}}, "goals should be a list"),
        ({"goals": [7]}, r"goals\[0\] should be an object and is 7"),
        ({"goals": [{"metric": "latency_p95"}]}, r"goals\[0\]\.improve is missing"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_its_dotted_key(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        decode(Everything, EVERYTHING | change)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(CodecError, match="set has no JSON form"):
        encode({"a": {1, 2}})
