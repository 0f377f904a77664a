"""Whether a file that a scenario names is there."""

from __future__ import annotations

import pathlib

from perfproof.scenarios.document import Path
from perfproof.scenarios.fields import closest
from perfproof.scenarios.validation import Findings


def exists(path: Path, file: pathlib.Path, written: str, findings: Findings) -> bool:
    """Tell whether ``file`` is one; if not, note it at ``path`` in the words of the scenario, with a guess."""
    if file.is_file():
        return True
    near = [each.name for each in file.parent.iterdir() if each.is_file()] if file.parent.is_dir() else []
    guess = closest(file.name, near)
    fix = guess if guess and guess.startswith("did") else "it is relative to the scenario file"
    findings.add(path, f"`{written}` {'is not a file' if file.exists() else 'does not exist'}", fix)
    return False
