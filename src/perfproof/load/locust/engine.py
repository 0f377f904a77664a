"""What the load process can do where a Locust file makes the requests: the commands of ``LoadEngine``, by its users."""

from __future__ import annotations

import gc
import logging
import os
import random
import secrets as randomness
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic_ns
from typing import Any

import gevent
from locust import User

from perfproof.errors import LoadError, UsageError
from perfproof.http.target import locate
from perfproof.load.generator_health import Usage
from perfproof.load.histogram_recorder import HistogramRecorder
from perfproof.load.limits import LoadGuard, most_rate
from perfproof.load.locust.egress_guard import EgressGuard
from perfproof.load.locust.locustfile import Loader
from perfproof.load.locust.pause_gate import patch_locust
from perfproof.load.locust.request_names import Names
from perfproof.load.locust.trace_headers import label
from perfproof.load.locust.users import Ledger, LocustUsers
from perfproof.load.plan import BlockReport, LoadPlan, PairsReport, PairStretch, WarmReport
from perfproof.load.recording_engine import WARM_LIMIT_NS, RecordingEngine
from perfproof.load.sample_recorder import Recorder
from perfproof.model.recording import Outcome

DRAIN_SECONDS = 60.0
"""Longest that a task may go on after the end of its block."""

_LOOK_SECONDS = 0.001
_ABORT_GRACE_NS = 800_000_000
_MOST_LOGGED = 200
_HELD = "{file} tries to reach {places} while it is loaded; nothing is sent here, so that was refused{end}"


