"""Locust files: their users make the requests as they are, so only what they are called is looked at here."""

from __future__ import annotations

import ast
from pathlib import Path

from perfproof.drafting.asks import Found
from perfproof.errors import UsageError


def read_locust(text: str, path: Path) -> Found:
    """Return the file as the source of requests; ``UsageError`` where it holds no user."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}:{error.offset}"
        raise UsageError("is not valid Python", where=where, why=error.msg, hint="correct it") from None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    users = [node.name for node in classes if any("User" in ast.unparse(base) for base in node.bases)]
    if not users:
        imports = "locust" in text
        raise UsageError(
            "holds no User class" if imports else "is no Locust file: it imports nothing of locust",
            where=f"{path}:1",
            hint="a Locust file has a class such as `class Visitor(HttpUser):`; for requests alone give --get PATH",
        )
    return Found(
        str(path),
        locustfile=str(path),
        notes=(f"the users of {path.name} ({', '.join(users)}) were not tried: what they send comes up as they run",),
    )
