"""Which scenario is meant where none is named: the only one of this folder, or of its ``scenarios/``."""

from __future__ import annotations

import re
from pathlib import Path

from perfproof.errors import UsageError

_LOADS = re.compile(r"^(requests|locustfile)\s*:", re.MULTILINE)
_STARTS = re.compile(r"^(service|arms)\s*:", re.MULTILINE)
_FOLDERS = (Path(), Path("scenarios"))
_LONGEST = 1 << 20


def scenarios_of(folder: Path) -> list[Path]:
    """Return the files of a folder that look like scenarios, by name."""
    return [file for file in sorted(folder.glob("*.y*ml")) if _looks_like(file)]


def found_here() -> list[Path]:
    """Return the scenarios of this folder or, where it has none, of its ``scenarios/``."""
    return next((found for folder in _FOLDERS if (found := scenarios_of(folder))), [])


def only_scenario() -> Path:
    """Return the only scenario here; UsageError, naming them, where there are several or none."""
    found = found_here()
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            "no scenario file here", hint="name one: perfproof ab path/to/scenario.yaml (or look: perfproof demo)"
        )
    names = ", ".join(str(file) for file in found[:8]) + (", ..." if len(found) > 8 else "")
    raise UsageError("which scenario? there are several", why=names, hint=f"name one, e.g. {found[0]}")


def _looks_like(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(_LONGEST)
    except OSError:
        return False
    return bool(_LOADS.search(text) and _STARTS.search(text))
