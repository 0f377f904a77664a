"""The agent: standard library only, injected into a Python service while perfproof probes it or looks for causes.

``inject/`` is put at the front of ``PYTHONPATH``; its ``sitecustomize`` starts ``perfproof_agent`` if, and only if,
``PERFPROOF_AGENT_DIR`` is set. Timed rounds start the service without either, so that nothing of it is in the process.
Nothing in ``inject/`` imports perfproof, and all of it runs on Python 3.8 and later. ``inject_node/`` is what a Node
service is told to load, through ``NODE_OPTIONS``, while causes are looked for.
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
NODE_SCRIPT = Path(__file__).parent / "inject_node" / "perfproof_profiler.cjs"

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


def telling_lines(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` in which a JVM keeps where in the source its compiled code is; its own options stay.

    Without, inlined methods are booked on a neighbour: the Flight Recorder knows compiled code at calls alone.
    """
    options = [environment.get("JAVA_TOOL_OPTIONS", ""), "-XX:+UnlockDiagnosticVMOptions -XX:+DebugNonSafepoints"]
    return {**environment, "JAVA_TOOL_OPTIONS": " ".join(filter(None, options))}


def injected_into_node(environment: Mapping[str, str], directory: Path, interval_ns: int) -> dict[str, str]:
    """Return ``environment`` with V8's profiler at hand in Node processes; ``NODE_OPTIONS`` of the service's stay."""
    script = str(NODE_SCRIPT).replace("\\", "\\\\").replace('"', '\\"')
    options = [environment.get("NODE_OPTIONS", ""), f'--require "{script}"']
    return {
        **environment,
        "NODE_OPTIONS": " ".join(filter(None, options)),
        "PERFPROOF_NODE_DIR": str(directory),
        "PERFPROOF_NODE_INTERVAL_US": str(max(1, interval_ns // 1000)),
    }
