"""What got worse and fails nothing: what the policy allows, and the small price of something better."""

from __future__ import annotations

import pytest

from perfproof.model.metrics import ALL, METRICS
from perfproof.model.policy import GateRule, Policy
from perfproof.model.result import Comparability, Comparison, QueryDetail, Result, Role, SizeFigures, Verdict
from perfproof.model.scenario import Goal
from perfproof.verdict.conclude import conclude, regressions
from perfproof.verdict.display_rows import headline
from perfproof.verdict.guards import accept
from perfproof.verdict.policy import judge
from perfproof.verdict.sentence import compose

V = Verdict


def row(metric: str, verdict: Verdict, before: float, after: float, request: str = ALL, role: Role = "gate"):
    goal = Goal(metric, 0.2) if role == "goal" else None
    unit = METRICS[metric].unit
    change = after / before - 1
    ends = (None, None, None) if METRICS[metric].exact else (change - 0.01, change + 0.01, 0.98)
    return Comparison(metric, request, unit, before, after, change, *ends, verdict, role, 12, goal)


def queries(before: int, after: int, request: str, verdict: Verdict | None = None) -> Comparison:
    found = V.REGRESSED if after > before else V.IMPROVED if after < before else V.EQUIVALENT
    return row("queries_per_request", verdict or found, before, after, request)


def detail(request: str, *counts: tuple[int, int]) -> QueryDetail:
    sizes = tuple(10**at for at in range(len(counts)))
    sides = {
        arm: tuple(
            SizeFigures(size, size, pair[at], pair[at], None, None, 0) for size, pair in zip(sizes, counts, strict=True)
        )
        for at, arm in enumerate(("baseline", "candidate"))
    }
    return QueryDetail(request, sizes, sides)


MENDED = [queries(51, 2, "list"), queries(101, 3, "search"), queries(21, 1, "board")]
PRICE = queries(28, 29, "dashboard")
FASTER = row("latency_p50", V.IMPROVED, 10, 6)
FLAT = detail("dashboard", (28, 29), (28, 29))


def test_one_query_more_is_the_price_of_three_mended_n_plus_1s_and_not_a_regression() -> None:
    rows = accept([FASTER, *MENDED, PRICE], [FLAT], Policy())
    assert rows[-1].accepted == "a price: 1 query more, at any size"
    assert conclude(rows, (), valid=True) == (V.IMPROVED, 0)
    text = compose(V.IMPROVED, rows, (), rounds=12, margin=0.03)
    assert text.startswith("Improved: p50 latency −40.0 %")
    assert text.endswith("; worse, but accepted: queries of dashboard 28 → 29 (a price: 1 query more, at any size).")


def test_where_nothing_is_better_the_same_query_is_a_regression() -> None:
    rows = accept([row("latency_p50", V.EQUIVALENT, 10, 10), PRICE], [FLAT], Policy())
    assert conclude(rows, (), valid=True) == (V.REGRESSED, 1)


def test_fewer_queries_in_all_pay_for_it_although_no_clock_tells() -> None:
    rows = accept([row("latency_p50", V.INCONCLUSIVE, 10, 10), *MENDED, PRICE], [FLAT], Policy())
    assert not regressions(rows)


@pytest.mark.parametrize(
    ("row_", "known"),
    [
        (queries(28, 38, "dashboard"), FLAT),  # a third more is no small price
        (PRICE, detail("dashboard", (28, 29), (28, 38))),  # grows with the size: an N+1 of its own
        (queries(2, 4, "dashboard"), detail("dashboard", (2, 4), (2, 4))),
    ],
)
def test_many_queries_more_and_such_as_grow_are_no_price(row_: Comparison, known: QueryDetail) -> None:
    assert regressions(accept([FASTER, *MENDED, row_], [known], Policy()))


def test_a_policy_that_names_queries_says_so_itself() -> None:
    strict = Policy(rules=(GateRule("queries_per_request", level="error"),))
    assert regressions(accept([FASTER, *MENDED, PRICE], [FLAT], strict))
    general = Policy(level="error")
    assert not regressions(accept([FASTER, *MENDED, PRICE], [FLAT], general))


MEMORY = row("memory_peak", V.REGRESSED, 100, 104)
MET = row("latency_p50", V.MET, 10, 6, role="goal")


