"""Where in its file a part of a scenario stands, for errors that come up only when the scenario is used."""

from __future__ import annotations

from perfproof.model.scenario import Scenario
from perfproof.scenario import document as documents

Place = documents.Path


def place_of(scenario: Scenario, arm: str, key: str) -> str:
    """Return ``file:line:column`` of a key of an arm: its own, else that of ``service``, else the file alone.

    The text of a scenario has its secrets masked, which moves columns after them; lines stay.
    """
    file = str(scenario.file)
    try:
        spots = documents.parse(file, scenario.text).spots
    except RecursionError:  # pragma: no cover - such a file was refused before
        return file
    for path in (("arms", arm, key), ("service", key), ("arms", arm), ("service",)):
        spot = spots.get(path)
        if spot is not None:
            at_key = path[-1] != key
            line, column = (spot.key_line, spot.key_column) if at_key else (spot.line, spot.column)
            return f"{file}:{line}:{column}"
    return file
