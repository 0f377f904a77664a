"""The agent: standard library only, injected into a Python service while perfproof probes it or looks for causes.

``inject/`` is put at the front of ``PYTHONPATH``; its ``sitecustomize`` starts ``perfproof_agent`` if, and only if,
``PERFPROOF_AGENT_DIR`` is set. Timed rounds start the service without either, so that nothing of it is in the process.
Nothing in ``inject/`` imports perfproof, and all of it runs on Python 3.8 and later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

DIRECTORY_VARIABLE = "PERFPROOF_AGENT_DIR"
WANTS_VARIABLE = "PERFPROOF_AGENT_WANTS"
INTERVAL_VARIABLE = "PERFPROOF_AGENT_INTERVAL"
"""Nanoseconds between two samples of a profile."""
SAMPLER_VARIABLE = "PERFPROOF_AGENT_SAMPLER"
"""``pyinstrument``, or nothing for the agent's own."""
SITE = Path(__file__).parent / "inject"

Want = Literal["queries", "profile", "pool", "memory"]
"""What the agent watches: statements, where time goes, database connections, or allocations."""


def injected(environment: Mapping[str, str], directory: Path, *wants: Want) -> dict[str, str]:
    """Return ``environment`` with the agent switched on and writing to ``directory`` (must exist, mode 0700).

    It watches what ``wants`` names and nothing else, since watching costs time; statements by default. The service's
    own ``PYTHONPATH`` and ``sitecustomize`` keep working behind the agent's.
    """
    existing = environment.get("PYTHONPATH")
    path = os.pathsep.join([str(SITE), existing] if existing else [str(SITE)])
    return {
        **environment,
        "PYTHONPATH": path,
        DIRECTORY_VARIABLE: str(directory),
        WANTS_VARIABLE: ",".join(wants or ("queries",)),
    }
