"""A search for the capacity as rows of text: shared by terminal, Markdown and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfproof.model import formatting
from perfproof.model.result import CapacityEstimate, CapacitySearch, CapacityStep
from perfproof.verdict.display_rows import Tone


@dataclass(frozen=True)
class CapacityLine:
    """One arm's knee: the rate, its interval, the rates of the single starts, and a remark."""

    arm: str
    rate: str
    interval: str
    starts: str
    remark: str


@dataclass(frozen=True)
class StepLine:
    """One step: which start of which arm, at what rate, the figure that is limited, errors, and what became of it."""

    start: str
    arm: str
    rate: str
    value: str
    errors: str
    state: str
    tone: Tone
    why: str


def capacity_lines(search: CapacitySearch) -> list[CapacityLine]:
    """Return a line for each arm."""
    return [
        CapacityLine(
            arm=knee.arm,
            rate=(f"{knee.bound} " if knee.bound else "") + formatting.value(knee.estimate.value or None, "1/s"),
            interval="" if knee.bound else formatting.value_range(knee.estimate.low, knee.estimate.high, "1/s"),
            starts=", ".join(formatting.value(rate, "1/s") for rate in knee.starts[:12]),
            remark=remark(knee),
        )
        for knee in search.knees
    ]


def remark(knee: CapacityEstimate) -> str:
    """Return in few words why a knee is only a bound."""
    words = {
        "": "",
        "generator": "the load generator was saturated, not the service",
        "connections": "the load generator's connections were all busy",
        "highest": "the highest rate tried",
    }
    return words.get(knee.why, knee.why) if knee.bound else ""


def step_lines(search: CapacitySearch, most: int = 200) -> tuple[list[StepLine], int]:
    """Return the steps by arm, start and rate, at most so many, and how many were left out."""
    lines = [_step_line(step, search) for step in in_order(search.steps)]
    return lines[:most], max(0, len(lines) - most)


def in_order(steps: Sequence[CapacityStep]) -> list[CapacityStep]:
    """Return steps by arm (as they came), start and rate."""
    arms = list(dict.fromkeys(step.arm for step in steps))
    return sorted(steps, key=lambda step: (arms.index(step.arm), step.start, step.rate))


def _step_line(step: CapacityStep, search: CapacitySearch) -> StepLine:
    state, tone = ("✓ kept", "good") if step.kept else ("✗ broken", "bad")
    if step.limited:
        state, tone = f"! {step.limited}", "void"
    return StepLine(
        start=str(step.start),
        arm=step.arm,
        rate=formatting.value(step.rate, "1/s"),
        value=formatting.value(step.value, search.unit),
        errors=formatting.share(step.errors),
        state=state,
        tone=tone,  # type: ignore[arg-type] # a word of Tone
        why=step.why,
    )
