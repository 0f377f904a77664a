"""What the JSON files of a run directory look like, per format version, and how an older one becomes current."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perfproof import __version__
from perfproof.core.codec import CodecError, decode, encode
from perfproof.errors import EvidenceError
from perfproof.evidence.limits import TooLargeError, parse_json, read_bytes
from perfproof.model.recording import ArmRound, Block, Collected, Trouble

PROBE_FILE = "probe.json"
CAUSES_FILE = "causes.json.gz"
INSTRUCTIONS_FILE = "instructions.json.gz"
CHECKS_FILE = "checks.json.gz"
SAMPLES_FILE, HISTOGRAMS_FILE = "samples.parquet", "histograms.parquet"
"""What was recorded of the requests of a round: one of the two."""
FORMAT = 1
"""The version this program writes. Raise it when an older program would misread the files, and add an upgrade."""

Document = dict[str, Any]
Upgrade = Callable[[Document], Document]

UPGRADES: Mapping[int, Upgrade] = {}
"""Format n -> the function that turns a document of format n into one of format n + 1."""

T = TypeVar("T")


@dataclass(frozen=True)
class RoundFacts:
    """What ``round.json`` holds: a round without its two tables (``samples.parquet`` and ``processes.parquet``)."""

    number: int
    arms: tuple[ArmRound, ...]
    blocks: tuple[Block, ...]
    complete: bool = True
    problem: str | None = None
    troubles: tuple[Trouble, ...] = ()
    collected: tuple[Collected, ...] = ()


def round_folder(path: Path, number: int) -> Path:
    """Return where the run directory ``path`` keeps a sealed round."""
    return path / "rounds" / f"{number:03d}"


def write_document(value: object) -> bytes:
    """Return the dataclass ``value`` as the bytes of a JSON file that carries its format and the writer's version."""
    document = {"format": FORMAT, "written_by": __version__, **encode(value)}
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_compressed(value: object) -> bytes:
    """Return what ``write_document`` does, gzipped: folded stacks repeat themselves to a twentieth of their size."""
    return gzip.compress(write_document(value), mtime=0)


def read_document(file: Path, kind: type[T]) -> T:
    """Return the content of ``file`` as ``kind``; ``EvidenceError`` if it is missing, damaged or of a newer format."""
    try:
        return decode(kind, upgraded(parse_json(read_bytes(file)), file))
    except FileNotFoundError:
        raise EvidenceError(
            f"{file.name} is missing", where=str(file.parent), hint="name a folder that perfproof has written"
        ) from None
    except (EOFError, zlib.error) as error:
        raise damaged(file, f"it is not whole gzip: {error}") from error
    except OSError as error:
        raise EvidenceError(f"{file.name} cannot be read", where=str(file), why=error.strerror) from error
    except (CodecError, TooLargeError) as error:
        raise damaged(file, str(error)) from error
    except ValueError as error:  # broken JSON or broken UTF-8
        raise damaged(file, f"it is not whole JSON: {error}") from error


def upgraded(
    document: object, file: Path, *, upgrades: Mapping[int, Upgrade] = UPGRADES, current: int = FORMAT
) -> Document:
    """Return ``document`` in the ``current`` format, taken there step by step; ``file`` is named in errors."""
    if not isinstance(document, dict):
        raise damaged(file, "it does not hold a JSON object")
    version = document.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise damaged(file, "it does not say its format version")
    if version > current:
        writer = document.get("written_by")
        raise EvidenceError(
            f"this run is of format {version}, and perfproof {__version__} reads formats up to {current}",
            where=str(file),
            hint=f"upgrade perfproof to {writer} or newer" if isinstance(writer, str) else "upgrade perfproof",
        )
    for step in range(version, current):
        document = upgrades[step](document)
    return document


def damaged(file: Path, why: str) -> EvidenceError:
    """Return the error for a file whose content makes no sense, with what to do about it."""
    if file.parent.parent.name == "rounds":
        hint = f"remove {file.parent} to read the other rounds, or measure again"
    else:
        hint = f"restore {file} from a copy, or measure again"
    return EvidenceError(f"{file.name} is damaged", where=str(file), why=why, hint=hint)
