"""How the service in a folder starts, by what lies there; several ways, the most telling first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from perfproof.draft.start.compiled import cargo, go
from perfproof.draft.start.declared import compose, dockerfile, procfile
from perfproof.draft.start.node import node
from perfproof.draft.start.php import php
from perfproof.draft.start.python import django, python
from perfproof.draft.start.ruby import ruby
from perfproof.draft.start.start import Start


def ways_to_start(folder: Path) -> list[Start]:
    """Return the ways to start the service in ``folder``, most telling first; none where nothing tells."""
    kinds: tuple[Callable[[Path], Iterator[Start]], ...] = (
        procfile,
        django,
        python,
        ruby,  # before Node: a package.json beside it builds its pages
        node,
        cargo,
        go,
        php,
        dockerfile,
        compose,
    )
    found: dict[tuple[str, str | None], Start] = {}
    for kind in kinds:
        for way in kind(folder):
            found.setdefault((way.command, way.prepare), way)
    return list(found.values())
