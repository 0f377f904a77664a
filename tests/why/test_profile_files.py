"""Profiles for other tools: speedscope's file format, pyinstrument's page, folded stacks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import why_builders as make
from perfproof.errors import UsageError
from perfproof.model.levers import Causes
from perfproof.model.profile import ArmProfile
from perfproof.model.recording import Environment, Recording, RunInfo
from perfproof.why.profile_files import write_folded, write_pyinstrument, write_speedscope

TIMES = {
    "list": {"app.views:show > ~json.encoder:JSONEncoder.encode": 1.5, "app.views:show": 0.5},
    "<script>alert(1)</script>": {"app.views:show > app.models:Thing.load": 1.0},
}


def recording(*profiles: ArmProfile) -> Recording:
    info = RunInfo(
        "run-1", "ab", None, "shop", "0" * 16, ("baseline", "candidate"), ({}, {}), tuple(TIMES), ((), ()), {},
        Environment({}, ""), "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return Recording(info, (), causes=Causes(profiles=profiles))


@pytest.fixture
def profiled() -> Recording:
    half = {name: {stack: ms / 2 for stack, ms in held.items()} for name, held in TIMES.items()}
    return recording(make.profile("baseline", TIMES, seed=None), make.profile("candidate", half, seed=None))


def test_speedscope_gets_both_arms_by_its_own_rules(profiled: Recording, tmp_path: Path) -> None:
    write_speedscope(profiled, tmp_path / "x.speedscope.json")
    file = json.loads((tmp_path / "x.speedscope.json").read_text())
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = file["shared"]["frames"]
    assert all(isinstance(each["name"], str) and set(each) <= {"name", "file", "line", "col"} for each in frames)
    assert len({(each["name"], each.get("file")) for each in frames}) == len(frames)
    for profile in file["profiles"]:
        assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
        assert (profile["type"], profile["unit"]) == ("sampled", "milliseconds")
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(0 <= number < len(frames) for stack in profile["samples"] for number in stack)
        assert profile["endValue"] - profile["startValue"] == pytest.approx(sum(profile["weights"]))
    assert [each["name"].split(":")[0] for each in file["profiles"]] == ["baseline", "candidate"]
    # Half of the requests are of each name: (1.5 + 0.5 + 1.0) / 2 ms per request.
    assert file["profiles"][0]["endValue"] == pytest.approx(1.5)
    assert file["profiles"][1]["endValue"] == pytest.approx(0.75)


def test_folded_stacks_have_a_line_each(profiled: Recording, tmp_path: Path) -> None:
    write_folded(profiled, tmp_path / "x.folded")
    lines = (tmp_path / "x.folded").read_text().splitlines()
    assert "baseline;list;app.views.show;json.encoder.JSONEncoder.encode 750000" in lines
    assert len(lines) == 6


def test_pyinstrument_s_page_holds_both_arms_and_no_script_of_ours(profiled: Recording, tmp_path: Path) -> None:
    write_pyinstrument(profiled, tmp_path / "x.pyinstrument.html")
    page = (tmp_path / "x.pyinstrument.html").read_text()
    assert all(name in page for name in ("baseline", "candidate", "Thing.load", "JSONEncoder.encode"))
    assert "<script>alert(1)" not in page


def test_a_run_without_a_profile_says_why(tmp_path: Path) -> None:
    nothing = recording(ArmProfile("baseline", "none", notes=("perf: perf is not installed",)))
    with pytest.raises(UsageError, match="has no profile") as caught:
        write_folded(nothing, tmp_path / "x.folded")
    assert caught.value.why == "perf: perf is not installed"
    with pytest.raises(UsageError, match="has no profile"):
        write_folded(replace(nothing, causes=None), tmp_path / "x.folded")
