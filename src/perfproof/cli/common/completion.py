"""``perfproof completion``: the script that lets a shell complete commands, options, scenarios and runs."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Shell(StrEnum):
    """Shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Which shell the script is for.", show_default=False)],
) -> None:
    """Print the completion script of a shell.

    bash: `eval "$(perfproof completion bash)"` in ~/.bashrc. zsh: `eval "$(perfproof completion zsh)"` in ~/.zshrc,
    below `compinit`. fish: `perfproof completion fish > ~/.config/fish/completions/perfproof.fish`.
    """
    # Typer has had it there in every version, and never says that it is exported.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="perfproof", complete_var="_PERFPROOF_COMPLETE", shell=shell.value)
    sys.stdout.write(f"{script}\n")


def scenarios(incomplete: str) -> list[str]:
    """Return the scenario files here that begin so."""
    from perfproof.cli.common.selection import scenarios_of

    found = [str(file) for folder in (Path(), Path("scenarios")) for file in scenarios_of(folder)]
    return [name for name in found if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return what runs in the usual folder can be called that begins so: ``last``, labels and ids, newest first."""
    found = ["last"]
    for file in sorted(Path("results").glob("*/run.json"), reverse=True)[:200]:
        found.append(file.parent.name)
        try:
            label = json.loads(file.read_text(encoding="utf-8")).get("label")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(label, str) and label:
            found.append(label)
    return [name for name in dict.fromkeys(found) if name.startswith(incomplete)]


def files(incomplete: str) -> list[str]:
    """Return scenario files and runs that begin so."""
    return [*scenarios(incomplete), *runs(incomplete)]
