"""What an error leaks about the service: a stack trace, SQL, a file's path, the insides of the program."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

from perfproof.checks.error_contract.reader import LACKS, flaws, look_at
from perfproof.checks.page_text import PAGES, visible
from perfproof.http.plain_client import Answer

_MOST = 2000


def leaked(answer: Answer, target: str) -> list[str]:
    """Return what an error shows of itself, in words; what only repeats the ``target`` is none."""
    asked = unquote(target)
    if answer.media in PAGES:  # of a page only what people see: its links hold paths, too
        found = flaws(visible(answer.body), "", asked)
    else:
        found = look_at(answer, asked, "")["flaws"]
        texts = list(islice(_texts(answer.data), _MOST))
        found += flaws("\n".join(texts), "", asked)  # as it is meant: written as JSON, quotes have a backslash
    return [each for each in dict.fromkeys(found) if each not in LACKS]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
