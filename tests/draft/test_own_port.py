"""A port that is written down somewhere becomes one of each start's own."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from perfproof.draft.start.own_port import with_own_port
from perfproof.draft.start.start import Start
from perfproof.errors import UsageError


def changed(folder: Path, command: str, **more) -> Start:
    return with_own_port(Start(command, "--command", port=8099, **more), folder)


def test_in_the_command_and_in_the_environment_the_number_is_replaced(tmp_path: Path) -> None:
    assert changed(tmp_path, "serve --listen 127.0.0.1:8099 --id 180991").command == (
        "serve --listen 127.0.0.1:{port} --id 180991"
    )
    way = changed(tmp_path, "serve", environment={"LISTEN": ":8099", "OTHER": "80.99"})
    assert (way.command, way.environment) == ("serve", {"LISTEN": ":{port}", "OTHER": "80.99"})
    assert way.port is None


@pytest.mark.parametrize("form", ["serve -c {}", "serve --config={} run", "serve '{}'"])
def test_of_a_configuration_file_each_start_gets_a_copy(tmp_path: Path, form: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "my app.ini").write_text("[server]\nlisten = http://127.0.0.1:8099/\nkeep = 18099 80990\n")
    name = "etc/my app.ini" if "'" in form else "etc/plain.ini"
    (tmp_path / "etc" / "plain.ini").write_text((tmp_path / "etc" / "my app.ini").read_text())
    way = changed(tmp_path, form.format(name))
    assert way.shell
    work = tmp_path / "work place"
    work.mkdir()
    # What the shell runs in place of the service shows the file that the service would read.
    line = way.command.replace("{work}", str(work)).replace("{port}", "4711").replace("exec serve", "exec echo serve")
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(work / Path(name).name) in done.stdout
    text = (work / Path(name).name).read_text()
    assert text == "[server]\nlisten = http://127.0.0.1:4711/\nkeep = 18099 80990\n"
    assert "8099" in (tmp_path / name).read_text(), "the user's file stays as it is"


def test_a_number_that_stands_nowhere_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "app.conf").write_text("port = 80990\n")
    with pytest.raises(UsageError, match="takes no other port than 8099") as refused:
        changed(tmp_path, shlex.join(["serve", "app.conf"]))
    assert "{port}" in str(refused.value.hint)
    with pytest.raises(UsageError) as told:
        changed(tmp_path, "node app.js", notes=("it always listens on 8099: it does not read process.env.PORT",))
    assert "process.env.PORT" in str(told.value.why)


def test_without_a_fixed_port_nothing_changes(tmp_path: Path) -> None:
    way = Start("serve --port {port}", "--command")
    assert with_own_port(way, tmp_path) is way
