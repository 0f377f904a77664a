"""What `check` tells of the files of feeds before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfproof.errors import ScenarioError
from perfproof.scenario import read

SCENARIO = """
name: f
service: {command: "serve {port}"}
feeds: {u: {file: u.csv, order: sequential}}
requests:
  - {post: /echo, json: {e: "{u.COLUMN}"}}
"""


def problems(folder: Path, data: bytes, column: str = "email") -> str:
    (folder / "u.csv").write_bytes(data)
    (folder / "f.yaml").write_text(SCENARIO.replace("COLUMN", column))
    try:
        read(folder / "f.yaml", {})
    except ScenarioError as error:
        return "\n".join(f"{problem.line}: {problem.reason} ({problem.fix})" for problem in error.problems)
    return ""


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"# exported\nemail,name\na,b\n", "row 1 (line 2) of `u.csv` has 2 values, the header 1 (the first line has"),
        (b"email;name\na;b\n", "`u.csv` has `;` between its columns (put commas between them)"),
        (b"email\tname\na\tb\n", "`u.csv` has tabs between its columns (put commas between them)"),
        (b"email,name\ra,b\r", "the first line of `u.csv` has a line end that is a carriage return alone"),
        (b"email,email\na,b\n", "the first line of `u.csv` has two columns of the same name"),
        (b"email,name\na,b\nc\n", "row 2 (line 3) of `u.csv` has 1 value, the header 2"),
        (b'email,name\na,b\n"c,d\ne,f\n', "row 2 (line 3) of `u.csv` has a quote that begins a value and does not"),
        ("email\nJosé\n".encode("latin-1"), "row 1 (line 2) of `u.csv` is not UTF-8: it holds the byte 0xe9 (save"),
        ("email\na\n".encode("utf-16"), "the first line of `u.csv` is UTF-16, not UTF-8 (save"),
        (b"email,name\n", "`u.csv` has no rows"),
    ],
)
def test_a_file_that_would_be_read_wrongly_is_a_mistake_with_its_row(data: bytes, told: str, tmp_path: Path) -> None:
    assert problems(tmp_path, data).startswith(f"4: {told}")


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (b'\xef\xbb\xbfemail,name\r\na,"B, ""Bob"" O\'Neil"\r\n\r\n', "email"),
        (b"user-email,name\na,b\n", "user-email"),
        (b"First Name,2nd\na,b\n", "First Name"),
        (b"First Name,2nd\na,b\n", "2nd"),
        (b'email,size\na,5" pipe\nb,6 pipe\n', "size"),
        (b'email,name\na,"line1\nline2"\n', "name"),
        (b"email, name\na, b", "name"),
        (b"email,name,\na,b,\n", "email"),
    ],
)
def test_a_file_as_other_programs_write_it_is_none(data: bytes, column: str, tmp_path: Path) -> None:
    assert problems(tmp_path, data, column) == ""


def test_a_column_that_cannot_be_written_in_braces_is_told(tmp_path: Path) -> None:
    told = problems(tmp_path, b"email,Price (EUR)\na,b\n", "Price (EUR)")
    assert told.startswith("6: {u.Price (EUR)} is no way to write a column (rename it in the file:")


def test_a_column_that_is_not_there_is_told_with_its_neighbour(tmp_path: Path) -> None:
    assert "nothing fills {u.user-mail} (did you mean u.user-email?)" in problems(
        tmp_path, b"user-email,name\na,b\n", "user-mail"
    )
