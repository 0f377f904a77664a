"""The options several commands share, declared once: one by one, and below them in groups (see ``groups``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import completion, logs, outputs
from perfproof.cli.common.session import Session

ScenarioArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="SCENARIO",
        help="The scenario file. May be left out where the folder (or its scenarios/) holds only one.",
        show_default=False,
        autocompletion=completion.scenarios,
    ),
]
AfterArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="AFTER", help="With two files: the one whose service is the version after.", show_default=False
    ),
]
Results = Annotated[
    Path, typer.Option("--results", envvar="PERFPROOF_RESULTS", help="The folder that keeps runs.", metavar="DIR")
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="PERFPROOF_STORE",
        help="Database URL (sqlite:///... or postgresql://...). By default perfproof.db in the results folder.",
        metavar="URL",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the first requests as they would be sent; start and send nothing.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Tell on stderr what is started, asked and decided, and when.", callback=logs.enable
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the report in the browser afterwards.")]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Run: id, label, 'last', or a run's folder.", autocompletion=completion.runs),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Send this request (or flow) alone. May be repeated.", metavar="NAME"),
]
ArmAlone = Annotated[str | None, typer.Option("--arm", help="This arm alone.", metavar="NAME", show_default=False)]
Candidate = Annotated[
    str | None,
    typer.Option("--arm", help="This candidate alone, where there are several.", metavar="NAME", show_default=False),
]
Findings = Annotated[
    bool,
    typer.Option("--findings", help="Everything that was found: all rows, budgets, queries, causes and doubts."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json", help="Also write the result as JSON ('-' for stdout).", metavar="FILE", callback=outputs.writable()
    ),
]
ReportFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        help="Also write a report: .html .pdf .png .md .json .csv .parquet .xml .prom. May be repeated.",
        metavar="FILE",
        callback=outputs.writable(outputs.reports),
    ),
]
Label = Annotated[str | None, typer.Option("--label", "-l", help="A name to find this run by.")]
Rounds = Annotated[int | None, typer.Option("--rounds", min=1, help="Plan this many rounds instead of the scenario's.")]
TimeBudget = Annotated[
    str | None, typer.Option("--time", help="Plan as many rounds as fit, e.g. 150s or 5m.", metavar="DURATION")
]
NoEarlyStop = Annotated[bool, typer.Option("--no-early-stop", help="Measure all planned rounds, whatever they show.")]
NoWhy = Annotated[
    bool, typer.Option("--no-why", help="Do not look for causes after the timed rounds, whatever the scenario says.")
]
MemoryProfile = Annotated[
    bool,
    typer.Option(
        "--memory-profile",
        help="Afterwards also find out which lines allocate memory per request, in a pass of its own (Python).",
    ),
]
Count = Annotated[
    bool | None,
    typer.Option(
        "--count/--no-count",
        help="Afterwards also count instructions per request, which noise cannot move (docs/count.md).",
        show_default=False,
    ),
]
BaselineRef = Annotated[
    str | None,
    typer.Option(
        "--baseline-ref",
        help="Take both versions from git: this ref before, --candidate-ref after. 'main...' is where HEAD left main.",
        metavar="REF",
    ),
]
CandidateRefs = Annotated[
    list[str] | None,
    typer.Option(
        "--candidate-ref",
        help="The version after: a ref, or 'worktree' for the files as they are. May be repeated: each is judged "
        "against --baseline-ref. [default: HEAD]",
        metavar="REF",
    ),
]


@dataclass(frozen=True)
class Versions:
    """Where both versions come from, if from git."""

    baseline_ref: BaselineRef = None
    candidate_ref: CandidateRefs = None


@dataclass(frozen=True)
class Storage:
    """Where runs are kept, and which database remembers them."""

    results: Results = Path("results")
    store: StoreUrl = None

    def session(self, *, quiet: bool = False) -> Session:
        """Return what finds, measures and remembers runs there."""
        return Session(self.results, self.store, quiet)


@dataclass(frozen=True, kw_only=True)
class Output:
    """What becomes of a result: files, the place of its run, and how much is said."""

    json: JsonFile = None
    output: ReportFiles = None
    storage: Storage
    quiet: Quiet = False

    @property
    def session(self) -> Session:
        """Return what finds, measures and remembers runs there."""
        return self.storage.session(quiet=self.quiet)


@dataclass(frozen=True, kw_only=True)
class MeasuredOutput(Output):
    """The same, of a command that measures. ``-v`` acts by its callback."""

    verbose: Verbose = False
    open_: Open = False
