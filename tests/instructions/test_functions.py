from __future__ import annotations

from pathlib import Path

import pytest

from perfproof.instructions.functions import Functions, read

DUMP = """\
# callgrind format
version: 1
cmd:  ./shop 8000
positions: line
events: Ir
summary: 1000

ob=(1) /srv/shop
fl=(1) ???
fn=(1) main
0 10
cfn=(2) shop::list::h0123456789abcdef
calls=5 0
0 700
cfn=(3) shop::audit::h0123456789abcdef
calls=5 0
0 290

fn=(2)
0 400
cfn=(4) core::fmt::write
calls=50 0
* 300

fn=(3)
+2 50
fi=(2) other.rs
-1 40
fe=(1)
cob=(2) /usr/lib/libc.so.6
cfi=(3) ./malloc.c
cfn=(5) malloc
calls=9 0
0 200

fn=(4)
0 100
cob=(2)
cfn=(5)
calls=90 0
0 200

ob=(2)
fl=(3)
fn=(5)
0 400

totals: 1000
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "out.1.1"
    file.write_text(DUMP)
    return file


def test_every_instruction_of_a_dump_is_in_the_function_that_executed_it(dump):
    graph = read([dump])
    own = {name: cost for (_, name), cost in graph.own.items()}
    hashed = "::h0123456789abcdef"
    assert own == {
        "main": 10, f"shop::list{hashed}": 400, f"shop::audit{hashed}": 90, "core::fmt::write": 100, "malloc": 400
    }  # fmt: skip
    assert sum(own.values()) == 1000
    assert sum(read([dump, dump]).own.values()) == 2000


def test_what_libraries_executed_is_shared_out_to_the_users_functions_that_led_to_it(dump):
    functions = Functions(Path("/nowhere"))
    functions.add(read([dump]), request=0, start=0)
    profile = functions.profile("candidate", ["list"], [[5]], seconds=1.0)
    found = {tuple(profile.frames[at].name for at in stack.frames): stack.ns for stack in profile.stacks}
    assert found == {
        ("main",): 10,
        ("main", "shop::list"): 400,
        ("main", "shop::audit"): 90,
        ("main", "shop::list", "core.fmt::write"): 100,
        # Half of the calls of malloc by their cost come from below `list`, by way of formatting.
        ("main", "shop::list", "libc.so.6.malloc"): 200,
        ("main", "shop::audit", "libc.so.6.malloc"): 200,
    }
    assert (profile.engine, profile.clock, profile.counts) == ("callgrind", "instructions", ((5,),))
    assert {frame.function for frame in profile.frames if frame.own} == {"main", "shop::list", "shop::audit"}


def test_libraries_that_call_in_circles_come_to_an_end_and_nothing_is_lost(tmp_path):
    file = tmp_path / "out.1.1"
    file.write_text(
        "ob=(1) /srv/shop\nfn=(1) main\n0 1\ncfn=(2) std::a\ncalls=1 0\n0 100\n"
        "\nfn=(2)\n0 60\ncfn=(3) std::b\ncalls=1 0\n0 90\n\nfn=(3)\n0 40\ncfn=(2)\ncalls=1 0\n0 50\n"
    )
    functions = Functions(Path("/nowhere"))
    functions.add(read([file]), 0, 0)
    profile = functions.profile("baseline", ["x"], [[1]], 1.0)
    assert sum(stack.ns for stack in profile.stacks) == pytest.approx(101, abs=2)
    assert {profile.frames[stack.frames[0]].name for stack in profile.stacks} == {"main"}


def test_functions_of_an_interpreter_are_not_taken_for_those_of_the_service(tmp_path):
    file = tmp_path / "out.1.1"
    file.write_text("ob=(1) /usr/bin/python3.11\nfn=(1) _PyEval_EvalFrameDefault\n0 500\n")
    functions = Functions(Path("/nowhere"))
    functions.add(read([file]), 0, 0)
    profile = functions.profile("baseline", ["x"], [[1]], 1.0)
    assert profile.engine == "none"
    assert "python are those of its interpreter" in profile.notes[0]


def test_a_program_without_symbols_is_told(tmp_path):
    file = tmp_path / "out.1.1"
    file.write_text("ob=(1) /srv/shop\nfn=(1) 0x0000000000401000\n0 500\n\nfn=(2) main\n0 50\n")
    functions = Functions(Path("/nowhere"))
    functions.add(read([file]), 0, 0)
    profile = functions.profile("baseline", ["x"], [[1]], 1.0)
    assert profile.unresolved == pytest.approx(500 / 550)
    assert any("without a name: build the service with symbols" in note for note in profile.notes)
