"""Why, the whole way: a function that works less is named in every report; comparing and gating say so too."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

WHY = ("why: off", "why: {seconds: 4s}")
MORE = ("count: 2", "count: 4")


@pytest.mark.quiet
def test_the_function_that_works_less_is_the_cause(bench):
    ran = bench.run("ab", str(bench.scenario(MORE, WHY)), "--json", "out.json", "-o", "page.html", "-o", "page.md")
    assert ran.code == 0, ran.err + ran.out
    answer = bench.json("out.json")["why"]
    assert [(cause["lever"], cause["request"]) for cause in answer["causes"]] == [("hot path", "item")]
    (cause,) = answer["causes"]
    assert cause["ms_per_request"] == pytest.approx(-2.0, abs=0.5)
    assert cause["impact"] == pytest.approx(-80 * cause["ms_per_request"], rel=0.2)
    first = answer["profiles"][0]["functions"][0]
    assert (first["module"], first["own"], first["status"]) == ("tiny", True, "shrunk")
    assert first["change"] == pytest.approx(-2.0, abs=0.5)
    assert cause["mechanisms"][0]["name"] == f"tiny.{first['function']}"
    assert f"Why: {answer['sentence']}" in ran.out
    assert answer["sentence"][:30] in (bench.folder / "page.md").read_text()
    page = (bench.folder / "page.html").read_text()
    assert '<svg class="flame"' in page
    assert "script-src 'sha256-" in page
    assert not bench.leftovers()


@pytest.mark.quiet
def test_runs_of_one_arm_say_where_the_time_goes_and_two_of_them_why(bench):
    for label, arm in (("before", "3000"), ("after", "1000")):
        path = bench.scenario(
            MORE,
            WHY,
            ('baseline: {environment: {WORK_US: "3000"}}', f'baseline: {{environment: {{WORK_US: "{arm}"}}}}'),
        )
        ran = bench.run("run", str(path), "--label", label, "--json", f"{label}.json")
        assert ran.code == 0, ran.err + ran.out
        assert "Where the time goes" in bench.details()
        assert bench.json(f"{label}.json")["why"]["sentence"] in ran.out
        assert bench.json(f"{label}.json")["why"]["sentence"].startswith("Most of the time goes to tiny.")
    ran = bench.run("compare", "before", "after", "--json", "out.json")
    answer = bench.json("out.json")["why"]
    assert [cause["lever"] for cause in answer["causes"]] == ["hot path"], ran.out
    details = bench.run("compare", "before", "after", "--findings").out
    assert "▼ hot path, item: saves" in details


def test_nothing_is_explained_that_was_not_looked_at(bench):
    bench.without_load()
    ran = bench.run("ab", str(bench.scenario(WHY)), "--no-why", "--json", "out.json")
    assert bench.json("out.json")["why"] is None, ran.err
    assert "Why" not in ran.out
