"""A service that locks its data gets a copy of it for each start.

Both versions run at the same time, and embedded stores (LevelDB, bolt, Badger, H2) let one process in. What the running
service holds locks on lies in a folder, or is a file, that its command or environment names; ``{work}`` holds the copy.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from perfproof.draft.start.start import Start

LARGEST = 1 << 30
"""Bytes above which nothing is copied for each start."""


def with_own_data(way: Start, folder: Path, locked: Iterable[Path]) -> Start | None:
    """Return ``way`` with a copy, made at each start, of all it names that holds the ``locked`` files.

    ``folder`` is that of the service. None where it names nothing that does, or too much to be copied.
    """
    base = (folder / way.directory).absolute()
    named = _named(way, base)
    wanted: dict[str, Path] = {}
    for file in locked:
        holding = [each for each, path in named.items() if path == file or path in file.parents]
        if not holding:
            return None
        # The nearest: of --data=/srv/app/data --home=/srv/app it is the data.
        nearest = max(holding, key=lambda each: len(named[each].parts))
        wanted[nearest] = named[nearest]
    names = [path.name for path in wanted.values()]
    if not wanted or len(set(names)) < len(names) or sum(map(_size, wanted.values())) > LARGEST:
        return None
    command, environment = way.command, dict(way.environment)
    for each, path in wanted.items():
        whole = re.compile(rf"(?<![\w./-]){re.escape(each)}(?![\w-]|\.\w)")
        command = whole.sub(f"{{work}}/{path.name}", command)
        environment = {name: whole.sub(f"{{work}}/{path.name}", value) for name, value in environment.items()}
    copies = [
        f'rm -rf "{{work}}/{path.name}" && cp -a {shlex.quote(each)} "{{work}}/{path.name}"'
        for each, path in wanted.items()
    ]
    line = f"{' && '.join(copies)} && {'' if way.shell else 'exec '}{command}"
    return replace(way, command=line, environment=environment, shell=True)  # noqa: S604 - a field of the scenario


def _named(way: Start, base: Path) -> dict[str, Path]:
    """Return what the command and the environment name, as they do, with where it is; nothing that ``base`` is in."""
    try:
        words = shlex.split(way.command)
    except ValueError:
        words = way.command.split()
    parts = [part for word in (*words, *way.environment.values()) for part in _parts(word)]
    found = {}
    for each in dict.fromkeys(parts):
        path = (base / each).resolve()
        if path.exists() and path != base.resolve() and path not in base.resolve().parents:
            found[each] = path
    return found


def _parts(word: str) -> list[str]:
    """Return a word and what may be a path in it: --home=data, file:data.db?mode=rw, sqlite:///data.db, a:b."""
    pieces = {word, word.partition("=")[2], *re.split(r"[=:,;?]", word), word.partition(":///")[2].partition("?")[0]}
    return [piece for piece in sorted(pieces, key=len, reverse=True) if piece]


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder, as far as ``LARGEST``."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for place, _, files in os.walk(path):
        for name in files:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
        if total > LARGEST:
            break
    return total
