"""A service that reads its port from a file or has it in its command gets one of its own for each start.

Both versions run at the same time, so one port is not enough. Where its number stands in the command, in the
environment or in a configuration file that the command names, ``{port}`` takes its place; each start copies the file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from perfproof.draft.start.start import Start, text_of
from perfproof.errors import UsageError


def with_own_port(way: Start, folder: Path) -> Start:
    """Return ``way`` with ``{port}`` wherever its port is told; ``folder`` is that of the service.

    UsageError where its number stands nowhere.
    """
    port = way.port
    if port is None:
        return way
    number = re.compile(rf"(?<![\d.]){port}(?![\d.]*\d)")
    command = number.sub("{port}", way.command)
    environment = {name: number.sub("{port}", value) for name, value in way.environment.items()}
    files = [] if "{port}" in command else _files(command, number, folder / way.directory)
    shell = way.shell
    for file in files:
        copy = f"'{{work}}/{Path(file).name}'".replace("\\", r"\\")
        command = re.sub(rf"(?<![\w./-]){re.escape(file)}(?![\w./-])", copy, command)
    if files:
        copies = [
            f"sed 's/\\b{port}\\b/{{port}}/g' {shlex.quote(file)} > '{{work}}/{Path(file).name}'" for file in files
        ]
        command, shell = f"{' && '.join(copies)} && {'' if shell else 'exec '}{command}", True
    if (command, environment) == (way.command, dict(way.environment)):
        raise UsageError(
            f"the service takes no other port than {port}",
            why="; ".join(way.notes)
            or "both versions run at the same time, and the number stands neither in the command or environment nor in"
            " a file that the command names",
            hint="write {port} where the port is told: --command 'myserver --port {port}', or -e LISTEN_PORT={port}",
        )
    return replace(way, command=command, environment=environment, shell=shell, port=None)


def _files(command: str, number: re.Pattern[str], directory: Path) -> list[str]:
    """Return the files that a command names, as it does, in which the number stands."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    named = [part for word in words for part in (word, word.partition("=")[2]) if part]
    return [
        each
        for each in dict.fromkeys(named)
        if (directory / each).is_file() and "\0" not in (text := text_of(directory / each)) and number.search(text)
    ]
