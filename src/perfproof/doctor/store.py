"""The store: whether a run could be remembered, and earlier ones read."""

from __future__ import annotations

from collections.abc import Iterator

from perfproof.core.numbers import count_of
from perfproof.doctor.context import Asked, Context
from perfproof.doctor.results import CheckResult, of_error, ok, problem
from perfproof.errors import StoreError
from perfproof.store.inspect import look


class Store:
    """Whether the store can be read and added to. It is neither made nor upgraded."""

    about = "store"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Look at it."""
        try:
            found = look(store_url(context.asked))
        except StoreError as error:
            yield of_error(self.about, error, fix="name another one with --store URL or --results DIR")
            return
        if not found.writable:
            fix = "let this user write to the file and its folder, or name another one with --store URL"
            yield problem(self.about, f"{found.where} may only be read, so no run can be recorded", fix)
            return
        told = {
            "absent": "none yet; the first run makes it",
            "empty": "empty; the first run makes its tables",
            "older": "of an earlier perfproof; the next run upgrades it",
            "current": f"readable, {count_of(found.runs, 'run')}",
        }
        yield ok(self.about, told[found.state])


def store_url(asked: Asked) -> str:
    """Return the URL of the store that a run would use."""
    return asked.store_url or f"sqlite:///{(asked.results / 'perfproof.db').absolute()}"
