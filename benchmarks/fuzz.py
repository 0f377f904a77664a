"""Whether files that anyone may have written can crash perfproof, hang it, or fill the memory.

    python benchmarks/fuzz.py [--tries 2000] [--seed 1]

A third of the tries change a scenario file and `check` it, a third a run directory and judge, report and list it, a
third an archive and `import` it. Every command runs in this process's children, several files to a child; a try is
wrong when an error ends as a defect of perfproof (or a traceback), takes more than 5 s, or the memory above 500 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS, MEMORY_MB = 5.0, 500.0
PER_CHILD = 50

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 10**9, 2**63, 10**400, 1.5, -0.0, 1e308, "nan", "inf", "", "x", "\x1b[31m", "\u202e",
    "\ud800", "\0", "../..", "/dev/zero", "last", "%s", "a" * 100_000, [], {}, [[]], {"": ""}, [None], "1:30",
)  # fmt: skip
LINES = (
    "? [", "- - - -", "a: &a [*a, *a]", "<<: *nothing", "!!python/object:os.system {}", "\t", "---", "...", "%YAML 9.9",
    "requests: 3", "service: []", "load: {rate: 1e999/s}", "rounds: {count: -1}", "name: *x", "x-a: &b {<<: *b}",
    "arms: {a: {}, b: {}, c: {}}", "goals: {latency_p95: {improve: 1000000000000%}}", "include: /dev/zero", '"', "'",
    "? ? ?", "|", "{{{{", "values: {n: [" + "1," * 5000 + "]}", "- " * 3000, "[" * 3000, "{a: " * 2000,
)  # fmt: skip


def mutate_text(text: str, chance: random.Random) -> str:
    """Return a scenario (or any text) with some of its lines, words and bytes changed."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, chance.choice(LINES))
            case 2:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 3:
                lines[at] = " " * chance.randrange(9) + lines[at].lstrip()
            case 4:
                key, colon, _ = lines[at].partition(":")
                odd = chance.choice(ODD)
                lines[at] = f"{key}{colon} {odd if isinstance(odd, str) else json.dumps(odd)}"
            case 5:
                lines[at] = lines[at].replace(
                    chance.choice("{}[]:,\"'") or " ", chance.choice(("", "{", "]", ":", '"'))
                )
            case 6:
                lines[at] = lines[at] * chance.choice((2, 50))
            case _:
                place = chance.randrange(len(text) + 1)
                lines = [text[:place] + chance.choice(("\0", "\x85", "\ufeff", "é", "\x1b]0;x\a", "\r")) + text[place:]]
        text = "\n".join(lines)
    return text


def mutate_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return bytes with some flipped, cut out, doubled or cut off."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 3, 20))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.choice((1, 8, 1000))]
            case 2:
                data[at:at] = data[at : at + chance.choice((1, 8, 1000))]
            case _:
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\xff" * 4))
    return bytes(data)


def mutate_json(document: Any, chance: random.Random) -> Any:
    """Return a JSON document in which one value, somewhere, is another one, missing, or there twice."""
    if not isinstance(document, dict | list) or not document or chance.random() < 0.15:
        return chance.choice(ODD)
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key, copy = chance.choice(keys), document.copy()
    roll = chance.random()
    if roll < 0.12:
        del copy[key]
    elif roll < 0.2 and isinstance(copy, list):
        copy.insert(key, copy[key])
    else:
        copy[key] = mutate_json(copy[key], chance)
    return copy


def mutate_file(file: Path, chance: random.Random) -> None:
    """Change one file of a run directory in a way that fits its kind, or in one that does not."""
    roll = chance.random()
    if roll < 0.05:
        file.unlink()
    elif roll < 0.08:
        file.unlink()
        file.mkdir()
    elif roll < 0.11:
        file.unlink()
        os.mkfifo(file)
    elif roll < 0.14:
        file.unlink()
        file.symlink_to(chance.choice(("/dev/zero", "/proc/self/mem", "run.json", "nowhere")))
    elif roll < 0.2:
        file.write_bytes(mutate_bytes(file.read_bytes(), chance))
    elif file.suffix in (".json", ".gz"):
        packed = file.suffix == ".gz"
        document = json.loads(gzip.decompress(file.read_bytes()) if packed else file.read_bytes())
        for _ in range(chance.choice((1, 1, 3))):
            document = mutate_json(document, chance)
        text = json.dumps(document).encode()
        if chance.random() < 0.05:
            text = chance.choice(
                (b"[" * 5_000_000, b"[" + b"[]," * 6_000_000 + b"[]]", b'{"format": 1, "a": "' + b" " * 80_000_000)
            )
        file.write_bytes(gzip.compress(text, 1) if packed else text[: 1 << 26])
    elif file.suffix == ".parquet":
        _mutate_table(file, chance)
    else:
        file.write_text(mutate_text(file.read_text(errors="replace"), chance), errors="replace")


