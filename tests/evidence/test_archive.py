"""Runs in one file: the round trip is exact, and an archive from anyone can do no harm."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfproof.errors import EvidenceError
from perfproof.evidence import archive
from perfproof.evidence.archive import MANIFEST, pack, unpack
from perfproof.evidence.directory import RunDirectory
from perfproof.model.recording import Environment, Round, RunInfo, Samples


def make_run(results: Path, name: str = "20261123-061502-projects-9f3a", **changes: Any) -> Path:
    info = RunInfo(
        id=name, kind="run", label=None, scenario_name="projects", scenario_hash="5ce7", arms=("baseline",),
        arm_details=({"command": "serve"},), requests=("list",), variants=(("",),), settings={},
        environment=Environment({}, "e417"), started_at="2026-11-23T06:15:02+00:00", status="complete", **changes,
    )  # fmt: skip
    directory = RunDirectory.create(results, info, "name: projects\n")
    directory.seal(directory.begin_round(1), Round(1, (), (), Samples.empty()), {}, str)
    directory.save_result('{"verdict": "met"}')
    return directory.path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "results")


@pytest.fixture
def packed(run: Path, tmp_path: Path) -> Path:
    pack([run], tmp_path / "runs.perfproof", {run.name: ["main"]})
    return tmp_path / "runs.perfproof"


def forged(source: Path, target: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Path:
    """Write a copy of an archive after ``change`` had the manifest and the members in its hands."""
    with zipfile.ZipFile(source) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    change(manifest, members)
    with zipfile.ZipFile(target, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
        new.writestr(MANIFEST, json.dumps(manifest))
    return target


def add(manifest: dict[str, Any], members: dict[str, bytes], path: str, content: bytes = b"evil") -> None:
    run = manifest["runs"][0]
    run["files"].append({"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    members[f"{run['id']}/{path}"] = content


def test_runs_come_out_byte_for_byte_as_they_went_in(run: Path, packed: Path, tmp_path: Path) -> None:
    imported = unpack(packed, tmp_path / "elsewhere")
    assert imported.added == (run.name,)
    assert imported.manifest.runs[0].names == ("main",)
    assert contents(tmp_path / "elsewhere" / run.name) == contents(run)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == [run.name]


def test_importing_twice_changes_nothing(run: Path, packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / run.name / "note.txt").write_text("mine")
    again = unpack(packed, tmp_path / "elsewhere")
    assert (again.added, again.present) == ((), (run.name,))
    assert (tmp_path / "elsewhere" / run.name / "note.txt").read_text() == "mine"


def test_the_same_runs_make_the_same_file(run: Path, packed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed) as one:
        dates = {member.date_time for member in one.infolist() if member.filename != MANIFEST}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_links_hidden_files_and_whatever_they_lead_to_stay_behind(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("hunter2")
    (run / "key.txt").symlink_to(tmp_path / "secret" / "key.txt")
    (run / "folder").symlink_to(tmp_path / "secret")
    (run / ".run.json.writing").write_text("half")
    manifest = pack([run], tmp_path / "runs.perfproof")
    names = [file.path for file in manifest.runs[0].files]
    assert "run.json" in names
    assert not [name for name in names if "key" in name or name.startswith(".")]


def test_a_run_that_is_still_measured_is_not_exported(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "results")
    text = (folder / "run.json").read_text().replace('"complete"', '"running"')
    (folder / "run.json").write_text(text)
    with pytest.raises(EvidenceError, match="still being measured"):
        pack([folder], tmp_path / "runs.perfproof")
    assert not (tmp_path / "runs.perfproof").exists()


def test_a_failed_export_leaves_an_earlier_file_alone(run: Path, packed: Path, tmp_path: Path) -> None:
    before = packed.read_bytes()
    with pytest.raises(EvidenceError):
        pack([run, tmp_path / "missing"], packed)
    assert packed.read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


HOSTILE_PATHS = [
    "../outside", "../../outside", "/etc/outside", "a/../../outside", "..\\outside", "C:\\outside", ".hidden",
    "a//b", "", ".", "nul\0byte", "a/b/c/d/e/f/g", "x" * 300, "caf\u00e9", "line\nbreak", "-rf/../x",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    path: str, packed: Path, tmp_path: Path
) -> None:
    hostile = forged(packed, tmp_path / "hostile", lambda manifest, members: add(manifest, members, path))
    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(hostile, tmp_path / "in" / "elsewhere")
    assert not list(tmp_path.rglob("*outside*"))
    assert not list((tmp_path / "in").rglob("*")) or not list((tmp_path / "in" / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["..", ".", "../x", "/tmp/x", ".hidden", "a/b", "", "a b"])
def test_a_run_id_that_leads_elsewhere_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    def rename(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        old = manifest["runs"][0]["id"]
        manifest["runs"][0]["id"] = name
        for key in [key for key in members if key.startswith(old)]:
            members[name + key.removeprefix(old)] = members.pop(key)

    with pytest.raises(EvidenceError):
        unpack(forged(packed, tmp_path / "hostile", rename), tmp_path / "elsewhere")
    assert not [path for path in tmp_path.rglob("run.json") if "results" not in path.parts]


def test_a_run_without_files_and_with_a_strange_id_is_refused(packed: Path, tmp_path: Path) -> None:
    def empty(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["runs"] = [{"id": "../x", "files": [], "names": []}]

    with pytest.raises(EvidenceError, match="not one that perfproof gives"):
        unpack(forged(packed, tmp_path / "hostile", empty), tmp_path / "elsewhere")


def test_a_link_in_an_archive_is_refused(run: Path, packed: Path, tmp_path: Path) -> None:
    def link(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        add(manifest, members, "link", b"/etc/passwd")

    hostile = forged(packed, tmp_path / "hostile", link)
    with zipfile.ZipFile(hostile) as old, zipfile.ZipFile(tmp_path / "linked", "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("/link"):
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
            new.writestr(member, content)
    with pytest.raises(EvidenceError, match="the archive is not used") as caught:
        unpack(tmp_path / "linked", tmp_path / "elsewhere")
    assert "not an ordinary file" in str(caught.value)


def test_a_file_that_unpacks_to_more_than_it_says_is_stopped(packed: Path, tmp_path: Path) -> None:
    def bomb(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        add(manifest, members, "bomb", b"\0" * 50_000_000)
        manifest["runs"][0]["files"][-1]["size"] = 10

    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(forged(packed, tmp_path / "hostile", bomb), tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_more_bytes_or_files_than_the_limits_are_refused_before_anything_is_written(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL", 1000)
    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(packed, tmp_path / "elsewhere")
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    with pytest.raises(EvidenceError) as caught:
        unpack(packed, tmp_path / "elsewhere")
    assert "larger than an archive may be" in str(caught.value)
    assert not (tmp_path / "elsewhere").exists()


def test_a_changed_byte_is_noticed(run: Path, packed: Path, tmp_path: Path) -> None:
    def flip(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        name = f"{run.name}/result.json"
        members[name] = members[name].replace(b"met", b"bad")

    with pytest.raises(EvidenceError) as caught:
        unpack(forged(packed, tmp_path / "hostile", flip), tmp_path / "elsewhere")
    assert "result.json is not what the manifest says" in str(caught.value)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_run_in_the_clothes_of_another_is_refused(run: Path, packed: Path, tmp_path: Path) -> None:
    def rename(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["runs"][0]["id"] = "20261123-061502-projects-0000"
        for key in list(members):
            members[key.replace(run.name, "20261123-061502-projects-0000")] = members.pop(key)

    with pytest.raises(EvidenceError) as caught:
        unpack(forged(packed, tmp_path / "hostile", rename), tmp_path / "elsewhere")
    assert "says that it is another" in str(caught.value)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "1"}', '{"format": 1, "written_by": "x", "runs": [{"id": 1}]}', "[" * 100_000],
    ids=["empty", "list", "object", "text version", "number id", "deep"],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(text: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hostile", "w") as made:
        made.writestr(MANIFEST, text)
    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(tmp_path / "hostile", tmp_path / "elsewhere")


def test_a_newer_archive_is_refused_with_both_versions(packed: Path, tmp_path: Path) -> None:
    newer = forged(packed, tmp_path / "newer", lambda manifest, _: manifest.update(format=99))
    with pytest.raises(EvidenceError, match="format 99") as caught:
        unpack(newer, tmp_path / "elsewhere")
    assert caught.value.hint == "upgrade perfproof"


@pytest.mark.parametrize("content", [b"", b"PK", b"\x28\xb5\x2f\xfd rubbish", b"x" * 10_000])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(tmp_path / "file", tmp_path / "elsewhere")


def test_an_archive_cut_short_is_refused(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(EvidenceError):
            unpack(tmp_path / "cut", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_a_damaged_member_is_refused_and_the_runs_before_it_stay(tmp_path: Path) -> None:
    first, second = (make_run(tmp_path / "results", f"20261123-06150{n}-projects-9f3a") for n in (1, 2))
    pack([first, second], tmp_path / "two")
    with zipfile.ZipFile(tmp_path / "two") as made:
        offset = made.getinfo(f"{second.name}/scenario.yaml").header_offset
    data = bytearray((tmp_path / "two").read_bytes())
    begins = offset + 30 + len(f"{second.name}/scenario.yaml") + 20  # after the local header and its ZIP64 sizes
    for damage in range(10):
        damaged = bytearray(data)
        damaged[begins + damage] ^= 0xFF
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(EvidenceError):
            unpack(tmp_path / "damaged", tmp_path / "elsewhere")
        assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [first.name]


def test_an_encrypted_archive_is_refused(packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(signature, at + 4)
    (tmp_path / "locked").write_bytes(data)
    with pytest.raises(EvidenceError, match="the archive is not used"):
        unpack(tmp_path / "locked", tmp_path / "elsewhere")
