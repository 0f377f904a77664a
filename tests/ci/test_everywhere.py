"""One real measured result through everything that shows it: the same sentence, no secret, nothing that runs."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

import browsing
from ci.conftest import Repo, new_repo
from perfproof.store.repository import Store
from perfproof.why.page import script
from serving import served

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(300)]

LEAKY = Path(__file__).parent.parent / "services" / "leaky.py"
EVIL = "GET <script>alert('name')</script><img src=x onerror=alert('x')>"
SECRETS = {
    "a header's token": "tok-93f1c0ffee5a",
    "a cookie": "c00kie-0f-the-us3r",
    "a password in a URL": "pw-1n-the-url",
    "a literal in the file": "l1teral-pass",
    "a variable of the environment": "fr0m-the-env1ronment",
}
SCENARIO = """\
name: leaky
service:
  command: "{python} -m uvicorn leaky:app --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
  directory: app
  health: /health
  start_timeout: 20s
  environment:
    DATABASE_URL: "postgresql://shop:pw-1n-the-url@127.0.0.1/shop"
    SHOP_PASSWORD: l1teral-pass
    SHOP_KEY: "${SHOP_KEY}"
arms:
  baseline: {}
  candidate: {}
requests:
  - name: "EVIL"
    get: "/items/{n}"
    values: {n: [1, 2, 3]}
    headers: {Authorization: "Bearer tok-93f1c0ffee5a", Cookie: "session=c00kie-0f-the-us3r"}
  - name: order
    post: "/orders?token=fr0m-the-env1ronment"
    json: {password: l1teral-pass, key: "${SHOP_KEY}"}
load: {model: open, rate: 80/s}
budgets: {latency_p50: {limit: 1us}}
rounds: {count: 2, warmup: 200ms, warmup_requests: 3, blocks: 3, block: 300ms, early_stop: false}
why: {seconds: 1600ms}
"""
ENDINGS = ("html", "md", "json", "csv", "parquet", "xml", "pdf", "png", "hlog")


@dataclass
class Everything:
    """A gate that was run on a CI, all its files, every other format, the archive, and the dashboard."""

    repo: Repo
    sentence: str
    terminal: str
    printed: list[str]
    run: Path
    dashboard: str

    @property
    def folder(self) -> Path:
        return self.repo.folder


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    repo = new_repo(tmp_path_factory.mktemp("everywhere"))
    repo.environ["SHOP_KEY"] = SECRETS["a variable of the environment"]
    repo.commit("all", **{"app/leaky.py": LEAKY.read_text(), "leaky.yaml": SCENARIO.replace("EVIL", EVIL)})
    formats = [word for name in ("github", "gitlab", "markdown", "json") for word in ("--format", name)]
    summary = repo.folder / "summary.md"
    ran = repo.run(
        "gate",
        "leaky.yaml",
        *formats,
        "-o",
        "own.md",
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(summary),
        COLUMNS="100",
    )
    assert ran.code in (1, 4), ran.err
    shown = repo.run("show", "last", COLUMNS="100")
    outputs = [word for ending in ENDINGS for word in ("-o", f"report.{ending}")]
    reported = repo.run("report", "last", *outputs)
    listed = repo.run("list")
    history = repo.run("history", "leaky", "-o", "history.html")
    # An invalid run (the machine had other work) is no part of a history.
    assert history.code == (2 if ran.code == 4 else 0), history.err
    exported = repo.run("export", "last", "-o", "run.zip")
    assert (reported.code, exported.code) == (0, 0), reported.err + exported.err
    (run,) = (repo.folder / "results").glob("*/run.json")
    sentence = json.loads((run.parent / "result.json").read_text())["sentence"]
    results = repo.folder / "results"
    with Store.open(f"sqlite:///{results}/perfproof.db", results=results) as store, served(store) as address:
        printed = [text for each in (ran, shown, reported, listed, history, exported) for text in (each.out, each.err)]
        yield Everything(repo, sentence, ran.out, printed, run.parent, address)


def words(text: str) -> str:
    """Return text without what differs by layout: kinds of spaces, breaks of lines, marks of what is typed."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").replace("`", "").split())


def of_pdf(file: Path) -> str:
    if shutil.which("pdftotext") is None:
        browsing.wanted("pdftotext")
    return subprocess.run(["pdftotext", "-raw", file, "-"], capture_output=True, text=True, check=True).stdout


