"""What a check of files is given of an arm: its folder (or a copy of it), and commands that are run there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from perfproof.model.scenario import JsonValue


@dataclass(frozen=True)
class Executed:
    """One command that was run: its exit code (None: it did not end by itself), seconds, and what it printed.

    ``problem`` says in words why there is nothing to read, "" where there is. Secrets are masked in both texts.
    """

    code: int | None
    seconds: float
    output: str
    problem: str = ""


class ArmFiles(Protocol):
    """The files of one arm."""

    @property
    def name(self) -> str:
        """Return the arm's name."""

    @property
    def directory(self) -> Path:
        """Return the folder that commands run in: the copy where one was made, else the arm's own."""

    def copy(self, leave_out: Sequence[str]) -> None:
        """Copy the arm's folder without what is called like ``leave_out``, over an earlier copy.

        Raises ``PerfproofError`` where that cannot be done.
        """

    def has(self, program: str) -> bool:
        """Tell whether the arm's commands would find a program."""

    def execute(self, line: str, within: float) -> Executed:
        """Run a command line to its end, or end it with all that it started after ``within`` seconds.

        Raises ``UsageError`` where it cannot be started.
        """

    def find(self, document: JsonValue, path: str) -> JsonValue:
        """Return the value at a JSON path, as captures of a scenario read it; LookupError, ValueError if none."""
