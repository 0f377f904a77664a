"""What can be known to be wrong before anything is started: looked at before a run leaves a trace.

Programs that are not there, scripts of interpreters, ports that are taken, services that nobody has started, databases
that let nobody in. What ``prepare`` may still make or start is left to it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from perfproof.core import paths
from perfproof.databases.entrance import barred
from perfproof.errors import PerfproofError, UsageError
from perfproof.load.extra import require_locust
from perfproof.model.scenario import Arm, Scenario
from perfproof.scenario.places import place_of
from perfproof.service.command import Command, resolve
from perfproof.service.lifecycle import require_answer, require_free_ports

_INTERPRETERS = re.compile(r"(?:python[\d.]*|node|nodejs|deno|bun|ruby|php|perl|bash|sh|dash|zsh|Rscript)")
_SCRIPT = re.compile(r".+\.(?:py|pyw|js|mjs|cjs|ts|rb|php|pl|sh|R)")
_PROGRAM_TEXT = ("-c", "-m", "-e", "-r", "-p", "--eval", "--print", "--run")
"""Options of interpreters after which no script is named."""


def require_ready(scenario: Scenario, arms: Sequence[Arm]) -> None:
    """Raise the first thing that would keep ``arms`` from being started, with its place in the scenario file."""
    for hitch in hitches(scenario, arms):
        raise hitch


def alike(arms: Sequence[Arm]) -> bool:
    """Tell whether all arms are started the same, so that whatever differs is noise."""
    return all(replace(arm, name="", source={}) == replace(arms[0], name="", source={}) for arm in arms)


def hitches(scenario: Scenario, arms: Sequence[Arm], *, asking: bool = True) -> Iterator[PerfproofError]:
    """Yield what would keep ``arms`` from being started, each once; without ``asking`` nobody is asked for that."""
    try:
        require_locust(scenario)
    except UsageError as error:
        yield error
    told: set[str] = set()
    for key, arm, look in _looks(arms, asking):
        try:
            look()
        except PerfproofError as error:
            said = str(error).replace(f"{arm.name}:", "", 1)
            if said in told:
                continue
            told.add(said)
            error.where = error.where or place_of(scenario, arm.name, key)
            yield error


def _looks(arms: Sequence[Arm], asking: bool) -> Iterator[tuple[str, Arm, Callable[[], None]]]:
    """Yield what is looked at: the key it is about, the arm, and the look, which raises what is wrong."""
    for arm in arms:
        service = arm.service
        made = bool(service.prepare)  # it may install, compile, start or fill what is missing yet
        lines = {"prepare": service.prepare} if made else {"reset": service.reset, "command": service.command}
        for key, line in lines.items():
            if line:
                yield key, arm, _looking_at(arm, key, line)
        if asking and service.url and not made and not service.reset:
            yield "url", arm, lambda arm=arm: require_answer(arm)  # type: ignore[misc]
        for url in service.database:
            if asking and "{" not in url and url.partition(":")[0] != "sqlite":
                yield "database", arm, lambda arm=arm, url=url: _let_in(arm, url)  # type: ignore[misc]
    fixed = [arm for arm in arms if not (arm.service.prepare or arm.service.reset)]
    for arm in fixed:
        if arm.service.port:
            yield "port", arm, lambda arm=arm: require_free_ports([arm])  # type: ignore[misc]


def _looking_at(arm: Arm, key: str, line: str) -> Callable[[], None]:
    def look() -> None:
        filled = line.replace("{python}", sys.executable)
        if filled.startswith("{work}"):
            return
        environment = {name: value for name, value in arm.service.environment.items() if "{work}" not in value}
        known = replace(arm, service=replace(arm.service, environment=environment))
        _script(arm, key, resolve(known, filled, arm.service.port, purpose=key))

    return look


def _script(arm: Arm, key: str, command: Command) -> None:
    """Raise UsageError where an interpreter is given a script that is not there."""
    program, *words = command.argv
    if not _INTERPRETERS.fullmatch(os.path.basename(program)):  # noqa: PTH119 - a word of a command line
        return
    for word in words:
        if word in _PROGRAM_TEXT:
            return
        if word.startswith("-"):
            continue
        path = Path(command.directory) / word
        if _SCRIPT.fullmatch(word) and "{" not in word and not paths.exists(path):
            raise UsageError(
                f"{arm.name}: {key} runs {word}, which does not exist",
                why=f"there is no {path}",
                hint="correct the path; it is relative to service.directory",
            )
        return


def _let_in(arm: Arm, url: str) -> None:
    """Raise UsageError where the database is up and lets nobody in who comes with this address."""
    if (why := barred(url)) is not None:
        raise UsageError(
            f"{arm.name}: queries cannot be counted: {why[0]}",
            why=why[1],
            hint="correct user, password and name in database:, or leave it out to measure without queries",
        )
