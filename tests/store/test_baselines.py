"""Names, filters, deletion and history: the same promises on both databases."""

import dataclasses
import json
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from filled import STEP, commit, fill
from perfproof.errors import StoreError
from perfproof.evidence.directory import RunDirectory
from perfproof.model.instructions import BASIS
from perfproof.model.metrics import COUNTED
from perfproof.model.recording import Environment, RunInfo
from perfproof.model.result import Comparability, Estimate, Fact, Level, Result, Verdict
from perfproof.model.revision import Revision
from perfproof.model.scenario import Goal
from perfproof.report.json_report import to_json
from perfproof.stats.changepoints import trend
from perfproof.store.repository import Store
from perfproof.store.summary import Measured, RunFilter

Infos = Callable[..., RunInfo]
Results = Callable[..., Result]


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    with Store.open(url, results=tmp_path / "results") as store:
        yield store


class TestBaselines:
    def test_a_name_means_its_run_until_it_is_given_to_another(self, store: Store, make_info: Infos) -> None:
        old, new = make_info(label="main"), make_info()
        for info in (old, new):
            store.add_run(info, Path("/r") / info.id)
        store.set_baseline("v1.2/main", old.id)
        assert store.find("v1.2/main").id == old.id
        store.set_baseline("v1.2/main", new.id)
        assert store.find("v1.2/main").id == new.id
        (only,) = store.baselines()
        assert (only.name, only.run.id, only.run.scenario) == ("v1.2/main", new.id, "projects")
        assert only.set_at.endswith("+00:00")

    def test_each_scenario_has_its_own_run_of_a_name(self, store: Store, make_info: Infos) -> None:
        projects, checkout = make_info(), make_info(scenario_name="checkout")
        for info in (projects, checkout):
            store.add_run(info, Path("/r"))
            store.set_baseline("main", info.id)
        assert [each.run.id for each in store.baselines(name="main", scenario="projects")] == [projects.id]
        assert store.find("main").id == checkout.id  # the newest
        assert store.drop_baseline("main", scenario="checkout") == 1
        assert store.find("main").id == projects.id
        assert store.drop_baseline("main") == 1
        assert store.drop_baseline("main") == 0

    def test_a_baseline_is_meant_before_a_label_of_the_same_name(self, store: Store, make_info: Infos) -> None:
        named, labelled = make_info(), make_info(label="main")
        for info in (named, labelled):
            store.add_run(info, Path("/r"))
        assert store.find("main").id == labelled.id
        store.set_baseline("main", named.id)
        assert store.find("main").id == named.id

    @pytest.mark.parametrize("name", ["", "last", "last-3", " main", "-x", "a b", "x" * 101, "a\nb", "'; DROP"])
    def test_a_name_that_means_something_else_is_refused(self, store: Store, make_info: Infos, name: str) -> None:
        info = make_info()
        store.add_run(info, Path("/r"))
        with pytest.raises(StoreError, match="cannot be the name of a baseline"):
            store.set_baseline(name, info.id)

    def test_an_unknown_run_gets_no_name(self, store: Store) -> None:
        with pytest.raises(StoreError, match="no run nowhere is stored"):
            store.set_baseline("main", "nowhere")


