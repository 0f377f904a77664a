"""Rust and Go services: built before each arm is measured, each arm from its own folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from perfproof.draft.start.start import Start, source_files, text_of

_PORT = "it is given its port in the variable PORT: if it takes an option instead, write it with {port}"


def cargo(folder: Path) -> Iterator[Start]:
    """Yield how the binaries of a Rust package start."""
    try:
        manifest = tomllib.loads(text_of(folder / "Cargo.toml"))
    except tomllib.TOMLDecodeError:
        return
    package = manifest.get("package")
    names = [each["name"] for each in manifest.get("bin", []) if isinstance(each, dict) and "name" in each]
    if isinstance(package, dict) and (folder / "src" / "main.rs").is_file() and not names:
        names = [str(package.get("name"))]
    names += [path.stem for path in sorted((folder / "src" / "bin").glob("*.rs")) if path.stem not in names]
    notes = () if _reads_port(folder, (".rs",)) else (_PORT,)
    for name in sorted(names, key=lambda each: not re.search(r"serve|api|web|http", each)):
        yield Start(
            f"target/release/{name}", "Cargo.toml", prepare=f"cargo build --release --quiet --bin {name}", notes=notes
        )


def go(folder: Path) -> Iterator[Start]:
    """Yield how the commands of a Go module start."""
    if not (folder / "go.mod").is_file():
        return
    found: dict[str, bool] = {}
    for path in source_files(folder, (".go",)):
        text = text_of(path)
        if re.search(r"^package main\b", text, re.MULTILINE) and "func main()" in text:
            place = path.parent.relative_to(folder)
            found["." if place == Path() else f"./{place}"] = "net/http" in text or "Listen" in text
    notes = () if _reads_port(folder, (".go",)) else (_PORT,)
    # What serves comes first; then what is called so.
    ranked = sorted(found, key=lambda each: (not found[each], not re.search(r"serve|api|web|http|^\.$", each), each))
    for main in ranked:
        # Into a scratch folder of the arm, so that both arms can be built from one folder.
        yield Start("{work}/service", "go.mod", prepare=f"go build -o {{work}}/service {main}", notes=notes)


def _reads_port(folder: Path, endings: tuple[str, ...]) -> bool:
    return any('"PORT"' in text_of(path) for path in source_files(folder, endings, most=200))
