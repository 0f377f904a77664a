"""One count from several sources and repeats: background taken out, callers put in, disagreement told."""

from __future__ import annotations

from dataclasses import replace

from perfproof.databases.merge import Observed, merge, one_name
from perfproof.model.probe import ProbedSize
from perfproof.model.queries import ProbeCount, Statement, StatementCount
from probe_builders import counted, sized


def count(source: str, void: str | None = None, **calls: int) -> ProbeCount:
    return ProbeCount(
        source, tuple(StatementCount(Statement(k, k), n, rows=n, time_ns=n) for k, n in calls.items()), void=void
    )


def seen(agent: dict[str, int] | None = None, **database: int) -> Observed:
    return Observed((count("db", **database),), None if agent is None else count("agent", **agent))


def calls(merged) -> dict[str, tuple[int, int]]:
    return {each.count.statement.key: (each.count.calls, each.most) for each in merged.statements}


def test_repeats_that_agree_are_one_exact_count() -> None:
    assert calls(merge([seen(a=1, b=5)] * 3)) == {"a": (1, 1), "b": (5, 5)}


def test_repeats_that_disagree_give_a_range() -> None:
    assert calls(merge([seen(a=1, b=5), seen(a=1, b=7), seen(a=1)])) == {"a": (1, 1), "b": (0, 7)}


def test_a_timer_seen_while_idle_is_not_booked_on_the_request() -> None:
    repeats = [seen(a=1), seen(a=1, tick=1), seen(a=1, tick=2)]
    assert calls(merge(repeats, {"tick"})) == {"a": (1, 1)}


def test_the_agent_settles_what_a_timer_did_even_if_it_hit_every_repeat() -> None:
    repeats = [seen({"a": 1}, a=1, tick=1)] * 3
    assert calls(merge(repeats, {"tick"})) == {"a": (1, 1)}
    assert calls(merge([seen({"a": 1}, a=1, late=n) for n in (1, 2, 1)])) == {"a": (1, 1)}


def test_a_statement_of_the_request_that_also_runs_idle_keeps_its_own_calls() -> None:
    repeats = [seen({"a": 2}, a=2), seen({"a": 2}, a=3), seen({"a": 2}, a=2)]
    assert calls(merge(repeats, {"a"})) == {"a": (2, 2)}


def test_sources_that_differ_are_told_with_both_counts() -> None:
    assert merge([seen({"a": 12}, a=14)] * 3).disagreement == "agent 12, database 14"
    assert merge([seen({"a": 14}, a=14)] * 3).disagreement is None


def test_a_void_agent_says_nothing_and_a_void_database_leaves_it_to_the_agent() -> None:
    mute = Observed((count("db", a=3),), count("agent", void="not Python"))
    assert calls(merge([mute] * 3)) == {"a": (3, 3)}
    assert merge([mute] * 3).disagreement is None
    reset = Observed((count("db", void="counters were reset"),), count("agent", a=3))
    merged = merge([reset] * 3)
    assert (calls(merged), merged.source) == ({"a": (3, 3)}, "agent")
    assert "counters were reset" in merged.doubts


def test_nothing_that_counts_is_none_and_not_zero() -> None:
    merged = merge([Observed((count("db", void="gone"),), None)] * 3)
    assert merged.statements is None


def test_callers_and_repeated_parameters_come_from_the_agent() -> None:
    known = StatementCount(Statement("a", "a"), 2, callers=("x.py:1 f",), libraries=("django",), repeated=1)
    observed = Observed((count("db", a=2),), ProbeCount("agent", (known,)))
    (found,) = merge([observed] * 3).statements or ()
    assert (found.count.callers, found.count.libraries, found.count.repeated) == (("x.py:1 f",), ("django",), 1)


def texted(source: str, **calls: tuple[str, int]) -> ProbeCount:
    return ProbeCount(source, tuple(StatementCount(Statement(k, t), n, rows=n) for k, (t, n) in calls.items()))


def test_an_in_of_one_element_is_named_as_the_service_wrote_it() -> None:
    database = texted("db", equal=("select a from t where b = ?", 1), other=("select b = ?", 1))
    agent = texted("agent", several=("select a from t where b in (?)", 1), other=("select b = ?", 1))
    merged = merge([Observed((database,), agent)] * 3)
    assert calls(merged) == {"several": (1, 1), "other": (1, 1)}
    assert merged.disagreement is None


def test_without_an_agent_statements_that_never_run_together_have_one_name() -> None:
    def size(rows: int, **texts: str) -> ProbedSize:
        found = tuple(counted(key, 1, text=text) for key, text in texts.items())
        return replace(sized(rows, rows, {}), statements=found)

    one, several = "select a from t where b = ?", "select a from t where b in (?)"
    named = one_name([size(1, equal=one), size(10, several=several), size(50, several=several)])
    assert [[each.count.statement.key for each in size.statements or ()] for size in named] == [["several"]] * 3
    both = [size(1, equal=one), size(10, equal=one, several=several)]
    assert one_name(both) == both, "two statements, since both run at one size"


def test_queries_that_belong_to_no_request_are_told_unless_a_timer_sends_them() -> None:
    agent = replace(count("agent", a=1), strays={"k": 5, "tick": 1})
    assert merge([Observed((), agent)] * 3, {"tick"}).strays == 5
    assert merge([Observed((), agent), Observed((), count("agent", a=1))]).strays == 0, "not with each request"
    assert merge([Observed((count("db", a=1),), agent)] * 3).strays == 0, "the database counts them"
