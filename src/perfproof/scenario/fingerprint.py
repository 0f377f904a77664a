"""The fingerprint of a scenario's meaning: two runs with the same one measured the same thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from perfproof.core.redaction import MASK
from perfproof.model.scenario import JsonValue, Request
from perfproof.scenario.build import request, requests, service
from perfproof.scenario.document import Path
from perfproof.scenario.schema.scenario import ScenarioSpec

_FIRST = ("name", "method", "path", "headers", "json", "body", "values", "weight", "expect", "timeout", "capture")
_DEFAULTS = asdict(Request("", "", ""))


def fingerprint(
    data: Mapping[str, JsonValue], public: Mapping[Path, str], secrets: Mapping[Path, str], base: FilePath
) -> str:
    """Return 16 hexadecimal digits over service, set-up, requests and load: what makes results comparable.

    Left out are goals, budgets, claims, the gate's policy, rounds, ``why``, arms, builds, comments, layout, the
    file's name, and everything secret: text that came from the environment counts as it is written
    (``${PASSWORD}``), secrets in the file count as ``***``. Where the environment gives a number (``rate: ${RATE}``),
    the number counts. Arms are
    left out because they are what is compared; how each was run is recorded beside the result. Of files that are sent
    and of feeds (relative to ``base``) the content counts, not the name.
    """
    spec = _public_spec(data, {**dict.fromkeys(secrets, MASK), **public})
    served = asdict(service(spec.service, FilePath()))
    del served["build"]  # recorded with the arm; fingerprints from before there were builds stay as they are
    for later in ("tls", "snapshot"):
        if served[later] is None:
            del served[later]
    if not served["prefix"]:
        del served["prefix"]
    del served["database"]  # where is counted and how is probed changes nothing of what is timed
    del served["collect"]  # read between what is timed
    meaning: dict[str, Any] = {
        "service": served,
        "setup": [_timed(asdict(request(step, base))) for step in spec.setup],
        "requests": [_timed(asdict(one)) for each in spec.requests for one in requests(each, base)],
        "load": spec.load.model_dump(exclude={"limits", "samples"}),
    }
    if spec.locustfile is not None:
        meaning["load"]["model"] = spec.model
        meaning["locustfile"] = {**dict(spec.locustfile), "file": _content(base / spec.locustfile.file)}
    if spec.feeds:
        meaning["feeds"] = {name: [_content(base / feed.file), feed.order] for name, feed in spec.feeds.items()}
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _timed(request: dict[str, Any]) -> dict[str, Any]:
    """Return what of a request has a part in its timing."""
    timed = {
        name: value for name, value in request.items() if name not in ("scale", "rows", "probe", "safe", "graphql")
    }
    if timed["body_file"] is not None:
        timed["body_file"] = _content(timed["body_file"])
    for part in timed["multipart"]:
        part["file"] = part["file"] and _content(part["file"])
    # Fingerprints from before there were these stay as they are.
    later = {key: value for key, value in timed.items() if key not in _FIRST and value != _DEFAULTS[key]}
    timed["expect"] = {key: value for key, value in timed["expect"].items() if key == "status" or value}
    return {**{key: timed[key] for key in _FIRST}, **later}


def _content(file: FilePath) -> str:
    """Return a fingerprint of a file's content; where it lies changes nothing."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _public_spec(data: Mapping[str, JsonValue], hidden: Mapping[Path, str]) -> ScenarioSpec:
    """Return the specification with ``hidden`` texts in place; those that cannot stand there keep their value."""
    hidden = dict(hidden)
    while True:
        candidate = json.loads(json.dumps(data))
        for path, text in hidden.items():
            _put(candidate, path, text)
        try:
            return ScenarioSpec.model_validate(candidate)
        except ValidationError as error:
            wrong = [tuple(detail["loc"]) for detail in error.errors(include_url=False)]
            kept = {
                path: text
                for path, text in hidden.items()
                if not any(loc[: len(path)] == path or path[: len(loc)] == loc for loc in wrong)
            }
            # Without hidden texts the data is what was validated before; so this ends.
            hidden = kept if len(kept) < len(hidden) else {}


def _put(data: Any, path: Path, text: str) -> None:
    for step in path[:-1]:
        data = data[step]
    data[path[-1]] = text


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