class TestDeleting:
    def test_a_deleted_run_leaves_no_rows(self, store: Store, url: str, make_info: Infos, make_result: Results) -> None:
        gone, stays = make_info(), make_info()
        for info in (gone, stays):
            store.add_run(info, Path("/r"))
            store.save_result(info.id, make_result())
        with store.deleting(gone.id):
            pass
        assert [run.id for run in store.runs()] == [stays.id]
        engine = create_engine(url)
        with engine.connect() as connection:
            for table in ("comparisons", "levels"):
                assert connection.scalar(text(f"SELECT count(DISTINCT run) FROM {table}")) == 1
        engine.dispose()

    def test_nothing_is_deleted_when_the_body_fails(self, store: Store, make_info: Infos) -> None:
        info = make_info()
        store.add_run(info, Path("/r"))
        with pytest.raises(RuntimeError, match="disk"), store.deleting(info.id):
            raise RuntimeError("disk")
        assert store.find("last").id == info.id

    def test_a_baseline_is_not_deleted(self, store: Store, make_info: Infos) -> None:
        info = make_info()
        store.add_run(info, Path("/r"))
        store.set_baseline("main", info.id)
        with pytest.raises(StoreError, match="is the baseline `main`"), store.deleting(info.id):
            pytest.fail("the body must not be entered")
        assert store.find("last").id == info.id

    def test_writers_that_name_and_delete_at_once_never_leave_a_name_without_a_run(
        self, url: str, make_info: Infos
    ) -> None:
        infos = [make_info() for _ in range(24)]
        with Store.open(url) as store:
            for info in infos:
                store.add_run(info, Path("/r"))
            store.set_baseline("main", infos[0].id)
        forking = multiprocessing.get_context("fork")
        together = forking.Barrier(4)
        ids = [info.id for info in infos]
        writers = [forking.Process(target=_naming_until_gone, args=(url, number, ids, together)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0] * 4
        with Store.open(url) as store:
            (named,) = store.baselines()
            assert named.run.id in {run.id for run in store.runs()}
            assert len(store.runs()) < len(infos)


def _claiming(url: str, run: str, together: Barrier, told: "Queue[str]") -> None:
    with Store.open(url) as store:
        together.wait(30)
        told.put(store.set_baseline("main", run, if_free=True).run.id)


def test_of_jobs_that_find_a_name_free_at_once_one_gets_it_and_all_are_told_which(url: str, make_info: Infos) -> None:
    infos = [make_info() for _ in range(6)]
    with Store.open(url) as store:
        for info in infos:
            store.add_run(info, Path("/r"))
    context = multiprocessing.get_context("fork")
    together, told = context.Barrier(len(infos)), context.Queue()
    writers = [context.Process(target=_claiming, args=(url, info.id, together, told)) for info in infos]
    for writer in writers:
        writer.start()
    answers = [told.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join(60)
    with Store.open(url) as store:
        (named,) = store.baselines(name="main")
        assert answers == [named.run.id] * 6
        assert store.set_baseline("main", infos[0].id).run.id == infos[0].id, "asked for, the name is taken over"


def _naming_until_gone(url: str, number: int, ids: list[str], together: Barrier) -> None:
    together.wait(30)
    with Store.open(url) as store:
        for turn in range(6):
            for attempt in (
                lambda at: store.set_baseline("main", ids[at]),
                lambda at: _delete(store, ids[at]),
            ):
                try:
                    attempt((number * 7 + turn * 5) % len(ids))
                    attempt((number * 5 + turn * 3 + 1) % len(ids))
                except StoreError as error:
                    if "is the baseline" not in str(error) and "is stored" not in str(error):
                        raise


def _delete(store: Store, run_id: str) -> None:
    with store.deleting(run_id):
        pass


class TestFinding:
    def test_runs_are_found_by_branch_commit_and_verdict(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        main = make_info(revision=Revision(commit(1), "main", dirty=True))
        topic = make_info(revision=Revision(commit(2), "topic"))
        for info in (main, topic, make_info()):
            store.add_run(info, Path("/r"))
        store.save_result(topic.id, make_result(verdict=Verdict.REGRESSED))
        assert store.find(main.id).revision == main.revision
        assert [run.id for run in store.runs(branch="main")] == [main.id]
        assert [run.id for run in store.runs(commit=commit(2)[:7])] == [topic.id]
        assert store.runs(commit="%") == []
        assert [run.id for run in store.runs(verdict="regressed")] == [topic.id]
        assert store.count() == 3
        assert store.count(RunFilter(branch="topic", verdict="regressed")) == 1
        assert store.choices().branches == ("main", "topic")
        assert store.choices().verdicts == ("regressed",)
        assert [run.id for run in store.runs(limit=1, offset=2)] == [main.id]

    def test_levels_come_back_as_they_were_saved(self, store: Store, make_info: Infos, make_result: Results) -> None:
        info = make_info()
        levels = (
            Level("latency_p50", "all", "candidate", "ms", Estimate(24.0, 23.0, 25.0, 0.95, 12)),
            Level("memory_peak", "all", "candidate", "bytes", Estimate(9e7, None, None, None, 12)),
        )
        store.add_run(info, Path("/r"))
        store.save_result(info.id, make_result(levels=levels))
        assert tuple(store.levels(info.id)) == levels

    def test_what_a_found_run_concluded_is_taken_over_whole(
        self, store: Store, make_info: Infos, make_result: Results, tmp_path: Path
    ) -> None:
        results = tmp_path / "results"
        info, result = make_info(status="complete"), make_result()
        directory = RunDirectory.create(results, info, "name: projects\n")
        directory.save_result(to_json(result))
        hidden = RunDirectory.create(tmp_path, make_info(), "name: projects\n").path
        hidden.rename(results / f".{hidden.name}.abcd.importing")
        assert store.sync(results) == 1
        p95, errors = store.comparisons(info.id)
        assert p95.goal == Goal("latency_p95", 0.2, 0.3)  # which requests it was set for, the public JSON does not say
        assert (dataclasses.replace(p95, goal=result.comparisons[0].goal), errors) == result.comparisons
        assert tuple(store.levels(info.id)) == result.levels

    def test_a_result_that_lacks_a_figure_does_not_hide_the_run(
        self, store: Store, make_info: Infos, make_result: Results, tmp_path: Path
    ) -> None:
        info = make_info()
        directory = RunDirectory.create(tmp_path / "results", info, "name: projects\n")
        document = json.loads(to_json(make_result()))
        del document["comparisons"][0]["unit"]
        directory.save_result(json.dumps(document))
        assert store.sync(tmp_path / "results") == 1
        assert store.find(info.id).verdict is None


class TestHistory:
    def test_history_follows_the_candidate_of_complete_valid_runs_oldest_first(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        def level(arm: str, value: float) -> Level:
            return Level("latency_p50", "all", arm, "ms", Estimate(value, None, None, None, 12))

        both = (level("baseline", 1.0), level("candidate", 2.0))
        kinds = [
            (make_info(status="complete"), make_result(levels=both)),
            (make_info(status="complete", kind="run"), make_result(levels=(level("baseline", 3.0),))),
            (make_info(status="complete", kind="noise"), make_result(levels=both)),
            (make_info(status="interrupted"), make_result(levels=both)),
            (make_info(status="complete"), make_result(levels=both, verdict=Verdict.INVALID)),
            (make_info(status="complete", scenario_name="other"), make_result(levels=both)),
        ]
        for info, result in reversed(kinds):
            store.add_run(info, Path("/r"))
            store.save_result(info.id, result)
        found = store.history("projects")
        assert list(found) == [("latency_p50", "all", "ms")]
        points = found["latency_p50", "all", "ms"]
        assert [(point.run, point.estimate.value) for point in points] == [(kinds[0][0].id, 2.0), (kinds[1][0].id, 3.0)]

    def test_a_point_knows_what_the_goal_of_its_run_asked_for(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        info, result = make_info(status="complete"), make_result()
        goal = result.comparisons[0]
        level = Level(goal.metric, goal.request, "candidate", "ms", Estimate(31.25, None, None, 0.95, 8))
        other = dataclasses.replace(level, request="another")
        store.add_run(info, Path("/r"))
        store.save_result(info.id, dataclasses.replace(result, levels=(level, other)))
        found = store.history("projects")
        assert found[goal.metric, goal.request, "ms"][0].promised == pytest.approx((0.7 * 41.5, 0.8 * 41.5))
        assert found[goal.metric, "another", "ms"][0].promised is None

    def test_history_can_be_narrowed_to_a_metric_a_request_a_branch_and_the_newest(
        self, store: Store, tmp_path: Path
    ) -> None:
        infos = fill(store, tmp_path, runs=12, step=None)
        found = store.history("projects", metric="latency_p95", request="dashboard", branch="main", limit=5)
        assert list(found) == [("latency_p95", "dashboard", "ms")]
        main = [info.id for info in infos if info.revision and info.revision.branch == "main"]
        assert [point.run for point in found["latency_p95", "dashboard", "ms"]] == main[-5:]
        assert store.requests("projects") == ["all", "list projects", "dashboard"]
        assert store.requests("nothing") == []

    def test_a_planted_step_is_found_with_the_commits_around_it(self, store: Store, tmp_path: Path) -> None:
        infos = fill(store, tmp_path, runs=40, step=28)
        ((key, points),) = store.history("projects", metric="latency_p50", request="all").items()
        (stretch,) = trend("projects", *key, points).stretches
        (change,) = stretch.changes
        assert change.change == pytest.approx(STEP, abs=0.03)
        assert stretch.points[change.index].run == infos[28].id
        assert stretch.points[change.index].revision == infos[28].revision
        assert stretch.points[change.index - 1].revision == Revision(commit(27), "main")

    def test_what_a_count_rests_on_is_kept_with_the_run_and_told_of_counts_alone(
        self, store: Store, make_info: Infos, make_result: Results
    ) -> None:
        rests_on = {name: f"{name} of it" for name in BASIS}
        facts = tuple(Fact(name, "another", text) for name, text in rests_on.items())
        levels = tuple(
            Level(metric, "all", "candidate", "x", Estimate(2.0, None, None, None, 4))
            for metric in ("latency_p50", COUNTED)
        )
        for known in (facts, facts[1:]):
            info = make_info(status="complete")
            store.add_run(info, Path("/r"))
            store.save_result(info.id, make_result(levels=levels, comparability=Comparability(known)))
        found = {metric: points for (metric, _, _), points in store.history("projects").items()}
        assert [point.basis for point in found[COUNTED]] == [rests_on, {}]  # whole or not at all
        assert [point.basis for point in found["latency_p50"]] == [{}, {}]
        assert set(store.history("projects", metric=(COUNTED, "memory_peak"))) == {(COUNTED, "all", "x")}

    def test_scenarios_are_listed_the_one_that_was_measured_last_first(self, store: Store, make_info: Infos) -> None:
        infos = [make_info(scenario_name=name) for name in ("calm", "busy", "calm", "rare", "busy")]
        for info in infos:
            store.add_run(info, Path("/r"))
        assert store.scenarios() == [
            Measured("busy", 2, infos[4].started_at),
            Measured("rare", 1, infos[3].started_at),
            Measured("calm", 2, infos[2].started_at),
        ]

    def test_another_machine_is_a_break(self, store: Store, make_info: Infos, make_result: Results) -> None:
        level = Level("latency_p50", "all", "candidate", "ms", Estimate(2.0, None, None, None, 12))
        for environment in ("a", "b", "a"):
            info = make_info(status="complete", environment=Environment({}, environment))
            store.add_run(info, Path("/r"))
            store.save_result(info.id, dataclasses.replace(make_result(), levels=(level,)))
        ((key, points),) = store.history("projects").items()
        assert [len(each.points) for each in trend("projects", *key, points).stretches] == [2, 1]
