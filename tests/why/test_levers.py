"""Each lever alone is named and no other; what moved nothing, or moved house, is no cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import why_builders as make
from perfproof.model.levers import Causes, Encoding, HttpFacts, PoolFacts, QueryPlan, Sized
from perfproof.model.metrics import ALL
from perfproof.model.profile import Allocation, ArmProfile, MemoryProfile
from perfproof.model.result import Comparison, QueryDetail, SizeFigures, StatementChange, Verdict
from perfproof.model.why import Why
from perfproof.why.explain import across_causes, explain, looked_at

HANDLER = "~uvicorn.main:run > ~starlette.routing:app > app.views:show"
QUERY = f"{HANDLER} > app.store:load > ~sqlalchemy.orm:execute > ~sqlite3:step"
BASE = {
    HANDLER: 0.3,
    QUERY: 1.0,
    f"{HANDLER} > app.rows:score": 0.8,
    f"{HANDLER} > app.render:render > ~json.encoder:iterencode": 0.5,
    "~uvicorn.main:run > ~starlette.routing:app": 0.4,
}
SAME = make.rows({"show": (10.0, 10.0)})
FASTER = make.rows({"show": (10.0, 6.0)}, cpu=(8.0, 5.0))
SLOWER = make.rows({"show": (10.0, 14.0)}, cpu=(8.0, 11.0))
MIXED = [*FASTER, make.row("latency_p50", "list", 5.0, 6.0)]
UNCOUNTED = "Queries were not counted: name the database in `service.database`."
LOOKED = f"Looked at functions (by pyinstrument). {UNCOUNTED}"
IMPROVED, EQUIVALENT = Verdict.IMPROVED, Verdict.EQUIVALENT


def profiles(**changed: float) -> tuple[ArmProfile, ArmProfile]:
    """Return both arms' profiles; ``changed`` are times by a word of the stack, on the candidate."""
    after = {text: next((ms for word, ms in changed.items() if word in text), held) for text, held in BASE.items()}
    return make.profile("baseline", {"show": BASE}, seed=1), make.profile("candidate", {"show": after}, seed=2)


def why(causes: Causes, rows: list[Comparison], verdict: Verdict = IMPROVED, **fields: Any) -> Why:
    queries = fields.pop("queries", ())
    found = explain(causes, rows, queries, verdict, {"show": 50.0, ALL: 50.0}, **fields)
    assert found is not None
    return found


def levers(found: Why) -> list[tuple[str, str]]:
    return [(cause.lever, cause.request) for cause in found.causes]


def http(**fields: Any) -> HttpFacts:
    return HttpFacts("show", 200, **fields)


def details(before: int, after: int) -> QueryDetail:
    figures = {
        arm: tuple(
            SizeFigures(size, size, 1 + many, 1 + many, 10, 1.0, 900)
            for size, many in zip((1, 10, 50), counts, strict=True)
        )
        for arm, counts in (("baseline", (1, 10, 50)), ("candidate", (1, 1, 1)))
    }
    text = "SELECT owner.name FROM owner WHERE owner.id = ?"
    gone = StatementChange("k1", text, "gone", (1, 10, 50), (), 1.0, None, "app/store.py:12 load")
    return QueryDetail("show", (1, 10, 50), figures, (gone,))


def query_rows(before: float, after: float, rows: list[Comparison]) -> list[Comparison]:
    return [*rows, make.row("queries_per_request", "show", before, after), make.row("response_bytes", "show", 900, 900)]


def test_fewer_queries_are_named_with_the_statement_and_explain_the_time_in_the_orm() -> None:
    found = why(make.causes(*profiles(sqlite3=0.2)), query_rows(51, 2, FASTER), queries=[details(51, 2)])
    assert levers(found) == [("queries", "show")]
    (cause,) = found.causes
    assert "51 → 2" in cause.sentence
    assert "N+1 gone" in cause.sentence
    assert cause.evidence["statement"].startswith("SELECT owner.name")
    assert cause.ms_per_request == pytest.approx(-0.8, abs=0.1)
    assert cause.impact == pytest.approx(-50 * (cause.ms_per_request or 0))
    assert found.sentence.startswith("Queries on show, −0.")


