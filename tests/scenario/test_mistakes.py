"""Every mistake a scenario file can hold, with the exact words it is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfproof.errors import ScenarioError
from perfproof.scenario import read

BASE = """\
name: shop
service:
  command: serve --port {port}
requests:
  - get: /
"""
C = "  command: serve --port {port}\n"
R = "  - get: /\n"


def but(*changes: tuple[str, str]) -> str:
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def mistakes(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    file = tmp_path / "f.yaml"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "shop").mkdir(exist_ok=True)
    (tmp_path / "users.csv").write_text("email,password\na@b.c,x\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read(file, environ or {})
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def cases() -> list[tuple[str, str, list[str]]]:
    """Return what mistakes.txt holds: `=== sentence`, the file, and `>>> ` before each line it is answered with."""
    found = []
    for part in (Path(__file__).parent / "mistakes.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        title, *lines = part.splitlines()
        text = "".join(f"{line}\n" for line in lines if not line.startswith(">>> "))
        found.append((title, text, [line[4:] for line in lines if line.startswith(">>> ")]))
    return found


BROKEN = cases()


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_mistake_is_reported_with_place_key_reason_and_fix(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, text) == expected


def test_the_file_these_mistakes_were_put_into_has_none(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(BASE)
    assert read(tmp_path / "f.yaml", {}).name == "shop"


def test_no_message_speaks_pydantic() -> None:
    said = "\n".join(line for _, _, lines in BROKEN for line in lines)
    for word in ("Input should", "pydantic", "Value error", "Field required", "Traceback"):
        assert word not in said


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(BASE)
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path / "shp.yaml", {})
    assert str(caught.value) == f"{tmp_path}/shp.yaml:1:1: file: does not exist (did you mean shop.yaml?)"


def test_a_directory_is_not_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(BASE)
    with pytest.raises(ScenarioError, match=r"is a directory \(name a file in it: shop.yaml\)"):
        read(tmp_path, {})


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, BASE + "#" * 1024 * 1024) == [
        "1:1: file: is larger than 1 MiB (a scenario is a short text; keep data elsewhere)"
    ]


def test_a_file_that_is_not_utf8_is_refused_at_the_byte(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"name: shop\nx: \xff\n")
    with pytest.raises(ScenarioError, match=r"f.yaml:2:4: file: is not UTF-8 text \(save it as UTF-8\)"):
        read(tmp_path / "f.yaml", {})


def test_an_alias_bomb_is_refused_quickly(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    [only] = mistakes(tmp_path, bomb)
    assert "stands for too many values" in only


def test_a_bomb_of_merge_keys_is_refused_quickly(tmp_path: Path) -> None:
    bomb = "a0: &a0 {x: 1}\n"
    bomb += "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))
    [only] = mistakes(tmp_path, bomb)
    assert "stands for too many values" in only


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    [only] = mistakes(tmp_path, "a: " + "[" * 5000)
    assert "nested too deeply" in only
    [only] = mistakes(tmp_path, "a: " + "[" * 60 + "]" * 60)
    assert "nested too deeply" in only


def test_a_mistake_does_not_repeat_a_secret_from_the_environment(tmp_path: Path) -> None:
    text = but((R, '  - {get: /, weight: "${PASSWORD}"}\n'))
    [only] = mistakes(tmp_path, text, {"PASSWORD": "hunter22"})
    assert only == "5:22: requests[0].weight: must be a number, not `***` (write it without a unit, e.g. 5)"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "http://127.9.9.9", "http://[::1]:8000/api", "http://localhost"]
)
def test_loopback_needs_no_permission(tmp_path: Path, url: str) -> None:
    (tmp_path / "f.yaml").write_text(but(("command: serve --port {port}", f'url: "{url}"')))
    assert read(tmp_path / "f.yaml", {}).arms[0].service.url == url


def test_an_allowed_host_may_be_put_under_load(tmp_path: Path) -> None:
    text = but(("command: serve --port {port}", "url: http://Shop.example.com")) + "allow: shop.example.com\n"
    (tmp_path / "f.yaml").write_text(text)
    assert read(tmp_path / "f.yaml", {}).allow == ("shop.example.com",)
