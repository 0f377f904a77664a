"""How every command that measures ends: the versions, the measurement, what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfproof.cli.common.dry_run import show_dry_run
from perfproof.cli.common.options import MeasuredOutput, Versions

if TYPE_CHECKING:
    from perfproof.measure.arms import Kind
    from perfproof.model.scenario import Scenario


def measured(
    scenario: Scenario,
    kind: Kind,
    label: str | None,
    output: MeasuredOutput,
    versions: Versions | None = None,
    *,
    dry_run: bool = False,
) -> int:
    """Measure ``scenario``, write and print what was concluded, and return the exit code.

    With ``dry_run`` only the requests are shown.
    """
    if dry_run:
        show_dry_run(scenario)
        return 0
    versions = versions or Versions()
    session = output.session
    with session.versions(scenario, versions.baseline_ref, versions.candidate_ref) as arms:
        found = session.measure(arms, kind, label)
    return session.conclude(found, output.json, output.output or (), scenario, opened=output.open_)
