"""How a service starts where it is written down for other tools: Procfile, Dockerfile, compose file."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from perfproof.draft.start.start import Start, adapted, text_of
from perfproof.draft.templates import written

_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")


def procfile(folder: Path) -> Iterator[Start]:
    """Yield the ``web`` process of a Procfile."""
    match = re.search(r"^web:\s*(.+)$", text_of(folder / "Procfile"), re.MULTILINE)
    if match:
        line = adapted(match[1])
        yield Start(line.text, "Procfile", shell=line.shell)


def dockerfile(folder: Path) -> Iterator[Start]:
    """Yield what the last stage of a Dockerfile runs, as it would run outside of the container."""
    text = text_of(folder / "Dockerfile").replace("\\\n", " ")
    last = re.split(r"^FROM\s", text, flags=re.MULTILINE | re.IGNORECASE)[-1]
    words: dict[str, list[str] | str] = {}
    for name, rest in re.findall(r"^\s*(ENTRYPOINT|CMD)\s+(.+)$", last, re.MULTILINE | re.IGNORECASE):
        words[name.upper()] = _exec_form(rest)
    parts = [words[name] for name in ("ENTRYPOINT", "CMD") if name in words]
    if not parts:
        return
    line = adapted(" ".join(part if isinstance(part, str) else shlex.join(part) for part in parts))
    yield Start(
        _at_home(line.text, last, folder),
        "Dockerfile",
        shell=line.shell,
        notes=("from the Dockerfile: it runs here outside of the container, with what is installed here",),
    )


def compose(folder: Path) -> Iterator[Start]:
    """Yield the command of each compose service that is built from this folder."""
    services, _ = composed(folder)
    for name, service in services.items():
        command = service.get("command")
        if "build" not in service or not command:
            continue
        line = adapted(command if isinstance(command, str) else shlex.join(map(str, command)))
        yield Start(
            line.text,
            f"compose file, service {name}",
            shell=line.shell,
            environment={
                key: written(value) for key, value in environment_of(service).items() if value and "$" not in value
            },
            notes=("from the compose file: it runs here outside of its container, with what is installed here",),
        )


def composed(folder: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the services of the compose file in a folder, and the file's name; none if there is no good one."""
    for name in _COMPOSE:
        text = text_of(folder / name)
        if not text:
            continue
        try:
            data = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError, ValueError):
            return {}, name
        services = data.get("services") if isinstance(data, dict) else None
        if isinstance(services, dict):
            return {str(key): value for key, value in services.items() if isinstance(value, dict)}, name
    return {}, ""


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a compose service, which is a mapping or a list of ``NAME=value``."""
    found = service.get("environment")
    if isinstance(found, dict):
        return {str(key): "" if value is None else str(value) for key, value in found.items()}
    pairs = (str(each).partition("=") for each in found) if isinstance(found, list) else ()
    return {name: value for name, _, value in pairs}


def published(service: dict[str, Any], port: int) -> int | None:
    """Return the port of this machine at which a compose service's ``port`` can be reached."""
    for each in service.get("ports") or ():
        if isinstance(each, dict):
            if each.get("target") == port and str(each.get("published", "")).isdigit():
                return int(each["published"])
            continue
        steps = str(each).partition("/")[0].split(":")
        if len(steps) >= 2 and steps[-1] == str(port) and steps[-2].isdigit():
            return int(steps[-2])
    return None


def from_here(url: str, services: dict[str, dict[str, Any]], default: int) -> str | None:
    """Return a database address as it is reached from outside of the containers; None if it cannot be."""
    parts = urlsplit(url)
    service = services.get(parts.hostname or "")
    if service is None:
        return url if parts.hostname in ("127.0.0.1", "localhost", "::1") else None
    port = published(service, parts.port or default)
    if port is None:
        return None
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@127.0.0.1:{port}" if credentials else f"127.0.0.1:{port}").geturl()


def _exec_form(rest: str) -> list[str] | str:
    try:
        words = json.loads(rest)
    except ValueError:
        return rest.strip()
    return [str(each) for each in words] if isinstance(words, list) else rest.strip()


def _at_home(command: str, stage: str, folder: Path) -> str:
    """Return a command with the container's working folder taken for this one."""
    workdirs = re.findall(r"^\s*WORKDIR\s+(\S+)", stage, re.MULTILINE | re.IGNORECASE)
    if not workdirs:
        return command
    words = []
    for word in command.split(" "):
        inner = word.removeprefix(workdirs[-1].rstrip("/") + "/")
        words.append(inner if inner == word or (folder / inner).exists() else word)
    first, *rest = words
    return " ".join([f"./{first}" if (folder / first).is_file() and "/" not in first else first, *rest])
