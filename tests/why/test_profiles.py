"""The difference of two profiles: nothing is lost, identical arms are the same, and what was put in is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import why_builders as make
from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile
from perfproof.model.why import FlameNode, FunctionChange
from perfproof.why import difference, function_times
from perfproof.why.flame import MAX_NODES, flame_of

NAMES = st.sampled_from(
    ["app.views:show", "app.views:list", "app.rows:build", "~orm.query:load", "~orm.query:step", "~web.core:serve"]
)
STACKS = st.lists(NAMES, min_size=1, max_size=6).map(" > ".join)
TIMES = st.dictionaries(
    st.sampled_from(["list", "show"]), st.dictionaries(STACKS, st.floats(0.05, 20), min_size=1, max_size=6), min_size=1
)
PAGE = {
    "~uvicorn.main:run > app.views:show": 0.4,
    "~uvicorn.main:run > app.views:show > ~sqlalchemy.orm:execute > ~sqlite3:step": 2.0,
    "~uvicorn.main:run > app.views:show > app.rows:build": 1.1,
    "~uvicorn.main:run > ~starlette.routing:app": 0.6,
}


def both(before: ArmProfile, after: ArmProfile, request: str = ALL) -> list[FunctionChange]:
    pairing = difference.pair(before, after, request)
    assert pairing is not None
    return difference.functions(pairing)


@settings(deadline=None, max_examples=60)
@given(TIMES, st.integers(0, 1000))
def test_self_over_functions_is_the_whole_request(times: dict[str, dict[str, float]], seed: int) -> None:
    one = make.profile("baseline", times, seed=seed)
    for request in (ALL, *times):
        found = difference.pair(one, one, request)
        assert found is not None
        listed = difference.functions(found)
        assert sum(each.self_baseline for each in listed) == pytest.approx(found.whole.baseline)
        for each in listed:
            assert each.self_baseline <= each.total_baseline * (1 + 1e-9)
            assert each.total_baseline <= found.whole.baseline * (1 + 1e-9)
            assert sum(library.self_baseline for library in each.libraries) <= each.self_baseline * (1 + 1e-9)


@settings(deadline=None, max_examples=60)
@given(TIMES, st.integers(0, 1000))
def test_identical_profiles_are_the_same(times: dict[str, dict[str, float]], seed: int) -> None:
    one = make.profile("baseline", times, seed=seed)
    for request in (ALL, *times):
        for each in both(one, one, request):
            assert (each.status, each.sure, each.change, each.was) == ("same", False, 0.0, "")


@settings(deadline=None, max_examples=60)
@given(TIMES, TIMES, st.integers(0, 1000))
def test_swapping_the_arms_mirrors_every_row(
    one: dict[str, dict[str, float]], two: dict[str, dict[str, float]], seed: int
) -> None:
    before, after = make.profile("a", one, seed=seed), make.profile("b", two, seed=seed + 1)
    if not set(one) & set(two):
        return
    opposite = {"new": "gone", "gone": "new", "grown": "shrunk", "shrunk": "grown"}
    there = {(e.module, e.function): e for e in both(before, after) if not e.was}
    back = {(e.module, e.function): e for e in both(after, before) if not e.was}
    for key in there.keys() & back.keys():
        assert back[key].change == pytest.approx(-there[key].change)
        assert back[key].status == opposite.get(there[key].status, there[key].status)
        assert back[key].low == (None if there[key].high is None else pytest.approx(-there[key].high))


def test_library_frames_are_folded_under_the_users_frame_that_called_them() -> None:
    found = {e.function: e for e in both(*[make.profile("a", {"show": PAGE}, seed=None)] * 2)}
    assert found["show"].self_baseline == pytest.approx(2.4)
    assert found["show"].total_baseline == pytest.approx(3.5)
    (library,) = found["show"].libraries  # what ran; what only called it has no time of its own
    assert (library.module, library.function, library.own) == ("sqlite3", "step", False)
    assert library.self_baseline == pytest.approx(2.0)
    assert found[""].module == "starlette"
    assert not found[""].own


def test_recursion_counts_once_in_totals() -> None:
    times = {"show": {"app:walk > app:walk > app:walk": 3.0, "app:walk": 1.0}}
    (walk,) = both(*[make.profile("a", times, seed=None)] * 2)
    assert walk.total_baseline == pytest.approx(4.0)
    assert walk.self_baseline == pytest.approx(4.0)


@pytest.mark.parametrize(("tick_ms", "counts"), [(0.5, 25), (1.0, 25), (1.0, 80), (4.0, 100)])
def test_an_injected_millisecond_is_ranked_first_and_measured_within_15_per_cent(tick_ms: float, counts: int) -> None:
    slower = PAGE | {"~uvicorn.main:run > app.views:show > app.views:audit": 1.0}
    errors = []
    for seed in range(20):
        before = make.profile("baseline", {"show": PAGE}, seed=seed, tick=int(tick_ms * 1e6), counts=counts)
        after = make.profile("candidate", {"show": slower}, seed=1000 + seed, tick=int(tick_ms * 1e6), counts=counts)
        pairing = difference.pair(before, after, "show")
        assert pairing is not None
        first = difference.difference(pairing).functions[0]
        assert (first.function, first.status) == ("audit", "new")
        errors.append(abs(first.change - 1.0))
    assert np.median(errors) < 0.15


def test_identical_arms_show_no_function_as_changed_in_two_hundred_tries() -> None:
    many = {f"app.views:show > app.part{at}:work > ~lib{at % 5}:call": 0.05 + 0.1 * (at % 9) for at in range(40)}
    changed = 0
    for seed in range(200):
        speed = float(np.exp(np.random.default_rng(seed).normal(0, 0.015)))  # of a start
        before = make.profile("baseline", {"show": many}, seed=seed)
        after = make.profile("candidate", {"show": many}, seed=7000 + seed, speed=speed)
        changed += sum(each.sure or each.status not in ("same", "undecided") for each in both(before, after))
    assert changed == 0


def test_a_function_that_was_renamed_or_moved_is_one_and_the_same() -> None:
    before = make.profile("a", {"show": PAGE}, seed=1)
    moved = {text.replace("app.rows:build", "app.building:build"): ms for text, ms in PAGE.items()}
    named = {text.replace("app.rows:build", "app.rows:assemble"): ms for text, ms in PAGE.items()}
    for times in (moved, named):
        rows = both(before, make.profile("b", {"show": times}, seed=2))
        assert {each.was for each in rows} == {"", "app.rows.build"}
        assert {each.status for each in rows} <= {"same", "undecided"}


def test_work_that_moved_from_one_function_into_new_ones_is_neither_new_nor_gone() -> None:
    before = {"~uvicorn.main:run > app.views:show": 8.0, "~uvicorn.main:run > app.views:other": 3.0}
    after = {
        "~uvicorn.main:run > app.views:show": 2.0,
        "~uvicorn.main:run > app.views:show > app.parts:head": 3.5,
        "~uvicorn.main:run > app.views:show > app.parts:body": 2.5,
        "~uvicorn.main:run > app.views:other": 3.0,
    }
    rows = {
        e.function: e for e in both(make.profile("a", {"show": before}), make.profile("b", {"show": after}, seed=3))
    }
    assert {name: (each.status, each.sure) for name, each in rows.items()} == {
        "show": ("moved", False),
        "head": ("moved", False),
        "body": ("moved", False),
        "other": ("same", False),
    }
    dearer = after | {"~uvicorn.main:run > app.views:show > app.parts:head": 9.5}
    rows = {
        e.function: e for e in both(make.profile("a", {"show": before}), make.profile("b", {"show": dearer}, seed=3))
    }
    assert rows["head"].status == "new"


def test_a_change_that_its_interval_leaves_open_is_undecided_and_not_the_same() -> None:
    few = {"slices": 4, "counts": 2, "tick": 30_000_000}
    before = make.profile("a", {"show": {"app.views:show": 60.0, "app.views:tiny": 0.001}}, seed=5, **few)
    after = make.profile("b", {"show": {"app.views:show": 33.0, "app.views:tiny": 0.001}}, seed=6, **few)
    row = next(each for each in both(before, after) if each.function == "show")
    assert row.low is not None
    assert row.high is not None
    assert row.high - row.low > 20
    assert (row.sure, row.status) == (False, "undecided")


def test_a_new_function_with_other_time_than_the_one_that_is_gone_is_no_rename() -> None:
    times = {
        text.replace("app.rows:build", "app.rows:quick"): ms / (10 if "rows" in text else 1)
        for text, ms in PAGE.items()
    }
    rows = {e.function: e for e in both(make.profile("a", {"show": PAGE}), make.profile("b", {"show": times}, seed=3))}
    assert rows["build"].status == "gone"
    assert rows["quick"].self_candidate == pytest.approx(0.11, rel=0.5)


def test_an_arm_that_answered_none_of_a_request_has_no_difference() -> None:
    before = make.profile("a", {"show": PAGE})
    silent = ArmProfile("b", "pyinstrument", requests=("show",), counts=((0, 0),))
    assert difference.pair(before, silent, "show") is None
    assert difference.differ(before, silent) == ()


@settings(deadline=None, max_examples=40)
@given(TIMES, TIMES, st.integers(0, 100))
def test_a_flame_graphs_children_never_weigh_more_than_their_parent(
    one: dict[str, dict[str, float]], two: dict[str, dict[str, float]], seed: int
) -> None:
    root = flame_of(make.profile("a", one, seed=seed), make.profile("b", two, seed=seed), ALL)
    assert root is not None
    size = 0
    waiting = [root]
    while waiting:
        node = waiting.pop()
        size += 1
        for side in ("baseline", "candidate"):
            assert sum(getattr(child, side) for child in node.children) <= getattr(node, side) * (1 + 1e-9) + 1e-9
        waiting += node.children
    assert size <= MAX_NODES


def test_a_flame_graph_joins_library_frames_and_keeps_the_users() -> None:
    stack = "~run:r > ~web:a > ~web:b > app:f > ~web:c > ~pool:d > app:g > ~orm:x > ~orm.y:z > ~driver:w"
    root = flame_of(*[make.profile("a", {"show": {stack: 1.0}}, seed=None)] * 2, "show")
    assert root is not None
    assert path(root) == [
        "show",
        "server and framework",
        "app.f",
        "web.c",
        "app.g",
        "orm.x",
        "driver.w",
    ]


def path(node: FlameNode) -> list[str]:
    return [node.name, *(path(node.children[0]) if node.children else [])]


def test_time_of_a_slice_without_requests_is_not_lost() -> None:
    one = make.profile("a", {"show": {"app:f": 1.0}}, seed=None)
    odd = ArmProfile(**(one.__dict__ | {"counts": ((0, *one.counts[0][1:]),)}))
    folded = function_times.fold(odd, "show")
    assert folded is not None
    assert folded.whole.sum() == sum(stack.ns for stack in one.stacks)
