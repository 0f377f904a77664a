"""Names of Go's functions are found in programs that were stripped, as they were before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from go_programs import built
from perfproof.instructions.functions import read
from perfproof.service.go_functions import go_functions

SOURCE = Path(__file__).parent.parent / "services" / "sleepy.go"
STRIPPED = "-s -w"
WAYS = {
    "fixed": ("exe", ""),
    "anywhere": ("pie", ""),
    "linked by the C linker": ("pie", "-linkmode=external"),
}


def symbols(program: Path) -> dict[str, int]:
    """Return the addresses of Go's functions by the symbols of a program that has them."""
    told = subprocess.run(["go", "tool", "nm", program], capture_output=True, text=True, check=True).stdout
    found = (line.split(maxsplit=2) for line in told.splitlines())
    return {parts[2]: int(parts[0], 16) for parts in found if len(parts) == 3 and parts[1] in "Tt"}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("mode", "link"), WAYS.values(), ids=WAYS)
def test_a_stripped_program_has_all_names_where_the_symbols_had_them(mode, link):
    stripped = built("sleepy.go", mode, f"{STRIPPED} {link}".strip())
    assert subprocess.run(["go", "tool", "nm", stripped], capture_output=True, check=False).stdout.strip() == b""
    found = go_functions(stripped)
    assert found is not None
    known = symbols(built("sleepy.go", mode, link))
    mine = {name: address for name, address in known.items() if name.startswith(("main.", "net/http.", "encoding/"))}
    assert len(mine) > 500
    wrong = {name: found.name_at(address) for name, address in mine.items() if found.name_at(address + 1) != name}
    assert not wrong
    assert found.name_at(found.starts[0] - 1) == found.name_at(found.starts[-1]) == ""


def test_files_that_are_no_program_of_go_have_no_such_names(tmp_path):
    cut = tmp_path / "cut"
    cut.write_bytes(Path("/bin/ls").read_bytes()[:3000])
    empty = tmp_path / "empty"
    empty.touch()
    for file in (Path("/bin/ls"), SOURCE, cut, empty, tmp_path / "nothing", tmp_path):
        assert go_functions(file) is None


@pytest.mark.timeout(400)
def test_pieces_of_a_stripped_program_become_its_functions(tmp_path):
    program = built("sleepy.go", "exe", STRIPPED)
    functions = go_functions(program)
    assert functions is not None
    at = functions.names.index("main.main")
    first, later = functions.starts[at], functions.starts[at] + 40
    dump = tmp_path / "out.1.1"
    dump.write_text(
        f"ob=(1) {program}\nfn=(1) {first:#018x}\n0 300\ncfn=(2) {later:#018x}\ncalls=1 0\n0 70\n"
        f"\nfn=(2)\n0 70\n\nob=(2) /usr/lib/libc.so.6\nfn=(3) {first:#018x}\n0 5\n"
    )
    graph = read([dump])
    assert dict(graph.own) == {(str(program), "main.main"): 370, ("/usr/lib/libc.so.6", f"{first:#018x}"): 5}
    assert not graph.calls
