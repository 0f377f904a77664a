"""Which checks there are: the entry points of the group ``perfproof.checks``, our own among them.

    [project.entry-points."perfproof.checks"]
    licences = "perfproof_licences:CHECK"

The name of an entry point is the name of its check. ``perfproof.testing`` has the tests that a check should pass.
Checks of our own cannot be replaced: what `error_contract` means must not depend on what else is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from perfproof.checks.protocol import Check
from perfproof.errors import UsageError

GROUP = "perfproof.checks"
OWN = {
    "error_contract": "perfproof.checks.error_contract:CHECK",
    "contract": "perfproof.checks.contract:CHECK",
    "rollout": "perfproof.rollout:CHECK",
    "build": "perfproof.checks.building:CHECK",
    "telemetry": "perfproof.checks.telemetry:CHECK",
    "webhooks": "perfproof.checks.webhooks:CHECK",
    "security": "perfproof.checks.security:CHECK",
}
"""Our own checks, as pyproject.toml registers them: known here as well, for a source tree that is not installed."""
RESTARTS = frozenset(("rollout",))
"""Checks that restart the service by themselves."""
ON_REQUEST = RESTARTS | {"security", "webhooks"}
"""Checks that are made only where they are named, never as one of all: they do more than ask (restart the service, send
what attackers send), or say nothing without settings of their own."""


@cache
def _entries() -> dict[str, EntryPoint]:
    found = {each.name: each for each in entry_points(group=GROUP)}
    return {**found, **{name: EntryPoint(name, value, GROUP) for name, value in OWN.items()}}


def names() -> tuple[str, ...]:
    """Return the names of all checks, our own first; nothing is imported."""
    return (*OWN, *sorted(name for name in _entries() if name not in OWN))


def usual() -> tuple[str, ...]:
    """Return the names of the checks that are made where all are wanted."""
    return tuple(name for name in names() if name not in ON_REQUEST)


def find(name: str) -> Check | None:
    """Return the check of that name, None if no installed package has it; ``UsageError`` if it cannot be loaded."""
    entry = _entries().get(name)
    if entry is None:
        return None
    try:
        module, _, attribute = entry.value.partition(":")
        check: Check = getattr(import_module(module), attribute) if name in OWN else entry.load()
        if check.name != name:
            raise ValueError(f"it calls itself {check.name!r}")
    except Exception as error:
        package = entry.dist.name if entry.dist is not None else entry.module
        raise UsageError(
            f"the check {name} of the package {package} cannot be loaded: {type(error).__name__}: {error}",
            where=entry.value,
            hint=f"report it to the authors of {package}, or remove the package",
        ) from error
    return check


def every() -> Iterator[Check]:
    """Yield all checks that can be loaded, our own first."""
    for name in names():
        try:
            check = find(name)
        except UsageError:
            continue
        if check is not None:
            yield check