class LocustEngine(RecordingEngine):
    """The users of every arm; ``plan`` has a Locust file. One arm at a time has its turn, the others stand still."""

    def __init__(self, plan: LoadPlan, spared: int = 0) -> None:
        assert plan.locustfile is not None  # noqa: S101 - whoever makes one has looked
        self._spec = plan.locustfile
        self._fence = EgressGuard(plan.allow, spared)
        self._fence.build()
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]  # a proxy would be measured too, and lead wherever it likes
        patch_locust()
        label()
        super().__init__(plan)
        hide = self.found_secrets.redactor
        self._ledger = Ledger(Names(hide), Names(hide), self._next_id, Counter(), hide)
        logging.getLogger().addHandler(_Heard(self._ledger))
        self._loader = Loader(self._spec)
        if plan.inspecting:
            self._fence.hold()
        self._looked, self._notes = self._look()  # what is wrong with it is told now, before any service is started
        self._crowds: dict[int, LocustUsers] = {}

    def open(self, arm: int, base_url: str) -> None:
        """Load the file anew and start its users on the arm; LoadError unless all are ready for their first task."""
        self._refuse_if_aborted()
        self._dismiss(arm)
        target = locate(base_url, self._plan.allow)
        self._fence.learn(target.host, [address for _, address in target.addresses])
        self._guards.setdefault(arm, LoadGuard(self._plan.load.limits, most_rate(self._plan.load.limits, target)))
        host, users = base_url.rstrip("/"), self._plan.load.users
        random.seed(randomness.randbits(64))
        crowd = LocustUsers(arm, self._loader.load(host, users), self._spec, host, users, self._ledger)
        self._crowds[arm] = crowd
        crowd.assemble(lambda: bool(self._aborted_at))

    def warm(self, arm: int, seconds: float, requests: int, *, fresh: bool) -> WarmReport:
        """Let the users go on for ``seconds`` and until they sent ``requests``; nothing is kept but the report.

        With ``fresh`` the connections that HTTP users keep are closed first.
        """
        crowd, recorder = self._crowd(arm), self._unrecorded
        recorder.clear()
        if fresh:
            crowd.reconnect()
        random.seed(randomness.randbits(64))
        start = monotonic_ns()
        self._run(crowd, recorder, -1, start + int(seconds * 1e9))
        if len(recorder) < requests:
            self._run(crowd, recorder, -1, start + WARM_LIMIT_NS, requests)
        rows = recorder.rows()
        good = rows["done_ns"][rows["outcome"] == Outcome.OK] - rows["intended_ns"][rows["outcome"] == Outcome.OK]
        good.sort()
        return WarmReport(
            requests=len(rows),
            failed=len(rows) - len(good),
            mean_ns=int(good.mean()) if len(good) else 0,
            p50_ns=int(good[len(good) // 2]) if len(good) else 0,
            connections=0,
        )

    def prepare(self, arm: int) -> None:
        """Make ready for a block: have the garbage collected now."""
        self._crowd(arm)
        gc.collect()

    def block(
        self,
        arm: int,
        pair: int,
        seconds: float,
        seed: int,
        *,
        rate: float | None = None,  # noqa: ARG002 - users have no rate that could be set
        start: int = 0,
    ) -> BlockReport:
        """Let the users go on for one recorded block and return what came of it, once each has ended its task.

        Whatever they draw from ``random`` follows from ``seed``. The block ended when its users did on average, so
        that requests per second are those of the time in which they were made.
        """
        crowd = self._crowd(arm)
        if not start:
            self.prepare(arm)
        gevent.sleep(max(0.0, (start - monotonic_ns()) / 1e9))
        mark = len(self._recorder)
        random.seed(seed)
        before, started = Usage.now(), monotonic_ns()
        self._recorder.begin(arm, pair, started, int(seconds * 1e9))
        overtime = self._run(crowd, self._recorder, pair, started + int(seconds * 1e9))
        drained = monotonic_ns()
        used = Usage.now().since(before)
        outcomes = self._recorder.outcomes(mark)
        sent, completed = int(outcomes.sum()), int(outcomes[Outcome.OK])
        return BlockReport(
            started_ns=started,
            ended_ns=min(drained, started + int(seconds * 1e9 + overtime)),
            drained_ns=drained,
            intended=sent,
            sent=sent,
            completed=completed,
            failed=sent - completed,
            dropped=0,
            late=0,
            **self._generator(used),
        )

    def pairs(self, stretch: PairStretch) -> PairsReport:
        """Refuse: what the users of a Locust file send comes up as they run, in an order of their own."""
        del stretch
        raise LoadError("the users of a Locust file cannot send in pairs", hint="use `pairing: block`")

    def alone(self, arm: int) -> int:
        """Refuse: what a Locust file would send cannot be asked for one at a time."""
        raise LoadError(f"requests of a Locust file cannot be sent alone to arm {arm}")

    def probe(  # as Engine.probe
        self,
        arm: int,  # noqa: ARG002
        request: int,  # noqa: ARG002
        values: Any,  # noqa: ARG002
        *,
        fresh: bool,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        times: int,  # noqa: ARG002
    ) -> Any:
        """Refuse: what a Locust file would send cannot be asked for."""
        raise LoadError("requests of a Locust file cannot be probed")

    def walk(  # as Engine.walk
        self,
        arm: int,  # noqa: ARG002
        flow: int,  # noqa: ARG002
        step: int,  # noqa: ARG002
        variants: Any,  # noqa: ARG002
        *,
        fresh: bool,  # noqa: ARG002
        warming: bool,  # noqa: ARG002
    ) -> Any:
        """Refuse: a Locust file has no flows that could be asked for."""
        raise LoadError("users of a Locust file cannot be sent step by step")

    def try_out(self, arm: int) -> list[dict[str, Any]]:  # noqa: ARG002 - as Engine.try_out
        """Return nothing: the users judge their responses, and what they send comes up as they run."""
        return []

    def learned(self) -> dict[str, Any]:
        """Return the names and labels of the requests so far, by number, and the troubles since this was last asked."""
        for host, times in self._fence.taken().items():
            text = f"{host} is neither this machine nor named in `allow:`"
            self._ledger.trouble(-1, "refused", text, times)
        troubles = [vars(trouble) for trouble in self._ledger.taken()]
        ledger = self._ledger
        return {"names": ledger.names.all(), "labels": ledger.labels.all(), "troubles": troubles}

    def _look(self) -> tuple[Sequence[type[User]], list[str]]:
        """Load the file for the first time; return its User classes and what could not be found out."""
        refused, file = self._fence.refused, self._spec.file.name
        try:
            classes = self._loader.load().classes
        except UsageError as error:
            if not (self._plan.inspecting and refused):
                raise
            end = f", and loading ended there ({error.where}): what it does after that is known once it is measured"
            return (), [_HELD.format(file=file, places=", ".join(refused), end=end)]
        if self._plan.inspecting and refused:
            return classes, [_HELD.format(file=file, places=", ".join(refused), end="")]
        return classes, []

    def users(self) -> dict[str, Any]:
        """Return, as ``Inspected``, the User classes with their weights, fixed counts and the shares of their tasks."""
        classes = [
            {"name": each.__name__, "weight": each.weight, "fixed": each.fixed_count, "tasks": _shares(each.tasks)}
            for each in self._looked
        ]
        return {"classes": classes, "notes": self._notes}

    def seal(self, path: Path) -> int:
        """Dismiss the users, write the samples to ``path`` and forget them; LoadError (and they stay) if it fails."""
        for arm in list(self._crowds):
            self._dismiss(arm)
        return super().seal(path)

    def abort(self) -> None:
        """Let no user begin another task, and end them all within a second. Safe to call at any time."""
        if not self._aborted_at:
            self._aborted_at = monotonic_ns()
            for crowd in self._crowds.values():
                crowd.end()
            gevent.spawn(self._end_all)

    def _end_all(self) -> None:
        while monotonic_ns() < self._aborted_at + _ABORT_GRACE_NS and not all(c.calm for c in self._crowds.values()):
            gevent.sleep(_LOOK_SECONDS)
        self._fence.cut()  # first: an ending user runs its on_stop, which must not send any more
        gevent.sleep(_LOOK_SECONDS)
        for crowd in self._crowds.values():
            crowd.kill()

    def _dismiss(self, arm: int) -> None:
        crowd = self._crowds.pop(arm, None)
        if crowd is None:
            return
        if self._aborted_at:
            crowd.kill()
        else:
            crowd.dismiss()

    def _crowd(self, arm: int) -> LocustUsers:
        if arm not in self._crowds:
            raise LoadError(f"arm {arm} has not been opened")
        return self._crowds[arm]

    def _run(
        self,
        crowd: LocustUsers,
        recorder: Recorder | HistogramRecorder,
        pair: int,
        until: int,
        enough: int | None = None,
    ) -> float:
        """Give the users its turn until ``until`` (or until so many requests are ``enough``) and wait for its tasks.

        Returns how long on average, in ns, users went on beyond that.
        """
        if self._aborted_at:
            return 0.0
        guard, began, before = self._guards[crowd.arm], monotonic_ns(), len(recorder)

        def tick(_: int) -> None:
            self._guard(guard, began, len(recorder) - before, crowd.failures)

        try:
            with self._ticking(tick):
                crowd.begin(recorder, pair)
                while (left := until - monotonic_ns()) > 0 and not self._over(crowd):
                    if enough is not None and len(recorder) >= enough:
                        break
                    # Looked at now and then: an event would be one more thing to do in each request that is timed.
                    gevent.sleep(min(left / 1e9, 0.01))
                crowd.end()
                self._drain(crowd)
        finally:
            overtime = crowd.rest()
            guard.spent_ns += monotonic_ns() - began
        problem = self._stopped_for or crowd.problem
        if problem is not None:
            raise problem
        return overtime

    def _over(self, crowd: LocustUsers) -> bool:
        return bool(self._aborted_at) or crowd.problem is not None or not crowd.present

    def _drain(self, crowd: LocustUsers) -> None:
        limit = monotonic_ns() + int(DRAIN_SECONDS * 1e9)
        while not crowd.calm:
            gevent.sleep(_LOOK_SECONDS)
            if monotonic_ns() > limit:
                raise LoadError(
                    f"a task of {self._spec.file.name} has not ended within {DRAIN_SECONDS:.0f} s after its block",
                    why="nothing else is measured until every user has ended its task",
                    hint="make tasks short: let a user come back to the next one instead of looping in it",
                )


class _Heard(logging.Handler):
    """Prints the first of what is logged, and notes the exceptions that Locust swallows with a line in the log."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(logging.WARNING)
        self._ledger = ledger
        self._printed = 0
        self._stream = logging.StreamHandler()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        text = record.getMessage()
        if text.startswith("Uncaught exception in "):
            what, _, trace = text.partition(":")
            last = trace.strip().splitlines()[-1] if trace.strip() else ""
            self._ledger.trouble(-1, "listener", f"{what.replace('Uncaught exception in', 'in')}: {last}")
        self._printed += 1
        if self._printed <= _MOST_LOGGED:
            self._stream.handle(record)
        elif self._printed == _MOST_LOGGED + 1:
            self._stream.stream.write("... and more; only the first lines are kept\n")


def _shares(tasks: Any) -> dict[str, float]:
    """Return how often each task is picked, by its name; tasks may be listed several times for their weight."""
    names = [getattr(task, "__name__", str(task)) for task in tasks]
    return {name: times / len(names) for name, times in Counter(names).items()}
