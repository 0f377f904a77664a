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
    names = {name_of(pid) for pid in pids} - {""}
    if engine == "node":
        return bool(names & set(NODE))
    if engine == "jfr":
        return bool(names & set(JAVA))
    # A Python service may embed its interpreter in any program: only beside another runtime must it show by name.
    other = bool(names & set(INTERPRETED))
    return engine == "perf" or not other or any(name.startswith(("python", "pypy", "uwsgi")) for name in names)


def program_of(pid: int) -> str:
    """Return the path of what a process runs, "" where that may not be seen."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def name_of(pid: int) -> str:
    """Return the name of what a process runs, without its version."""
    return re.sub(r"[\d.]+$", "", Path(program_of(pid)).name)
