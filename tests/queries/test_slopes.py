"""N+1 is a slope between neighbouring sizes, proven from the fewest and most calls of the repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.model.probe import ProbedRequest
from perfproof.queries.findings import prove
from perfproof.queries.slopes import SlopePoint, rises, slope
from probe_builders import counted, probed, sized

XS = st.lists(st.integers(0, 200), min_size=3, max_size=8, unique=True)


def kinds(request: ProbedRequest) -> set[str]:
    return {finding.kind for finding in prove(request, "baseline").findings}


@given(XS, st.integers(0, 5))
def test_a_query_for_each_row_has_slope_one_however_many_come_before(xs: list[int], before: int) -> None:
    found = slope([SlopePoint(x, x + before, x + before) for x in xs])
    assert found is not None
    assert (found.steepest, found.sure) == (1.0, 1.0)


@given(XS, st.integers(0, 1000))
def test_a_constant_count_never_rises_however_large(xs: list[int], calls: int) -> None:
    found = slope([SlopePoint(x, calls, calls) for x in xs])
    assert found is not None
    assert not found.rises
    assert found.steepest == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_the_sure_slope_never_exceeds_the_steepest_and_order_does_not_matter(raw: list[tuple[int, int, int]]) -> None:
    by_x = {x: SlopePoint(x, min(a, b), max(a, b)) for x, a, b in raw}
    found, turned = slope(list(by_x.values())), slope(list(reversed(by_x.values())))
    assert found == turned
    assert (found is None) == (len(by_x) < 3)
    if found is not None:
        assert found.sure <= found.steepest + 1e-9 or not found.rises


def test_a_saturating_count_is_caught_between_the_small_sizes() -> None:
    assert "n_plus_one" in kinds(probed([(1, {"q": 1}), (2, {"q": 2}), (10, {"q": 3}), (50, {"q": 3})]))


def test_what_rises_between_two_sizes_is_told_of_each_statement() -> None:
    one, two = sized(1, 1, {"kinds": 1, "titles": 1}), sized(10, 10, {"kinds": 3, "titles": 10, "new": 1})
    assert sorted(rises(one, two)) == [1, 2, 9]


def test_a_preamble_of_nine_queries_is_shown_and_not_accused() -> None:
    found = kinds(probed([(n, {f"s{i}": 1 for i in range(9)}) for n in (1, 10, 50)]))
    assert found == {"constant_queries"}


def test_chunks_of_ten_are_batched_and_not_accused() -> None:
    assert kinds(probed([(1, {"q": 1}), (10, {"q": 1}), (50, {"q": 5})])) == {"batched"}


def test_one_call_more_from_some_size_on_is_a_condition_and_no_loop() -> None:
    assert kinds(probed([(3, {"q": 0}), (4, {"q": 0}), (5, {"q": 1}), (30, {"q": 1})])) == {"batched"}
    assert "n_plus_one" in kinds(probed([(1, {"q": 1}), (2, {"q": 2}), (3, {"q": 3})])), "three sizes in a row"


def test_two_sizes_are_not_enough_data_and_never_clean() -> None:
    assert kinds(probed([(1, {"q": 1}), (50, {"q": 50})])) == {"not_enough_data"}


def test_three_sizes_that_return_the_same_rows_are_not_enough_data() -> None:
    request = ProbedRequest("list", tuple(sized(n, 5, {"q": 5}) for n in (1, 2, 3)), "parameter")
    assert "not_enough_data" in kinds(request)
    assert "n_plus_one" not in kinds(request)


def test_a_count_that_varies_is_accused_only_as_far_as_it_is_sure() -> None:
    noisy = probed([(1, {"q": (1, 9)}), (10, {"q": (2, 10)}), (20, {"q": (3, 11)})])
    assert "n_plus_one" not in kinds(noisy)
    assert "varies" in kinds(noisy)
    sure = probed([(1, {"q": (1, 2)}), (10, {"q": (10, 11)}), (20, {"q": (20, 21)})])
    assert {"n_plus_one", "varies"} <= kinds(sure)


def test_the_finding_names_caller_counts_and_what_to_do_for_the_orm() -> None:
    request = probed(
        [(1, {"q": 1}), (10, {"q": 10}), (50, {"q": 50})],
        callers=("shop/views.py:12 list",),
        libraries=("django.relation",),
    )
    (finding,) = [each for each in prove(request, "candidate").findings if each.kind == "n_plus_one"]
    assert "1 → 10 → 50 times for 1 → 10 → 50 rows" in finding.summary
    assert "shop/views.py:12" in finding.summary
    assert "select_related" in finding.evidence["advice"]
    assert finding.evidence["calls"] == [1, 10, 50]
    assert finding.evidence["slope"] == 1


def test_a_list_that_ignores_its_parameter_is_unbounded() -> None:
    request = ProbedRequest("list", tuple(sized(n, 500, {"q": 1}) for n in (1, 10, 50)), "parameter")
    assert "unbounded_list" in kinds(request)


def test_a_list_that_grows_with_the_table_is_unbounded_and_a_page_is_not() -> None:
    assert "unbounded_list" in kinds(probed([(n, {"q": 1}) for n in (10, 100, 1000)], by="reseed"))
    page = ProbedRequest("list", tuple(sized(n, min(n, 50), {"q": 1}) for n in (10, 100, 1000)), "reseed")
    assert "unbounded_list" not in kinds(page)


def test_the_same_parameters_again_are_duplicates() -> None:
    assert "duplicate_queries" in kinds(probed([(n, {"q": 3}) for n in (1, 10, 50)], repeated=2))
    assert "duplicate_queries" not in kinds(probed([(n, {"q": 3}) for n in (1, 10, 50)], repeated=0))


def test_without_a_list_in_the_response_the_size_asked_for_counts() -> None:
    request = ProbedRequest("page", tuple(sized(n, None, {"q": n}) for n in (1, 10, 50)), "parameter")
    assert "n_plus_one" in kinds(request)


def with_statements(points: list[tuple[int, dict[str, int]]], **more: object) -> ProbedRequest:
    keys: dict[str, str] = {}
    sizes = []
    for rows, calls in points:
        statements = [
            counted(keys.setdefault(text, f"k{len(keys)}"), count, text=text, **more) for text, count in calls.items()
        ]
        sizes.append(replace(sized(rows, rows, {}), statements=tuple(statements)))
    return ProbedRequest("list", tuple(sizes), "parameter")


def test_a_table_for_each_tenant_is_one_n_plus_one_and_not_fifty_statements() -> None:
    points = [(n, {f"select tag from tag_{at} where item_id = ?": 1 for at in range(n)}) for n in (1, 10, 50)]
    (found,) = prove(with_statements(points), "baseline").findings
    assert (found.kind, found.evidence["statements"]) == ("n_plus_one", 50)
    assert "`select tag from tag_# where item_id = ?` runs 1 → 10 → 50 times" in found.summary


def test_two_numbered_columns_are_no_family() -> None:
    points = [(n, {"select line_1 from t": 1, "select line_2 from t": 1}) for n in (1, 10, 50)]
    assert not prove(with_statements(points), "baseline").findings


def test_an_n_plus_one_is_not_told_again_as_duplicates() -> None:
    points = [(n, {"select name from author where id = ?": n}) for n in (1, 10, 50)]
    (found,) = prove(with_statements(points, repeated=45), "baseline").findings
    assert found.kind == "n_plus_one"
    assert "45 of them with parameters it had before" in found.summary


def test_fetching_from_a_cursor_is_no_duplicate() -> None:
    points = [(n, {"fetch forward ? from ?": 1 + n // 10}) for n in (1, 10, 50)]
    assert {each.kind for each in prove(with_statements(points, repeated=4), "baseline").findings} == {"batched"}


@pytest.mark.parametrize("text", ["select found_rows()", "select last_insert_id()", "select changes()"])
def test_asking_what_the_statement_before_did_is_no_duplicate(text: str) -> None:
    points = [(n, {text: 4}) for n in (1, 10, 50)]
    assert "duplicate_queries" not in {
        each.kind for each in prove(with_statements(points, repeated=3), "baseline").findings
    }


def test_an_identity_map_loads_each_value_once_and_that_is_no_batch() -> None:
    points = [(n, {"select name from author where id = ?": calls}) for n, calls in ((10, 3), (20, 7), (50, 7))]
    (found,) = prove(with_statements(points), "baseline").findings
    assert found.kind == "loads_by_value"
    assert "and then no more: what was loaded is remembered" in found.summary


def test_a_statement_that_fetches_many_times_the_answers_rows_is_named() -> None:
    points = [(n, {"select * from a, b": 1}) for n in (1, 10, 50)]
    (found,) = prove(with_statements(points, rows=100_000), "baseline").findings
    assert found.kind == "many_rows"
    assert found.severity == "warning"
    assert "fetches 100,000 rows for 1 in the answer" in found.summary
    assert not prove(with_statements(points, rows=900), "baseline").findings
    long = with_statements([(n, {"select * from a limit ?": 1}) for n in (900, 1000, 1100)], rows=1100)
    assert not prove(long, "baseline").findings, "as many as are answered"


@pytest.mark.parametrize(
    ("libraries", "told"),
    [
        (("sqlalchemy.relation", "sqlalchemy"), "selectinload"),
        (("sqlalchemy",), ".in_(keys)"),
        (("django.relation", "django"), "select_related"),
        (("django.generic", "django"), "prefetch_related"),
        (("django.deferred", "django"), "only(...)"),
        (("django",), "filter(key__in=keys)"),
        (("django",), "Prefetch(queryset=...)"),
        (("psycopg",), "ANY(%s)"),
        (("unknown",), "dataloader"),
    ],
)
def test_the_advice_fits_how_it_was_asked(libraries: tuple[str, ...], told: str) -> None:
    points = [(n, {"select name from author where id = ?": n}) for n in (1, 10, 50)]
    (found,) = prove(with_statements(points, libraries=libraries), "baseline").findings
    assert told in found.summary


@pytest.mark.parametrize("source", ["MySQL (general log)", "MariaDB (performance_schema)"])
def test_the_advice_for_mysql_names_nothing_that_mysql_does_not_know(source: str) -> None:
    points = [(n, {"select name from author where id = ?": n}) for n in (1, 10, 50)]
    request = with_statements(points)
    mysql = replace(request, sizes=tuple(replace(each, source=source) for each in request.sizes))
    (found,) = prove(mysql, "baseline").findings
    assert "ask for all rows at once (`key IN (...)`), through" in found.summary
    assert "ANY" not in found.summary
