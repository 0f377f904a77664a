"""The agent: a few hundred lines of standard library that perfproof injects into a Python service while it probes.

``inject/`` is put at the front of ``PYTHONPATH``; its ``sitecustomize`` starts ``perfproof_agent`` if, and only if,
``PERFPROOF_AGENT_DIR`` is set. Timed rounds start the service without either, so that nothing of it is in the process.
Nothing in ``inject/`` imports perfproof, and all of it runs on Python 3.8 and later.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DIRECTORY_VARIABLE = "PERFPROOF_AGENT_DIR"
SITE = Path(__file__).parent / "inject"


def injected(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return ``environment`` with the agent switched on and writing to ``directory`` (must exist, mode 0700).

    The service's own ``PYTHONPATH`` and ``sitecustomize`` keep working behind the agent's.
    """
    existing = environment.get("PYTHONPATH")
    path = os.pathsep.join([str(SITE), existing] if existing else [str(SITE)])
    return {**environment, "PYTHONPATH": path, DIRECTORY_VARIABLE: str(directory)}
