"""What a count of instructions rests on beside the source: the processor's features, and who made or runs the program.

The same program takes other paths on a processor with other features (string functions and codecs choose by them), and
another compiler or interpreter makes another program of the same source. Both are read once a start and told with the
figures, so that a history ends where they change.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from perfproof.model.instructions import Source
from perfproof.service.programs import program_of

UNKNOWN = "not known"
_LEVELS = (
    ("x86-64-v2", ("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")),
    ("x86-64-v3", ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")),
    ("x86-64-v4", ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
)
"""Levels of the architecture that C libraries and compilers choose by, with the flags that each adds."""
_CHOSEN_BY = ("erms", "fsrm", "sha_ni", "vaes", "gfni", "asimd", "sve", "sve2", "atomics", "aes", "sha2", "crc32")
"""Features beside the level by which copying, hashing and encrypting choose."""
_MOST_OF_VALGRIND = 3
"""Valgrind shows a program its own processor: at most x86-64-v3, with the same features wherever it runs."""
_SHELLS = frozenset({"dash", "bash", "sh", "busybox", "zsh", "tini", "env"})
_RUN_BY = re.compile(r"(python|pypy|node|nodejs|deno|bun|java|ruby|php|php-fpm|dotnet|beam\.smp|perl)[\d.]*$")
_VALGRINDS = re.compile(r"/(?:callgrind-|vgpreload_|valgrind)")
_GO = re.compile(rb"\xff Go buildinf:.{0,32}?(go\d+\.\d+(?:\.\d+)?)", re.DOTALL)
_LARGEST = 256 << 20
_ANSWERS_WITHIN = 5.0
_INTERP = 3
"""The type of the program header that names the dynamic loader: a static program has none."""


def cpu_features(cpuinfo: str, source: Source) -> str:
    """Return the features of the processor that programs choose by, from /proc/cpuinfo, as a program sees them."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    flags = frozenset(found[1].split()) if found else frozenset[str]()
    level = 1
    for number, (_, needed) in enumerate(_LEVELS, start=2):
        if not flags.issuperset(needed):
            break
        level = number
    x86 = "lm" in flags
    if source == "callgrind" and x86:
        return f"x86-64-v{min(level, _MOST_OF_VALGRIND)}"
    return (
        " ".join([*([f"x86-64-v{level}"] if x86 else []), *(each for each in _CHOSEN_BY if each in flags)]) or UNKNOWN
    )


def made_by(pids: Iterable[int], known: dict[str, str]) -> str:
    """Return who made or runs the programs of these processes: "Python 3.11.2", "GCC 12.2.0, static".

    ``known`` keeps what is found, by program. Shells and such are left out where there is anything beside them.
    """
    programs = sorted({path for pid in pids if (path := _own_program(pid))})
    names = [path for path in programs if Path(path).name not in _SHELLS] or programs
    for path in names:
        if path not in known:
            known[path] = _origin(Path(path))
    return ", ".join(dict.fromkeys(known[path] for path in names)) or UNKNOWN


def _own_program(pid: int) -> str:
    """Return the path of the service's program; under Valgrind it is what was mapped first, at the lowest address."""
    program = program_of(pid)
    if not _VALGRINDS.search(program):
        return program
    try:
        mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    files = (line.split(maxsplit=5)[5] for line in mapped if line.count(" ") >= 5 and "/" in line)
    return next((file for file in files if file.startswith("/") and not _VALGRINDS.search(file)), "")


def _origin(program: Path) -> str:
    if _RUN_BY.match(program.name):
        return _version_of(program)
    elf = _read(program)
    if elf is None:
        return UNKNOWN
    go = _GO.search(elf.whole)
    told = f"Go {go[1].decode()[2:]}" if go else _compilers(elf.comment)
    return f"{told}, static" if elf.static else told


def _version_of(program: Path) -> str:
    """Return what an interpreter says of its version: the first line that it prints, in a few words."""
    option = "-version" if program.name == "java" else "--version"  # also Java 8 knows it
    try:
        done = subprocess.run(
            [str(program), option], capture_output=True, text=True, timeout=_ANSWERS_WITHIN, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return program.name
    line = next(iter((done.stdout or done.stderr).strip().splitlines()), "")[:80]
    return f"{program.name} {line}" if re.match(r"v?\d", line) else line or program.name


def _compilers(comment: bytes) -> str:
    """Return the compilers that an object file's notes name: Rust's before that of the C code it is linked with."""
    notes = [each.decode(errors="replace") for each in dict.fromkeys(comment.split(b"\0")) if each.strip()]
    rust = [note for note in notes if note.startswith("rustc")]
    short = [
        re.sub(r"^(?:GCC: \([^)]*\)|(rustc) version|(?:\S+ )?(clang) version) (\S+).*", _short, note)
        for note in rust or notes
    ]
    return " and ".join(sorted(dict.fromkeys(short))[:3]) or "a compiler that the program does not name"


def _short(found: re.Match[str]) -> str:
    return f"{found[1] or found[2] or 'GCC'} {found[3]}"


@dataclass(frozen=True)
class _Elf:
    """What is read of a program: all of it, the notes of its compilers, and whether it is linked statically."""

    whole: bytes
    comment: bytes
    static: bool


def _read(program: Path) -> _Elf | None:
    """Return the parts of a 64-bit little-endian ELF file; None for another file."""
    try:
        if program.stat().st_size > _LARGEST:
            return None
        whole = program.read_bytes()
        if whole[:6] != b"\x7fELF\x02\x01":
            return None
        heads, sections = struct.unpack_from("<QQ", whole, 32)
        head_size, heads_count, section_size, sections_count, names_at = struct.unpack_from("<HHHHH", whole, 54)
        kinds = [struct.unpack_from("<I", whole, heads + at * head_size)[0] for at in range(heads_count)]
        table = [struct.unpack_from("<IIQQQQ", whole, sections + at * section_size) for at in range(sections_count)]
        comment = b""
        if names_at < len(table):
            names = whole[table[names_at][4] : table[names_at][4] + table[names_at][5]]
            for name, _, _, _, offset, size in table:
                if names[name : name + 9] == b".comment\0":
                    comment = whole[offset : offset + size]
    except (OSError, OverflowError, struct.error):
        return None
    return _Elf(whole, comment, _INTERP not in kinds)
