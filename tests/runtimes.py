"""Services in other languages with a hot function that can be planted (``PLANTED`` rounds of work for each order)."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import why_builders
from perfproof.model.levers import Causes
from perfproof.model.profile import ArmProfile
from perfproof.model.result import Verdict
from perfproof.model.why import Why
from perfproof.why.explain import explain

HERE = Path(__file__).parent / "services" / "runtimes"
COMMANDS = {
    "node": f"node {HERE}/service.js {{port}}",
    # Without `nodelay` the JDK's server waits 40 ms for an acknowledgement before it sends a body.
    "java": f"java -Dsun.net.httpserver.nodelay=true {HERE}/Service.java {{port}}",
}
"""By runtime: of a service in Java its source, which its launcher compiles in each start."""
PLANTED = {"node": 2000, "java": 2_000_000}
ENGINES = {"node": "node", "java": "jfr"}
REQUESTS = ("/orders", "/customers")


@cache
def _compiled() -> TemporaryDirectory[str]:
    """Return a folder that goes when the interpreter does, with the service in Java compiled into it."""
    folder = TemporaryDirectory()
    subprocess.run(["javac", "-d", folder.name, str(HERE / "Service.java")], check=True, timeout=120)
    return folder


def started_sooner(runtime: str) -> str:
    """Return the command of a service that is compiled already."""
    if runtime != "java":
        return COMMANDS[runtime]
    return COMMANDS[runtime].replace(f"{HERE}/Service.java", f"-cp {_compiled().name} Service")


def missing(runtime: str) -> str:
    """Return what is not installed for a runtime, "" where all is."""
    if runtime == "java":
        # A bare runtime cannot start a source file; javac comes with the compiler it needs for that.
        return "" if shutil.which("java") and shutil.which("javac") else "default-jdk-headless"
    if shutil.which("node") is None:
        return "nodejs"
    found = subprocess.run(["node", "-e", "require('express')"], cwd=HERE, capture_output=True, check=False)
    return "" if found.returncode == 0 else f"express in NODE_PATH ({os.environ.get('NODE_PATH', 'not set')})"


def concluded(profiles: tuple[ArmProfile, ...]) -> Why:
    """Return the answer to why, as if every request had surely become slower, so that a wrong cause has its chance."""
    latency = dict.fromkeys(REQUESTS, (10.0, 14.0))
    rows = why_builders.rows(latency, cpu=(8.0, 12.0))
    found = explain(Causes(profiles=profiles), rows, (), Verdict.REGRESSED, dict.fromkeys(REQUESTS, 20.0))
    assert found is not None
    return found


def first_named(found: Why) -> tuple[str, str]:
    """Return the request and function that the heaviest cause names, twice "" where none is named."""
    if not found.causes:
        return "", ""
    return found.causes[0].request, found.causes[0].mechanisms[0].name
