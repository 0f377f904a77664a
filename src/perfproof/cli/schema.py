"""``perfproof schema``: the JSON Schema of scenario files, which editors check and complete them with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from perfproof.cli.common import outputs
from perfproof.cli.common.console import tell


def schema(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write it there instead, and say which line editors read.",
            metavar="FILE",
            callback=outputs.writable(),
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of scenario files, as this version reads them."""
    from perfproof.core.files import write_text
    from perfproof.scenario.schema.scenario import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    write_text(output, text)
    tell(f"the first line of scenarios beside it: # yaml-language-server: $schema={output.name}")
