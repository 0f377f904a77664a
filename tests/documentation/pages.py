"""The blocks of a page of the documentation, and a page run from top to bottom as its reader would.

Of the tutorial and of ``docs/howto`` every block with a ``title`` becomes a file, and every block marked ``sh`` is run
in the same folder, in order. ``python tests/documentation/pages.py docs/tutorial.md`` does it at full length and shows
what comes out: so the figures of a page are made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$", re.M | re.S
)
SHORTER = "--no-why --no-early-stop --rounds"
"""What a test adds to commands that measure: their words are held, not their figures."""
_SHORT_ROUNDS = "rounds: {count: 2, warmup: 300ms, warmup_requests: 5"
_PROGRAM = """\
#!{python} -IS
import os, sys
sys.path.insert(0, {tests!r})
import warm
warm.warm.channels = {{kind: warm._socket.socket(fileno=channel) for kind, channel in {channels}.items()}}
sys.exit(warm.WarmProcess(["cli", *sys.argv[1:]], env=dict(os.environ)).wait())
"""
"""What a page runs as ``perfproof``: the real one, forked from an interpreter that has everything imported."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its title (the file it stands for) and its text."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    whole = page.read_text(encoding="utf-8")
    found = []
    for each in _FENCE.finditer(whole):
        language, _, rest = each["info"].strip().partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        text = re.sub(rf"^{each['indent']}", "", each["text"], flags=re.M)
        line = whole.count("\n", 0, each.start()) + 1
        name = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else str(page)
        found.append(Block(name, line, language, title[1] if title else "", text))
    return found


def run_page(
    page: Path, folder: Path, environ: Mapping[str, str], *, short: bool = True, load: bool = True
) -> Iterator[tuple[Block, subprocess.CompletedProcess[str]]]:
    """Run a page in a folder, block by block; fail with the block that failed.

    With ``short`` measurements take seconds: what is held then are the page's words, not its figures. Without ``load``
    the engine that sends nothing measures (``fake_engine``); services start and statements are counted all the same. A
    variable of ``environ`` that is empty is not set.
    """
    whole = {name: value for name, value in (environ_of(folder) | dict(environ)).items() if value}
    channels = []
    allowing = _ALLOWING.replace("BUSY", _BUSY if short else "")
    if short:
        channels = lend_program(folder.parent / "bin")
        whole["PATH"] = f"{folder.parent / 'bin'}{os.pathsep}{whole['PATH']}"
    if not load:
        whole["PERFPROOF_TEST_ENGINE"] = "fake_engine"
    for block in blocks(page):
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(hurried(block.text) if short else block.text, encoding="utf-8")
        elif block.language == "sh":
            script = shortened(block.text, rounds=2 if load else 1) if short else block.text
            done = subprocess.run(
                ["/bin/bash", "-eu", "-c", allowing + script], cwd=folder, env=whole,
                capture_output=True, text=True, timeout=400, check=False, pass_fds=channels,
            )  # fmt: skip
            assert done.returncode == 0, f"{block.place} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr, f"{block.place}\n{done.stderr}"
            yield block, done


# A verdict is no error of the page. In a test nor is it that the machine is too busy to measure anything.
_ALLOWING = """\
perfproof() {
    local code=0 told
    told=$(command perfproof "$@") || code=$?
    printf '%s\\n' "$told"
    case $code,$told in [013],*BUSY) ;; *) return $code ;; esac
}
"""
_BUSY = '|4,*"Invalid: the load generator"*|4,*"was not steady after warm-up"*'


def shortened(script: str, *, rounds: int = 2) -> str:
    """Return a script whose measurements take seconds."""
    script = re.sub(r" --time \S+", "", re.sub(r"\\\n\s*", "", script))
    script = re.sub(r"^(perfproof doctor\b[^\n]*)", r"\1 --no-noise", script, flags=re.M)
    return re.sub(r"^(perfproof (?:ab|gate)\b[^\n#]*?)( *)(#.*)?$", rf"\1 {SHORTER} {rounds}\2\3", script, flags=re.M)


def hurried(text: str) -> str:
    """Return a file of a page, its rounds short where it is a scenario that says how long they are."""

    def short(found: re.Match[str]) -> str:
        return _SHORT_ROUNDS + (", blocks: 2, block: 300ms}" if "blocks:" in found[0] else ", pairs: 500ms}")

    return re.sub(r"^rounds: \{.*\}$", short, text, flags=re.M)


def lend_program(folder: Path) -> list[int]:
    """Put a program ``perfproof`` into a folder that takes its processes from the warm servers of this test run.

    Return the descriptors that it is to be given, under the same numbers.
    """
    import warm

    channels = {kind: warm.warm.channel(kind).fileno() for kind in ("cli", "load")}
    program = folder / "perfproof"
    folder.mkdir(exist_ok=True)
    program.write_text(_PROGRAM.format(python=sys.executable, tests=str(ROOT / "tests"), channels=channels))
    program.chmod(0o755)
    return list(channels.values())


def environ_of(folder: Path) -> dict[str, str]:
    """Return the environment of a reader in his folder: our programs first, nothing of ours around."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GIT", "CI", "PERFPROOF", "PYTEST"))
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100", "NO_COLOR": "1",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def main(names: list[str]) -> None:
    """Run pages at full length, with the databases that they ask for."""
    sys.path.insert(0, str(ROOT / "tests"))
    for name in names:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
            folder = Path(home) / "shop"
            folder.mkdir()
            environ = databases(page, stack)
            for block, done in run_page(page, folder, environ, short=False):
                sys.stdout.write(f"### {block.place}\n{block.text}\n{done.stdout}--- stderr\n{done.stderr}\n")
                sys.stdout.flush()


def databases(page: Path, stack: ExitStack) -> dict[str, str]:
    """Lend a server where the page names one; SHOP_DATABASE is its address."""
    import mariadb
    import postgres

    if page.stem in ("postgresql", "rust"):
        binaries, user = postgres.find_binaries(), postgres.unprivileged_user()
        if binaries is None or user is None or shutil.which("psql") is None:
            postgres.missing("PostgreSQL and psql are not installed, or there is no user that it could run as")
        settings = {"shared_preload_libraries": "pg_stat_statements"}
        address = stack.enter_context(postgres.running_server(binaries, user, settings))
        url = postgres.new_database(address).replace("+psycopg", "")
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        return {"SHOP_DATABASE": url}
    if page.stem == "mariadb":
        server = stack.enter_context(mariadb.running_server())
        return {"SHOP_DATABASE": server.new_database()}
    return {}


if __name__ == "__main__":
    main(sys.argv[1:])
