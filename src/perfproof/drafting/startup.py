"""How the service in a folder starts, by what lies there; several ways, the most telling first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SKIPPED = """.git .hg .tox .nox .venv venv env node_modules tests test __pycache__ build dist target vendor docs
    site-packages migrations examples benchmarks static templates results"""
SKIPPED = frozenset(_SKIPPED.split())
"""Folders in which no service is looked for."""


@dataclass(frozen=True)
class Start:
    """One way to start the service: what a scenario's ``service`` needs, where it was found, and what to know of it.

    ``directory`` is relative to the folder. ``port`` is set where the service cannot be told one.
    """

    command: str
    source: str
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    prepare: str | None = None
    build: str | None = None
    port: int | None = None
    shell: bool = False
    directory: str = ""
    notes: tuple[str, ...] = ()
    database: str | None = None


def ways_to_start(folder: Path) -> list[Start]:
    """Return the ways to start the service in ``folder``, most telling first; none where nothing tells."""
    from perfproof.drafting.start_compiled import cargo, go
    from perfproof.drafting.start_declared import compose, dockerfile, procfile
    from perfproof.drafting.start_node import node
    from perfproof.drafting.start_python import django, python

    kinds: tuple[Callable[[Path], Iterator[Start]], ...] = (
        procfile,
        django,
        python,
        node,
        cargo,
        go,
        dockerfile,
        compose,
    )
    found: list[Start] = []
    for kind in kinds:
        known = {(way.command, way.prepare) for way in found}
        found += [way for way in kind(folder) if (way.command, way.prepare) not in known]
    return found


def text_of(path: Path, most: int = 500_000) -> str:
    """Return the text of a file as far as it can be read; "" if there is none."""
    try:
        if path.stat().st_size > most:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def source_files(folder: Path, endings: tuple[str, ...], most: int = 400) -> Iterator[Path]:
    """Yield the source files of a folder, the uppermost first; at most ``most``, and none of what others wrote."""
    level, count = [folder], 0
    for _ in range(6):
        deeper: list[Path] = []
        for place in level:
            try:
                inside = sorted(place.iterdir())
            except OSError:
                continue
            for path in inside:
                if path.is_dir():
                    if path.name not in SKIPPED and not path.name.startswith(".") and not path.is_symlink():
                        deeper.append(path)
                elif path.suffix in endings and not path.name.startswith(("test_", "conftest")):
                    yield path
                    count += 1
                    if count >= most:
                        return
        level = deeper
