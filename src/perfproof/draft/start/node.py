"""Node services: the start script of package.json, and the port their code listens on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from perfproof.draft.start.start import Start, adapted, source_files, text_of

_SCRIPTS = ("start:prod", "start", "serve", "server")
_LISTEN = re.compile(r"\.listen\(\s*(?:\{\s*port\s*:\s*)?(\d{2,5})\b")
_LOCKS = (("pnpm-lock.yaml", "pnpm install --frozen-lockfile"), ("yarn.lock", "yarn install --frozen-lockfile"))


def node(folder: Path) -> Iterator[Start]:
    """Yield how the package in ``folder`` starts."""
    try:
        package = json.loads(text_of(folder / "package.json") or "null")
    except ValueError:
        return
    if not isinstance(package, dict):
        return
    scripts = package.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    build = next((how for lock, how in _LOCKS if (folder / lock).is_file()), None)
    build = build or ("npm ci" if (folder / "package-lock.json").is_file() else "npm install")
    if not (package.get("dependencies") or package.get("devDependencies")):
        build = None
    prepare = None
    if "build" in scripts and not (folder / "dist").exists() and not (folder / "build").exists():
        prepare = "npm run build"
    if "build" in scripts and build is not None:
        build = f"sh -c '{build} && npm run build'"
    port, notes = _port(folder)
    environment = {"NODE_ENV": "production"}
    for name in _SCRIPTS:
        script = scripts.get(name)
        if not isinstance(script, str) or re.search(r"\b(nodemon|react-scripts|vite|webpack|ng)\b", script):
            continue
        command, own = _command(folder, name, script)
        source = f"package.json, script {name}"
        fixed = None if "{port}" in command else port
        yield Start(command, source, {**environment, **own}, prepare, build, fixed, notes=notes if fixed else ())
    main = package.get("main")
    candidates = [main] if isinstance(main, str) else []
    for file in (*candidates, "server.js", "app.js", "index.js", "src/server.js", "src/index.js"):
        if (folder / file).is_file() and re.search(r"\.listen\(|createServer", text_of(folder / file)):
            yield Start(f"node {file}", f"package.json, {file}", environment, prepare, build, port, notes=notes)
            return


def _command(folder: Path, name: str, script: str) -> tuple[str, dict[str, str]]:
    """Return how a script is run, and the variables it sets.

    What can be is called directly: npm would stand between perfproof and the service as one process more, and would
    hide the port.
    """
    words, own = script.split(), dict[str, str]()
    while words and (words[0] == "cross-env" or re.fullmatch(r"[A-Za-z_]\w*=[\w./:-]*", words[0])):
        variable, equals, value = words.pop(0).partition("=")
        own |= {variable: value} if equals and variable != "PORT" else {}
    line = adapted(" ".join(words))
    program = line.text.split()[:1]
    if not line.shell and program == ["node"]:
        return line.text, own
    if not line.shell and program and (folder / "node_modules" / ".bin" / program[0]).exists():
        return f"node_modules/.bin/{line.text}", own
    return f"npm run --silent {name}", {}


def _port(folder: Path) -> tuple[int | None, tuple[str, ...]]:
    """Return the port that the code insists on, if it does not read PORT anywhere."""
    fixed: int | None = None
    for path in source_files(folder, (".js", ".mjs", ".cjs", ".ts"), most=200):
        text = text_of(path)
        if re.search(r"\bPORT\b", text):
            return None, ()
        match = _LISTEN.search(text)
        if match and fixed is None:
            fixed = int(match[1])
    if fixed is None:
        return None, ()
    return fixed, (f"it always listens on {fixed}: both versions cannot run at once before it reads process.env.PORT",)
