"""The lever pass alone (and the probe before it), without timed rounds: for tests."""

from __future__ import annotations

import sys
from pathlib import Path

from perfproof.core.redaction import Redactor
from perfproof.load.load_client import LoadProcess
from perfproof.machine.cores import split_cpus
from perfproof.model.levers import ArmLevers
from perfproof.model.profile import MemoryProfile
from perfproof.queries.probe import probe
from perfproof.rounds.observer import Observer
from perfproof.rounds.single_start import PassContext
from perfproof.scenario import read
from perfproof.why.passes.allocations import profile_memory
from perfproof.why.passes.mechanisms import observe_levers

APPS = Path(__file__).parent / "why" / "passes" / "apps"


class Quiet(Observer):
    """Shows nothing."""


def observed(
    folder: Path,
    command: str,
    requests: str,
    *,
    environment: str = "",
    candidate: str = "",
    database: str = "",
    rate: int = 40,
    memory: bool = False,
    service: str = "",
) -> tuple[tuple[ArmLevers, ...], tuple[MemoryProfile, ...]]:
    """Watch a service of ``apps`` as baseline and with ``candidate`` in its environment; ``requests`` is YAML."""
    folder.mkdir(exist_ok=True)
    file = folder / "watched.yaml"
    counted = f"  database: '{database}'\n" if database else ""
    file.write_text(
        f"""\
name: watched
service:
  {service or "command: '" + command.replace("{python}", sys.executable) + "'"}
  directory: {APPS}
  health: /health
  start_timeout: 30s
  environment: {{{environment}}}
{counted}
arms:
  baseline: {{environment: {{WHO: a}}}}
  candidate: {{environment: {{WHO: b, {candidate}}}}}
requests:
{requests}
load: {{model: open, rate: {rate}/s}}
"""
    )
    scenario = read(file, {})
    cpus = split_cpus()
    load = LoadProcess.start(scenario, log=folder / "load.log", cpus=cpus.generator, folder=folder)
    try:
        phase = PassContext(scenario, load, folder, Redactor(scenario.secrets), cpus, Quiet(), {}, compare=False)
        probing = probe(phase) if database else None
        return observe_levers(phase, probing), profile_memory(phase) if memory else ()
    finally:
        load.stop()
