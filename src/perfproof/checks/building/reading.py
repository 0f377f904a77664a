"""A figure out of what a command printed, out of a file, or the size of files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from perfproof.model.scenario import JsonValue

MOST_TEXT = 8 * 2**20
"""Most characters of an output or file that are looked through."""
_MOST_SEEN = 200
_LONGEST_SEEN = 200
_NUMBER = re.compile(r"[-+]?\d[\d,_']*(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")

Find = Callable[[JsonValue, str], JsonValue]


@dataclass(frozen=True)
class Figure:
    """A figure, and the names or lines that were counted (at most 200), where some were."""

    value: float
    seen: tuple[str, ...] = ()


def figure(text: str, own: Mapping[str, Any], find: Find) -> Figure:
    """Return the figure that a text holds by ``match`` or ``json_path`` of ``own``.

    ``ValueError`` says why there is none.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"it is longer than {MOST_TEXT:,} characters")
    if own["json_path"]:
        return _of_values([_at(each, own["json_path"], find) for each in _documents(text)], own["take"])
    if own["match"]:
        return _matched(text, own["match"], own["take"])
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise ValueError("it is not one number: say with `match` or `json_path` where the figure is")
    return Figure(number(found[0]))


def number(text: str) -> float:
    """Return the number that a text is, with or without separators of thousands; ``ValueError`` if it is none."""
    value = float(text.strip().replace(",", "").replace("_", "").replace("'", ""))
    if not isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def _matched(text: str, pattern: str, take: str) -> Figure:
    compiled = re.compile(pattern, re.MULTILINE)
    matches = list(compiled.finditer(text))
    if take == "count" or (take == "auto" and not compiled.groups):
        told = [each[1] if compiled.groups and each[1] is not None else each[0] for each in matches]
        return Figure(float(len(matches)), _seen(told))
    groups = [each[1] if compiled.groups else each[0] for each in matches]
    try:
        values = [number(each) for each in groups if each is not None]
    except ValueError:
        raise ValueError(f"what `match` takes is no number: {groups[0]!r:.80}") from None
    if not values:
        raise ValueError("nothing in it matches")
    return Figure(_taken(values, take))


def _taken(values: Sequence[float], take: str) -> float:
    if take == "sum":
        return sum(values)
    return max(values) if take == "max" else values[0] if take == "first" else values[-1]


def _documents(text: str) -> list[JsonValue]:
    """Return the JSON document of an output, or each of its lines; lines of progress before and between are skipped."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^\s*(?=[\[{])", text, re.MULTILINE):
        try:
            value, end = decoder.raw_decode(text, start.end())
        except ValueError:
            continue
        more = [value]
        for line in text[end:].splitlines():
            if line.startswith(("{", "[")):
                try:
                    more.append(json.loads(line))
                except ValueError:
                    continue
        return more
    raise ValueError("there is no JSON in it")


def _at(document: JsonValue, path: str, find: Find) -> JsonValue:
    try:
        return find(document, path)
    except LookupError as error:
        raise ValueError(f"json_path: {error.args[0] if error.args else error}") from None


def _of_values(values: Sequence[JsonValue], take: str) -> Figure:
    if take == "count":
        return Figure(float(len(values)))
    figures = [_of_value(each) for each in values]
    if len(figures) == 1:
        return figures[0]
    seen = tuple(name for each in figures for name in each.seen)
    return Figure(_taken([each.value for each in figures], take), _seen(seen))


def _of_value(value: JsonValue) -> Figure:
    if isinstance(value, list):
        return Figure(float(len(value)), _seen([each for each in value if isinstance(each, str)]))
    if isinstance(value, dict):
        return Figure(float(len(value)), _seen(list(value)))
    if isinstance(value, bool) or value is None:
        raise ValueError("what stands at the JSON path is no number and no list")
    return Figure(number(str(value)))


def _seen(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(each.split())[:_LONGEST_SEEN] for each in texts[:_MOST_SEEN])


def size_of(directory: Path, patterns: Sequence[str]) -> Figure:
    """Return the bytes of all files that the patterns name (folders: of all in them).

    ``ValueError`` is raised where one names none. A file that several patterns name counts once.
    Links are followed where a pattern names them, and not below folders.
    """
    sizes: dict[Path, int] = {}
    for pattern in patterns:
        found = _named(directory, pattern)
        inside = [each for path in found for each in ([path] if path.is_file() else path.rglob("*"))]
        files = [each for each in inside if each.is_file() and (each in found or not each.is_symlink())]
        if not files:
            raise ValueError(f"there is no file {pattern}")
        sizes |= {each.resolve(): each.stat().st_size for each in files}
    return Figure(float(sum(sizes.values())))


def text_of(directory: Path, patterns: Sequence[str]) -> str:
    """Return the text of all files that the patterns name; ``ValueError`` where one names none."""
    texts = []
    for pattern in patterns:
        files = sorted(each for each in _named(directory, pattern) if each.is_file())
        if not files:
            raise ValueError(f"there is no file {pattern}")
        for each in files:
            with each.open("rb") as file:
                texts.append(file.read(MOST_TEXT + 1).decode("utf-8", "replace"))
    return "\n".join(texts)


def _named(directory: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        raise ValueError(f"{pattern} is not relative to the arm's folder")
    return list(directory.glob(pattern))
