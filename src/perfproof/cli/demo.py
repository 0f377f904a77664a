"""``perfproof demo``: two versions of a bundled API, measured, with verdict and report."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import typer

from perfproof.cli.common import options
from perfproof.cli.common.console import has_display
from perfproof.cli.common.session import read_scenario
from perfproof.errors import UsageError


def demo(
    *,
    json: options.JsonFile = None,
    storage: options.Storage,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,  # noqa: ARG001 - its callback acts
    open_: options.Open = False,
) -> None:
    """Measure the bundled API, all slow ways against all fast ones (about a minute)."""
    if not all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn", "orjson")):
        raise UsageError("the demo's API is not installed", hint="pip install 'perfproof[demo]'")
    session = storage.session(quiet=quiet)
    what = read_scenario(Path(__file__).parent.parent / "demo" / "demo.yaml")
    measured = session.measure(what, "ab", "demo")
    code = session.conclude(measured, json, (), what, opened=open_ or (sys.stdout.isatty() and has_display()))
    if not quiet:
        sys.stderr.write(
            "Your own service: `perfproof init` in its folder drafts a scenario, `perfproof ab` measures it.\n"
        )
    raise typer.Exit(code)
