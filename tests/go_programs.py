"""Services in Go for tests, built once for each way of building in an interpreter, by the machine's own build cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from browsing import wanted

SERVICES = Path(__file__).parent / "services"


@cache
def _built(source: str, mode: str, link: str) -> TemporaryDirectory[str]:
    """Return a folder that goes when the interpreter does, with the program in it."""
    if shutil.which("go") is None:
        wanted("go")
    folder = TemporaryDirectory()
    environ = {**os.environ, "GOFLAGS": "", "CGO_ENABLED": "1" if "external" in link else "0"}
    line = ["go", "build", f"-buildmode={mode}", f"-ldflags={link}", "-o", f"{folder.name}/program"]
    subprocess.run([*line, str(SERVICES / source)], check=True, timeout=300, env=environ)
    return folder


def built(source: str, mode: str = "exe", link: str = "") -> Path:
    """Return the program that ``source``, one of the services, was built into."""
    return Path(_built(source, mode, link).name) / "program"
