"""What a command is to write is looked at before anything is measured."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("command", ["ab", "run", "noise", "capacity", "gate"])
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("x.docx", "no report format is known for the ending '.docx'"),
        ("missing/x.html", "the folder missing does not exist"),
        ("folder.html", "it is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_a_round_is_measured(bench, command, file, said):
    (bench.folder / "folder.html").mkdir()
    ran = bench.run(command, str(bench.scenario()), "-o", file)
    assert ran.code == 2
    assert said in ran.err
    assert "fix: " in ran.err
    assert not (bench.folder / "results").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "a", "b", "-o", "x.docx"),
        ("compare", "a", "b", "--json", "missing/x.json"),
        ("report", "last", "-o", "x.docx"),
        ("report", "last", "-o", "missing/x.hlog"),
        ("history", "tiny", "-o", "x.pdf"),
        ("export", "last", "-o", "missing/x.zip"),
        ("show", "last", "--json", "missing/x.json"),
        ("probe", "tiny.yaml", "--json", "missing/x.json"),
        ("demo", "--json", "missing/x.json"),
    ],
)
def test_every_command_refuses_it_before_it_looks_for_a_run(bench, arguments):
    bench.scenario()
    ran = bench.run(*arguments)
    assert ran.code == 2
    assert "no report format is known" in ran.err or "cannot be written" in ran.err
    assert not (bench.folder / "results").exists()


def test_rounds_and_time_are_not_taken_together(bench):
    ran = bench.run("ab", str(bench.scenario()), "--rounds", "3", "--time", "60s")
    assert ran.code == 2
    assert "--rounds stands beside --time" in ran.err


def test_check_says_where_a_service_without_a_port_in_its_command_must_listen(bench):
    ran = bench.run("check", str(bench.scenario(("--port {port} ", ""), ("python} -m uvicorn", "python} -m shop"))))
    assert ran.code == 0, ran.err
    assert "note: baseline's command has no {port}; it must listen on the port in its variable PORT" in ran.out
    assert "note: " not in bench.run("check", str(bench.scenario())).out
