"""Python services: the application object in the sources, and the server that is installed for it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perfproof.draft.start.start import Start, source_files, text_of

_ASGI = frozenset(["FastAPI", "Starlette", "Litestar", "Quart", "Sanic", "BlackSheep", "Connexion", "AsyncApp"])
_WSGI = frozenset(["Flask", "APIFlask", "Bottle", "OpenAPI", "FlaskApp"])
_ENVIRONMENTS = (".venv", "venv", "env")
_FIRST = ("app", "main", "asgi", "wsgi", "api", "server", "application")


@dataclass(frozen=True)
class _Application:
    module: str
    name: str
    framework: str
    asgi: bool
    factory: bool
    below: str  # the folder that must be on the path: "" or "src"
    file: str


def python(folder: Path) -> Iterator[Start]:
    """Yield how the applications in the sources start, with each server that is installed."""
    applications = sorted(_applications(folder), key=_rank)
    for app in applications[:3]:
        yield from _served(folder, app)


def django(folder: Path) -> Iterator[Start]:
    """Yield how a Django project starts: by a real server if one is installed, else by its own for developing."""
    text = text_of(folder / "manage.py")
    match = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)['\"]", text)
    if match is None:
        return
    settings = match[1]
    package = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
    build, source = _build(folder), "manage.py (Django)"
    for server, file, how in (
        ("gunicorn", "wsgi", "{tool} {module}:application --bind 127.0.0.1:{{port}}"),
        ("uvicorn", "asgi", "{tool} {module}:application --host 127.0.0.1 --port {{port}}"),
        ("waitress-serve", "wsgi", "{tool} --listen 127.0.0.1:{{port}} {module}:application"),
    ):
        tool = _tool(folder, server)
        if tool and package and (folder / package.replace(".", "/") / f"{file}.py").is_file():
            module = f"{package}.{file}"
            yield Start(how.format(tool=tool, module=module), f"{source}, served by {server}", build=build)
    interpreter = _interpreter(folder)
    yield Start(
        f"{interpreter} manage.py runserver --noreload 127.0.0.1:{{port}}",
        source,
        build=build,
        notes=("runserver is Django's server for developing: install gunicorn to measure what users get",),
    )


def _served(folder: Path, app: _Application) -> Iterator[Start]:
    source = f"{app.file} ({app.framework})"
    build = _build(folder)
    below = f" --app-dir {app.below}" if app.below else ""
    factory = " --factory" if app.factory else ""
    target = f"{app.module}:{app.name}"
    if app.asgi:
        if tool := _tool(folder, "uvicorn"):
            yield Start(f"{tool} {target} --host 127.0.0.1 --port {{port}}{below}{factory}", source, build=build)
        if (tool := _tool(folder, "hypercorn")) and not (app.below or app.factory):
            yield Start(f"{tool} {target} --bind 127.0.0.1:{{port}}", source, build=build)
        if not (_tool(folder, "uvicorn") or _tool(folder, "hypercorn")):
            interpreter = _interpreter(folder)
            command = f"{interpreter} -m uvicorn {target} --host 127.0.0.1 --port {{port}}{below}{factory}"
            yield Start(command, source, build=build)
        return
    path = f" --pythonpath {app.below}" if app.below else ""
    call = f"'{target}()'" if app.factory else target
    if tool := _tool(folder, "gunicorn"):
        yield Start(f"{tool} {call} --bind 127.0.0.1:{{port}}{path}", source, build=build)
    if (tool := _tool(folder, "waitress-serve")) and not app.below:
        called = "--call " if app.factory else ""
        yield Start(f"{tool} --listen 127.0.0.1:{{port}} {called}{target}", source, build=build)
    if app.framework in ("Flask", "APIFlask"):
        note = "flask run is a server for developing: install gunicorn or waitress to measure what users get"
        dotted = f"{app.below}/{app.module.replace('.', '/')}.py" if app.below else app.module
        command = f"{_interpreter(folder)} -m flask --app {dotted}:{app.name} run --port {{port}}"
        yield Start(command, source, build=build, notes=(note,))


def _applications(folder: Path) -> Iterator[_Application]:
    words = sorted(_ASGI | _WSGI)
    for path in source_files(folder, (".py",)):
        text = text_of(path)
        if not any(word in text for word in words):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        steps = list(path.relative_to(folder).with_suffix("").parts)
        below = ""
        if steps[0] == "src" and not (folder / "src" / "__init__.py").exists():
            below, steps = "src", steps[1:]
        if steps and steps[-1] == "__init__":
            steps = steps[:-1]
        if not steps or not all(step.isidentifier() for step in steps):
            continue
        for name, framework, factory in _made(tree):
            asgi = framework in _ASGI
            file = str(path.relative_to(folder))
            yield _Application(".".join(steps), name, framework, asgi, factory, below, file)


def _made(tree: ast.Module) -> Iterator[tuple[str, str, bool]]:
    """Yield name, framework and whether it is a factory, of what a module makes at its top."""
    makers: dict[str, tuple[str, bool]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            inside = next((kind for each in ast.walk(node) if (kind := _framework(each)) is not None), None)
            if inside is not None:
                needs = len(node.args.args) + len(node.args.posonlyargs) - len(node.args.defaults)
                needs += sum(default is None for default in node.args.kw_defaults)
                makers[node.name] = (inside, needs == 0)
    found = False
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        if not targets or not isinstance(targets[0], ast.Name) or not isinstance(value, ast.Call):
            continue
        kind = _framework(value)
        if kind is None and isinstance(value.func, ast.Name) and value.func.id in makers:
            kind = makers[value.func.id][0]
        if kind is not None:
            found = True
            yield targets[0].id, kind, False
    if not found:
        for name, (kind, callable_) in makers.items():
            if callable_ and re.search(r"app|create|make|build|factory", name):
                yield name, kind, True


def _framework(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
    return called if called in _ASGI or called in _WSGI else None


def _rank(app: _Application) -> tuple[bool, bool, int, int, str]:
    last = app.module.rpartition(".")[2]
    place = _FIRST.index(last) if last in _FIRST else len(_FIRST)
    return app.factory, app.name not in ("app", "application", "api"), app.module.count("."), place, app.module


def _tool(folder: Path, name: str) -> str | None:
    """Return how an installed program is called: from the folder's own environment, or from PATH."""
    for environment in _ENVIRONMENTS:
        if (folder / environment / "bin" / "python").exists():
            program = folder / environment / "bin" / name
            return f"{environment}/bin/{name}" if program.exists() else None
    # The same places in which the service layer looks: PATH, then beside the interpreter that runs perfproof.
    places = os.pathsep.join([os.environ.get("PATH") or os.defpath, str(Path(sys.executable).parent)])
    return name if shutil.which(name, path=places) else None


def _interpreter(folder: Path) -> str:
    for environment in _ENVIRONMENTS:
        if (folder / environment / "bin" / "python").exists():
            return f"{environment}/bin/python"
    return "{python}" if shutil.which("python") is None else "python"


def _build(folder: Path) -> str | None:
    """Return what installs the service in a checkout from git, where it brings an environment of its own."""
    own = next((each for each in _ENVIRONMENTS if (folder / each / "bin" / "python").exists()), None)
    if own is None:
        return None
    if (folder / "uv.lock").is_file() and own == ".venv":
        return "uv sync --frozen --quiet"
    if (folder / "requirements.txt").is_file():
        what = "-r requirements.txt"
    elif any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        what = "."
    else:
        return None  # nothing here says what is in it
    return f"sh -c 'python3 -m venv {own} && {own}/bin/pip install --quiet {what}'"
