"""Where in its file a part of a scenario stands, for errors that come up only when the scenario is used."""

from __future__ import annotations

from typing import Any

from perfproof.model.scenario import Scenario
from perfproof.scenario import document as documents

Place = documents.Path


def place_of(scenario: Scenario, arm: str, key: str) -> str:
    """Return ``file:line:column`` of a key of an arm: its own, else that of ``service``, else the file alone."""
    return place_at(scenario, ("arms", arm, key), ("service", key), ("arms", arm, ...), ("service", ...))


def place_at(scenario: Scenario, *paths: tuple[Any, ...]) -> str:
    """Return ``file:line:column`` of the first of these paths that is there, else the file alone.

    It is that of the value or, for a path that ends with ``...``, of the key. The text of a scenario has its secrets
    masked, which moves columns after them; lines stay.
    """
    file = str(scenario.file)
    try:
        spots = documents.parse(file, scenario.text).spots
    except RecursionError:  # pragma: no cover - such a file was refused before
        return file
    for path in paths:
        at_key = path[-1] is ...
        spot = spots.get(path[:-1] if at_key else path)
        if spot is not None:
            line, column = (spot.key_line, spot.key_column) if at_key else (spot.line, spot.column)
            return f"{file}:{line}:{column}"
    return file
