"""What a file is to the user: a dotted module, and whether it is their own code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from perfproof.model.profile import Frame

_PACKAGES = re.compile(r".*/(?:site|dist)-packages/")
_STDLIB = re.compile(r".*/lib(?:64)?/(?:python3\.\d+|pypy3\.\d+)/")


@cache
def python_frame(function: str, file: str, directory: Path) -> Frame:
    """Return the frame of a function in a source file of a service that runs in ``directory``."""
    if file.startswith("<frozen "):
        return Frame(file[8:-1], function, own=False)
    if not file.endswith(".py"):
        return Frame(file.strip("<>").rpartition("/")[2] or "?", function, own=False)
    for pattern in (_PACKAGES, _STDLIB):
        inside = pattern.match(file)
        if inside:
            return Frame(_dotted(file[inside.end() :]), function, own=False)
    here = f"{directory.absolute()}/"
    inside_here = file[len(here) :] if file.startswith(here) else file.rpartition("/src/")[2]
    return Frame(_dotted(inside_here) if len(inside_here) < len(file) else Path(file).stem, function, own=True)


def _dotted(path: str) -> str:
    name = path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/")
    return name.replace("/", ".")
