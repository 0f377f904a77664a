"""Whether a run directory makes sense, looked at once when it is read: nobody behind has to doubt it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perfproof.evidence.formats import SAMPLES_FILE, RoundFacts, damaged
from perfproof.model import service_metrics
from perfproof.model.checks import Checked
from perfproof.model.recording import COMPLETED, Outcome, Round, RunInfo, Samples

_SETTINGS: dict[str, type | tuple[type, ...]] = {
    "model": str, "users": (int, float), "connections": int, "rate": (int, float), "timeout": (int, float),
}  # fmt: skip
"""What is read of the settings' ``load``, and what it must be if it is there."""


def check_info(info: RunInfo, file: Path) -> None:
    """Raise ``EvidenceError`` where a run's own record names no arm, or not what it refers to."""
    if not info.id or not info.arms or len(set(info.arms)) < len(info.arms):
        raise damaged(file, "it names no run, no arm, or an arm twice")
    if len(set(info.requests)) < len(info.requests):
        raise damaged(file, "it names a request twice")
    if len(info.arm_details) not in (0, len(info.arms)):
        raise damaged(file, f"it has {len(info.arms)} arms and details of {len(info.arm_details)}")
    if len(info.variants) not in (0, len(info.requests)):
        raise damaged(file, f"it has {len(info.requests)} requests and the variants of {len(info.variants)}")
    load = info.settings.get("load", {})
    if not isinstance(load, Mapping):
        raise damaged(file, "settings.load should be an object")
    for name, kind in _SETTINGS.items():
        if load.get(name) is not None and not isinstance(load[name], kind):
            raise damaged(file, f"settings.load.{name} is {load[name]!r:.60}")


def check_facts(info: RunInfo, number: int, facts: RoundFacts, file: Path) -> None:
    """Raise ``EvidenceError`` where a round is another one, or its blocks are of arms that the run has not."""
    if facts.number != number:
        raise damaged(file, f"it says that it is round {facts.number}")
    named = {each.arm for each in facts.arms} | {each.arm for each in facts.blocks}
    named |= {each.arm for each in facts.collected}
    strays = named - set(range(len(info.arms)))
    if strays:
        raise damaged(file, f"it speaks of arm {min(strays)}, and the run has {len(info.arms)}")
    for at, block in enumerate(facts.blocks):
        requests = (block.intended, block.sent, block.completed, block.failed, block.dropped, block.late)
        others = (block.pair, block.position, block.not_started, block.unfed, block.started_ns)
        if min(*requests, *others) < 0 or block.ended_ns < block.started_ns:
            raise damaged(file, f"block {at} has a negative count or ends before it begins")
        if block.completed + block.failed > block.sent:
            raise damaged(file, f"block {at} has more answers than requests")

    for told in facts.collected:
        if not service_metrics.is_one(told.metric) or min(told.sent, told.seconds) < 0:
            raise damaged(file, f"it collected {told.metric!r:.60}, which cannot be")


def check_checked(info: RunInfo, checked: Checked, file: Path) -> None:
    """Raise ``EvidenceError`` where checks speak of arms that the run has not, or one was made twice."""
    names = [each.check for each in checked.checks]
    if len(set(names)) < len(names):
        raise damaged(file, "it holds a check twice")
    for each in checked.checks:
        arms = [arm.arm for arm in each.arms]
        if len(set(arms)) < len(arms) or not set(arms) <= set(info.arms):
            raise damaged(file, f"{each.check} speaks of arms that the run has not")
        if each.version < 1 or min((arm.requests for arm in each.arms), default=0) < 0:
            raise damaged(file, f"{each.check} has a version or a count that cannot be")


def check_round(info: RunInfo, measured: Round, folder: Path) -> None:
    """Raise ``EvidenceError`` where samples refer to what is not there, or are not those that the blocks counted."""
    for samples in (measured.samples, measured.service, measured.messages):
        if samples is not None:
            _check_samples(info, measured, samples, folder / SAMPLES_FILE)
    _check_range(measured.processes["arm"], len(info.arms), "arm", folder / "processes.parquet")
    if measured.complete:  # of a round that was cut short, the last block is not among the blocks
        _check_counts(info, measured, folder / SAMPLES_FILE)


def _check_samples(info: RunInfo, measured: Round, samples: Samples, file: Path) -> None:
    columns = samples.columns
    _check_range(columns["arm"], len(info.arms), "arm", file)
    _check_range(columns["request"], len(info.requests), "request", file)
    _check_range(columns["outcome"], len(Outcome), "outcome", file)
    # A block that was cut short has samples, and is not among the blocks.
    pairs = max((block.pair for block in measured.blocks), default=-1) + 1 + (not measured.complete)
    _check_range(columns["pair"], pairs, "pair", file)
    for name in ("variant", "intended_ns", "sent_ns", "first_byte_ns", "done_ns", "bytes"):
        if len(samples) and int(columns[name].min()) < 0:
            raise damaged(file, f"{name} is negative")


def _check_counts(info: RunInfo, measured: Round, file: Path) -> None:
    """Hold the samples of each arm against what its blocks counted."""
    columns, weights = measured.samples.columns, measured.samples.counts
    for which, name in enumerate(info.arms):
        # A request that the service lost with its connection is counted apart, and one that was sent again is good.
        mine = (columns["arm"] == which) & (columns["outcome"] != Outcome.LOST)
        good = mine & np.isin(columns["outcome"], COMPLETED)
        found = [int(np.sum(mask if weights is None else weights[mask])) for mask in (mine, good)]
        blocks = [block for block in measured.blocks if block.arm == which]
        told = [
            sum(block.sent + block.dropped + block.not_started for block in blocks),
            sum(block.completed for block in blocks),
        ]
        if found != told:
            why = f"it holds {found[0]:,} samples of {name}, {found[1]:,} of them good; its blocks counted "
            raise damaged(file, f"{why}{told[0]:,} and {told[1]:,}")


def _check_range(column: Any, count: int, name: str, file: Path) -> None:
    if len(column) and not (int(np.min(column)) >= 0 and int(np.max(column)) < count):
        raise damaged(file, f"{name} {int(np.max(column))} (or below 0) is not among the {count} there are")
