"""Old runs go with rows and directory together; names, running measurements and other people's folders stay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfproof.errors import EvidenceError, StoreError
from perfproof.evidence.directory import RunDirectory
from perfproof.model.recording import RunInfo
from perfproof.store.prune import prunable, remove, sweep
from perfproof.store.repository import Store
from perfproof.store.summary import RunSummary

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Infos = Callable[..., RunInfo]


def summary(days: float, scenario: str = "a", status: str = "complete") -> RunSummary:
    at = (NOW - timedelta(days=days)).isoformat(timespec="seconds")
    return RunSummary(f"{scenario}-{days:09.3f}", "ab", None, scenario, at, status, None, None, 1, Path("/r"))


def chosen(runs: list[RunSummary], **rule: object) -> list[str]:
    return [run.id for run in prunable(runs, frozenset(), NOW, **rule)]  # type: ignore[arg-type]


def test_the_newest_of_each_scenario_are_kept() -> None:
    runs = [summary(1), summary(2, "b"), summary(3), summary(4), summary(5, "b")]
    assert chosen(runs, keep=1) == [runs[4].id, runs[3].id, runs[2].id]
    assert chosen(runs, keep=0) == [run.id for run in reversed(runs)]


def test_with_both_rules_a_run_goes_that_is_surplus_and_old() -> None:
    runs = [summary(1), summary(2), summary(100), summary(200)]
    assert chosen(runs, older_than=timedelta(days=90)) == [runs[3].id, runs[2].id]
    assert chosen(runs, keep=3, older_than=timedelta(days=90)) == [runs[3].id]
    assert chosen(runs, keep=1, older_than=timedelta(days=150)) == [runs[3].id]


def test_what_is_being_measured_stays_and_what_was_killed_goes() -> None:
    runs = [summary(0.5, status="running"), summary(3, status="running")]
    assert chosen(runs, keep=0) == [runs[1].id]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab")), max_size=30, unique=True),
    st.integers(0, 10),
    st.data(),
)
def test_named_runs_are_never_chosen_and_enough_are_kept(
    made: list[tuple[int, str]], keep: int, data: st.DataObject
) -> None:
    runs = [summary(days, scenario) for days, scenario in sorted(made)]
    named = frozenset(data.draw(st.sets(st.sampled_from([run.id for run in runs])) if runs else st.just(set())))
    gone = prunable(runs, named, NOW, keep=keep)
    assert not {run.id for run in gone} & named
    for scenario in "ab":
        ours = [run for run in runs if run.scenario == scenario]
        left = [run for run in ours if run not in gone]
        assert len(left) >= min(keep, len(ours))


@pytest.fixture
def recorded(url: str, make_info: Infos, tmp_path: Path) -> tuple[Store, Path, RunInfo]:
    store = Store.open(url, results=tmp_path / "results")
    info = make_info(status="complete")
    RunDirectory.create(tmp_path / "results", info, "name: projects\n")
    store.add_run(info, tmp_path / "results" / info.id)
    return store, tmp_path / "results", info


def names(results: Path) -> list[str]:
    return sorted(path.name for path in results.iterdir() if path.is_dir())


def test_a_removed_run_is_gone_from_store_and_disk(recorded: tuple[Store, Path, RunInfo]) -> None:
    store, results, info = recorded
    assert remove(store, store.find(info.id)) is True
    assert store.runs() == []
    assert names(results) == []
    assert store.sync(results) == 0


def test_a_baseline_keeps_its_rows_and_its_directory(recorded: tuple[Store, Path, RunInfo]) -> None:
    store, results, info = recorded
    store.set_baseline("main", info.id)
    with pytest.raises(StoreError, match="is the baseline"):
        remove(store, store.find(info.id))
    assert store.find("main").id == info.id
    assert names(results) == [info.id]


def test_a_directory_that_cannot_be_moved_keeps_its_rows(
    recorded: tuple[Store, Path, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, results, info = recorded

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(EvidenceError):
        remove(store, store.find(info.id))
    monkeypatch.undo()
    assert store.find(info.id).id == info.id
    assert names(results) == [info.id]


def test_a_database_that_fails_at_the_end_gets_the_directory_back(
    recorded: tuple[Store, Path, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, results, info = recorded
    whole = store.deleting

    class Failing:
        def __init__(self, run_id: str) -> None:
            self.inner = whole(run_id)

        def __enter__(self) -> None:
            self.inner.__enter__()

        def __exit__(self, *_: object) -> None:
            error = StoreError("the database cannot be reached")
            assert not self.inner.__exit__(type(error), error, None)
            raise error

    run = store.find(info.id)
    monkeypatch.setattr(store, "deleting", Failing)
    with pytest.raises(StoreError, match="cannot be reached"):
        remove(store, run)
    assert names(results) == [info.id]
    assert store.find(info.id).id == info.id


def test_a_folder_that_is_not_the_runs_is_left_alone(
    url: str, make_info: Infos, tmp_path: Path, recorded: tuple[Store, Path, RunInfo]
) -> None:
    store, results, info = recorded
    impostor, elsewhere, linked = make_info(), make_info(), make_info()
    store.add_run(impostor, results / info.id)
    store.add_run(elsewhere, Path("/another/machine") / elsewhere.id)
    (results / linked.id).symlink_to(results / info.id)
    store.add_run(linked, results / linked.id)
    for each in (impostor, elsewhere, linked):
        assert remove(store, store.find(each.id)) is False
    assert info.id in names(results)
    assert [run.id for run in store.runs()] == [info.id]


def test_a_stopped_removal_is_finished_or_undone_by_the_next(recorded: tuple[Store, Path, RunInfo]) -> None:
    store, results, info = recorded
    (results / info.id).rename(results / f".{info.id}.0a1b2c3d.removed")  # killed before the rows were deleted
    (results / ".20200101-000000-old-0000.0a1b2c3d.removed").mkdir()  # killed after it
    (results / ".20200101-000000-old-0001.0a1b2c3d.importing").mkdir()
    (results / ".link.0a1b2c3d.removed").symlink_to(results)
    sweep(store, results)
    assert len(names(results)) == 4, "what is young may be another program's work"
    sweep(store, results, after=timedelta(seconds=-1))
    assert names(results) == [".link.0a1b2c3d.removed", info.id]
