"""The application that does the same work through any driver, and what the agent and a server say of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from perfproof.databases.agent import AgentSource, Offsets
from perfproof.databases.fingerprint import fingerprints
from perfproof.model.queries import ProbeCount

APP = Path(__file__).parent / "agent" / "apps" / "drivers.py"


def counted(agent: AgentSource) -> tuple[Counter[str], bytes]:
    """Everything the agent wrote, in no request here, by text; and every byte of it."""
    found: Counter[str] = Counter()
    for line in agent.lines(Offsets({})):
        if line["k"] == "q":
            for statement in fingerprints(line["s"], line["d"]):
                found[statement.text] += line["m"]
        assert line["k"] != "x", line
    return found, b"".join(file.read_bytes() for file in agent.directory.iterdir())


def texts(count: ProbeCount) -> Counter[str]:
    """What a server's own source counted, by text."""
    assert count.void is None
    return Counter({each.statement.text: each.calls for each in count.statements})
