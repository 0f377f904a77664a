"""The first page: what changed lately and whether it is good; and which runs are held against each other."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from filled import commit, fill
from perfproof.dashboard.lately import ago, lately_page
from perfproof.dashboard.pairing import comparable, pair, partner
from perfproof.model.result import Verdict
from perfproof.store.repository import Store
from perfproof.store.summary import Baseline, RunSummary
from serving import served

NOW = datetime(2026, 9, 12, 6, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/perfproof.db", results=tmp_path) as store:
        yield store


@contextmanager
def client_of(store: Store) -> Iterator[httpx.Client]:
    with served(store) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def plain(page: str) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\N{NO-BREAK SPACE}", " ").split())


def chosen(page: str, name: str) -> str:
    """Return the run that is selected in a list of a page."""
    select = re.search(rf'<select name="{name}".*?</select>', page, re.DOTALL)
    assert select is not None
    (found,) = re.findall(r'<option value="([^"]*)" selected>', select[0]) or [""]
    return html.unescape(found)


def test_a_change_of_level_is_told_with_its_size_since_when_and_against_the_baseline(
    store: Store, tmp_path: Path
) -> None:
    infos = fill(store, tmp_path, runs=40, step=28)
    store.set_baseline("main", infos[20].id)
    with client_of(store) as client:
        page = client.get("/").text
    text = plain(page)
    assert "1 scenario: 1 no change; 1 at a worse level than before." in text
    assert "worse since 29 Aug 2026" in text  # each run against its own baseline arm says "no change"
    assert "The same verdict in the last 11 runs, since 30 Aug 2026; before that “worse”." in text
    found = re.search(r"p50 latency of all requests is (\S+) ms, (\S+) % above baseline “main” \((\S+) ms", text)
    assert found is not None, text
    now, percent, then = map(float, found.groups())
    assert now / then - 1 == pytest.approx(percent / 100, abs=0.005)
    assert 0.1 < percent / 100 < 0.25
    assert "Proven by the history: another level since 29 Aug 2026: p50 latency" in text
    assert f"commits {commit(27)[:7]}..{commit(28)[:7]}" in text
    assert "dashed: baseline “main”" in text
    assert f'href="/compare?baseline={infos[20].id}&amp;candidate={infos[39].id}"' in page


def test_a_baseline_named_at_the_new_level_takes_the_warning_back(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=40, step=28)
    store.set_baseline("main", infos[35].id)
    (card,) = lately_page(store, 1, NOW)["cards"]
    assert card["shift"] is None
    assert card["moves"], "the change itself is still told"
    assert "baseline “main”" in card["level"]


def test_a_new_regression_comes_first_with_the_rows_that_decided_it(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, runs=30, scenario="calm", step=None, seed=3)
    fill(store, tmp_path, runs=12, scenario="older and worse", step=11, seed=4)
    fill(store, tmp_path, runs=6, scenario="long ago", step=5, names=("x",), seed=5)
    page = lately_page(store, 1, NOW)
    assert [card["scenario"] for card in page["cards"]] == ["older and worse", "long ago", "calm"]
    first, _, calm = page["cards"]
    assert (first["word"], first["tone"]) == ("worse", "bad")
    assert {row["word"] for row in first["rows"]} == {"✗ regressed"}
    assert first["rows"][0]["change"].startswith("+")
    assert first["since"] == ["New: the run before (11 Aug 2026) said “no change”."]
    assert calm["rows"] == []
    assert page["summary"] == "3 scenarios: 2 worse, 1 no change."


def test_what_is_older_than_a_month_comes_last_however_bad_it_was(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, runs=60, scenario="calm", step=None, seed=3)
    fill(store, tmp_path, runs=6, scenario="bad in August", step=5, seed=4)
    assert [card["scenario"] for card in lately_page(store, 1, NOW)["cards"]] == ["calm", "bad in August"]


def test_one_run_says_that_there_is_nothing_to_hold_it_against(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, runs=1)
    (card,) = lately_page(store, 1, NOW)["cards"]
    assert card["since"] == ["The first run of this scenario."]
    assert card["level"].endswith("no earlier run of this scenario on this machine to hold it against.")
    assert (card["spark"], card["compare"], card["moves"]) == (None, None, [])


def test_runs_of_another_machine_are_never_the_measure(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=21, step=None, machine=20)
    store.set_baseline("main", infos[3].id)
    (card,) = lately_page(store, 1, NOW)["cards"]
    assert "no earlier run of this scenario on this machine" in card["level"]
    assert card["compare"] is None
    assert "dashed" not in card["spark"]["words"]


def test_a_newer_run_that_concluded_nothing_is_told_beside_the_last_verdict(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=3, step=None)
    later = replace(infos[2], id="20260904-100000-projects-ffff", started_at="2026-09-04T10:00:00+00:00")
    store.add_run(replace(later, status="interrupted"), tmp_path / later.id)
    (card,) = lately_page(store, 1, NOW)["cards"]
    assert card["href"].endswith(infos[2].id)
    assert card["since"][0] == "A newer run was interrupted (4 Sep 2026)."


def test_many_scenarios_are_told_a_page_at_a_time(store: Store, tmp_path: Path) -> None:
    for number in range(14):
        fill(store, tmp_path, runs=2, scenario=f"s{number}", step=None, seed=number)
    with client_of(store) as client:
        first, second = client.get("/").text, client.get("/?page=2").text
    assert 'href="/?page=2"' in first
    assert plain(first).count("Compare with the run before") == 12
    assert plain(second).count("Compare with the run before") == 2
    assert "14 scenarios, of 12 shown here" in plain(first)


@pytest.mark.parametrize(
    ("started", "words"),
    [
        ("2026-09-12T06:14:40+00:00", "just now"), ("2026-09-12T05:15:00+00:00", "1 hour ago"),
        ("2026-09-10T06:15:00+00:00", "2 days ago"), ("2026-08-20T06:15:00+00:00", "3 weeks ago"),
        ("2026-06-01T06:15:00+00:00", "3 months ago"), ("2024-06-01T06:15:00+00:00", "2 years ago"),
        ("2027-01-01T00:00:00+00:00", ""), ("nonsense", ""), ("2026-09-12T06:14:40", ""),
    ],
)  # fmt: skip
def test_how_long_ago_is_said_roughly(started: str, words: str) -> None:
    assert ago(started, NOW) == words


def run(day: int, **changes: object) -> RunSummary:
    made = RunSummary(
        f"run-{day:02d}", "ab", None, "projects", f"2026-09-{day:02d}T06:00:00+00:00", "complete",
        Verdict.EQUIVALENT, "No change.", 8, Path("x"), "5ce7", "e417",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_run_is_held_against_the_named_baseline_or_else_the_run_before() -> None:
    newest, before, older = run(9), run(8), run(3)
    found = partner(newest, [Baseline("main", older, "2026-09-04")], [newest, before, older])
    assert found is not None
    assert (found.run, found.words) == (older, "baseline main")
    found = partner(newest, [], [newest, before, older])
    assert found is not None
    assert (found.run, found.words) == (before, "the run before")
    later = Baseline("main", newest, "2026-09-10")
    found = partner(before, [later], [newest, before, older])
    assert found is not None
    assert found.run == older, "a baseline from after the run says nothing of what it changed"
    names = [Baseline("release", run(7), "2026-09-08"), Baseline("main", older, "2026-09-04")]
    found = partner(newest, names, [])
    assert found is not None
    assert found.name == "main"


@pytest.mark.parametrize(
    "changes",
    [
        {"scenario_hash": "other"}, {"environment_hash": "other"}, {"status": "interrupted"}, {"kind": "noise"},
        {"kind": "count"}, {"kind": "capacity"}, {"verdict": Verdict.INVALID}, {"verdict": None},
    ],
)  # fmt: skip
def test_what_would_only_come_out_as_invalid_is_not_offered(changes: dict[str, object]) -> None:
    assert comparable(run(9), run(8))
    assert not comparable(run(9), run(8, **changes))
    assert pair([run(9), run(8, **changes)], []) is None
    assert not comparable(run(9), run(9))


def test_counts_of_instructions_are_comparable_across_machines() -> None:
    assert comparable(run(9, kind="count"), run(8, kind="count", environment_hash="other"))


def test_the_comparison_begins_with_the_newest_run_and_its_baseline_by_name(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=10, step=None)
    others = fill(store, tmp_path, runs=4, scenario="checkout", step=None, seed=2)
    store.set_baseline("main", infos[2].id)
    store.set_baseline("main", others[0].id)
    with client_of(store) as client:
        page = client.get("/compare").text
        assert (chosen(page, "baseline"), chosen(page, "candidate")) == (infos[2].id, infos[9].id)
        assert "baseline main · 2026-08-03 06:15" in page
        assert page.index("Baselines, same scenario and machine") < page.index("Not comparable as it is: checkout")
        within = client.get("/compare?scenario=checkout").text
        assert (chosen(within, "baseline"), chosen(within, "candidate")) == (others[0].id, others[3].id)
        by_name = client.get(f"/compare?baseline=main&candidate={infos[5].id}&choose=1").text
        assert (chosen(by_name, "baseline"), chosen(by_name, "candidate")) == (infos[2].id, infos[5].id)
        alone = client.get(f"/compare?candidate={others[2].id}").text
        assert chosen(alone, "baseline") == others[0].id


def test_the_comparison_warns_where_machine_or_scenario_differ(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=10, step=None, machine=6)
    with client_of(store) as client:
        one, other = (
            client.get(f"/compare?baseline={infos[at].id}&candidate={infos[9].id}&choose=1").text for at in (2, 8)
        )
    assert "These two differ in scenario or machine" in one
    assert "These two differ" not in other


def test_the_list_of_runs_begins_with_a_pair_that_can_be_compared(store: Store, tmp_path: Path) -> None:
    infos = fill(store, tmp_path, runs=10, step=None)
    fill(store, tmp_path, runs=12, scenario="checkout", step=None, seed=2, machine=11)  # the newest is alone
    store.set_baseline("main", infos[8].id)
    with client_of(store) as client:
        page = client.get("/runs").text
        none = client.get("/runs?scenario=nothing").text
    picked = dict(re.findall(r'name="(baseline|candidate)" value="([^"]+)" checked', page))
    assert picked["candidate"].endswith("checkout-000a")
    assert picked["baseline"].endswith("checkout-0009")
    assert "baseline main" in page
    assert "checked" not in none
