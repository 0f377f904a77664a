"""Counts of instructions over time: one history on all machines where they rest on the same, told where that ends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from filled import commit
from perfproof.evidence.directory import RunDirectory
from perfproof.evidence.reader import read
from perfproof.judge import analyse
from perfproof.model.instructions import Instructions, RequestCount, StartCount
from perfproof.model.recording import Environment, RunInfo
from perfproof.model.revision import Revision
from perfproof.report.json_report import to_json

pytestmark = pytest.mark.timeout(120)

METRIC = "instructions_per_request"
FACTS = {
    "architecture": "x86_64", "C library": "glibc 2.36", "CPU features": "x86-64-v3",
    "hash seed of Python services": "0, for both arms",
}  # fmt: skip


def count(
    bench, number: int, instructions: float, *, machine: str = "e417", made_by="Python 3.11.2", **facts: str
) -> str:
    """Record a run that counted, as `perfproof count` leaves it, on a day of its own; return its id."""
    at = datetime(2026, 11, 1, 6, 15, tzinfo=UTC) + timedelta(days=number)
    info = RunInfo(
        id=f"{at:%Y%m%d-%H%M%S}-projects-{number:04x}",
        kind="count",
        label=None,
        scenario_name="projects",
        scenario_hash="5ce7a210f00d",
        arms=("baseline", "candidate"),
        arm_details=({"command": "serve"}, {"command": "serve --fast"}),
        requests=("list",),
        variants=(("",),),
        settings={},
        environment=Environment({"cpu": f"of {machine}", "cores": "2"}, machine),
        started_at=at.isoformat(timespec="seconds"),
        status="running",
        revision=Revision(commit(number), "main", False),
    )
    starts = tuple(
        StartCount(arm, start, (RequestCount("list", 10, 10 * instructions * (1 + start / 5000)),))
        for arm in info.arms
        for start in (1, 2, 3, 4)
    )
    known = {name.replace("_", " "): text for name, text in facts.items()}
    counted = Instructions(
        "callgrind", starts, {"list": 1.0}, {**FACTS, **known}, dict.fromkeys(info.arms, made_by), seconds=40.0
    )
    directory = RunDirectory.create(bench.folder / "results", info, "name: projects\n")
    directory.save_instructions(counted)
    directory.finish(replace(info, status="complete"))
    directory.save_result(to_json(analyse(read(directory.path))))
    return info.id


def test_counts_of_two_machines_are_one_history_until_the_c_library_changes(bench) -> None:
    for number in range(14):
        count(bench, number, 1.00e6 if number < 8 else 1.03e6, machine="b0b0" if number % 3 else "e417")
    for number in range(14, 17):
        count(bench, number, 0.90e6, C_library="glibc 2.41")
    bench.environ["COLUMNS"] = "200"
    ran = bench.run("history", "projects", "--metric", METRIC, "-o", "h.json")
    assert ran.code == 0, ran.err
    said = " ".join(ran.out.split())
    assert "17 runs, the last at 900 k; 2 stretches that must not be held against each other" in said
    assert "◆ 2026-11-09: 1.00 M → 1.03 M (+3.0 %)" in said  # found over both machines
    assert f"commits {commit(7)[:7]}..{commit(8)[:7]}" in said
    ending = "┆ 2026-11-15: the comparison ends here (other C library: glibc 2.36 → glibc 2.41)."
    assert ending in said
    (trend,) = json.loads((bench.folder / "h.json").read_text())["trends"]
    assert [len(each["points"]) for each in trend["stretches"]] == [14, 3]
    assert trend["stretches"][0]["machines"] == ["e417", "b0b0"]
    assert trend["stretches"][0]["counted_on"]["compiler or interpreter"] == "Python 3.11.2"
    page = bench.run("history", "projects", "-o", "h.html", "--metric", METRIC)
    assert page.code == 0, page.err
    assert "the comparison ends here" in (bench.folder / "h.html").read_text()


def test_two_counts_are_compared_with_a_warning_or_refused_by_what_they_rest_on(bench) -> None:
    one = count(bench, 0, 1.00e6)
    machine = count(bench, 1, 1.02e6, machine="b0b0", CPU_features="x86-64-v2", made_by="Python 3.13.1")
    other = count(bench, 2, 1.02e6, architecture="aarch64")
    ran = bench.run("compare", one, machine, "--json", "out.json")
    assert ran.code == 1, ran.out + ran.err  # 2 % more
    result = bench.json("out.json")
    assert {row["verdict"] for row in result["comparisons"]} == {"regressed"}
    warnings = " ".join(result["comparability"]["warnings"])
    assert "processors with other features (x86-64-v3 and x86-64-v2)" in warnings
    assert "The compiler or interpreter differs (Python 3.11.2 and Python 3.13.1)" in warnings
    assert "the environments differ in cpu" in warnings
    refused = bench.run("compare", one, other)
    assert refused.code == 4, refused.out
    assert "not comparable, since they differ in architecture" in " ".join(refused.out.split())
