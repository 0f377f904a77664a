"""Output that cannot be written ends nothing: real pipes, closed descriptors, a full device."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from perfproof.cli.common.streams import make_enduring, unwritten
make_enduring()
for _ in range(100):
    print("x" * 1000)
    print("y" * 1000, file=sys.stderr)
with Path("kept").open("w") as file:
    file.write("only this")
    print("more", flush=True)
problem = unwritten()
Path("said").write_text("" if problem is None else f"{problem.what}: {problem.why}")
"""


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        ("| true", ""),
        ("2>&1 | true", ""),
        (">&-", ""),
        (">&- 2>&- <&-", ""),
        ("> /dev/full", "the output cannot be written: No space left on device"),
        ("> /dev/full 2> /dev/full", "the output cannot be written: No space left on device"),
    ],
)
def test_a_program_goes_on_when_its_output_cannot_be_written(tmp_path, redirection, said):
    (tmp_path / "program.py").write_text(PROGRAM)
    line = f"{sys.executable} program.py {redirection}; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert (tmp_path / "said").read_text() == said
    assert (tmp_path / "kept").read_text() == "only this", "what is printed does not land in the next file"


def test_a_full_disk_is_told_with_an_exit_code_and_a_reader_that_has_gone_is_not(bench):
    command = f"{sys.executable} -m perfproof list"
    for line, code, said in (
        (f"{command} | true; exit ${{PIPESTATUS[0]}}", 0, ""),
        (f"{command} > /dev/full", 2, "error: the output cannot be written\n  why: No space left on device\n"),
    ):
        ran = subprocess.run(
            ["bash", "-c", line], cwd=bench.folder, env=bench.environ, capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stderr) == (code, said), line
