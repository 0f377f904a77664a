"""What `perfproof gate` and the pytest fixture do: measure or recall, find the baseline, apply the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from perfproof.cli.common.session import Session, counting, policy_of, shared_policy
from perfproof.errors import ExitCode, Interrupted, PerfproofError, StoreError, UsageError
from perfproof.model.metrics import COUNTED
from perfproof.model.policy import names

if TYPE_CHECKING:
    from perfproof.model.gate import GateResult
    from perfproof.model.policy import Policy, WhenOpen
    from perfproof.model.recording import RunInfo
    from perfproof.model.result import Result
    from perfproof.model.scenario import Scenario
    from perfproof.store.summary import RunSummary

LONGEST = 1 << 20
"""Characters that are read of a recorded scenario: more than a scenario may have."""

USUAL_BASELINE = "baseline"
"""The name a stored baseline has when nothing else is asked for."""


@dataclass(frozen=True)
class Judged:
    """A result to hold against a policy, and what must be said of how it came about.

    ``problem`` is the error that ended the measurement early, ``unknown`` the one that kept the stored run to compare
    with from being looked up, if there was one.
    """

    result: Result
    notes: tuple[str, ...] = ()
    provisional: bool = False
    problem: PerfproofError | None = None
    unknown: StoreError | None = None


@dataclass(frozen=True)
class Gate:
    """A gate over the runs of a session. ``policy_file`` takes the place of the ``perfproof.toml`` that is found."""

    session: Session
    policy_file: Path | None = None
    inconclusive: WhenOpen | None = None

    def of_scenario(
        self,
        scenario: Scenario,
        label: str | None,
        refs: tuple[str | None, Sequence[str] | str | None],
        baselines: Sequence[str],
        count: bool | None = None,
    ) -> tuple[Judged, Policy]:
        """Measure a scenario against what is asked for: a ref, a stored run, or its own baseline arm.

        Its policy comes along.
        """
        by = self.policy_of(scenario)  # before hours of measuring: a mistake in it comes out at once
        scenario = counting(scenario, count, named=names(by, COUNTED))
        if baselines or (not any(refs) and len(scenario.arms) < 2):
            return self.of_stored(scenario, label, baselines or [USUAL_BASELINE]), by
        return self.of_versions(scenario, label, *refs), by

    def of_versions(
        self,
        scenario: Scenario,
        label: str | None,
        baseline_ref: str | None,
        candidate_refs: Sequence[str] | str | None,
    ) -> Judged:
        """Measure all arms, from git where a ref is given, in turn."""
        with self.session.versions(scenario, baseline_ref, candidate_refs) as versions:
            measured = self.session.measure(versions, "ab", label, self.policy_of(scenario))
        return Judged(self.session.keep(measured), problem=measured.problem)

    def of_stored(self, scenario: Scenario, label: str | None, names: Sequence[str]) -> Judged:
        """Measure the last arm and compare it with the first of ``names`` that has a run fit for it.

        A name is that of a baseline, a label or a branch. Where none fits, the new run is judged by its budgets alone
        and, if the first name is free, becomes that baseline.
        """
        if len(scenario.arms) > 2:
            raise UsageError(
                f"the scenario has {len(scenario.arms)} versions, and one is compared with a stored run",
                where=str(scenario.file),
                hint="leave --baseline out: each is then judged against the first",
            )
        measured = self.session.measure(
            replace(scenario, arms=scenario.arms[-1:]), "run", label, self.policy_of(scenario)
        )
        alone = self.session.keep(measured)
        if measured.problem is not None or alone.exit_code == ExitCode.INVALID:
            return Judged(alone, problem=measured.problem)
        doubts: list[str] = []
        for name in names:
            try:
                found = self._fit(name, measured.info, doubts)
            except StoreError as error:
                return Judged(alone, tuple(doubts), unknown=error)
            if found is None:
                continue
            try:
                result = self.session.compare(str(found.directory), str(measured.directory))
            except PerfproofError as error:
                doubts.append(f"The run {found.id} of `{name}` cannot be read: {error.what}.")
                continue
            if name == names[0]:
                return Judged(result, tuple(doubts))
            commit = f", commit {found.revision.commit[:12]}" if found.revision else ""
            told = f"Provisional: `{names[0]}` has no run to compare with; `{name}` (run {found.id}{commit}) stands in."
            return Judged(result, (*doubts, told), provisional=True)
        return Judged(alone, (*doubts, self._missing(names[0], measured.info)))

    def of_runs(self, run: str, against: str | None, *, force: bool = False) -> Judged:
        """Judge a recorded run again, or compare it with another one recorded after it."""
        result = self.session.judge(run) if against is None else self.session.compare(run, against, force=force)
        return Judged(result)

    def apply(self, judged: Judged, policy: Policy) -> GateResult:
        """Return what the policy makes of it. A measurement that ended early passes nothing."""
        from perfproof.verdict.policy import judge

        if judged.result.kind == "noise":
            raise UsageError("a noise run compares identical arms: there is nothing to gate")
        if self.inconclusive is not None:
            policy = replace(policy, inconclusive=self.inconclusive)
        gate = judge(judged.result, policy, notes=judged.notes, provisional=judged.provisional)
        if judged.unknown is not None and not gate.exit_code:
            summary = f"Gate not decided: what to compare with cannot be looked up ({judged.unknown.what})."
            return replace(gate, exit_code=int(ExitCode.INCONCLUSIVE), summary=summary)
        if judged.problem is None:
            return gate
        summary = f"Gate invalid: the measurement ended early ({judged.problem.what})."
        interrupted = isinstance(judged.problem, Interrupted)
        return replace(gate, exit_code=int(ExitCode.INTERRUPTED if interrupted else ExitCode.INVALID), summary=summary)

    def policy_of(self, scenario: Scenario) -> Policy:
        """Return the policy for a scenario: that of ``perfproof.toml``, and over it the scenario's own."""
        return policy_of(scenario, self.policy_file)

    def policy_of_run(self, reference: str) -> Policy:
        """Return the policy for a recorded run: that of ``perfproof.toml`` here, and over it its scenario's own."""
        from perfproof.evidence.formats import damaged
        from perfproof.evidence.limits import read_bytes
        from perfproof.model.policy import merged
        from perfproof.scenario import policy_file

        stored = self.session.locate(reference) / "scenario.yaml"
        try:
            text = read_bytes(stored)[:LONGEST].decode(errors="replace")
        except FileNotFoundError:
            text = "name: unknown"
        except (OSError, ValueError) as error:
            raise damaged(stored, f"it cannot be read: {error}") from error
        return merged(shared_policy(Path(), self.policy_file), policy_file.of_recording(text, str(stored)))

    def _fit(self, name: str, info: RunInfo, doubts: list[str]) -> RunSummary | None:
        """Return the newest run meant by a name that can be compared with the new one; say of others why not."""
        with self.session.store() as store:
            store.sync(self.session.results)
            scenario = info.scenario_name
            found = [each.run for each in store.baselines(name=name, scenario=scenario)]
            found += store.runs(scenario=scenario, label=name) + store.runs(scenario=scenario, branch=name)
        known = [run for run in found if run.id != info.id and run.status == "complete"]
        fit = [run for run in known if run.scenario_hash == info.scenario_hash]
        fit = [run for run in fit if run.environment_hash == info.environment.hash]
        if known and not fit:
            other = "scenario" if known[0].scenario_hash != info.scenario_hash else "machine or environment"
            doubts.append(f"The run {known[0].id} of `{name}` is of another {other}: not compared.")
        return fit[0] if fit else None

    def _missing(self, name: str, info: RunInfo) -> str:
        """Make the new run the baseline where the name is free; return the sentence that says so."""
        try:
            with self.session.store() as store:
                # Another job may find the name free at the same moment: the database decides.
                named = store.set_baseline(name, info.id, if_free=True)
        except StoreError as error:
            return f"Nothing to compare with, and the run {info.id} did not become `{name}`: {error.what}."
        if named.run.id != info.id:
            return f"Nothing to compare with: the run {info.id} is recorded and passes, its budgets apart."
        return f"No baseline `{name}` yet: the run {info.id} is recorded as it and passes, its budgets apart."
