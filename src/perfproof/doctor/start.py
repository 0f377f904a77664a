"""Whether the versions of the service can be prepared and started, and can be measured where they run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from perfproof.core.debug_mode import debug_modes
from perfproof.core.numbers import count_of, in_unit, listed
from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, joined, of_error, ok, warning
from perfproof.errors import PerfproofError
from perfproof.model.scenario import Arm
from perfproof.rounds.collecting import Collector
from perfproof.rounds.metric_feeds import feeds_of, pushing
from perfproof.service.lifecycle import RunningService, run_command, start, stop_all
from perfproof.service.processes import ProcessTree
from perfproof.service.snapshots.snapshot import Snapshot, taken


class Preparation:
    """Whether ``prepare`` works, and snapshots can be taken. What they hold is put back when all checks are done."""

    about = "prepare"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Run it as a measurement does, once for each arm."""
        arms = context.read().arms
        took = []
        for arm in arms:
            if not arm.service.prepare:
                continue
            context.observer.phase(f"preparing {arm.name}")
            log, began = context.private / f"{arm.name}.prepare.log", time.monotonic()
            try:
                run_command(arm, arm.service.prepare, purpose="prepare", log=log, redactor=context.redactor)
                took.append(f"{arm.name} {time.monotonic() - began:.1f} s")
            except PerfproofError as error:
                context.unprepared.add(arm.name)
                yield of_error(self.about, error)
            context.lead_seconds += time.monotonic() - began
        if took:
            yield ok(self.about, ", ".join(took))
        snapshots = taken(arms, context.private, context.read().allow, context.observer.note)
        try:
            kept = context.leaving.enter_context(snapshots)
        except PerfproofError as error:
            yield of_error("snapshot", error)
            return
        if kept:
            context.leaving.callback(_put_back, kept)
            yield ok("snapshot", f"{count_of(len(kept), 'database')} can be put back")


def _put_back(snapshots: Sequence[Snapshot]) -> None:
    for snapshot in snapshots:
        snapshot.restore()


class StartCheck:
    """Whether each arm starts and becomes healthy, while the others run as they do in a measurement."""

    about = "start"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Start one after the other; those that are up stay up."""
        arms = context.read().arms
        context.feeds = context.leaving.enter_context(feeds_of(arms))
        for arm in arms:
            if arm.name in context.unprepared:
                continue
            context.observer.phase(f"starting {arm.name}")
            try:
                service = context.up[arm.name] = begun(context, arm, "start")
                context.start_seconds[arm.name] = service.start_seconds
            except PerfproofError as error:
                yield of_error(self.about, error)
        for arm in arms:
            for mode in debug_modes(arm.service.command, arm.service.environment):
                yield developing(arm.name, mode)
        if context.up:
            told = ", ".join(
                f"{name} in {each.start_seconds:.1f} s" if each.arm.service.command else f"{name} answers"
                for name, each in context.up.items()
            )
            paths = dict.fromkeys(each.arm.service.health for each in context.up.values())
            yield ok(self.about, f"{told}; healthy at {' and '.join(paths)}")


def begun(context: Context, arm: Arm, purpose: str) -> RunningService:
    """Return the arm, reset and started as a round does it; ``purpose`` names the folder of its log."""
    logs = context.private / f"{purpose}-{arm.name}"
    logs.mkdir(mode=0o700, exist_ok=True)
    if arm.service.reset:
        log = logs / f"{arm.name}.reset.log"
        run_command(arm, arm.service.reset, purpose="reset", log=log, redactor=context.redactor)
    arm = pushing(arm, context.feeds.get(arm.name))
    (service,) = start([arm], logs=logs, redactor=context.redactor, cpus=context.cpus.service)
    return service


def developing(arm: str, mode: str) -> CheckResult:
    """Return what is said of a service in a mode for developing."""
    fix = "start it as in production: such a mode does more, and is not what users get"
    return warning("start", f"{arm} runs in a mode for developing: {mode}", fix)


@contextmanager
def up(context: Context) -> Iterator[None]:
    """Stop what checks have started, whatever comes; a ``url:`` service goes on."""
    try:
        yield
    finally:
        context.observer.phase("stopping")
        services, context.up = list(context.up.values()), {}
        stop_all(services)
        if context.load is not None:
            context.load.stop()
            context.load = None


class Footprint:
    """Whether memory and CPU time of the services can be read."""

    about = "footprint"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Look at every process of every arm once, as rounds do."""
        sizes, unread = [], []
        for number, (name, service) in enumerate(context.running().items()):
            tree = ProcessTree(number, service.processes)
            tree.look(full=True, always=True)
            found = tree.summary()
            finding = readable(found.memory_kind)
            if finding is None:
                size = in_unit(float(found.memory_steady or 0), "bytes")
                sizes.append(f"{name} {size}")
                if found.processes > 1:
                    sizes[-1] += f" in {found.processes} processes"
            else:
                unread.append((name, [finding]))
        if sizes:
            yield ok(self.about, f"memory and CPU time: {', '.join(sizes)}")
        yield from joined(unread, always=": ")


def readable(kind: str) -> CheckResult | None:
    """Return what it means that memory is read as ``kind`` (``ArmRound.memory_kind``); None if all is well. Pure."""
    if kind == "pss":
        return None
    if kind == "rss":
        what = "only RSS can be read, which counts shared pages wholly in each process"
        return warning(Footprint.about, what, "run perfproof as the service's user, with /proc as it is (no hidepid)")
    what = "no process of it is seen on this machine: its memory and CPU time stay unknown"
    return warning(Footprint.about, what, "give the service a `command:` here, or measure where it runs")


class OwnMetrics:
    """Whether the services tell the metrics of themselves that the scenario asks for."""

    about = "metrics"

    def run(self, context: Context) -> Iterator[CheckResult]:
        """Read them as a round does, with nothing under way; of counters that requests bring up all is known then."""
        collector = Collector.of(list(context.running().values()), context.feeds)
        if not collector.every:
            return
        untold = collector.prepare()
        every = len(collector.every) * len(collector.services)
        known = every - len(untold) - len(collector.unseen)
        if known:
            yield ok(self.about, f"{known} of {every} that the scenario names are told")
        if collector.unseen:
            yield ok(self.about, f"told once requests bring them up, if at all: {listed(collector.unseen, 6)}")
        for each in untold:
            what, _, fix = context.redactor(each).rpartition(": ")
            yield warning(self.about, what, fix)
