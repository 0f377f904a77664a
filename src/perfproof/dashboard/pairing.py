"""Which run another one is best held against: the named baseline, else the run before; comparable ones only. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.model.result import Verdict
from perfproof.store.summary import Baseline, RunSummary

USUAL = ("main", "master", "baseline")
"""Names of baselines that go before others, which go by when they were given."""
_KINDS = {"ab": "timed", "run": "timed", "count": "counted"}


@dataclass(frozen=True)
class Partner:
    """The run that another is held against; ``name`` is its baseline name, empty for the run before."""

    run: RunSummary
    name: str = ""

    @property
    def words(self) -> str:
        """Return what it is, for people."""
        return f"baseline {self.name}" if self.name else "the run before"


def comparable(one: RunSummary, two: RunSummary) -> bool:
    """Tell whether two runs may be held against each other as they are: same scenario, machine and kind, both whole.

    Counts of instructions need no same machine: what they do need is asked when they are compared.
    """
    kinds = {_KINDS.get(run.kind, "") for run in (one, two)}
    return (
        one.id != two.id
        and len(kinds) == 1
        and "" not in kinds
        and all(run.status == "complete" and run.verdict not in (None, Verdict.INVALID) for run in (one, two))
        and (one.scenario, one.scenario_hash) == (two.scenario, two.scenario_hash)
        and (one.environment_hash == two.environment_hash or kinds == {"counted"})
    )


def partner(run: RunSummary, named: Sequence[Baseline], others: Sequence[RunSummary]) -> Partner | None:
    """Return what a run is best held against, of the named runs and the others (newest first); None if nothing fits.

    A baseline that was measured later than the run tells how far the code has come since, not what the run changed: it
    is passed over.
    """
    fit = [each for each in named if comparable(run, each.run) and each.run.started_at < run.started_at]
    if fit:
        newest_first = sorted(fit, key=lambda each: each.set_at, reverse=True)
        chosen = min(newest_first, key=lambda each: USUAL.index(each.name) if each.name in USUAL else len(USUAL))
        return Partner(chosen.run, chosen.name)
    earlier = [each for each in others if each.started_at < run.started_at and comparable(run, each)]
    return Partner(max(earlier, key=lambda each: each.started_at)) if earlier else None


def pair(runs: Sequence[RunSummary], named: Sequence[Baseline]) -> tuple[RunSummary, Partner] | None:
    """Return the newest of ``runs`` that has a partner, and the partner; None where no two are comparable."""
    for run in runs:
        mine = [each for each in named if each.run.scenario == run.scenario]
        found = partner(run, mine, [each for each in runs if each.scenario == run.scenario])
        if found is not None:
            return run, found
    return None
