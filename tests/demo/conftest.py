"""A seeded database for the whole session and clients of the demo, in this process and over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from perfproof.demo import seed
from perfproof.demo.app import create_app
from perfproof.demo.levers import Levers, Settings


@dataclass
class Client:
    """Calls one instance of the application and sees the statements it executes."""

    settings: Settings
    token: str | None = None
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = create_app(self.settings)
        event.listen(self.app.state.engine, "before_cursor_execute", lambda *args: self.statements.append(args[2]))

    def send(self, method: str, path: str, *, json: object = None, **headers: str) -> httpx.Response:
        self.statements.clear()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("accept-encoding", "identity")
        if self.token:
            headers.setdefault("authorization", f"Bearer {self.token}")

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
                return await client.request(method, path, json=json, headers=headers)

        return asyncio.run(exchange())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, **headers)

    def log_in(self) -> Client:
        answer = self.send("POST", "/auth/login", json={"email": seed.EMAIL, "password": seed.PASSWORD})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        return self

    def close(self) -> None:
        self.app.state.engine.dispose()


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("demo") / "shop.db"
    url = f"sqlite:///{file}"
    assert seed.seed(url, indexed=True)
    return url


@pytest.fixture
def client_with(database_url: str) -> Iterator[Callable[..., Client]]:
    """Return a client of an application with the given levers and settings, logged in unless told otherwise."""
    made: list[Client] = []

    def make(levers: Levers | None = None, log_in: bool = True, **settings: Any) -> Client:
        settings = {"database_url": database_url, **settings}
        client = Client(Settings(levers=levers or Levers(), **settings))
        made.append(client)
        return client.log_in() if log_in else client

    yield make
    for client in made:
        client.close()
