"""A recording in, a result out: the verdict of a run, looks while it goes on, and what a time budget buys.

Samples become sorted columns, a figure per arm and round, a series per metric and request name (``stats``), a row with
interval and verdict and one conclusion (``verdict``); ``analysis`` puts them in order. See docs/statistics.md.

The names below are imported on first use: NumPy alone takes as long to load as ``perfproof --help`` may take in all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfproof.judge.analysis import compare, spreads
    from perfproof.judge.daily import days
    from perfproof.judge.early_stop import Look, look, progress
    from perfproof.judge.run_plan import RunPlan, plan
    from perfproof.judge.several import analyse

__all__ = ["Look", "RunPlan", "analyse", "compare", "days", "look", "plan", "progress", "spreads"]

_HOMES = {
    "analyse": "several",
    "days": "daily",
    "RunPlan": "run_plan",
    "plan": "run_plan",
    "Look": "early_stop",
    "look": "early_stop",
    "progress": "early_stop",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"perfproof.judge.{_HOMES.get(name, 'analysis')}"), name)