@pytest.mark.parametrize(("after", "said"), [(28.4, "−172 ms"), (199.93, "−0.07 ms"), (191.0, "−9 ms")])
def test_what_a_cause_is_worth_is_told_in_plain_digits(after: float, said: str) -> None:
    rows = query_rows(51, 2, make.rows({"show": (200.0, after)}, cpu=(8.0, 5.0)))
    rows = [replace(row, verdict=IMPROVED, ci_low=row.change, ci_high=row.change) for row in rows]
    found = why(make.causes(), rows, queries=[details(51, 2)])
    assert f"Queries on show, {said} per request" in found.sentence, found.sentence


def test_fewer_queries_without_any_time_saved_are_told_but_not_claimed() -> None:
    found = why(make.causes(*profiles()), query_rows(51, 2, SAME), EQUIVALENT, queries=[details(51, 2)])
    assert not found.causes
    assert [cause.lever for cause in found.unclaimed] == ["queries"]
    assert found.unclaimed[0].sentence.endswith("but nothing measured followed.")


def test_more_queries_alone_are_told_with_the_statement_that_came() -> None:
    new = StatementChange("k1", "select count(*) from comment where post = ?", "new", (), (1, 10, 50), None, 1.0)
    quick = replace(details(2, 51), statements=(new, replace(new, key="k2", text="select 1", candidate=(1, 1, 1))))
    found = why(make.causes(*profiles()), query_rows(2, 51, SAME), Verdict.REGRESSED, queries=[quick])
    told = "on show, `select count(*) from comment where post = ?` runs 0 → 50 times at size 50."
    assert found.sentence == f"Time did not move; {told}"
    untold = why(make.causes(*profiles()), query_rows(2, 51, SAME), Verdict.REGRESSED)
    assert untold.sentence.startswith("Time did not move; of what did, the cause is not shown.")


def test_a_join_that_multiplies_rows_is_the_cause_of_the_loss_it_brings() -> None:
    exploded = [*query_rows(501, 1, SLOWER), make.row("rows_fetched_per_request", "show", 500, 25_000)]
    found = why(make.causes(), exploded, Verdict.REGRESSED)
    assert levers(found) == [("queries", "show")]
    assert "25,000 rows fetched" in found.causes[0].sentence
    assert found.causes[0].basis == "waiting"


def plan(text: str, *, scan: bool, small: bool = False, ns: int = 900_000) -> QueryPlan:
    shape = ("scan records",) if scan else ("search records using index",)
    scanned = {"records": 12_000} if scan else {}
    return QueryPlan("show", "f1", text, shape, scanned, small=small, calls=1, ns=ns if scan else 40_000)


@pytest.mark.parametrize("small", [False, True])
def test_a_scan_that_became_a_search_is_an_index_where_the_time_in_the_database_fell(small: bool) -> None:
    plans = (plan("SELECT ?", scan=True, small=small),), (plan("SELECT ?", scan=False, small=small),)
    rows = [*FASTER, make.row("db_time_per_request", "show", 1.2, 0.3)]
    found = why(make.causes(*profiles(sqlite3=0.14), plans=plans), rows)
    assert levers(found) == [("index", "show")]
    assert found.causes[0].ms_per_request == pytest.approx(-0.86)


def test_another_plan_of_a_small_table_whose_time_did_not_follow_is_a_doubt() -> None:
    plans = (plan("SELECT ?", scan=True, small=True),), (plan("SELECT ?", scan=False, small=True),)
    rows = [*FASTER, make.row("db_time_per_request", "show", 1.2, 1.2)]
    found = why(make.causes(*profiles(), plans=plans), rows)
    assert not found.causes
    assert "too small" in found.unclaimed[0].sentence
    looked = "Looked at query plans and functions (by pyinstrument)."
    assert found.sentence == f"Faster, cause not shown. {looked} {UNCOUNTED}"


