"""Run directories as one file, for CI caches and for carrying runs elsewhere: a ZIP with a manifest.

An archive may come from anyone (a pull request's cache), so nothing in it is believed: names are built from a narrow
alphabet, only what the manifest lists is read, and only as many bytes as it says and the limits allow. Rejected: tar,
which brings links, devices and owners along, and cannot be listed without unpacking it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perfproof import __version__
from perfproof.core.codec import CodecError, decode, encode
from perfproof.core.files import flush, writing
from perfproof.errors import EvidenceError
from perfproof.evidence.directory import IMPORTING, end_killed, hidden
from perfproof.evidence.limits import parse_json
from perfproof.evidence.reader import read

FORMAT = 1
MANIFEST = "perfproof.json"
MAX_MANIFEST = 16 << 20
MAX_FILE = 4 << 30
MAX_TOTAL = 16 << 30
MAX_FILES = 100_000
FREE_TOTAL = 256 << 20
RATIO = 100
"""Beyond ``FREE_TOTAL``, an archive unpacks to at most so many times its size: logs come to some tens of theirs."""
_CHUNK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_COMPRESSED = {".parquet"}
"""Endings of files that are compressed already."""


@dataclass(frozen=True)
class ArchivedFile:
    """A file of a run: its path within the run directory, its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ArchivedRun:
    """A run in an archive, and the baseline names it had where it was exported."""

    id: str
    files: tuple[ArchivedFile, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What an archive holds; the first thing that is read of it."""

    format: int
    written_by: str
    runs: tuple[ArchivedRun, ...]


@dataclass(frozen=True)
class Imported:
    """What became of an archive: the manifest, the ids that are new here, and those that were here already."""

    manifest: Manifest
    added: tuple[str, ...]
    present: tuple[str, ...]


def pack(directories: Sequence[Path], file: Path, names: Mapping[str, Sequence[str]] | None = None) -> Manifest:
    """Write the run directories as one archive, whole or not at all; ``names`` are baseline names by run id.

    Links and files that are being written (hidden ones) stay behind. Raises ``EvidenceError`` when a run cannot be
    read or the file cannot be written.
    """
    runs = [(folder, end_killed(folder)) for folder in directories]
    unfinished = [info.id for _, info in runs if info.status == "running"]
    if unfinished:
        raise EvidenceError(f"run {unfinished[0]} is still being measured", hint="export it when it has ended")
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.partial")
    try:
        with writing(file):
            with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED) as archive:
                entries = []
                for folder, info in runs:
                    stored = tuple(_pack_file(archive, folder, path, info.id) for path in _files(folder))
                    entries.append(ArchivedRun(info.id, stored, tuple((names or {}).get(info.id, ()))))
                manifest = Manifest(FORMAT, __version__, tuple(entries))
                archive.writestr(MANIFEST, json.dumps(encode(manifest), indent=1))
            flush(temporary)
            temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def unpack(file: Path, results: Path, check: Callable[[Manifest], None] = lambda _: None) -> Imported:
    """Put the runs of an archive below ``results``, each whole or not at all; runs that are there already are kept.

    ``check`` is shown the manifest and may refuse it by raising before anything is unpacked. Raises ``EvidenceError``
    for a file that is no archive, of a newer format, damaged, too large, or not to be trusted; runs before the
    offending one stay.
    """
    added, present = [], []
    with _opened(file) as archive:
        manifest = _read_manifest(archive, file)
        members = _members(archive, manifest, file)
        check(manifest)
        with writing(results):
            results.mkdir(parents=True, exist_ok=True)
        for run in manifest.runs:
            if (results / run.id).exists():
                present.append(run.id)
            else:
                _unpack_run(archive, members, run, results, file)
                added.append(run.id)
    return Imported(manifest, tuple(added), tuple(present))


def _files(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*")) if not path.is_symlink() and path.is_file()]
    kept = [path for path in found if all(_NAME.fullmatch(part) for part in path.relative_to(folder).parts)]
    return [path for path in kept if path.resolve().is_relative_to(folder.resolve())]


def _pack_file(archive: zipfile.ZipFile, folder: Path, path: Path, run: str) -> ArchivedFile:
    name = path.relative_to(folder).as_posix()
    entry = zipfile.ZipInfo(f"{run}/{name}")  # the default date: the same runs give the same bytes
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    return ArchivedFile(name, size, digest.hexdigest())


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except OSError as error:
        raise EvidenceError("the archive cannot be read", where=str(file), why=error.strerror) from error
    except (zipfile.BadZipFile, ValueError) as error:
        raise _refused(file, f"it is not a ZIP file ({error})") from error
    with archive:
        try:
            yield archive
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise _refused(file, str(error)) from error  # damaged, encrypted, or packed in a way Python cannot read
        except OSError as error:
            raise EvidenceError("the archive cannot be unpacked", where=str(file), why=error.strerror) from error


def _read_manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        with archive.open(MANIFEST) as source:
            content = source.read(MAX_MANIFEST + 1)
        if len(content) > MAX_MANIFEST:
            raise _refused(file, f"{MANIFEST} is too large")
        document = parse_json(content)
        version = document["format"]
        if isinstance(version, int) and version > FORMAT:
            raise EvidenceError(
                f"this archive is of format {version}, and perfproof {__version__} reads formats up to {FORMAT}",
                where=str(file),
                hint="upgrade perfproof",
            )
        return decode(Manifest, document)
    except (KeyError, TypeError, CodecError, ValueError, RecursionError) as error:
        raise _refused(file, f"it holds no {MANIFEST} of perfproof ({str(error)[:120]})") from error


def _members(archive: zipfile.ZipFile, manifest: Manifest, file: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members the manifest speaks of, by name, after checking every name and every size."""
    there: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in there:
            raise _refused(file, f"it holds {member.filename!r:.80} twice")
        there[member.filename] = member
    wanted: dict[str, zipfile.ZipInfo] = {}
    total, most = 0, min(MAX_TOTAL, max(FREE_TOTAL, RATIO * file.stat().st_size))
    for run in manifest.runs:
        for each in run.files:
            name = f"{run.id}/{each.path}"
            parts = name.split("/")
            if name in wanted or len(parts) > 6 or not all(_NAME.fullmatch(part) for part in parts):
                raise _refused(file, f"the name {name!r:.120} is not one that perfproof writes")
            if name not in there:
                raise _refused(file, f"{name} is missing")
            if stat.S_IFMT(there[name].external_attr >> 16) not in (0, stat.S_IFREG):
                raise _refused(file, f"{name} is not an ordinary file")
            total += each.size
            if not 0 <= each.size <= MAX_FILE or total > most or len(wanted) >= MAX_FILES:
                raise _refused(file, f"with {name} it is larger than an archive may be")
            wanted[name] = there[name]
    return wanted


def _unpack_run(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], run: ArchivedRun, results: Path, file: Path
) -> None:
    if not _NAME.fullmatch(run.id):
        raise _refused(file, f"the run id {run.id!r:.80} is not one that perfproof gives")
    # Hidden, so that nobody takes it for a run; the rename at the end makes it one.
    temporary = hidden(results / run.id, IMPORTING)
    try:
        with writing(temporary):
            temporary.mkdir()
        for each in run.files:
            _unpack_file(archive, members[f"{run.id}/{each.path}"], each, temporary / each.path, file)
        if read(temporary).info.id != run.id:  # whole, so that what makes no sense never gets a place among the runs
            raise _refused(file, f"the run in {run.id} says that it is another")
        with writing(results / run.id):
            temporary.rename(results / run.id)
            flush(results)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_file(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, described: ArchivedFile, target: Path, file: Path
) -> None:
    digest, left = hashlib.sha256(), described.size
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, target.open("xb") as sink:
            # One byte more than promised is asked for, so that a file which is longer is noticed and not written out.
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                sink.write(chunk)
    if left or digest.hexdigest() != described.sha256:
        raise _refused(file, f"{member.filename} is not what the manifest says")


def _refused(file: Path, why: str) -> EvidenceError:
    return EvidenceError(
        "the archive is not used", where=str(file), why=why, hint="export it again with `perfproof export`"
    )
