"""An interrupted run goes on where it stood, and nowhere else."""

from __future__ import annotations

import json
import signal
import time

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]


def interrupted(bench, *args: str, after: str) -> str:
    """Start a measurement and press Ctrl-C once the log says ``after``; return what was said."""
    process = bench.start("ab", "-v", *args)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if after in line:
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, "".join(said) + rest
    return "".join(said) + rest


@pytest.mark.quiet
def test_finished_rounds_are_kept_and_the_rest_is_measured(bench):
    bench.scenario(("count: 2", "count: 4"))
    interrupted(bench, "--no-early-stop", "--label", "long", after="round 3 of 4")
    (run,) = bench.runs
    before = {file: file.read_bytes() for number in ("001", "002") for file in (run / "rounds" / number).iterdir()}
    assert before
    assert "next: perfproof resume\n" in bench.run().out
    time.sleep(3)
    ran = bench.run("resume", "-v", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert bench.runs == [run]
    assert {file: file.read_bytes() for file in before} == before, "what was sealed is not touched"
    assert [folder.name for folder in sorted((run / "rounds").iterdir())] == ["001", "002", "003", "004"]
    result = bench.json("out.json")
    assert (result["rounds"], result["planned_rounds"], result["verdict"]) == (4, 4, "improved")
    info = json.loads((run / "run.json").read_text())
    assert (info["status"], info["resumed_after"], info["label"]) == ("complete", [2], "long")
    doubts = " ".join(result["comparability"]["warnings"])
    assert f"The run {run.name} was interrupted and resumed after round 2: there was a pause." in doubts
    assert "was interrupted: " not in doubts
    took = sum(float(line.split(" took ")[1].split()[0]) for line in ran.err.splitlines() if " took " in line)
    assert result["seconds"] < 2.5 * took, "four rounds were measured, and the pause was not"
    again = bench.run("resume")
    assert again.code == 2
    assert f"run {run.name} was not interrupted" in again.err
    assert not bench.leftovers()


@pytest.mark.quiet
def test_what_comes_after_the_rounds_is_made_up_for_without_another_round(bench):
    bench.scenario(("why: off\n", ""), ("count: 2", "count: 3"))
    interrupted(bench, after=": watching baseline")
    (run,) = bench.runs
    rounds = sorted(folder.name for folder in (run / "rounds").iterdir())
    assert not (run / "causes.json.gz").exists()
    ran = bench.run("resume", "-v", "--json", "out.json", timeout=200)
    assert ran.code == 0, ran.err + ran.out
    assert sorted(folder.name for folder in (run / "rounds").iterdir()) == rounds
    assert "round 1 of" not in ran.err
    assert (run / "causes.json.gz").exists()
    assert bench.json("out.json")["why"] is not None
    assert "pause" not in " ".join(bench.json("out.json")["comparability"]["warnings"])


def test_a_run_is_not_resumed_where_something_is_not_as_it_was(bench):
    bench.without_load()
    path = bench.scenario(("count: 2", "count: 3"))
    text = path.read_text()
    interrupted(bench, "--no-early-stop", after="round 2 of 3")
    (run,) = bench.runs
    path.write_text(text.replace("rate: 80/s", "rate: 60/s"))
    refused = bench.run("resume")
    assert refused.code == 2
    assert "cannot be resumed: the scenario has changed" in refused.err
    path.unlink()
    assert f"the scenario of run {run.name} is not where it was" in bench.run("resume").err
    (bench.folder / "moved.yaml").write_text(text)
    info = json.loads((run / "run.json").read_text())
    elsewhere = {**info, "environment": {**info["environment"], "hash": "0123456789ab"}}
    (run / "run.json").write_text(json.dumps(elsewhere))
    assert "the machine or environment is another" in bench.run("resume", "last", "moved.yaml").err
    assert json.loads((run / "run.json").read_text()) == elsewhere, "a refused run is left as it was"
    (run / "run.json").write_text(json.dumps(info))
    bench.catch_up()
    ran = bench.run("resume", "last", "moved.yaml", "--json", "out.json")
    assert ran.code == 0, ran.err + ran.out
    assert bench.json("out.json")["rounds"] == 3