def test_connections_that_are_kept_are_the_pool() -> None:
    pools = (
        (PoolFacts("the agent", 400, opened=400, waited_ns=400 * 700_000, checkouts=400),),
        (PoolFacts("the agent", 400, opened=4, waited_ns=400 * 10_000, checkouts=400, pool_size=5),),
    )
    found = why(make.causes(*profiles(sqlite3=0.3), pools=pools), FASTER)
    assert levers(found) == [("connection pool", ALL)]
    assert found.causes[0].ms_per_request == pytest.approx(-0.69)


def test_the_pool_of_all_requests_is_claimed_by_single_ones_unless_one_contradicts() -> None:
    pools = (PoolFacts("x", 400, opened=400, checkouts=400),), (PoolFacts("x", 400, opened=4, checkouts=400),)
    single = [make.row("latency_p50", ALL, 10, 6, Verdict.INCONCLUSIVE), make.row("latency_p50", "show", 10, 6)]
    single.append(make.row("latency_p50", "list", 10, 10))
    assert levers(why(make.causes(pools=pools), single)) == [("connection pool", ALL)]
    assert not why(make.causes(pools=pools), [*single, make.row("latency_p50", "find", 10, 12)]).causes


def test_what_a_driver_calls_back_to_set_up_a_connection_is_the_pools_and_no_hot_path() -> None:
    setting_up = (
        f"{HANDLER} > app.store:load > ~sqlalchemy.pool.base:connect > ~sqlalchemy.event.attr:call > app.store:set_up"
    )
    pair = (
        make.profile("baseline", {"show": BASE | {setting_up: 0.9}}),
        make.profile("candidate", {"show": BASE}, seed=2),
    )
    pools = (PoolFacts("x", 400, opened=400, checkouts=400),), (PoolFacts("x", 400, opened=4, checkouts=400),)
    assert levers(why(make.causes(*pair, pools=pools), FASTER)) == [("connection pool", ALL)]


def test_a_function_that_sqlalchemy_runs_in_a_greenlet_is_a_hot_path_all_the_same() -> None:
    work = f"{HANDLER} > ~sqlalchemy.ext.asyncio.session:run_sync > ~sqlalchemy.util.concurrency:spawn > app.rows:work"
    pair = make.profile("baseline", {"show": BASE | {work: 2.9}}), make.profile("candidate", {"show": BASE}, seed=2)
    assert levers(why(make.causes(*pair), FASTER)) == [("hot path", "show")]


def test_fewer_connections_because_fewer_requests_ask_for_one_are_no_pool() -> None:
    pools = (PoolFacts("x", 400, opened=400, checkouts=400),), (PoolFacts("x", 400, opened=20, checkouts=20),)
    assert not why(make.causes(pools=pools), FASTER).causes


def test_a_kept_answer_explains_everything_that_is_no_longer_done_for_it() -> None:
    facts = (
        [http(asked=5, cold_queries=3, warm_queries=3, cold_ns=30_000_000, warm_ns=(10_000_000,))],
        [
            http(
                asked=5,
                hits=5,
                headers={"age": "1"},
                cold_queries=3,
                warm_queries=0,
                cold_ns=30_000_000,
                warm_ns=(900_000,),
                revalidated=304,
            )
        ],
    )
    gone = profiles(sqlite3=0.0, score=0.0, json=0.0)
    found = why(make.causes(*gone, http=facts), query_rows(3, 0, FASTER))
    assert levers(found) == [("response cache", "show")]
    assert {cause.lever for cause in found.unclaimed} == {"queries", "serialization", "hot path"}
    assert all("follows from the kept answers" in cause.sentence for cause in found.unclaimed)


