"""Any value of a scenario file may be anything: reading it ends, in a scenario or in mistakes that are told."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from perfproof.errors import ScenarioError
from perfproof.scenario import read

FULL = """\
name: shop
service: {command: "serve --port {port}", health: /health, environment: {A: b}, start_timeout: 5s, reset: undo,
  database: sqlite, ports: 2, directory: .}
arms: {baseline: {}, candidate: {environment: {A: c}, ref: main}}
setup: [{post: /login, json: {email: a}, capture: {token: $.token}}]
feeds: {users: {file: users.csv, order: random}}
requests:
  - {name: list, get: "/items?limit={limit}", values: {limit: [1, 2]}, scale: {limit: [1, 2, 4]}, weight: 2,
     headers: {Authorization: "{token}"}, expect: {status: 200, json: {$.total: 3}}, timeout: 5s}
  - {name: buy, flow: [{get: /a, capture: {id: $.id}}, {post: "/b/{id}", form: {x: y}, think_time: 1s}]}
load: {model: open, rate: 10/s, stages: [{rate: 5/s, duration: 3s}]}
rounds: {count: 4, warmup: 1s, blocks: 2, block: 500ms, pairing: block}
goals: {latency_p50: {improve: 20%, stretch: 30%, requests: [list]}, memory_peak: 10%}
budgets: {latency_p95: {limit: 500ms, requests: [list]}, error_rate: 1%}
margin: 2%
gate: {inconclusive: warn}
why: {profile: auto, seconds: 3s}
responses: {compare: [list], ignore: {list: [$.at]}}
checks: {error_contract: {shape: auto}, contract: {most_rows: 50}, time: 30s}
"""
ODD: tuple[Any, ...] = ([1], {"x": 1}, None, 5, -1, "x", "", True, [], {}, [[None]], "a" * 5000, "a\x01b")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, step))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


DOCUMENT = yaml.safe_load(FULL)


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_whatever_a_value_is_reading_ends(path: tuple[Any, ...], tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("email\na@b.c\n", encoding="utf-8")
    file, mistakes = tmp_path / "shop.yaml", []
    for odd in ODD:
        text = yaml.dump(with_value(DOCUMENT, path, odd), Dumper=yaml.CSafeDumper, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        try:
            read(file, {})
        except ScenarioError as error:
            mistakes.append(error.problems)
    assert mistakes, "not everything can be right"
    assert all(mistakes)