def _mutate_table(file: Path, chance: random.Random) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    name = chance.choice(table.column_names)
    match chance.randrange(6):
        case 0:
            del columns[name]
        case 1 if len(columns[name]):
            columns[name] = columns[name].copy()
            columns[name][chance.randrange(len(columns[name]))] = chance.choice((-1, 5, 120, 127))
        case 2:
            columns = {
                key: np.repeat(column[:1], 50_000_000 // len(columns)) for key, column in columns.items()
            }  # a bomb
        case 3:
            columns[name] = np.array(["x" * 1000] * len(columns[name]))
        case 4:
            columns = {key: column[: chance.randrange(len(column) + 1)] for key, column in columns.items()}
        case _:
            columns[name] = np.full(len(columns[name]), chance.choice((0, -(2**63), 2**63 - 1)), dtype="int64")
    with contextlib.suppress(pa.ArrowException):
        length = min(map(len, columns.values()), default=0)
        pq.write_table(
            pa.table({key: pa.array(column[:length]) for key, column in columns.items()}), file, compression="zstd"
        )


def commands(kind: str, case: Path, model: Path, scenarios: list[Path], chance: random.Random) -> list[list[str]]:
    """Make one case in the folder ``case``; return the commands that are run on it."""
    case.mkdir()
    if kind == "scenario":
        text = chance.choice(scenarios).read_text()
        (case / "it.yaml").write_text(mutate_text(text, chance), encoding="utf-8", errors="replace")
        return [["check", "it.yaml"]]
    if kind == "run":
        run = case / "results" / model.name
        shutil.copytree(model, run)
        files = sorted(path for path in run.rglob("*") if path.is_file())
        for file in chance.sample(files, chance.choice((1, 1, 2))):
            mutate_file(file, chance)
        name = f"results/{model.name}"
        return [
            ["show", name],
            ["report", name, "-o", "it.html", "-o", "it.md", "-o", "it.json"],
            ["list"],
            ["gate", name],
        ]
    _archive(case / "it.perfproof", model, chance)
    return [["import", "it.perfproof"], ["list"]]


def _archive(file: Path, model: Path, chance: random.Random) -> None:
    """Write an archive of which the manifest, a member's name, a member or the bytes are not what they should be."""
    import hashlib

    contents = {path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    if chance.random() < 0.4:
        name = chance.choice([each for each in contents if each.endswith(".json")])
        contents[name] = json.dumps(mutate_json(json.loads(contents[name]), chance)).encode()
    if chance.random() < 0.1:
        contents["load.log"] = bytes(300 << 20)
    entries = [
        {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
    ]
    names = [chance.choice(("main", "last", "\x1b[0m", ""))] if chance.random() < 0.3 else []
    manifest: Any = {"format": 1, "written_by": "x", "runs": [{"id": model.name, "files": entries, "names": names}]}
    if chance.random() < 0.5:
        manifest = mutate_json(manifest, chance)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in contents.items():
            where = chance.choice(("../../x", "/tmp/x", "a/../b", "\0")) if chance.random() < 0.02 else name
            archive.writestr(f"{model.name}/{where}", data)
        archive.writestr("perfproof.json", json.dumps(manifest))
    data = made.getvalue()
    file.write_bytes(mutate_bytes(data, chance) if chance.random() < 0.3 else data)


def child(folder: Path) -> None:
    """Run the commands of every case below ``folder`` and print, as JSON lines, what was wrong with which."""
    sys.path.insert(0, str(ROOT / "src"))
    from perfproof.cli import app

    for case in sorted(folder.iterdir()):
        for arguments in json.loads((case / "commands.json").read_text()):
            wrong = _one(app.run, case, arguments)
            if wrong:
                sys.__stdout__.write(json.dumps([str(case), arguments, wrong]) + "\n")
                sys.__stdout__.flush()
        sys.__stdout__.write(json.dumps([str(case), None, None]) + "\n")
        sys.__stdout__.flush()
    # Not getrusage's ru_maxrss: that is inherited from the program that started this one, however large it was.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    sys.__stdout__.write(json.dumps(["memory", memory]) + "\n")


def _one(run: Callable[[], None], case: Path, arguments: list[str]) -> str:
    """Return what is wrong with one command."""
    os.chdir(case)
    sys.argv = ["perfproof", *arguments]
    said = os.memfd_create("said")
    kept = [os.dup(number) for number in (1, 2)]
    streams = sys.stdout, sys.stderr
    for number in (1, 2):
        os.dup2(said, number)
    began, used = time.monotonic(), time.process_time()
    problem = ""
    try:
        run()
    except SystemExit as ended:
        problem = "" if ended.code in (0, 1, 2, 3, 4) else f"exit code {ended.code}"
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        problem = traceback.format_exc()[-1500:]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
    # By the process's own clock, so that a busy machine is not blamed on it; what waits for ever uses none.
    took, waited = time.process_time() - used, time.monotonic() - began
    text = os.pread(said, 1 << 20, 0).decode(errors="replace")
    os.close(said)
    if "perfproof itself failed" in text or "Traceback (most recent" in text:
        problem = text[-1500:]
    if took > SECONDS or waited > 12 * SECONDS:
        problem += f" it took {waited:.1f} s, {took:.1f} s of them at work"
    return problem


def measure(folder: Path) -> Path:
    """Record a small real run to start from; return its directory."""
    sys.path.insert(0, str(ROOT / "tests"))
    from cli.conftest import SCENARIO, SERVICES

    folder.mkdir()
    text = SCENARIO.replace("DIRECTORY", str(SERVICES)).replace("why: off\n", "")
    (folder / "tiny.yaml").write_text(text)
    command = [sys.executable, "-m", "perfproof", "ab", "tiny.yaml", "-q"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1, 3, 4), done.stderr  # 4: on a busy machine
    (run,) = (file.parent for file in (folder / "results").glob("*/run.json"))
    return run


def fuzz(tries: int, seed: int, folder: Path, model: Path, say: Callable[[str], None] = print) -> int:
    """Try so many cases; return how many went wrong."""
    chance, bad = random.Random(seed), 0
    scenarios = sorted((ROOT / "scenarios").glob("[!.]*.yaml"))
    peak = 0.0
    for first in range(0, tries, PER_CHILD):
        batch = folder / f"{first:06d}"
        batch.mkdir()
        for number in range(first, min(first + PER_CHILD, tries)):
            kind = ("scenario", "run", "archive")[number % 3]
            case = batch / f"{number:06d}-{kind}"
            listed = commands(kind, case, model, scenarios, chance)
            (case / "commands.json").write_text(json.dumps(listed))
        found, most = _in_child(batch)
        peak = max(peak, most)
        bad += len({case for case, _, _ in found})
        for case, arguments, wrong in found:
            say(f"{case} {' '.join(arguments)}\n{wrong}\n")
        if most > MEMORY_MB:
            say(f"{batch}: {most:.0f} MB\n")
            bad += 1
        wrong_cases = {case for case, _, _ in found}
        for case in batch.iterdir():
            if str(case) not in wrong_cases and most <= MEMORY_MB:
                shutil.rmtree(case)
    say(f"{bad} of {tries} went wrong; {peak:.0f} MB at most")
    return bad


def _in_child(batch: Path) -> tuple[list[tuple[str, list[str], str]], float]:
    """Run a batch; return what went wrong, and the most memory in MB. A child that hangs is ended and told."""
    command = [sys.executable, __file__, "--child", str(batch)]
    cases = sorted(batch.iterdir())
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, err = process.communicate(timeout=4 * SECONDS * len(cases))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            err += "it hung"
    lines = [json.loads(line) for line in out.splitlines()]
    most = max((line[1] for line in lines if line[0] == "memory"), default=0.0)
    lines = [line for line in lines if line[0] != "memory"]
    found = [(case, arguments, wrong) for case, arguments, wrong in lines if arguments is not None]
    done = {case for case, arguments, _ in lines if arguments is None}
    lost = [case for case in cases if str(case) not in done]
    if lost:
        found.append((str(lost[0]), ["..."], f"ended with {process.returncode}: {err[-1500:]}"))
    return found, most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for the cases; those that went wrong stay there")
    parser.add_argument("--model", type=Path, help="a run directory to start from, instead of measuring one")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name) / "cases"
        folder.mkdir(parents=True)
        model = options.model or measure(Path(name) / "model")
        return 1 if fuzz(options.tries, options.seed, folder, model) else 0


if __name__ == "__main__":
    sys.exit(main())