def test_a_304_alone_is_no_cache_and_a_quick_handler_is_none_either() -> None:
    facts = (
        [http(asked=5, cold_ns=40_000_000, warm_ns=(20_000_000,))],
        [http(asked=5, revalidated=304, cold_ns=40_000_000, warm_ns=(1_000_000,))],
    )
    found = why(make.causes(*profiles(score=0.05), http=facts), FASTER)
    assert levers(found) == [("hot path", "show")]
    assert [cause.lever for cause in found.unclaimed] == ["response cache"]


def encodings(given: str, wire: int) -> HttpFacts:
    return http(encodings=(Encoding("identity", "identity", 9000, 9000), Encoding("gzip", given, wire, 9000)))


def test_compression_is_claimed_by_bytes_and_says_what_it_costs() -> None:
    facts = [encodings("identity", 9000)], [encodings("gzip", 1800)]
    costly = dict(BASE) | {"~uvicorn.main:run > ~starlette.middleware.gzip:send > ~gzip:write": 0.4}
    pair = make.profile("baseline", {"show": BASE}, seed=1), make.profile("candidate", {"show": costly}, seed=2)
    rows = [*make.rows({"show": (10.0, 10.5)}, cpu=(4.0, 4.4)), make.row("response_bytes", "show", 9000, 1800)]
    found = why(make.causes(*pair, http=facts), rows, Verdict.REGRESSED)
    assert levers(found) == [("compression", "show")]
    assert "response size of show −80.0 %" in found.causes[0].outcome
    assert "CPU per request +10.0 %" in found.causes[0].outcome
    assert found.causes[0].ms_per_request == pytest.approx(0.4, abs=0.08)


def test_compression_that_these_requests_do_not_ask_for_is_not_claimed() -> None:
    facts = [encodings("identity", 9000)], [encodings("gzip", 1800)]
    found = why(make.causes(http=facts), [*SAME, make.row("response_bytes", "show", 9000, 9000)], EQUIVALENT)
    assert not found.causes
    assert "the response did not get smaller" in found.unclaimed[0].sentence


def test_less_time_in_encoders_is_serialization_and_not_a_hot_path() -> None:
    sizes = [http(sizes=(Sized(1, 1, 1e6, 40), Sized(50, 50, m * 1e6, 40))) for m in (9.0, 3.0)]
    found = why(make.causes(*profiles(json=0.02), http=([sizes[0]], [sizes[1]])), FASTER)
    assert levers(found) == [("serialization", "show")]
    names = {mechanism.name for mechanism in found.causes[0].mechanisms}
    assert names == {"time in encoders", "CPU per row"}


@pytest.mark.parametrize(("ms", "rows", "verdict"), [(0.05, FASTER, IMPROVED), (2.4, SLOWER, Verdict.REGRESSED)])
def test_a_function_whose_work_moved_is_the_hot_path_whichever_way(
    ms: float, rows: list[Comparison], verdict: Verdict
) -> None:
    found = why(make.causes(*profiles(score=ms)), rows, verdict)
    assert levers(found) == [("hot path", "show")]
    assert found.causes[0].mechanisms[0].name == "app.rows.score"
    assert found.causes[0].ms_per_request == pytest.approx(ms - 0.8, abs=0.15)
    assert found.causes[0].basis == "work"


def test_functions_without_a_name_are_no_hot_path_together() -> None:
    def nameless(ms: float) -> dict[str, dict[str, float]]:
        return {"show": {text.replace("app.rows:score", "app:[unknown]"): ms if "score" in text else held
                         for text, held in BASE.items()}}  # fmt: skip

    found = why(
        make.causes(make.profile("baseline", nameless(2.4), seed=1), make.profile("candidate", nameless(0.1), seed=2)),
        FASTER,
    )
    assert not found.causes
    assert found.sentence == f"Faster, cause not shown. {LOOKED}"


