"""Text to Scenario: reads a scenario file, reports every mistake with file:line:column and a fix.

The way of a file: ``document`` (YAML with positions) -> ``variables`` (``${VAR}``) -> ``schema`` (pydantic) ->
``checks`` (what needs more than one key) -> ``build`` (units converted, overrides applied) -> ``Scenario``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from perfproof.model.scenario import Scenario

__all__ = ["read"]


def read(path: Path, environ: Mapping[str, str]) -> Scenario:
    """Return the scenario in the file at ``path``, its ``${VAR}`` filled from ``environ``.

    Raises ``ScenarioError`` with every mistake of the file at once, ordered by line.
    """
    # Imported here: the command line takes `core.units` without paying for pydantic and YAML.
    from perfproof.scenario.reader import read_file

    return read_file(path, environ)
