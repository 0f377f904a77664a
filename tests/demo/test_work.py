"""Extra work is counted in CPU time of this thread, so another process on the machine does not disturb these tests."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from perfproof.demo.work import ExtraWork, spin


def test_spinning_burns_what_was_asked() -> None:
    started = time.thread_time_ns()
    spin(20_000_000)
    assert 20_000_000 <= time.thread_time_ns() - started < 25_000_000


async def twenty_milliseconds(_scope: Any, _receive: Any, send: Any) -> None:
    spin(20_000_000)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("fraction", "extra_ns", "total_ms"), [(0.0, 0, 20), (0.5, 0, 30), (0.05, 0, 21), (0.0, 10**7, 30)]
)
def test_a_request_burns_its_share_more_before_it_answers(fraction: float, extra_ns: int, total_ms: float) -> None:
    sent: list[tuple[str, int]] = []

    async def send(message: Any) -> None:
        sent.append((message["type"], time.thread_time_ns() - started))

    started = time.thread_time_ns()
    asyncio.run(ExtraWork(twenty_milliseconds, fraction, extra_ns)({"type": "http"}, None, send))  # type: ignore[arg-type]
    assert [kind for kind, _ in sent] == ["http.response.start", "http.response.body"]
    assert total_ms <= sent[0][1] / 1e6 < total_ms + 4


def test_what_is_not_a_request_passes_untouched() -> None:
    seen: list[str] = []

    async def lifespan(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(ExtraWork(lifespan, 1.0, 10**9)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