def test_a_profile_of_all_requests_as_one_is_held_against_the_rows_of_all() -> None:
    pair = [replace(each, requests=(ALL,)) for each in profiles(score=0.05)]
    rows = make.rows({"show": (10.0, 6.0), "list": (8.0, 8.0)}, cpu=(8.0, 5.0))
    found = why(make.causes(*pair), rows)
    assert levers(found) == [("hot path", ALL)]
    assert [each.request for each in found.profiles] == [ALL]
    beside = why(make.causes(*pair), query_rows(51, 2, rows), queries=[details(51, 2)])
    assert levers(beside) == [("queries", "show")]
    assert "may explain" in beside.unclaimed[0].sentence


def test_a_hot_path_against_the_outcome_is_not_claimed() -> None:
    found = why(make.causes(*profiles(score=2.4)), FASTER)
    assert not found.causes
    assert found.sentence == f"Faster, cause not shown. {LOOKED}"


RENAMED = {text.replace("app.rows:score", "app.scoring:similarity"): ms for text, ms in BASE.items()}
SPLIT = {text: (0.2 if "score" in text else ms) for text, ms in BASE.items()} | {
    f"{HANDLER} > app.rows:score > app.rows:helper": 0.6
}
PIECES = {text: ms for text, ms in BASE.items() if "score" not in text} | {
    f"{HANDLER} > app.rows:first": 0.45,
    f"{HANDLER} > app.rows:second": 0.35,
}
CRUMBS = {text: ms for text, ms in BASE.items() if "score" not in text} | {
    f"{HANDLER} > app.rows:part{at} > app.rows:step{at}": 0.04 for at in range(20)
}
WRAPPED = {
    text.replace("~starlette.routing:app", "app.middleware:timed > ~starlette.routing:app"): ms
    for text, ms in BASE.items()
}


@pytest.mark.parametrize(
    "after",
    [RENAMED, SPLIT, PIECES, CRUMBS, WRAPPED, BASE],
    ids=["renamed", "split", "pieces", "crumbs", "wrapped", "reordered"],
)
@pytest.mark.parametrize("seed", range(20))
def test_placebos_have_no_cause_even_where_something_else_moved(after: dict[str, float], seed: int) -> None:
    pair = (
        make.profile("baseline", {"show": BASE}, seed=seed),
        make.profile("candidate", {"show": after}, seed=99 + seed),
    )
    found = why(make.causes(*pair), FASTER)
    assert not found.causes
    assert found.sentence == f"Faster, cause not shown. {LOOKED}"
    same = why(make.causes(*pair), SAME, EQUIVALENT)
    assert not same.causes
    assert same.sentence == "No difference, so there is nothing to explain."


def test_several_levers_pulled_at_once_are_all_named_by_weight() -> None:
    pair = profiles(sqlite3=0.2, score=0.05, json=0.02)
    found = why(make.causes(*pair), query_rows(51, 2, FASTER), queries=[details(51, 2)])
    assert {lever for lever, _ in levers(found)} == {"queries", "hot path", "serialization"}
    impacts = [abs(cause.impact) for cause in found.causes]
    assert impacts == sorted(impacts, reverse=True)


def test_memory_is_claimed_where_allocations_and_memory_moved() -> None:
    def memory(arm: str, size: float) -> MemoryProfile:
        return MemoryProfile(arm, "memray", 50, (Allocation("show", "app/rows.py:4 build", True, size, 10),))

    causes = replace(make.causes(), memory=(memory("baseline", 900_000), memory("candidate", 90_000)))
    found = why(causes, [*SAME, make.row("memory_peak", ALL, 9e7, 6e7)])
    assert levers(found) == [("memory", ALL)]
    assert found.allocations[0].line == "app/rows.py:4 build"
    assert not why(causes, SAME, EQUIVALENT).causes


