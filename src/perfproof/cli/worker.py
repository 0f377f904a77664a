"""``perfproof worker``: lend this machine to a measurement that runs on another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from perfproof.errors import ExitCode, LoadError, UsageError


def worker(
    join: Annotated[
        str, typer.Option("--join", help="Where the measurement listens (`load.listen`).", metavar="HOST:PORT")
    ],
    token_file: Annotated[
        Path, typer.Option("--token-file", help="A file with the token that both sides share.", metavar="FILE")
    ],
) -> None:
    """Share the load of a scenario with `workers` and `listen`; end when its measurement ends."""
    host, _, port = join.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"--join {join}: not a host and a port", hint="write it like 127.0.0.1:5557")
    from perfproof.load.extra import refuse_without_locust

    refuse_without_locust("workers are connected by Locust")
    try:
        token = token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read {token_file}", why=error.strerror) from error
    child = subprocess.Popen(
        [sys.executable, "-m", "perfproof.load.locust.worker", host.strip("[]"), port], stdin=subprocess.PIPE
    )
    assert child.stdin is not None  # noqa: S101 - it was asked for
    try:
        child.stdin.write(token.encode() + b"\n")  # not as an argument, which every user of the machine can read
        child.stdin.flush()
        code = child.wait()
    except KeyboardInterrupt:
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    finally:
        child.stdin.close()  # the worker ends with it
        child.wait()
    if code:
        raise LoadError("the worker could not join or lost its measurement", hint="see what it printed above")
