from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perfproof.instructions.counters import MOST_PARANOID, PARANOID
from perfproof.instructions.origins import _compilers, _origin, cpu_features, made_by

V2 = "lm cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("flags", "source", "told"),
    [
        ("lm sse2", "callgrind", "x86-64-v1"), (V2, "callgrind", "x86-64-v2"), (V3, "counters", "x86-64-v3"),
        (f"{V4} erms fsrm sha_ni", "counters", "x86-64-v4 erms fsrm sha_ni"),
        (f"{V4} erms fsrm sha_ni", "callgrind", "x86-64-v3"),  # Valgrind's own processor has no more
        (V3.replace(" avx2", ""), "counters", "x86-64-v2"),
    ],
)  # fmt: skip
def test_the_features_are_those_that_programs_choose_by_and_under_valgrind_its_own(flags, source, told):
    assert cpu_features(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t:\n", source) == told


def test_a_processor_of_another_kind_or_none_is_told_as_it_is():
    assert cpu_features("Features\t: fp asimd aes sha2 crc32 atomics\n", "callgrind") == "asimd atomics aes sha2 crc32"
    assert cpu_features("", "counters") == "not known"


def test_an_interpreter_says_its_version_and_is_asked_once():
    known: dict[str, str] = {}
    assert made_by([os.getpid(), os.getpid()], known) == f"Python {platform.python_version()}"
    (path,) = known
    known[path] = "asked before"
    assert made_by([os.getpid()], known) == "asked before"
    assert made_by([], {}) == made_by([2**22 + 1], {}) == "not known"


def test_a_shell_in_between_is_left_out():
    shell = ["/bin/sh", "-c", f"{sys.executable} -c 'import sys; sys.stdin.read()'; true"]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pids: list[int] = []
        while not (pids and made_by(pids, {}).startswith("Python")):
            assert process.poll() is None
            pids = [int(each) for each in children.read_text().split()]
        assert made_by([process.pid, *pids], {}) == f"Python {platform.python_version()}"
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize(("flags", "ending"), [((), ""), (("-static",), ", static")])
def test_a_compiled_program_names_its_compiler_and_whether_it_is_static(flags, ending, tmp_path):
    (tmp_path / "nothing.c").write_text("int main(void) { return 0; }")
    subprocess.run(["gcc", *flags, "-o", tmp_path / "made", tmp_path / "nothing.c"], check=True, timeout=60)
    version = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    assert _origin(tmp_path / "made") == f"GCC {version}{ending}"
    subprocess.run(["strip", "-R", ".comment", tmp_path / "made"], check=True, timeout=60)
    assert _origin(tmp_path / "made") == f"a compiler that the program does not name{ending}"


def test_a_go_program_names_its_toolchain():
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=True, timeout=60).stdout.split()[2]
    assert _origin(Path(go).resolve()).removesuffix(", static") == f"Go {said.removeprefix('go')}"


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        (b"GCC: (Debian 12.2.0-14) 12.2.0\0rustc version 1.63.0\0", "rustc 1.63.0"),
        (b"Debian clang version 14.0.6\0GCC: (Debian 12.2.0-14) 12.2.0\0", "GCC 12.2.0 and clang 14.0.6"),
        (b"\0", "a compiler that the program does not name"),
    ],
)
def test_notes_of_compilers_become_a_few_words(notes, told):
    assert _compilers(notes) == told


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 80, b"#!/bin/sh\n"])
def test_what_is_no_program_is_not_known(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    assert _origin(tmp_path / "file") == "not known"
    assert _origin(tmp_path / "missing") == "not known"


PROBE = """
import os, sys
from perfproof.instructions.counters import HardwareCounters
from perfproof.instructions.source import UncountableError
os.setgid(65534); os.setuid(65534)
try:
    HardwareCounters((1, 1)).close()
except UncountableError as error:
    print(error.what, error.why, error.hint)
else:
    print("lent")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_somebody_without_rights_gets_from_the_real_kernel_what_its_rule_says():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True)
    if int(PARANOID.read_text()) <= MOST_PARANOID:
        assert done.stdout == "lent\n" or "a container or another rule forbids the call itself" in done.stdout
    else:
        assert "the kernel does not lend the processor's counters kernel.perf_event_paranoid is" in done.stdout
