"""``perfproof gate``: for CI. Measure or recall, apply the policy, write what the CI reads, exit by the policy."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfproof.cli.common import completion, options
from perfproof.cli.common.console import tell
from perfproof.cli.common.failure import report_failure
from perfproof.cli.common.gate import Gate
from perfproof.cli.common.session import Session, find_scenario, read_scenario
from perfproof.errors import PerfproofError, UsageError

if TYPE_CHECKING:
    from perfproof.model.gate import GateResult, GateRow


_MOST_CHECKS = 4
"""Checks whose reasons are printed: the screen also holds the result."""
_TONES = {0: "good", 1: "bad", 3: "warn"}


class Format(StrEnum):
    """What a gate can be written as; ``gitlab`` comes with JUnit and OpenMetrics, which GitLab reads too."""

    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    JSON = "json"
    OPENMETRICS = "openmetrics"


class WhenOpen(StrEnum):
    """What the gate does when it is not decided."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Output(options.MeasuredOutput):
    """What every command that measures has, but the JSON is the gate's."""

    json: Annotated[
        Path | None, typer.Option("--json", help="Also write the gate as JSON ('-' for stdout).", metavar="FILE")
    ] = None


def gate(
    *,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO|RUN]",
            help="A scenario to measure, or a recorded run.",
            show_default=False,
            autocompletion=completion.files,
        ),
    ] = None,
    after: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="With two runs: the one after.", show_default=False)
    ] = None,
    versions: options.Versions,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare the new run with this stored one: a baseline's name, a label or a branch. May be repeated: "
            "the next name stands in for one without a run.",
            metavar="NAME",
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Take the policy from this file instead of perfproof.toml.", metavar="FILE")
    ] = None,
    inconclusive: Annotated[WhenOpen | None, typer.Option(help="What an undecided gate does, over the policy.")] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Write this too. May be repeated. By default what the CI reads."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for these files.", metavar="DIR")] = Path("perfproof-gate"),
    force: Annotated[bool, typer.Option("--force", help="Compare two runs although they differ (and say so).")] = False,
    label: options.Label = None,
    rounds: options.Rounds = None,
    time: options.TimeBudget = None,
    no_why: options.NoWhy = False,
    count: options.Count = None,
    output: Output,
) -> None:
    """Pass or fail by a policy: measure a scenario, or judge recorded runs; write what the CI shows."""
    from perfproof.report.ci.files import formats_of, write_report

    session = output.session
    chosen = tuple(each.value for each in formats) if formats else formats_of(os.environ)
    with _ci_commands("github" in chosen) as say:
        try:
            made = Gate(session, policy, inconclusive.value if inconclusive else None)
            recorded = _is_run(what, after)
            if recorded:
                judged, by = made.of_runs(str(what), after, force=force), made.policy_of_run(after or str(what))
            else:
                if versions.baseline_ref is not None and baseline:
                    raise UsageError("--baseline stands beside --baseline-ref", hint="keep the one that is meant")
                path = find_scenario(Path(what) if what else None)
                scenario = read_scenario(path, rounds=rounds, time=time, why=not no_why, count=count)
                refs = (versions.baseline_ref, versions.candidate_ref)
                judged, by = made.of_scenario(scenario, label, refs, baseline or (), count)
            outcome = made.apply(judged, by)
            _show(session, outcome, output.json, " ".join(filter(None, (what, after))) if recorded else "last")
            for file in output.output or ():
                write_report(outcome, file)
            if judged.problem is not None:
                report_failure(judged.problem)
        except PerfproofError as error:
            report_failure(error)
            if "github" in chosen:
                from perfproof.report.ci.github import command

                say([command("error", "perfproof gate", error.what)])
            raise typer.Exit(int(error.exit_code)) from None
        _publish(outcome, chosen, out, say)
    if output.open_:
        session.open(outcome.result)
    raise typer.Exit(outcome.exit_code)


def _is_run(what: str | None, after: str | None) -> bool:
    """Tell whether a recorded run is meant and not a scenario file."""
    if what is None:
        return False
    return after is not None or not (what.lower().endswith((".yaml", ".yml")) or Path(what).is_file())


def _show(session: Session, gate: GateResult, json: Path | None, run: str) -> None:
    """Print the result as every command does and, below its verdict, what the policy made of it: that stays."""
    from perfproof.core.files import write_text
    from perfproof.core.numbers import count_of
    from perfproof.model.formatting import plain
    from perfproof.report.ci.files import to_gate_json
    from perfproof.report.ci.markdown import SIGNS, headline

    to_stdout = json is not None and str(json) == "-"
    if to_stdout:
        sys.stdout.write(to_gate_json(gate))
    told = [row for row in gate.rows if row.outcome in ("failed", "warned") or _holds_up(row)]
    lines = [(f"! {plain(note, 1000)}", "warn") for note in gate.notes]
    lines += [(f"  {SIGNS[row.outcome]} {plain(row.reason, 1000)}", "") for row in told[:_MOST_CHECKS]]
    if len(told) > _MOST_CHECKS:
        lines.append((f"  and {count_of(len(told) - _MOST_CHECKS, 'more check')}", ""))
    lines.append((f"{headline(gate)[0]} {gate.summary}", _TONES.get(gate.exit_code, "void")))
    if to_stdout:
        sys.stderr.write("\n".join(text for text, _ in lines) + "\n")
        return
    session.show(gate.result, None, (), run, lines=lines)
    if json is not None:
        write_text(json, to_gate_json(gate))
    sys.stdout.flush()


def _holds_up(row: GateRow) -> bool:
    return row.outcome == "skipped" and row.open != "pass"


def _publish(gate: GateResult, formats: Sequence[str], out: Path, say: Callable[[list[str]], None]) -> None:
    """Write what the CI reads. Whatever goes wrong here is told and changes nothing: the gate alone decides."""
    from perfproof.report.ci.files import write_gate
    from perfproof.report.ci.github import annotation_lines, append_summary

    if not formats:
        return
    try:
        for file in write_gate(gate, formats, out):
            tell(f"wrote {file}")
    except PerfproofError as error:
        report_failure(error)
    if "github" in formats:
        say(annotation_lines(gate))
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        try:
            if summary:
                append_summary(gate, Path(summary))
        except OSError as error:
            tell(f"the job summary cannot be written: {error.strerror}")


@contextmanager
def _ci_commands(github: bool) -> Iterator[Callable[[list[str]], None]]:
    """Keep GitHub from taking anything printed meanwhile (names, logs) for a command; lend the way to send real ones.

    Commands are sent when the body has ended. They go to stderr, which the runner reads like stdout.
    """
    waiting: list[str] = []
    if not github:
        yield waiting.extend
        return
    token = secrets.token_hex(16)
    sys.stderr.write(f"::stop-commands::{token}\n")
    sys.stderr.flush()
    try:
        yield waiting.extend
    finally:
        sys.stdout.flush()
        sys.stderr.write("".join(f"{line}\n" for line in [f"::{token}::", *waiting]))
        sys.stderr.flush()
