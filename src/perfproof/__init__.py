"""Proves or refutes that a change made an HTTP API faster, leaner and gentler on its database.

As a library (docs/library.md), ``import perfproof`` gives what ``perfproof.api`` documents: measure a scenario, open
what was recorded, and take tables out of it as pandas DataFrames.

The tree has one room per feature (docs/architecture.md): ``scenario`` says what to measure; ``measure`` (the conductor)
starts arms by ``rounds`` and ``service``, sends by ``load`` and ``http``, records in ``evidence``; ``judge`` concludes
with ``stats`` and ``verdict``; ``report`` draws, ``store`` remembers. ``queries``, ``why``, ``capacity`` and
``instructions`` are features, ``model`` holds the nouns they all share.
"""

# The types of this module are in __init__.pyi: an import here, even one for type checkers alone, would be a way from
# every module that asks for the version up to the library, and the layers would be a circle.

from importlib import import_module

__version__ = "0.1.0"

_ERRORS = (
    "EvidenceError",
    "LoadError",
    "PerfproofError",
    "ScenarioError",
    "ServiceError",
    "StoreError",
    "UsageError",
)
_API = (
    "Compared",
    "History",
    "Run",
    "ab",
    "compare",
    "gate",
    "list_runs",
    "open_history",
    "open_run",
    "prove",
    "read_scenario",
    "run",
    "run_checks",
)
__all__ = [*_API, *_ERRORS, "__version__", "frames"]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that ``import perfproof`` costs nothing."""
    if name in _API:
        return getattr(import_module("perfproof.api"), name)
    if name in _ERRORS:
        return getattr(import_module("perfproof.errors"), name)
    if name == "frames":
        return import_module("perfproof.frames")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for completion in a notebook."""
    return sorted(__all__)
