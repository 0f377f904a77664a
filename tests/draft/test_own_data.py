"""What a service holds locks on becomes a copy of each start's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perfproof.draft.start.own_data import with_own_data
from perfproof.draft.start.start import Start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("state", "my data"):
        (tmp_path / name / "store").mkdir(parents=True)
        (tmp_path / name / "store" / "LOCK").touch()
        (tmp_path / name / "kept.txt").write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "environment", "held"),
    [
        ("serve --home=state --port {port}", {}, "state"),
        ("serve --home FOLDER/state", {}, "state"),
        ("serve -d './state/store'", {}, "state/store"),
        ("serve --db=file:state/store/LOCK?mode=rw", {}, "state/store/LOCK"),
        ("serve --home '{FOLDER}/my data'".replace("{FOLDER}", "FOLDER"), {}, "my data"),
        ("serve", {"HOME_OF_DATA": "state"}, "state"),
        ("serve", {"STORE": "FOLDER/state"}, "state"),
    ],
)
def test_the_folder_that_is_named_is_copied_and_named_instead(folder, command, environment, held):
    command = command.replace("FOLDER", str(folder))
    environment = {name: value.replace("FOLDER", str(folder)) for name, value in environment.items()}
    lock = folder / ("my data" if "my data" in command else "state") / "store" / "LOCK"
    way = with_own_data(Start(command, "--command", environment=environment), folder, [lock])
    assert way is not None
    assert way.shell
    work = folder / "work place"
    (work / Path(held).name).mkdir(parents=True)
    (work / Path(held).name / "left from an earlier start").touch()
    line = way.command.replace("{work}", str(work)).replace("exec serve", "echo serve")
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, check=True)
    copy = work / Path(held).name
    assert f"{work}/{Path(held).name}" in done.stdout + "".join(way.environment.values()).replace("{work}", str(work))
    assert not (copy / "left from an earlier start").exists()
    if copy.is_dir():
        assert sorted(each.name for each in copy.iterdir()) == sorted(each.name for each in (folder / held).iterdir())
    assert lock.exists(), "the user's own stays as it is"


def test_the_nearest_folder_is_copied_where_several_hold_it(folder):
    lock = folder / "state" / "store" / "LOCK"
    way = with_own_data(Start("serve --root=state --store=state/store", "--command"), folder, [lock])
    assert way is not None
    assert way.command.endswith('cp -a state/store "{work}/store" && exec serve --root=state --store={work}/store')


def test_what_is_named_nowhere_or_holds_the_service_itself_is_not_copied(folder, monkeypatch):
    lock = folder / "state" / "store" / "LOCK"
    for command in ("serve", "serve --root=.", f"serve {folder}", "serve / --config=state.toml", "serve 'unclosed"):
        assert with_own_data(Start(command, "--command"), folder, [lock]) is None
    monkeypatch.setattr("perfproof.draft.start.own_data.LARGEST", 3)
    (folder / "state" / "large").write_bytes(b"1234")
    assert with_own_data(Start("serve --home=state", "--command"), folder, [lock]) is None
