"""Files that a command will write are looked at before it begins: a measurement must not end at its last line."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from perfproof.core import paths
from perfproof.errors import UsageError

Endings = Callable[[], Collection[str]]


def reports() -> Collection[str]:
    """Return the endings of reports of a result."""
    from perfproof.report.writers import endings

    return endings()


def recordings() -> Collection[str]:
    """Return the endings of reports, and of files for other tools that are made of what was recorded."""
    from perfproof.report.exports import WRITERS

    return (*reports(), *WRITERS)


def histories() -> Collection[str]:
    """Return the endings of a history."""
    return (".html", ".csv", ".json")


def writable(endings: Endings | None = None) -> Callable[[Any], Any]:
    """Return the callback of an option that names one file, several or none; UsageError if one cannot be written."""

    def check(value: Path | Sequence[Path] | None) -> Any:
        files = [value] if isinstance(value, Path) else value or ()
        for file in files:
            if str(file) != "-":
                _check(file, endings() if endings is not None else ())
        return value

    return check


def _check(file: Path, endings: Collection[str]) -> None:
    name = file.name.lower()
    if endings and not any(name.endswith(ending) for ending in endings):
        raise UsageError(
            f"no report format is known for the ending {file.suffix or '(none)'!r}",
            where=str(file),
            hint=f"use one of {', '.join(endings)}",
        )
    folder, why = file.parent, ""
    if not paths.is_folder(folder):
        why = f"the folder {folder} {'is a file' if paths.exists(folder) else 'does not exist'}"
    elif paths.is_folder(file):
        why = "it is a folder"
    elif not os.access(folder, os.W_OK | os.X_OK):
        why = f"the folder {folder} may not be written to"
    if why:
        raise UsageError(
            f"{file} cannot be written",
            why=why,
            hint=f"mkdir -p {folder}" if not paths.exists(folder) else "name another file",
        )