def test_five_percent_more_memory_is_accepted_where_the_policy_allows_it() -> None:
    allowing = Policy(rules=(GateRule("memory_*", regression=0.05),))
    rows = accept([MET, MEMORY], (), allowing)
    assert conclude(rows, (), valid=True) == (V.MET, 0)
    text = compose(V.MET, rows, (), rounds=12, margin=0.03)
    assert text.endswith("; worse, but accepted: peak memory +4.0 % (within the 5 % that the policy allows).")
    assert conclude(accept([MET, MEMORY], (), Policy()), (), valid=True) == (V.REGRESSED, 1)


@pytest.mark.parametrize(("level", "said"), [("off", "not looked at"), ("warn", "a warning")])
def test_guards_that_are_off_or_warn_fail_nothing(level: str, said: str) -> None:
    rows = accept([MET, MEMORY], (), Policy(rules=(GateRule("memory_peak", level=level),)))  # type: ignore[arg-type]
    assert rows[1].accepted.startswith(said)
    assert conclude(rows, (), valid=True) == (V.MET, 0)


def test_where_what_decides_got_no_worse_than_is_accepted_it_passes() -> None:
    slower = row("latency_p50", V.REGRESSED, 10, 10.4)
    rows = accept([slower, row("cpu_per_request", V.EQUIVALENT, 1, 1)], (), Policy(regression=0.05))
    assert conclude(rows, (), valid=True) == (V.EQUIVALENT, 0)
    text = compose(V.EQUIVALENT, rows, (), rounds=12, margin=0.03)
    assert text.startswith("Nothing got worse than is accepted: p50 latency +4.0 %")
    assert text.endswith("within the 5 % that the policy allows).")


def test_goals_are_never_accepted_short_of_what_was_promised() -> None:
    worse = row("latency_p50", V.REGRESSED, 10, 10.4, role="goal")
    assert regressions(accept([worse], (), Policy(level="off", regression=0.5)))


def test_a_guard_against_a_met_goal_is_said_beside_it() -> None:
    heavy = row("memory_peak", V.REGRESSED, 100, 121)
    rows = accept([MET, heavy], (), Policy())
    verdict, code = conclude(rows, (), valid=True)
    text = compose(verdict, rows, (), rounds=12, margin=0.03)
    assert (verdict, code) == (V.REGRESSED, 1)
    assert text == "Goal met (p50 latency −40.0 %), but peak memory rose by 21.0 % (guard): not passed."
    result = Result(
        "ab", "s", (), ("a", "b"), verdict, text, 1, 12, 12, 1.0, tuple(rows), (), (), (), Comparability(())
    )
    assert headline(result)[:2] == ("✗", "not passed")


def test_several_goals_and_guards_are_told_together() -> None:
    goals = [row("latency_p95", V.MET, 100, 100 - cut, name, "goal") for cut, name in ((30, "a"), (50, "b"))]
    worse = [row("memory_peak", V.REGRESSED, 100, 121), queries(1, 40, "list")]
    text = compose(V.REGRESSED, accept([*goals, *worse], (), Policy()), (), rounds=12, margin=0.03)
    assert text == (
        "Goal met (p95 latency of 2 requests −30.0 to −50.0 %), but peak memory rose by 21.0 % and queries of list "
        "1 → 40 (guards): not passed."
    )


def test_ab_and_gate_agree_on_what_is_accepted() -> None:
    for policy in (Policy(), Policy(rules=(GateRule("memory_*", regression=0.05),)), Policy(level="warn")):
        rows = accept([FASTER, MEMORY, *MENDED, PRICE], [FLAT], policy)
        verdict, code = conclude(rows, (), valid=True)
        bare = [FASTER, MEMORY, *MENDED, PRICE]
        result = Result(
            "ab",
            "s",
            (),
            ("a", "b"),
            verdict,
            "",
            int(code),
            12,
            12,
            1.0,
            tuple(bare),
            (),
            (),
            (),
            Comparability(()),
            queries=(FLAT,),
        )
        assert judge(result, policy).exit_code == code


def test_a_price_warns_in_a_gate_so_that_it_is_read() -> None:
    rows = (FASTER, *MENDED, PRICE)
    result = Result(
        "ab", "s", (), ("a", "b"), V.IMPROVED, "", 0, 12, 12, 1.0, rows, (), (), (), Comparability(()), queries=(FLAT,)
    )
    gate = judge(result, Policy())
    assert [each.outcome for each in gate.rows][-1] == "warned"
    assert "a price: 1 query more" in gate.rows[-1].reason
    assert gate.exit_code == 0
