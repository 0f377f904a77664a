"""What keeps a service from being profiled becomes a note that says what to do; the verdict stands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiling_pass import APPS, profiled

pytestmark = pytest.mark.server
HERE = Path(__file__).parents[2]


def test_a_service_that_dies_under_the_profiler_is_a_note(tmp_path):
    profiles = profiled(tmp_path, "uvicorn", "dying:app", "/one", seconds=2)
    assert [each.engine for each in profiles] == ["none", "none"]
    assert "while it was profiled" in profiles[0].notes[-1]
    assert not profiles[0].stacks


def test_a_service_that_does_not_start_under_the_profiler_is_a_note(tmp_path):
    profiles = profiled(tmp_path, "uvicorn", "dying:app", "/one", environment='DIE: "at once"')
    assert [each.engine for each in profiles] == ["none", "none"]
    assert profiles[0].notes[-1].startswith("profiling: ")


def test_pyinstrument_where_it_cannot_be_imported_is_a_note(tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    command = f"{bare}/bin/python {APPS}/plain.py {{port}}"
    profiles = profiled(tmp_path, command, "", "/one", profile="pyinstrument", seconds=1, python="")
    assert profiles[0].engine == "none"
    assert "pyinstrument cannot be imported by the service's Python" in profiles[0].notes[0]
    profiles = profiled(tmp_path, command, "", "/one", seconds=1, python="")
    assert profiles[0].engine == "agent"  # which needs nothing that is not there


def test_without_the_right_to_trace_py_spy_says_what_to_grant(tmp_path, monkeypatch):
    from perfproof.why.profiles import py_spy

    denied = tmp_path / "py-spy"
    denied.write_text(
        "#!/bin/sh\necho 'Error: Permission Denied: Try running again with elevated permissions' >&2\nexit 1\n"
    )
    denied.chmod(0o755)
    monkeypatch.setattr(py_spy, "_program", lambda: str(denied))
    profiles = profiled(tmp_path, "uvicorn", "asgi:app", "/one", profile="py-spy")
    assert profiles[0].engine == "none"
    assert "may not look into the service" in profiles[0].notes[0]
    assert "kernel.yama.ptrace_scope=0" in profiles[0].notes[0]


def test_py_spy_sees_prefork_workers(tmp_path):
    before, after = profiled(tmp_path, "gunicorn", "flasks:app", "/one", profile="py-spy", seconds=2)
    assert (before.engine, before.clock) == ("py-spy", "cpu"), before.notes
    assert "injected" in {frame.function for frame in after.frames if frame.own}
    assert {frame.module for frame in after.frames if frame.function == "injected"} == {"busy"}


@pytest.mark.skipif(not any((Path(p) / "node").exists() for p in os.environ["PATH"].split(":")), reason="needs Node")
def test_perf_on_a_node_service_says_what_it_cannot_show(tmp_path):
    script = tmp_path / "service.js"
    script.write_text(
        "require('http').createServer((q, r) => { r.end('{}') }).listen(Number(process.argv[2]), '127.0.0.1')\n"
    )
    profiles = profiled(tmp_path, f"node {script} {{port}}", "", "/one", seconds=1, python="", profile="perf")
    assert profiles[0].engine == "none"
    assert any("code of node has no names" in note for note in profiles[0].notes), profiles[0].notes
