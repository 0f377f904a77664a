"""Which arms a kind of run measures, and their services as this machine can start them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from perfproof.core.placeholders import NOWHERE, WEBHOOK
from perfproof.core.redaction import Redactor
from perfproof.core.same_program import same_program
from perfproof.errors import UsageError
from perfproof.machine.cores import CpuPlan
from perfproof.model.scenario import Arm, Scenario
from perfproof.rounds.observer import Observer
from perfproof.service.built_programs import programs
from perfproof.service.lifecycle import RunningService, run_command, start

Kind = Literal["run", "ab", "noise", "capacity", "count", "checks"]


def arms_of(scenario: Scenario, kind: Kind) -> tuple[Arm, ...]:
    """Return the arms a kind of run measures.

    One for ``run``, all for ``ab``, ``count`` and ``checks``, the first twice for ``noise``, at most two for
    ``capacity``.
    """
    first = scenario.arms[0]
    if kind == "run":
        return (first,)
    if kind == "noise":
        return (first, replace(first, name="again" if first.name != "again" else "again-2"))
    if len(scenario.arms) > 2 and kind == "capacity":
        raise UsageError(
            f"the scenario has {len(scenario.arms)} versions; `capacity` searches on one or two",
            where=str(scenario.file),
            hint=f"name one: perfproof capacity {scenario.file.name} --arm {scenario.arms[-1].name}",
        )
    if kind in ("capacity", "count", "checks"):
        return scenario.arms
    if len(scenario.arms) < 2:
        raise UsageError(
            "the scenario has one arm; `ab` compares two",
            where=str(scenario.file),
            hint="add `arms: {baseline: ..., candidate: ...}`, or measure one arm with `perfproof run`",
        )
    return scenario.arms


@contextmanager
def kept_services(
    arms: Sequence[Arm], private: Path, redactor: Redactor, cpus: CpuPlan
) -> Iterator[Mapping[str, RunningService]]:
    """Lend services that outlive a round, where an arm cannot be started afresh; otherwise none."""
    if not any(lives_on(arm) for arm in arms):
        yield {}
        return
    logs = private / "kept"
    logs.mkdir(mode=0o700)
    services = start(arms, logs=logs, redactor=redactor, cpus=cpus.service)
    try:
        yield {service.arm.name: service for service in services}
    finally:
        for service in services:
            service.stop()


def lives_on(arm: Arm) -> bool:
    """Tell whether the arm's service outlives a round, since it is not started afresh."""
    return arm.service.url is not None or arm.service.restart == "never"


def placed(arm: Arm, private: Path) -> Arm:
    """Fill ``{python}`` (the interpreter perfproof runs in), ``{work}`` (a scratch directory) and ``{webhook}``.

    Nothing listens for webhooks but in the check of them, which puts its own address in their place.
    """
    work = private / "work" / arm.name
    work.mkdir(parents=True, exist_ok=True)

    def fill(text: str | None) -> str | None:
        if not text:
            return text
        filled = text.replace("{python}", sys.executable).replace("{work}", str(work))
        return filled.replace(f"{{{WEBHOOK}}}", NOWHERE)

    service = arm.service
    return replace(
        arm,
        service=replace(
            service,
            command=fill(service.command),
            prepare=fill(service.prepare),
            reset=fill(service.reset),
            snapshot=fill(service.snapshot),
            database=tuple((fill(url) or "").replace("{arm}", arm.name) for url in service.database),
            environment={key: fill(value) or "" for key, value in service.environment.items()},
        ),
    )


def prepare(arms: Sequence[Arm], private: Path, redactor: Redactor, observer: Observer) -> None:
    """Run what each arm does once before all rounds; ``ServiceError`` where that fails."""
    for arm in arms:
        if arm.service.prepare:
            observer.phase(f"preparing {arm.name}")
            log = private / f"{arm.name}.prepare.log"
            run_command(arm, arm.service.prepare, purpose="prepare", log=log, redactor=redactor)


def warn_of_one_program(arms: Sequence[Arm], observer: Observer) -> str:
    """Warn where all arms came out of their builds as one program; return the doubt, "" for none."""
    doubt = same_program(programs(arms))
    if doubt:
        observer.note(doubt)
    return doubt
