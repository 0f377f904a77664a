"""Whether a command line of the documentation could be typed: our commands and options, make's targets, files."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import typer

from perfproof.cli.app import app

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "apt-get", "cargo", "cat", "createdb", "export", "git", "kinto-env/bin/kinto", "kinto-env/bin/pip", "mv", "npm",
    "openssl", "pip", "pipx", "printf", "psql", "touch", "uv", "cd", "cp", "dpkg", ".venv/bin/wagtail",
    "root/usr/bin/promtool",
}  # fmt: skip
"""Programs of others that pages tell to use."""


def mistakes_in(script: str) -> list[str]:
    """Return what is wrong with a block of command lines."""
    found = []
    for line in re.sub(r"\\\n\s*", " ", script).splitlines():
        told = re.sub(r"^\$ ", "", re.sub(r"(?<=\S)\s{2,}.*", "", line))  # a pipe of spaces begins what it does
        for command in re.split(r"\s*(?:\|\||&&|;)\s*(?=[\w./$]+)", told):
            found += mistakes_in_command(command)
    return found


def mistakes_in_command(command: str) -> list[str]:
    """Return what is wrong with one command."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError as error:
        return [f"{command}: {error}"]
    while words and re.match(r"^\w+=", words[0]):
        words = words[1:]
    if not words or words == ["true"]:
        return []
    program, rest = words[0], words[1:]
    if program.endswith("pip") or rest[:2] == ["-m", "pip"]:
        bare = [word for word in rest if re.fullmatch(r"perfproof(\[[\w,]+\])?([=<>~!].*)?", word)]
        return [f"{command}: perfproof is on no index"] if bare else []
    if program in ("perfproof", ".venv/bin/perfproof"):
        return [f"{command}: {each}" for each in mistakes_in_arguments(rest)]
    if program == "make":
        return [f"{command}: no such target" for word in rest if word not in _targets()]
    if program in ("python", ".venv/bin/python"):
        return [f"{command}: {each}" for each in _mistakes_in_python(rest)]
    return [] if program in FOREIGN else [f"{command}: `{program}` is no command that is known here"]


def mistakes_in_arguments(words: list[str], *, whole: bool = True) -> list[str]:
    """Return what is wrong with what follows ``perfproof``; within a sentence it need not be the ``whole``."""
    command = _whole()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [f"no command `{words[0]}`"]
        command, words = command.commands[words[0]], words[1:]
    options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts)}
    found, positional, index = [], 0, 0
    while index < len(words):
        name, _, value = words[index].partition("=")
        index += 1
        if not name.startswith("-") or name == "-":
            positional += 1
        elif name in ("--help", "-h"):
            pass
        elif name not in options:
            found.append(f"no option `{name}`")
        elif not value and options[name].type_descriptor.annotation is not bool:
            index += 1
            if index > len(words) and whole:
                found.append(f"`{name}` wants a value")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    if positional > len(arguments) and not any(each.nargs == -1 for each in arguments):
        found.append(f"{positional} arguments, but it takes {len(arguments)}")
    return found


def options() -> set[str]:
    """Return every option that any command has."""
    return {name for command in _all(_whole()) for each in command.params for name in
            (*each.opts, *each.secondary_opts) if name.startswith("-")}  # fmt: skip


@cache
def _whole() -> Any:
    return typer.main.get_command(app)


def _all(command: Any) -> list[Any]:
    return [command, *(deeper for each in getattr(command, "commands", {}).values() for deeper in _all(each))]


def _mistakes_in_python(words: list[str]) -> list[str]:
    if words[:1] == ["-m"]:
        return [] if words[1:2] != ["perfproof"] else mistakes_in_arguments(words[2:])
    if not words or words[0].startswith("-") or "/" not in words[0]:
        return []
    file = ROOT / words[0]
    if not file.is_file():
        return [f"no file {words[0]}"]
    source = file.read_text(encoding="utf-8")
    return [
        f"{words[0]} has no {word}" for word in words[1:] if word.startswith("--") and word.split("=")[0] not in source
    ]


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
