"""Which programs a service consists of, and so which engines are worth trying on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from perfproof.model.profile import Engine

AUTO: tuple[Engine, ...] = ("agent", "node", "jfr", "py-spy", "perf")
"""What is tried where no engine is named: those that see requests first."""
NODE = ("node", "nodejs")
JAVA = ("java",)
INTERPRETED = (*NODE, "deno", "bun", *JAVA, "ruby", "php", "php-fpm", "dotnet", "beam.smp", "perl")
"""Programs of which perf shows the interpreter or code compiled while it runs, which has no names."""


def fits(engine: Engine, pids: Iterable[int]) -> bool:
    """Tell whether an engine is for what runs in these processes; where that is not known, it is worth trying."""
    pids = list(pids)
    names = {name_of(pid) for pid in pids} - {""}
    if engine == "node":
        return bool(names & set(NODE))
    if engine == "jfr":
        return bool(names & set(JAVA))
    return engine == "perf" or not names or any(map(_may_be_python, pids))


def _may_be_python(pid: int) -> bool:
    """Tell whether a process runs Python: by its program, or by what one that has an interpreter in it has mapped.

    That is libpython, or the extension modules of the standard library in ``.../python3.12/lib-dynload``.
    """
    name = name_of(pid)
    if name.startswith(("python", "pypy", "uwsgi", "mod_wsgi")):
        return True
    if not name or name in INTERPRETED:
        return False
    try:
        return "python" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True


def program_of(pid: int) -> str:
    """Return the path of what a process runs, "" where that may not be seen."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def name_of(pid: int) -> str:
    """Return the name of what a process runs, without its version."""
    return re.sub(r"[\d.]+$", "", Path(program_of(pid)).name)
