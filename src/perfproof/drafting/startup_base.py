"""What a way to start a service is, and reading the files that tell it."""

from __future__ import annotations

from collections.abc import Iterator
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