@pytest.mark.parametrize(
    ("rows", "verdict", "kind", "sentence"),
    [
        (FASTER, Verdict.INVALID, "ab", "The measurement is invalid, so no cause is named."),
        (SAME, EQUIVALENT, "noise", "Both sides are the same, so there is nothing to explain."),
        (SLOWER, Verdict.REGRESSED, "ab", f"Slower, cause not shown. {LOOKED}"),
        (SAME, Verdict.INCONCLUSIVE, "ab", "Nothing moved for sure, so there is nothing to explain yet."),
        (MIXED, Verdict.REGRESSED, "ab", f"Some figures fell and others rose, cause not shown. {LOOKED}"),
    ],
)  # fmt: skip
def test_the_sentence_ends_honestly(rows: list[Comparison], verdict: Verdict, kind: Any, sentence: str) -> None:
    assert why(make.causes(*profiles()), rows, verdict, kind=kind).sentence == sentence


def test_an_invalid_measurement_claims_nothing_whatever_was_observed() -> None:
    found = why(make.causes(*profiles(score=0.05)), FASTER, Verdict.INVALID)
    assert not found.causes
    assert found.profiles


def test_a_single_arm_shows_where_its_time_goes() -> None:
    found = why(Causes(profiles=(profiles()[0],)), [], Verdict.MET, kind="run")
    assert found.sentence.startswith("Most of the time goes to app.store.load and the libraries it calls: ")
    assert why(Causes(), [], Verdict.MET, kind="run").sentence == "One side alone has nothing to explain."
    assert [each.request for each in found.profiles] == ["show"]
    assert found.profiles[0].functions[0].function == "load"


def test_a_run_without_a_cause_pass_has_no_answer_and_one_without_profiles_a_note() -> None:
    assert explain(None, FASTER, (), IMPROVED) is None
    nothing = [
        ArmProfile(arm, "none", notes=("the service is no Python program",)) for arm in ("baseline", "candidate")
    ]
    found = why(make.causes(*nothing), FASTER)
    assert found.notes == ("the service is no Python program",)
    assert found.engines == {"baseline": "not profiled", "candidate": "not profiled"}
    assert found.sentence == (
        f"Faster, cause not shown. Nothing could be looked at. {UNCOUNTED} "
        "Functions were not seen: the service is no Python program."
    )


def test_profiles_of_different_engines_are_not_held_against_each_other() -> None:
    before, after = profiles(score=0.05)
    found = why(make.causes(before, replace(after, engine="py-spy")), FASTER)
    assert not found.profiles
    assert found.notes[0].endswith("baseline was profiled by pyinstrument, candidate by py-spy")


def test_two_recorded_runs_are_joined_by_their_last_arms() -> None:
    before, after = profiles(score=0.05)
    one, two = make.causes(before, before), make.causes(after, after)
    joined = across_causes(one, two, ("before", "after"))
    assert joined is not None
    assert [each.arm for each in joined.profiles] == ["before", "after"]
    assert levers(why(joined, FASTER, kind="compare")) == [("hot path", "show")]
    assert across_causes(one, None, ("before", "after")) is None


def test_rows_that_are_only_shown_are_no_news_where_nothing_is_decided() -> None:
    noise = [replace(each, role="shown") for each in SLOWER]
    nothing = "Nothing moved for sure, so there is nothing to explain yet."
    assert why(make.causes(*profiles()), noise, Verdict.INCONCLUSIVE).sentence == nothing
    assert why(make.causes(*profiles()), noise, Verdict.REGRESSED).sentence == f"Slower, cause not shown. {LOOKED}"
    assert why(make.causes(*profiles()), SLOWER, Verdict.INCONCLUSIVE).sentence.startswith("Slower, cause not shown.")


def test_where_no_cause_is_shown_it_is_said_what_would_show_more() -> None:
    notes = (
        "agent: no process has loaded the agent: it is not Python, or started with -I, -E or -S",
        "perf: perf is not installed: install your system's package linux-perf",
    )
    blind = [ArmProfile(arm, "none", notes=notes) for arm in ("baseline", "candidate")]
    facts = http(cpu_turns=(4e6, 4.1e6, 4.2e6, 4.0e6))
    found = why(make.causes(*blind, http=((facts,), (facts,))), SLOWER, Verdict.REGRESSED)
    assert found.sentence == (
        f"Slower, cause not shown. Looked at caching and compression and CPU of each request alone. {UNCOUNTED} "
        "Functions were not seen: perf is not installed: install your system's package linux-perf."
    )


