"""What a measurement is asked for beside its scenario, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perfproof.errors import PerfproofError
from perfproof.measure.arms import Kind
from perfproof.model.policy import Policy
from perfproof.model.recording import RunInfo
from perfproof.model.result import Result
from perfproof.model.rules import Spread


@dataclass(frozen=True)
class Options:
    """What the command line decides beside the scenario. ``resumes`` is the folder of an interrupted run.

    ``foretold`` says that how long it takes was told from an earlier run, and need not be told from its first round.
    """

    kind: Kind
    label: str | None = None
    results: Path = Path("results")
    spreads: Callable[[RunInfo], Sequence[Spread]] = lambda info: ()  # noqa: ARG005 - the default knows nothing
    attempts: Callable[[RunInfo], int] = lambda info: 1  # noqa: ARG005
    policy: Policy = field(default_factory=Policy)
    resumes: Path | None = None
    foretold: bool = False
    slowness: float = 1.0
    started: Callable[[RunInfo, Path], None] = lambda info, path: None  # noqa: ARG005


@dataclass(frozen=True)
class Measured:
    """What a measurement left behind. ``problem`` is the error that ended it early, if one did."""

    info: RunInfo
    directory: Path
    result: Result | None
    problem: PerfproofError | None
