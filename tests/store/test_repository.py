"""The same promises on both databases."""

import dataclasses
import json
import math
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from perfproof.errors import StoreError
from perfproof.evidence.directory import RunDirectory
from perfproof.model.recording import Environment, Round, RunInfo, Samples
from perfproof.model.result import Estimate, Level, Result, Verdict
from perfproof.model.revision import Revision
from perfproof.model.rules import Spread
from perfproof.store.models import ComparisonRow, LevelRow
from perfproof.store.repository import Store, arms_fingerprint

Infos = Callable[..., RunInfo]
Results = Callable[..., Result]


def add_runs(url: str, infos: list[RunInfo], together: Barrier) -> None:
    together.wait(30)
    with Store.open(url) as store:
        for info in infos:
            store.add_run(info, Path("/r"))


class TestStore:
    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with Store.open(url) as store:
            yield store

    def test_a_run_comes_back_as_it_was_added(self, store: Store, make_info: Infos) -> None:
        info = make_info(label="before")
        store.add_run(info, Path("/elsewhere") / info.id)
        (run,) = store.runs()
        assert (run.id, run.kind, run.label, run.scenario) == (info.id, "ab", "before", "projects")
        assert (run.started_at, run.status) == (info.started_at, "running")
        assert (run.verdict, run.sentence, run.rounds) == (None, None, 0)
        assert run.directory == Path("/elsewhere") / info.id

    def test_a_finished_run_shows_its_new_status(self, store: Store, make_info: Infos) -> None:
        info = make_info()
        store.add_run(info, Path("/r"))
        store.add_run(dataclasses.replace(info, status="interrupted"), Path("/r"))
        assert store.status(info.id) == ("interrupted", False)
        assert store.find(info.id).status == "interrupted"

    def test_an_unknown_run_has_no_status_and_cannot_be_concluded(self, store: Store, make_result: Results) -> None:
        assert store.status("nowhere") is None
        with pytest.raises(StoreError, match="no run nowhere is stored"):
            store.save_result("nowhere", make_result())

    def test_adding_a_known_run_again_keeps_its_result(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        info = make_info()
        store.add_run(info, Path("/old"))
        store.save_result(info.id, make_result())
        store.add_run(info, Path("/new"))
        (run,) = store.runs()
        assert (run.directory, run.verdict, run.rounds) == (Path("/new"), Verdict.MET, 8)

    def test_a_result_comes_back_with_every_field(self, store: Store, make_info: Infos, make_result: Results) -> None:
        info, result = make_info(), make_result()
        store.add_run(info, Path("/r"))
        store.save_result(info.id, result)
        assert tuple(store.comparisons(info.id)) == result.comparisons
        run = store.find(info.id)
        assert (run.verdict, run.sentence, run.rounds) == (result.verdict, result.sentence, 8)

    def test_a_later_result_replaces_the_earlier_one(
        self, store: Store, url: str, make_info: Infos, make_result: Results
    ) -> None:
        info, result = make_info(), make_result()
        store.add_run(info, Path("/r"))
        store.save_result(info.id, result)
        later = make_result(comparisons=result.comparisons[1:], verdict=Verdict.EQUIVALENT, sentence="No change.")
        store.save_result(info.id, later)
        assert tuple(store.comparisons(info.id)) == later.comparisons
        assert store.find(info.id).sentence == "No change."
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(ComparisonRow)) == 1
            assert connection.execute(select(LevelRow.value, LevelRow.high)).all() == [(41.5, None)]
        engine.dispose()

    def test_infinite_figures_survive_and_undefined_ones_become_unknown(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        info, result = make_info(), make_result()
        odd = dataclasses.replace(
            result.comparisons[0], change=math.inf, ci_low=-math.inf, ci_high=math.nan, round_changes=(math.inf,)
        )
        level = dataclasses.replace(result.levels[0], estimate=Estimate(math.nan, None, math.inf, None, 0))
        store.add_run(info, Path("/r"))
        store.save_result(info.id, make_result(comparisons=(odd,), levels=(level,)))
        assert store.comparisons(info.id) == [dataclasses.replace(odd, ci_high=None)]

    def test_runs_are_listed_newest_first_and_can_be_narrowed(self, store: Store, make_info: Infos) -> None:
        first, second = make_info(label="a"), make_info(scenario_name="other", label="b")
        third = make_info(label="a")
        for info in (second, third, first):
            store.add_run(info, Path("/r"))
        assert [run.id for run in store.runs()] == [third.id, second.id, first.id]
        assert [run.id for run in store.runs(label="a")] == [third.id, first.id]
        assert [run.id for run in store.runs(scenario="other")] == [second.id]
        assert [run.id for run in store.runs(limit=1)] == [third.id]

    def test_of_runs_of_the_same_second_the_one_added_later_is_newer(self, store: Store, make_info: Infos) -> None:
        infos = [make_info(started_at="2026-11-23T06:00:00+00:00") for _ in range(3)]
        for info in infos:
            store.add_run(info, Path("/r"))
        assert [run.id for run in store.runs()] == [info.id for info in reversed(infos)]

    def test_a_run_is_found_by_id_label_age_and_the_start_of_its_id(self, store: Store, make_info: Infos) -> None:
        old = make_info(id="20261101-aaaa", label="main")
        new = make_info(id="20261102-bbbb", label="main")
        for info in (old, new):
            store.add_run(info, Path("/r"))
        assert store.find("20261101-aaaa").id == old.id
        assert store.find("main").id == new.id
        assert store.find("last").id == new.id
        assert store.find("last-1").id == old.id
        assert store.find("20261101").id == old.id

    def test_a_typo_in_a_reference_is_answered_with_the_likely_name(self, store: Store, make_info: Infos) -> None:
        store.add_run(make_info(label="before-pooling"), Path("/r"))
        with pytest.raises(StoreError) as caught:
            store.find("before-poling")
        assert caught.value.hint == "did you mean before-pooling?"

    def test_an_ambiguous_start_of_an_id_is_answered_with_the_candidates(self, store: Store, make_info: Infos) -> None:
        for id_ in ("20261101-aaaa", "20261101-bbbb"):
            store.add_run(make_info(id=id_), Path("/r"))
        with pytest.raises(StoreError, match="more than one run starts with") as caught:
            store.find("20261101")
        assert "20261101-aaaa" in str(caught.value)
        assert "20261101-bbbb" in str(caught.value)

    @pytest.mark.parametrize("reference", ["last", "last-7", "", "%", "nothing"])
    def test_an_empty_store_says_that_it_is_empty(self, store: Store, reference: str) -> None:
        with pytest.raises(StoreError, match="none is stored yet"):
            store.find(reference)

    @pytest.mark.parametrize("reference", ["last-1", "", "%", "2026_", "'; DROP TABLE runs; --"])
    def test_patterns_and_quotes_mean_nothing_in_a_reference(
        self, store: Store, make_info: Infos, reference: str
    ) -> None:
        store.add_run(make_info(), Path("/r"))
        with pytest.raises(StoreError, match="no run has the id or the label"):
            store.find(reference)
        assert len(store.runs()) == 1

    def test_spreads_replace_those_of_the_same_environment_and_scenario_only(self, store: Store) -> None:
        p50, p95 = Spread("latency_p50", "all", 0.021, 12), Spread("latency_p95", "all", 0.084, 12)
        store.save_spreads("env", "scenario", [p95, p50])
        store.save_spreads("env", "another", [p95])
        assert store.spreads("env", "scenario") == (p50, p95)
        newer = Spread("latency_p50", "all", 0.017, 8)
        store.save_spreads("env", "scenario", [newer])
        assert store.spreads("env", "scenario") == (newer,)
        assert store.spreads("env", "another") == (p95,)
        assert store.spreads("elsewhere", "scenario") == ()

    def test_only_runs_of_the_same_code_repeat_each_other(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        level = Level("latency_p50", "all", "candidate", "ms", Estimate(41.5, 40.0, 43.0, 0.95, 8))
        odd = Level("latency_p50", "all", "baseline", "ms", Estimate(1.0, 0.9, 1.1, 0.95, 8))
        clean = Revision("a" * 40, "main", dirty=False)
        ids = {}
        for name, changes in {
            "one": {}, "two": {}, "three": {}, "dirty": {"revision": Revision("a" * 40, "main", dirty=True)},
            "unknown": {"revision": None}, "other commit": {"revision": Revision("b" * 40, "main", dirty=False)},
            "other machine": {"environment": Environment({}, "other")}, "other scenario": {"scenario_hash": "other"},
            "other arms": {"arm_details": ({"command": "x"}, {"command": "y"})}, "unfinished": {"status": "failed"},
        }.items():  # fmt: skip
            info = make_info(**({"revision": clean, "status": "complete"} | changes))
            store.add_run(info, Path("/r"))
            store.save_result(info.id, make_result(levels=(odd, level)))
            ids[name] = info.id
        found = store.repeats("5ce7a210", "e417")
        assert {key: [[p.run for p in each] for each in versions] for key, versions in found.items()} == {
            ("latency_p50", "all"): [[ids["one"], ids["two"], ids["three"]]]
        }
        assert found["latency_p50", "all"][0][0].estimate == level.estimate
        left = store.repeats("5ce7a210", "e417", without=[ids["one"], ids["two"]])
        assert left == {("latency_p50", "all"): []}
        assert store.repeats("nothing", "e417") == {}

    def test_attempts_count_measured_runs_of_the_same_arms(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        measured, same = make_info(), make_info()
        arms = measured.arms_hash
        assert arms == arms_fingerprint(measured), "what is asked for is what was written"
        assert store.attempts(measured.scenario_hash, arms, measured.kind) == 0
        for info in (measured, same):
            store.add_run(dataclasses.replace(info, status="complete"), Path("/r"))
            store.save_result(info.id, make_result())
        other_arms = make_info(arm_details=({"command": "serve"}, {"command": "serve --fast"}))
        never_started = dataclasses.replace(make_info(), status="failed")
        for info in (other_arms, never_started, make_info(scenario_hash="another")):
            store.add_run(info, Path("/r"))
        assert store.attempts(measured.scenario_hash, arms, measured.kind) == 2
        killed = make_info()
        store.add_run(killed, Path("/r"))
        assert store.attempts(measured.scenario_hash, arms, measured.kind) == 3
        assert store.attempts(measured.scenario_hash, arms, "checks") == 0, "nothing was checked yet"

    def test_runs_found_on_disk_are_added_once(self, store: Store, make_info: Infos, tmp_path: Path) -> None:
        results = tmp_path / "results"
        concluded, plain, known = make_info(label="copied"), make_info(), make_info()
        for info in (concluded, plain, known):
            directory = RunDirectory.create(results, info, "name: projects\n")
            directory.seal(directory.begin_round(1), Round(1, (), (), Samples.empty()), {}, str)
        (results / concluded.id / "result.json").write_text(json.dumps({"verdict": "short", "sentence": "Less."}))
        (results / plain.id / "result.json").write_text('{"verdict": "gorgeous"')
        (results / "damaged").mkdir()
        (results / "damaged" / "run.json").write_text("{")
        store.add_run(known, results / known.id)

        assert store.sync(results) == 2
        assert store.sync(results) == 0
        found = store.find("copied")
        assert (found.verdict, found.sentence, found.rounds) == (Verdict.GOAL_MISSED, "Less.", 1)
        assert found.directory == results / concluded.id
        assert store.find(plain.id).verdict is None

    def test_opening_again_keeps_everything(self, url: str, make_info: Infos) -> None:
        info = make_info()
        with Store.open(url) as store:
            store.add_run(info, Path("/r"))
        with Store.open(url) as store:
            assert store.find("last").id == info.id

    def test_eight_processes_create_the_schema_and_add_runs_at_once(self, url: str, make_info: Infos) -> None:
        forking = multiprocessing.get_context("fork")  # eight fresh interpreters would spend the time importing
        together = forking.Barrier(8)
        batches = [[make_info() for _ in range(5)] for _ in range(8)]
        writers = [forking.Process(target=add_runs, args=(url, batch, together)) for batch in batches]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0] * 8
        with Store.open(url) as store:
            assert {run.id for run in store.runs(limit=100)} == {info.id for batch in batches for info in batch}
