"""From a scenario's command line to what is executed: placeholders, environment, and every mistake before any start."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from perfproof.errors import UsageError
from perfproof.model.scenario import Arm, Service

_MORE_PORTS = re.compile(r"\{port([2-9])\}")


@dataclass(frozen=True)
class Command:
    """What to execute, where, and with which environment (whole, not only the scenario's part)."""

    argv: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(repr=False)


def fill(text: str, arm: str, port: int | None, more: Sequence[int] = ()) -> str:
    """Fill ``{port}``, ``{port2}`` and so on (from ``more``) and ``{arm}``; other braces stay (values may be JSON)."""
    filled = text.replace("{arm}", arm)
    for number, each in enumerate(more, 2):
        filled = filled.replace(f"{{port{number}}}", str(each))
    return filled if port is None else filled.replace("{port}", str(port))


def more_ports(service: Service) -> int:
    """Return how many ports beside the first a service asks for: 2 where ``{port3}`` is the last one it names."""
    collected = service.collect.prometheus if service.collect else None
    lines = (service.command, service.prepare, service.reset, collected, *service.environment.values())
    named = [int(number) for line in lines if line for number in _MORE_PORTS.findall(line)]
    return max(named, default=1) - 1


def resolve(arm: Arm, line: str, port: int | None, *, purpose: str = "command", more: Sequence[int] = ()) -> Command:
    """Return what ``line`` executes for ``arm``; ``more`` are its ports beside the first.

    Raises ``UsageError`` when it is empty or badly quoted, its program is missing or may not be executed, or the
    directory is missing.
    """
    service = arm.service
    environment = _environment(arm, port, more)
    directory = service.directory.absolute()
    if not directory.is_dir():
        state = "is not a directory" if directory.exists() else "does not exist"
        raise UsageError(
            f"{arm.name}: the service's directory {state}: {directory}",
            hint="set service.directory to a folder; it is relative to the scenario file",
        )
    if service.shell:
        return Command(("/bin/sh", "-c", fill(line, arm.name, port, more)), directory, environment)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"{arm.name}: {purpose} cannot be split into words",  # the line may hold a secret
            why=str(error).lower(),
            hint="close the quotation, or set service.shell: true if a shell is to read it",
        ) from None
    if not words:
        raise UsageError(f"{arm.name}: {purpose} is empty", hint=f"write the command line into service.{purpose}")
    argv = tuple(fill(word, arm.name, port, more) for word in words)
    return Command((_program(arm.name, argv[0], directory, environment), *argv[1:]), directory, environment)


def _environment(arm: Arm, port: int | None, more: Sequence[int] = ()) -> dict[str, str]:
    """Merge the parent's environment, ``PORT`` (``PORT2`` ...) and the scenario's own, which wins.

    perfproof's own script directory comes last on PATH: a virtual environment that perfproof was called from without
    being activated is searched after everything else, so it never hides a program of the user.
    """
    environment = dict(os.environ)
    if port is not None:
        environment["PORT"] = str(port)
    environment.update({f"PORT{number}": str(each) for number, each in enumerate(more, 2)})
    environment.update({name: fill(value, arm.name, port, more) for name, value in arm.service.environment.items()})
    environment["PATH"] = os.pathsep.join(
        [environment.get("PATH") or os.defpath, str(Path(sys.executable).parent)],
    )
    return environment


def _program(arm: str, name: str, directory: Path, environment: Mapping[str, str]) -> str:
    """Return the path of the program, as execvp would find it from ``directory``."""
    if "/" in name:
        path = directory / name
        if not path.exists():
            raise UsageError(
                f"{arm}: command not found: {name}",
                why=f"there is no {path}",
                hint="correct the path; it is relative to service.directory",
            )
        if path.is_dir() or not os.access(path, os.X_OK):
            raise UsageError(
                f"{arm}: command is not executable: {name}",
                why=f"{path} is a directory" if path.is_dir() else f"{path} has no execute permission",
                hint=f"chmod +x {path}, or name its interpreter in the command",
            )
        return str(path)
    # shutil.which takes relative PATH entries from perfproof's directory; they are meant from the service's.
    places = [str(directory / place) for place in environment["PATH"].split(os.pathsep)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found:
        return found
    blocked = [Path(place, name) for place in places if Path(place, name).is_file()]
    if blocked:
        raise UsageError(
            f"{arm}: command is not executable: {name}",
            why=f"{blocked[0]} has no execute permission",
            hint=f"chmod +x {blocked[0]}",
        )
    near = _likely(name, places)
    raise UsageError(
        f"{arm}: command not found: {name}",
        why=f"no such program on PATH ({_shown(environment['PATH'].split(os.pathsep))})",
        hint=(f"did you mean {near}? else " if near else "")
        + "install it, activate the environment it lives in, or write its full path",
    )


def _shown(places: Sequence[str]) -> str:
    """Return folders as PATH has them, the first few of many."""
    places = list(dict.fromkeys(places))
    return os.pathsep.join(places) if len(places) < 6 else f"{os.pathsep.join(places[:3])} and {len(places) - 3} more"


def _likely(name: str, places: Sequence[str]) -> str:
    """Return the program that was meant perhaps; empty if none is alike."""
    there: set[str] = set()
    for place in dict.fromkeys(places):
        with suppress(OSError):
            there |= {each.name for each in os.scandir(place) if each.name[:1] == name[:1]}
    return next(iter(get_close_matches(name, sorted(there), n=1, cutoff=0.8)), "")
