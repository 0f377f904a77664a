"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ci.conftest import SCENARIO, Repo, new_repo, tiny

TESTS = """\
import pytest

@pytest.mark.perfproof("perf.yaml", rounds=1, inconclusive="pass")
def test_it_stays_fast(perfproof):
    perfproof.gate()

def test_no_scenario(perfproof):
    perfproof.gate()

def test_unknown_option(perfproof):
    perfproof.gate("perf.yaml", basline="main")

def test_missing_ref(perfproof):
    perfproof.gate("perf.yaml", baseline_ref="mian")
"""


def test_the_plugin_imports_nothing_heavy_until_it_is_used():
    heavy = ["numpy", "scipy", "pandas", "typer", "rich", "sqlalchemy", "yaml", "pydantic", "perfproof.cli"]
    code = f"import sys, perfproof.pytest_plugin; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def without_load(repo: Repo) -> None:
    """Have what the tests there measure asked of the engine that sends nothing."""
    tests = Path(__file__).parent.parent
    lines = ("import sys", f"sys.path.insert(0, {str(tests)!r})", "import fake_engine", "fake_engine.take_its_place()")
    repo.write("conftest.py", "\n".join(lines) + "\n")


@pytest.mark.server
def test_a_service_that_does_not_start_fails_the_test_in_few_words_and_shows_no_secret(tmp_path):
    repo = new_repo(tmp_path)
    repo.write("app/tiny.py", "import os, sys; sys.exit('no database for ' + os.environ['DB_PASS'])\n")
    secret = "environment: {DB_PASS: '${SHOP_DB}', API_KEY: literal-k3y}\narms: {baseline: {}, candidate: {}}\n"
    text = SCENARIO.replace("service:", "service:\n  " + secret.partition("\n")[0], 1)
    repo.write("perf.yaml", text.replace("rounds:", secret.partition("\n")[2] + "rounds:"))
    without_load(repo)
    repo.write("test_perf.py", "def test_it(perfproof):\n    perfproof.gate('perf.yaml', inconclusive='pass')\n")
    repo.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SHOP_DB": "s3same-open"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "perfproof.pytest_plugin", "-q", "--tb=long", "--showlocals"],
        cwd=repo.folder, env=repo.environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no database for ***" in done.stdout
    assert "did not start: exited with code 1" in done.stdout
    for hidden in ("s3same-open", "literal-k3y", "Traceback", "site-packages", "environ"):
        assert hidden not in done.stdout + done.stderr, hidden
    assert len(done.stdout.splitlines()) < 40, done.stdout


@pytest.mark.server
def test_a_gate_that_fails_fails_the_test_with_the_verdicts_sentence(tmp_path):
    repo = new_repo(tmp_path)
    repo.write("app/tiny.py", tiny(300))
    arms = "arms: {baseline: {}, candidate: {}}\nbudgets: {latency_p50: 1us}\nrounds:"
    repo.write("perf.yaml", SCENARIO.replace("rounds:", arms))
    repo.write("test_perf.py", TESTS)
    without_load(repo)
    repo.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the installed entry point would load it a second time
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "perfproof.pytest_plugin", "-q", "--strict-markers"],
        cwd=repo.folder, env=repo.environ, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "4 failed" in done.stdout
    assert "Budget broken: p50 latency" in done.stdout
    assert "Gate failed: of" in done.stdout
    assert "name a scenario" in done.stdout
    assert "perfproof knows no basline" in done.stdout
    assert "did you mean main?" in done.stdout
    assert list((repo.folder / "results").glob("*/run.json"))