def test_the_sentence_is_the_same_to_the_letter_wherever_it_stands(
    everything: Everything, browser: browsing.Browser
) -> None:
    sentence, folder = everything.sentence, everything.folder
    assert len(sentence) > 30
    gate = folder / "perfproof-gate"
    found = {}
    for name in ("report.json", "perfproof-gate/gate.json"):
        found[name] = json.loads((folder / name).read_text())["sentence"]
    for name in ("report.xml", "perfproof-gate/junit.xml"):
        suite = ElementTree.parse(folder / name).getroot().find("testsuite")
        assert suite is not None
        found[name] = suite.find("properties/property[@name='sentence']").get("value")  # type: ignore[union-attr]
    for name in ("report.md", "own.md", "perfproof-gate/gate.md", "perfproof-gate/comment.md", "summary.md"):
        bold = re.search(r"^\*\*(.*)\*\*$", (folder / name).read_text(), re.M)
        assert bold, name
        found[name] = html.unescape(bold[1])
    with Store.open(f"sqlite:///{folder}/results/perfproof.db") as store:
        found["store"] = str(store.find("last").sentence)
    page = browser.new_page()
    for name in ("report.html", "perfproof-gate/report.html", f"results/{everything.run.name}/report.html"):
        page.open((folder / name).as_uri())
        found[name] = page.run("document.querySelector('#sentence').textContent")
    page.open(f"{everything.dashboard}/runs/{everything.run.name}")
    found["dashboard"] = page.run("document.querySelector('.verdict h1, .verdict p.sentence, #verdict').textContent")
    page.open(everything.dashboard)
    listed = words(page.run("document.body.textContent"))
    assert words(sentence) in listed
    page.close()
    assert {name: words(text) for name, text in found.items()} == dict.fromkeys(found, words(sentence))
    assert len(found) == 14
    # Lines are broken where they are full, also inside words, so only letters can be compared.
    assert "".join(sentence.split()) in "".join(everything.terminal.split())
    # The slide says it in the words of the first screen, without intervals.
    assert "How sure?" in of_pdf(folder / "report.pdf")
    assert gate.is_dir()


def contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what a file holds, also packed: members of archives, columns of tables, text of PDFs, rows of databases."""
    import pandas as pd  # here: every worker imports this file

    data = file.read_bytes()
    yield file.name, data
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield f"{file.name}/{name}", archive.read(name)
                if name.endswith(".parquet"):
                    yield f"{file.name}/{name}", pd.read_parquet(io.BytesIO(archive.read(name))).to_csv().encode()
    elif file.suffix == ".parquet":
        yield file.name, pd.read_parquet(file).to_csv().encode()
    elif file.suffix == ".pdf":
        yield file.name, of_pdf(file).encode()
    elif file.suffix == ".db":
        with sqlite3.connect(file) as database:
            yield file.name, "\n".join(database.iterdump()).encode()


def test_no_secret_is_in_any_artefact(everything: Everything) -> None:
    sources = {"leaky.yaml", "leaky.py"}
    files = [f for f in everything.folder.rglob("*") if f.is_file() and ".git" not in f.parts]
    files = [file for file in files if file.name not in sources]
    names = {file.name for file in files}
    assert {"report.pdf", "run.zip", "comment.md", "junit.xml", "baseline.log", "scenario.yaml"} <= names
    pieces = [(name, text) for file in files for name, text in contents(file)]
    assert len(pieces) > len(files) + 10
    pieces += [(f"printed {at}", text.encode()) for at, text in enumerate(everything.printed)]
    leaks = [(name, what) for name, text in pieces for what, secret in SECRETS.items() if secret.encode() in text]
    assert leaks == []
    logs = b"".join(file.read_bytes() for file in files if file.name == "baseline.log")
    assert b"request /items/" in logs, "the service told nothing, so this showed nothing"
    assert b"***" in logs


def test_nothing_planted_runs_and_no_page_asks_anyone(everything: Everything, browser: browsing.Browser) -> None:
    here = everything.dashboard
    run = everything.run.name
    local = [file.as_uri() for file in sorted(everything.folder.rglob("*.html")) if ".git" not in file.parts]
    assert len(local) >= 3
    pages = [f"{here}{path}" for path in ("/", f"/runs/{run}", f"/runs/{run}/report", "/trends", "/compare")]
    page = browser.new_page()
    for address in [*local, *pages]:
        page.requests.clear()
        page.open(address)
        for media in ("screen", "print"):
            page.look(media=media)
            page.picture()
        allowed = {address, f"{here}/style.css"} if address.startswith(here) else {address}
        assert set(page.requests) <= allowed, address
    assert page.dialogs == []
    assert page.complaints == []
    page.close()
    texts = [(f, f.read_text()) for f in everything.folder.rglob("*.html")]
    ours = f"<script>{script()}</script>"  # what zooms flame graphs; the page's policy allows this one alone
    texts = [(file, text.replace(ours, "", 1)) for file, text in texts]
    assert all("<script" not in text.lower() and "<img" not in text.lower() for _, text in texts)
    assert any("alert(&#39;name&#39;)" in text or "alert('name')" in text for _, text in texts), "the name is shown"
    for file in ("report.md", "perfproof-gate/comment.md", "summary.md"):
        assert "<script" not in (everything.folder / file).read_text()
