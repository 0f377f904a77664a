"""What `pip install` puts on a machine: everything that perfproof needs at run time, and nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ROOT / "src" / "perfproof"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = subprocess.run([*build, "-w", str(folder), str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def facts(wheel: Path) -> Message:
    """Its METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = {
        f"perfproof/{path.relative_to(OURS)}"
        for path in OURS.rglob("*")
        if path.is_file() and not any(part.endswith(("_cache", "__pycache__")) for part in path.parts)
    }
    assert held == ours
    for needed in ("py.typed", "__init__.pyi", "demo/demo.yaml", "store/migrations/env.py"):
        assert f"perfproof/{needed}" in held
    assert any(name.endswith(".html") for name in held)
    assert any(name.endswith((".js", ".cjs", ".mjs")) for name in held)


def test_its_metadata_is_complete(facts):
    assert facts["Name"] == "perfproof"
    assert facts["Version"] == PROJECT["version"]
    assert facts["Summary"]
    assert facts["License-Expression"] == "MIT"
    assert facts["Requires-Python"] == ">=3.11"
    assert facts["Description-Content-Type"] == "text/markdown"
    assert "perfproof" in facts.get_payload()
    assert "Typing :: Typed" in facts.get_all("Classifier", [])
    assert set(facts.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])


def test_the_version_is_one(facts):
    import perfproof

    assert perfproof.__version__ == facts["Version"]
    newest = re.search(r"^## ([\d.]+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == facts["Version"]


def test_it_runs_from_where_it_is_installed(wheel, tmp_path):
    """Installed beside the libraries of this environment, but without our source tree on the path."""
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q"]
    subprocess.run([*install, str(wheel)], check=True)
    site = next((home / "lib").glob("python*/site-packages"))
    libraries = Path(metadata.distribution("numpy").locate_file(""))
    (site / "libraries.pth").write_text(f"{libraries}\n")  # after its own: ours is found first
    where = subprocess.run(
        [python, "-c", "import perfproof.api; print(perfproof.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert where.returncode == 0, where.stderr
    assert where.stdout.strip().startswith(str(site))
    told = subprocess.run([home / "bin" / "perfproof", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == f"perfproof {PROJECT['version']}"


def test_what_is_only_needed_for_more_is_an_extra():
    core = {Requirement(each).name for each in PROJECT["dependencies"]}
    assert not core & {"pandas", "scipy", "zstandard", "starlette", "uvicorn", "fastapi"}
    assert [Requirement(each).name for each in PROJECT["optional-dependencies"]["notebook"]] == ["pandas"]


def test_every_dependency_is_imported_or_started_somewhere():
    """A dependency that nothing uses is only size; one that is used and not named breaks an installation."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in OURS.rglob("*.py"))
    called = {"pyyaml": "yaml", "py-spy": '"py-spy"', "alembic": "alembic"}
    for each in PROJECT["dependencies"]:
        name = Requirement(each).name
        word = called.get(name, name.replace("-", "_"))
        pattern = re.escape(word) if word.startswith('"') else rf"^\s*(?:from|import) {word}\b"
        assert re.search(pattern, texts, re.MULTILINE), f"nothing uses {name}"


def brought_along() -> set[str]:
    """Return the names of all packages that the core brings along, by what is installed here."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in PROJECT["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        key = f"{name}{sorted(wanted.extras)}"
        if key in found:
            continue
        found.add(key)
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(needed)
    return {key.partition("[")[0] for key in found}


def test_the_core_is_small_enough_to_install_anywhere():
    """docs/install.md has the table."""
    names = brought_along()
    assert len(names) < 60, sorted(names)
    assert not names & {"pandas", "scipy", "zstandard", "locust"}


EXTRAS = ("load/locust/", "demo/", "dashboard/", "agent/inject/", "pytest_plugin.py", "testing.py")
"""What is imported with an extra or inside a measured service alone."""


def imported_at_once(file: Path) -> set[str]:
    """Return the top-level names that a module imports when it is imported, but for type checking."""
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
        waiting.extend(ast.iter_child_nodes(node))
    return names


def test_what_the_core_imports_it_brings_along():
    """What came with Locust alone (Click) was missing once Locust was an extra."""
    bringing = metadata.packages_distributions()
    core = brought_along()
    for file in OURS.rglob("*.py"):
        if str(file.relative_to(OURS)).startswith(EXTRAS):
            continue
        for name in imported_at_once(file) - sys.stdlib_module_names - {"perfproof"}:
            from_ = {re.sub(r"[-_.]+", "-", each).lower() for each in bringing.get(name, [name])}
            assert from_ & core, f"{file.relative_to(OURS)} imports {name}"
