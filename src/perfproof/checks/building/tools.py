"""Tools that need no setting: pygount counts lines; deptry, cargo-machete and depcheck find unused dependencies."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perfproof.checks.building.reading import Figure
from perfproof.checks.building.wanted import CODE
from perfproof.checks.files import ArmFiles

_NO_CODE = frozenset(
    {"csv", "diff", "html", "ini", "json", "jsonld", "markdown", "properties", "restructuredtext", "svg", "tex"}
    | {"text", "text only", "toml", "xml", "yaml"}
)
"""Languages, as pygount calls them, in which data and prose are written."""


@dataclass(frozen=True)
class Tool:
    """A tool: its program, what to run, its good exit codes, how to read it, and how to get it."""

    program: str
    line: str
    exits: tuple[int, ...]
    read: Callable[[str], Figure]
    install: str
    files: tuple[str, ...] = ()
    """The arm's files that it is for."""

    def there(self, arm: ArmFiles) -> bool:
        """Tell whether it is installed."""
        return find_spec(self.program) is not None if self.program == "pygount" else arm.has(self.program)


def tool_for(name: str, own: Mapping[str, Any], directory: Path) -> Tool:
    """Return the tool that measures a metric of a folder; ``ValueError`` where none is known for it."""
    if name == CODE:
        return _pygount(own["skip"])
    wanted = own["tool"]
    for each in _UNUSED:
        if wanted == each.program or (wanted == "auto" and any(_has(directory, file) for file in each.files)):
            return each
    files = ", ".join(file for each in _UNUSED for file in each.files)
    raise ValueError(
        f"no tool is known for this folder (it has none of {files}): set `unused_dependencies: {{run: ...}}`"
    )


def _has(directory: Path, file: str) -> bool:
    return (directory / file).is_file()


def _pygount(skip: Sequence[str]) -> Tool:
    # Not its script, which may not be on PATH. -P: what lies in the arm's folder must not be imported.
    started = "from pygount.command import main; main()"
    words = [sys.executable, "-P", "-c", started, "--format", "json"]
    words += ["--folders-to-skip", ",".join(["[...]", *skip]), "."]
    return Tool("pygount", shlex.join(words), (0,), _lines, "pip install 'perfproof[lines]'")


def _lines(text: str) -> Figure:
    """Return the lines that hold code; lines of data and prose, empty ones and comments do not count."""
    try:
        languages = json.loads(text[text.index("{") :])["languages"]
        counted = {
            str(each["language"]): int(each["codeCount"])
            for each in languages
            if not each["language"].startswith("__") and each["language"].lower() not in _NO_CODE
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"it is not what pygount prints ({type(error).__name__})") from None
    told = sorted(counted.items(), key=lambda pair: -pair[1])
    return Figure(float(sum(counted.values())), tuple(f"{name}: {lines:,}" for name, lines in told if lines))


def _deptry(text: str) -> Figure:
    return _names(re.findall(r"DEP002 '([^']+)'", text))


def _machete(text: str) -> Figure:
    return _names(re.findall(r"^\t(\S+)$", text, re.MULTILINE))


def _depcheck(text: str) -> Figure:
    try:
        found = json.loads(text[text.index("{") :])
        return _names([*found["dependencies"], *found["devDependencies"]])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"it is not what depcheck prints ({type(error).__name__})") from None


def _names(names: Sequence[str]) -> Figure:
    unique = tuple(dict.fromkeys(names))
    return Figure(float(len(unique)), unique[:200])


_UNUSED = (
    Tool("deptry", "deptry . --no-ansi", (0, 1), _deptry, "pip install deptry", ("pyproject.toml", "requirements.txt")),
    Tool("cargo-machete", "cargo-machete .", (0, 1), _machete, "cargo install cargo-machete", ("Cargo.toml",)),
    Tool("depcheck", "depcheck --json", (0, 255), _depcheck, "npm install -g depcheck", ("package.json",)),
)
