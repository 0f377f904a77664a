"""Command lines that cannot do what is meant: shell words without a shell, a port of their own, a Unix socket."""

from __future__ import annotations

import re
from collections.abc import Mapping

from perfproof.scenario.arms import merged, overrides
from perfproof.scenario.document import Path
from perfproof.scenario.schema.scenario import ScenarioSpec
from perfproof.scenario.schema.service import ServiceSpec
from perfproof.scenario.validate import Findings
from perfproof.scenario.variables import TEMPLATE

LINES = ("command", "build", "prepare", "reset")

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)=(\S*)\s+\S")
_CHANGE = re.compile(r"\s*cd\s+(\S+?)\s*(?:&&|;)\s*\S")
_VARIABLE = re.compile(r"\$(\w+)")
_OPERATOR = re.compile(r"(?:^|\s)(\d?>{1,2}&?|<{1,2}|&&|\|\|?|;|&)(?=\s|$|\w|/)|\S(;)\s|(?:^|\s)(\d?>{1,2}&?\d?\S+)")
_SOCKET = re.compile(r"(?:--uds|--unix-socket)\b|\bunix:|\bunix://|\.sock\b")
_OWN_PORT = re.compile(r"(?:--port|-p|--bind|-b|--listen|--http-port)[ =](?:\S*:)?(\d{2,5})\b|\S:(\d{4,5})(?=\s|$)")
# Servers that take their port from the command line alone; others may read PORT, which every service is given.
_DEAF = re.compile(
    r"\b(uvicorn|hypercorn|daphne|granian|waitress-serve|http\.server|manage\.py\s+runserver|flask\s+(?:\S+\s+)*run"
    r"|fastapi\s+(?:run|dev)|php\s+-S)\b"
)


def check_commands(spec: ScenarioSpec, findings: Findings) -> None:
    """Note what in the command lines of ``spec`` would not work when they are run."""
    arms = {name: merged(spec.service, arm) for name, arm in overrides(spec).items()}
    shells: Mapping[Path, bool] = {
        ("service",): all(arm.shell for arm in arms.values()),
        **{("arms", name): arm.shell for name, arm in arms.items()},
    }
    parts: dict[Path, ServiceSpec] = {("service",): spec.service}
    parts |= {("arms", name): arm for name, arm in overrides(spec).items()}
    for path, part in parts.items():
        for key in LINES:
            line = _as_written((*path, key), findings)
            if (
                getattr(part, key)
                and line
                and not shells[path]
                and not findings.depends_on_invalid((*path, "shell"), ("service", "shell"))
            ):
                _words(line, (*path, key), findings)
    for name, arm in arms.items():
        own = overrides(spec)[name]
        _port(arm, ("arms", name) if own.command else ("service",), findings)


def _as_written(path: Path, findings: Findings) -> str:
    """Return a command line without the variables that perfproof fills: their values may hold anything."""
    spot = findings.document.spots.get(path)
    return TEMPLATE.sub(lambda match: "$" if match.group(0) == "$$" else "x", spot.written) if spot else ""


def _words(line: str, path: Path, findings: Findings) -> None:
    """Note the first thing that only a shell understands."""
    bare = _QUOTED.sub(lambda match: "q" * len(match.group()), line)
    assignment, change = _ASSIGNMENT.match(bare), _CHANGE.match(bare)
    variable, operator = _VARIABLE.search(bare), _OPERATOR.search(bare)
    if assignment:
        name = assignment.group(1)
        findings.add(
            path,
            f"begins with {name}=, which only a shell takes for a variable",
            f"write it below environment: instead, e.g. {{{name}: ...}}, or shell: true",
        )
    elif change:
        findings.add(
            path,
            "begins with cd, which only a shell knows",
            f"write directory: {change.group(1)} instead, or shell: true",
        )
    elif variable:
        name = variable.group(1)
        fix = "write {port}" if name == "PORT" else f"write ${{{name}}} to take it from the environment"
        findings.add(path, f"holds ${name}, which only a shell fills", f"{fix}, or shell: true")
    elif operator:
        found = next(group for group in operator.groups() if group)
        fix = "leave it out: what is printed is kept anyway; or shell: true" if ">" in found else "write shell: true"
        findings.add(path, f"holds `{found}`, which only a shell understands", fix)


def _port(arm: ServiceSpec, path: Path, findings: Findings) -> None:
    """Note a command that cannot listen where perfproof will ask: it chooses a free port unless ``port`` fixes one."""
    command = arm.command
    if not command or arm.url or findings.depends_on_invalid((*path, "command"), (*path, "port"), ("service", "port")):
        return
    place: Path = (*path, "command")
    if _SOCKET.search(command):
        _once(findings, place, "listens on a Unix socket, which cannot be loaded", "have it listen on 127.0.0.1:{port}")
        return
    filled = [command, *arm.environment.values()]
    if arm.port is not None or any("{port}" in text for text in filled):
        return
    if arm.shell and re.search(r"\$\{?PORT\b", command):
        return
    own = _OWN_PORT.search(command)
    if own:
        number = own.group(1) or own.group(2)
        fix = f"write {{port}} in place of {number}, or port: {number} beside it"
        _once(findings, place, f"listens on port {number}, and perfproof chooses the port", fix)
    elif found := _DEAF.search(command):
        what = " ".join(found.group(1).split())
        _once(findings, place, f"does not tell {what} which port to listen on", "write {port} where its port goes")


def _once(findings: Findings, path: Path, reason: str, fix: str) -> None:
    """Note a mistake of a command that both arms share only once."""
    if findings.document.problem(path, reason, fix) not in findings.document.problems:
        findings.add(path, reason, fix)
