"""docs/howto/rust.md is built from Debian's crates by Debian's compiler and measured, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from documentation.pages import ROOT, databases, environ_of
from postgres import missing

CARGO, RUSTC = Path("/usr/bin/cargo"), Path("/usr/bin/rustc")
CRATES = Path("/usr/share/cargo/registry")


@pytest.mark.server
@pytest.mark.quiet
@pytest.mark.database
@pytest.mark.timeout(900)
def test_the_service_in_rust_is_built_without_a_registry_and_its_n_plus_one_is_counted(tmp_path):
    if not (CARGO.exists() and RUSTC.exists() and list(CRATES.glob("hyper-0.14*"))):
        missing("Debian's cargo, rustc, librust-hyper-dev and librust-tokio-postgres-dev are not installed")
    for name in ("rust", "rust.yaml"):
        source = ROOT / "scenarios" / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("target"))
        else:
            shutil.copy(source, tmp_path / name)
    environ = environ_of(tmp_path) | {"RUSTC": str(RUSTC), "CARGO_HOME": str(tmp_path / "cargo")}
    built = subprocess.run(
        [CARGO, "build", "--release", "--offline"], cwd=tmp_path / "rust", env=environ, capture_output=True, text=True,
        timeout=800, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    with ExitStack() as stack:
        address = databases(ROOT / "docs/howto/rust.md", stack)
        done = subprocess.run(
            ["perfproof", "probe", "rust.yaml"], cwd=tmp_path, env=environ | address, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 → 11 → 21 → 51 queries" in done.stdout
    assert "2 → 2 → 2 → 2 queries" in done.stdout