def test_the_cpu_of_a_request_alone_is_named_where_nothing_else_explains_it() -> None:
    before, after = http(cpu_turns=(13.1e6, 13.5e6, 13.6e6, 13.9e6)), http(cpu_turns=(38e6, 39.1e6, 39.3e6, 41e6))
    found = why(make.causes(http=((before,), (after,))), SLOWER, Verdict.REGRESSED)
    assert levers(found) == [("work per request", "show")]
    assert "sent alone, one request takes 39.2 ms of CPU instead of 13.6" in found.causes[0].sentence
    assert "p50 latency of show" in found.causes[0].sentence
    named = why(make.causes(*profiles(score=24.0), http=((before,), (after,))), SLOWER, Verdict.REGRESSED)
    assert levers(named) == [("hot path", "show")]
    assert named.unclaimed[0].sentence.endswith("which what is claimed explains.")


@pytest.mark.parametrize(
    ("before", "after"),
    [((4.0e6, 4.1e6, 4.2e6, 4.0e6), (4.1e6, 9.0e6, 8.9e6, 9.1e6)), ((4e6,) * 4, (4.4e6,) * 4), ((4e6,), (9e6,))],
    ids=["turns overlap", "two starts differ by as much", "one turn"],
)
def test_the_cpu_of_a_request_alone_is_not_named_for_noise(before: tuple[float, ...], after: tuple[float, ...]) -> None:
    causes = make.causes(http=((http(cpu_turns=before),), (http(cpu_turns=after),)))
    found = why(causes, SLOWER, Verdict.REGRESSED)
    assert not found.causes
    assert not found.unclaimed


def test_a_304_and_headers_for_keeping_that_are_gone_are_told_and_not_claimed() -> None:
    before = http(revalidated=304, headers={"etag": "weak", "cache-control": "public, max-age=60"})
    after = http(revalidated=None, headers={"cache-control": "no-store"})
    found = why(make.causes(http=((before,), (after,))), SLOWER, Verdict.REGRESSED)
    assert not found.causes
    assert [each.lever for each in found.unclaimed] == ["revalidation"]
    told = found.unclaimed[0].sentence
    assert "a repeated request with the validator it was given is no longer answered with 304" in told
    assert "the ETag went; Cache-Control public, max-age=60 became no-store" in told
    assert told.endswith("so its figures cannot show what clients gain or lose by it.")
    assert not why(make.causes(http=((before,), (before,))), SLOWER, Verdict.REGRESSED).unclaimed


HELD = (43_700_000,) * 5


def test_responses_that_are_no_longer_held_back_are_the_cause_of_shorter_latency() -> None:
    before, after = http(asked=6, held_ns=HELD), http(asked=6)
    found = why(make.causes(http=((before,), (after,))), FASTER)
    assert levers(found) == [("held responses", "show")]
    assert (
        "no longer held back after the head (44 ms in 5 of 6); with it p50 latency of show" in found.causes[0].sentence
    )
    back = why(make.causes(http=((after,), (before,))), SLOWER, Verdict.REGRESSED)
    assert "is held back after the head (44 ms in 5 of 6): set TCP_NODELAY" in back.causes[0].sentence
    both = why(make.causes(http=((before,), (before,))), FASTER)
    assert not both.causes
    assert not both.unclaimed


def test_queries_that_were_counted_and_did_not_run_are_not_said_to_lack_a_database() -> None:
    told = looked_at(Causes(), (), counted=True)
    assert told.startswith("Looked at queries (none ran).")
    assert "name the database" not in told
    assert "name the database in `service.database`" in looked_at(Causes(), ())
