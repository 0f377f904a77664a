"""Versions under names of their own: which is the first, and what cannot be the name of one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from editors import validator
from perfproof.errors import ScenarioError
from perfproof.scenario import read

BASE = "name: shop\nservice: {command: 'serve {port}'}\nrequests: [{get: /}]\n"


def written(folder: Path, arms: str, base: str = BASE) -> Path:
    file = folder / "shop.yaml"
    file.write_text(base + arms)
    return file


def mistakes(folder: Path, arms: str, base: str = BASE) -> str:
    with pytest.raises(ScenarioError) as told:
        read(written(folder, arms, base), {})
    return str(told.value)


@pytest.mark.parametrize(
    ("arms", "names"),
    [
        ("arms: {main: , fix-a: {reset: undo}, fix_b.2: {environment: {A: 1}}}\n", ["main", "fix-a", "fix_b.2"]),
        ("arms: {new: {}, old: {}}\n", ["new", "old"]),
        ("arms: {fix-a: {}, baseline: {}, fix-b: {}}\n", ["baseline", "fix-a", "fix-b"]),
        ("arms: {candidate: {}, candidate-2: {}}\n", ["candidate", "candidate-2"]),
        ("arms: {main: {}, candidate: {}}\n", ["main", "candidate"]),
        ("arms: {baseline: {}, fix: {}}\n", ["baseline", "fix"]),
        ("arms: {candidate: {}}\n", ["baseline", "candidate"]),
        ("arms:\n", ["baseline"]),
    ],
)
def test_the_first_is_the_one_that_others_are_judged_against(tmp_path: Path, arms: str, names: list[str]) -> None:
    file = written(tmp_path, arms)
    assert [arm.name for arm in read(file, {}).arms] == names
    if names != ["baseline"]:
        validator().validate(yaml.safe_load(file.read_text()))


def test_each_has_its_own_over_the_service(tmp_path: Path) -> None:
    arms = "arms: {main: , fix-a: {environment: {A: 1}}, fix-b: {command: other, port: 8001}}\n"
    found = {arm.name: arm.service for arm in read(written(tmp_path, arms), {}).arms}
    assert found["main"].command == found["fix-a"].command == "serve {port}"
    assert dict(found["fix-a"].environment) == {"A": "1"}
    assert (found["fix-b"].command, found["fix-b"].port) == ("other", 8001)


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        ("arms: {baseline: , candiate: {}}\n", "shop.yaml:4:20"),
        ("arms: {baseline: , candiate: {}}\n", "did you mean candidate?"),
        ("arms: {main: , Basline: {}, x: {}}\n", "did you mean baseline?"),
        ("arms: {base: {}, candidate: {}}\n", "did you mean baseline?"),
        ("arms: {fix: {}}\n", "known: baseline, candidate"),
        ("arms: {main: , command: serve}\n", "it belongs below service:"),
        ("arms: {main: , 'fix a': {}}\n", "`fix a` is not a name for a version"),
        ("arms: {main: , ../fix: {}}\n", "`../fix` is not a name for a version"),
        (f"arms: {{{', '.join(f'v{n}: {{}}' for n in range(9))}}}\n", "9 versions are too many"),
        ("arms: {a: {port: 8001}, b: {}, c: {port: 8001}}\n", "two arms would listen on port 8001"),
        ("arms: {a: , b: , c: {comand: x}}\n", "did you mean command?"),
    ],
)
def test_what_cannot_be_a_version_is_told_with_place_and_fix(tmp_path: Path, arms: str, told: str) -> None:
    assert told in mistakes(tmp_path, arms)


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    good = json.loads(json.dumps(yaml.safe_load(BASE)))
    for arms in ({"one": {}}, {"a b": {}, "c": {}}, {f"v{n}": {} for n in range(9)}):
        with pytest.raises(jsonschema.ValidationError):
            validator().validate(good | {"arms": arms})
