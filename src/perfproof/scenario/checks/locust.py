"""What must hold of a scenario whose requests a Locust file makes. The file is compiled here, never run."""

from __future__ import annotations

import pathlib

from perfproof.errors import Problem
from perfproof.scenario.arms import merged, origin, overrides
from perfproof.scenario.checks.files import exists
from perfproof.scenario.document import Path
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.validate import Findings

_MOST_BYTES = 4 * 1024 * 1024
_WITHOUT_EFFECT = {
    "requests": "keep the one that is meant",
    "setup": "log in where the file does, e.g. in on_start",
    "feeds": "read them in the file",
    "responses": "the User classes judge their responses",
    "capacity": "users have no rate that could be searched",
}
_OF_THE_FILE = {
    "rate": "users and their wait_time decide how much is sent",
    "arrivals": "the wait_time of the User classes decides",
    "stages": "users and their wait_time decide how much is sent",
    "think_time": "the wait_time of the User classes decides",
    "connections": "every user of the file has its own",
    "samples": "its requests are all kept",
}


def check_locustfile(spec: ScenarioSpec, base: pathlib.Path, findings: Findings) -> None:
    """Note every mistake around ``locustfile``, and where the file itself is not Python."""
    if spec.locustfile is None:
        return
    for key, fix in _WITHOUT_EFFECT.items():
        if key in spec.model_fields_set:
            findings.add((key,), "has no effect beside locustfile", fix, at_key=True)
    for key, fix in _OF_THE_FILE.items():
        if key in spec.load.model_fields_set:
            findings.add(("load", key), "has no effect on a locustfile", fix, at_key=True)
    if spec.load.model == "open" and "model" in spec.load.model_fields_set:
        fix = "write model: closed; users wait for their responses"
        findings.add(("load", "model"), "cannot be open with a locustfile", fix)
    if spec.load.workers > 1 or spec.load.listen:
        key = "workers" if spec.load.workers > 1 else "listen"
        findings.add(("load", key), "cannot share the users of a locustfile", "remove it", at_key=True)
    for name, arm in overrides(spec).items():
        if merged(spec.service, arm).tls is not None:
            fix = "set it in the file, e.g. self.client.verify"
            findings.add(origin(name, arm, "tls"), "has no effect on a locustfile", fix, at_key=True)
    _file(spec.locustfile.file, base, findings)


def _file(written: str, base: pathlib.Path, findings: Findings) -> None:
    path: Path = ("locustfile", "file")
    file = base / written
    if findings.depends_on_invalid(path) or not exists(path, file, written, findings):
        return
    if file.stat().st_size > _MOST_BYTES:
        findings.add(path, f"`{written}` is larger than {_MOST_BYTES >> 20} MiB", "is it a Python file?")
        return
    try:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        place = (error.lineno or 1, error.offset or 1)
        findings.document.problems.append(Problem(str(file), *place, "locustfile", f"is not Python: {error.msg}"))
    except ValueError as error:  # null bytes, or an encoding nobody knows
        findings.document.problems.append(Problem(str(file), 1, 1, "locustfile", f"is not Python: {error}"))
