"""What the tests of the dashboard share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from perfproof.evidence.directory import RunDirectory
from perfproof.model.recording import RunInfo
from perfproof.store.repository import Store

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@dataclass
class Board:
    """A dashboard that runs: its address, the store below it, and the runs in there, oldest first."""

    address: str
    store: Store
    results: Path
    infos: list[RunInfo]
    client: httpx.Client

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.client.get(path, **more)  # type: ignore[arg-type]

    def read(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


def keep(board: Board, info: RunInfo, report: str) -> Path:
    """Give a run a directory with a report page."""
    folder = RunDirectory.create(board.results, replace(info), "name: projects\n").path
    (folder / "report.html").write_text(report, encoding="utf-8")
    return folder
