"""The policy as it is written: in a scenario, in perfproof.toml, in a recording."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfproof.errors import ScenarioError
from perfproof.model.policy import GateRule
from perfproof.scenario.policy_file import find, of_recording, read_toml
from perfproof.scenario.reader import read_text

SMALL = "name: shop\nservice: {command: serve}\nrequests:\n  - {name: item, get: /item}\n"


def test_a_scenario_holds_a_policy_and_its_hash_does_not_change():
    plain = read_text(SMALL, Path("shop.yaml"), {})
    gate = (
        "gate:\n  inconclusive: warn\n  regression: 5%\n  rules:\n    - {metric: memory_*, request: it*, level: off}\n"
    )
    found = read_text(SMALL + gate, Path("shop.yaml"), {})
    assert (found.gate.inconclusive, found.gate.regression, found.gate.level) == ("warn", 0.05, None)
    assert found.gate.rules == (GateRule("memory_*", "it*", "off"),)
    assert found.gate.sources == ("shop.yaml",)
    assert found.hash == plain.hash
    assert plain.gate.sources == ()


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{regression: 1%}", "gate.regression: `1%` is out of range (at least 2%"),
        (
            "{rules: [{metric: latency_*, regression: 1%}]}",
            "gate.rules[0].regression: `1%` is out of range for `latency_*` (at least 2%",
        ),
        ("{inconclusive: ignore}", "gate.inconclusive: must be pass or warn or fail"),
        ("{rules: [{metric: latency_p96}]}", "gate.rules[0].metric: `latency_p96` matches no metric (did you mean"),
        ("{rules: [{request: itme}]}", "gate.rules[0].request: no request is called `itme` (did you mean item?)"),
        ("{rules: [{level: warning}]}", "gate.rules[0].level: must be off or warn or error"),
        ("{levle: warn}", "gate.levle: unknown key (did you mean level?)"),
    ],
)
def test_mistakes_in_a_scenarios_policy_have_a_place_and_a_fix(gate, said):
    with pytest.raises(ScenarioError) as caught:
        read_text(f"{SMALL}gate: {gate}\n", Path("shop.yaml"), {})
    assert "shop.yaml:5:" in str(caught.value)
    assert said in str(caught.value)


def test_toml_says_the_same(tmp_path):
    file = tmp_path / "perfproof.toml"
    file.write_text(
        '[gate]\ninconclusive = "warn"\nregression = "5%"\n[[gate.rules]]\nmetric = "memory_*"\nlevel = "off"\n'
    )
    found = read_toml(file)
    assert (found.inconclusive, found.regression) == ("warn", 0.05)
    assert found.rules == (GateRule("memory_*", "*", "off"),)
    assert found.sources == (str(file),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[gate]\nlevel = "of"\n', ":2:9: gate.level: must be off or warn or error, not `of` (did you mean off?)"),
        ("[gate]\nlevel = warn\n", "is not valid TOML"),
        ('[gaet]\nlevel = "off"\n', ":1:1: gaet: unknown key (did you mean gate?)"),
        ('[gate]\n[[gate.rules]]\n[[gate.rules]]\nlevle = "off"\n', ":4:1: gate.rules[1].levle: unknown key"),
        ("gate = 3\n", "gate: must be a mapping, not a number"),
    ],
)
def test_mistakes_in_toml_have_a_place_and_a_fix(tmp_path, text, said):
    file = tmp_path / "perfproof.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_toml(file)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_refused_plainly(tmp_path):
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="UTF-8"):
        read_toml(tmp_path / "bad.toml")


def test_the_nearest_file_up_to_the_repositorys_top_counts(tmp_path):
    deep = tmp_path / "repo" / "service" / "perf"
    deep.mkdir(parents=True)
    (tmp_path / "perfproof.toml").write_text("[gate]\n")
    assert find(deep) == tmp_path / "perfproof.toml"
    (tmp_path / "repo" / ".git").mkdir()
    assert find(deep) is None, "what lies outside of the repository is not part of it"
    (tmp_path / "repo" / "perfproof.toml").write_text("[gate]\n")
    assert find(deep) == tmp_path / "repo" / "perfproof.toml"


def test_a_recording_keeps_the_policy_of_its_scenario():
    text = SMALL + 'setup: [{post: /login, json: {password: "***"}}]\ngate: {inconclusive: pass}\n'
    assert of_recording(text, "scenario.yaml").inconclusive == "pass"
    assert of_recording(SMALL, "scenario.yaml").sources == ()


def test_the_examples_of_the_documentation_say_the_same(tmp_path):
    guide = (Path(__file__).parent.parent.parent / "docs" / "ci.md").read_text()
    (yaml_text,) = re.findall(r"```yaml\n(gate:.*?)```", guide, re.DOTALL)
    (toml_text,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "perfproof.toml").write_text(toml_text)
    text = SMALL.replace("name: item", "name: checkout") + "  - get: /reports/1\n"
    scenario, shared = read_text(text + yaml_text, Path("shop.yaml"), {}).gate, read_toml(tmp_path / "perfproof.toml")
    assert (scenario.inconclusive, scenario.regression) == (shared.inconclusive, shared.regression) == ("warn", 0.05)
    assert scenario.rules[0] == shared.rules[0]
