"""One family of errors: each says what, where, why and what to do, and knows its exit code.

They are raised anywhere and caught once, in ``cli``. Texts must never carry a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INVALID = 4
    INTERRUPTED = 130


class PerfproofError(Exception):
    """Root of the family: ``what`` happened, ``where`` (file:line:column), ``why``, and a ``hint`` what to do."""

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, what: str, *, where: str | None = None, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint

    @property
    def sentence(self) -> str:
        """Return what, why and what to do on one line, for notes; ``str`` has them on several."""
        return ": ".join(part for part in (self.what, self.why, self.hint) if part)

    def __str__(self) -> str:
        """Return all parts that are known, one a line."""
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.hint:
            lines.append(f"  fix: {self.hint}")
        return "\n".join(lines)


class UsageError(PerfproofError):
    """The command line or a setting is off."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a file: position (1-based), dotted key, reason and a fix."""

    file: str
    line: int
    column: int
    key: str
    reason: str
    fix: str | None = None

    def __str__(self) -> str:
        """Return the one-line form ``file:line:column: key: reason (fix)``."""
        text = f"{self.file}:{self.line}:{self.column}: {self.key}: {self.reason}"
        return f"{text} ({self.fix})" if self.fix else text


class ScenarioError(PerfproofError):
    """A scenario file holds mistakes; all of them are in ``problems``."""

    def __init__(self, problems: list[Problem]) -> None:
        count = len(problems)
        what = "policy" if all(problem.file.endswith(".toml") for problem in problems) else "scenario"
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the {what}")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return every mistake, one a line."""
        return "\n".join(str(problem) for problem in self.problems)


class ServiceError(PerfproofError):
    """The service could not be started, reached or kept alive; ``log_tail`` holds its last (redacted) lines."""

    exit_code = ExitCode.INVALID

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        hint: str | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.log_tail = log_tail


class LoadError(PerfproofError):
    """The load process failed or refused: a host that is not allowed, a set-up step that was rejected, a crash."""

    exit_code = ExitCode.INVALID


class UnsendableError(LoadError):
    """A request cannot be made with the values it got, or not alone; others can."""


class EvidenceError(PerfproofError):
    """A run directory cannot be written or read: disk full, damaged, or of another format version."""


class StoreError(PerfproofError):
    """The database cannot be used: locked, unreachable, or newer than this program."""


class Interrupted(PerfproofError):  # noqa: N818 - an interruption is not a mistake
    """The user stopped the measurement; what was sealed stays."""

    exit_code = ExitCode.INTERRUPTED
