"""Keeps the load generator and the service off each other's cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CpuPlan:
    """Which cores whom; None: anywhere. ``sentence`` says it in the report."""

    generator: frozenset[int] | None
    service: frozenset[int] | None
    sentence: str


def siblings(cpu: int) -> frozenset[int]:
    """Return the logical CPUs that share a physical core with ``cpu`` (with itself)."""
    try:
        return parse_cpus(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
    except (OSError, ValueError):
        return frozenset({cpu})


def split_cpus(available: Collection[int] | None = None, share: Callable[[int], frozenset[int]] = siblings) -> CpuPlan:
    """Give the generator one core of those this process may use, and the service the others.

    One core is what the generator can use (gevent is one thread). It gets a whole physical core, with its second
    hardware thread, where there are several: hardware threads of one core slow each other down.
    """
    usable = sorted(os.sched_getaffinity(0) if available is None else available)
    if len(usable) < 2:
        return CpuPlan(None, None, "one core only: generator and service share it, latency includes their competition")
    generator = share(usable[0]) & frozenset(usable) or frozenset(usable[:1])
    note = ""
    if generator == frozenset(usable):
        generator = frozenset(usable[:1])
        note = " (hardware threads of one physical core)"
    service = frozenset(usable) - generator
    return CpuPlan(generator, service, f"generator on {_cores(generator)}, service on {_cores(service)}{note}")


def parse_cpus(text: str) -> frozenset[int]:
    """Read a kernel CPU list such as ``0-3,8``."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def format_cpus(cpus: Collection[int]) -> str:
    """Write a CPU list as the kernel does: ``0-3,8``."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _cores(cpus: Collection[int]) -> str:
    return f"core{'s' if len(cpus) > 1 else ''} {format_cpus(cpus)}"


@contextmanager
def pinned(cpus: Collection[int] | None) -> Iterator[None]:
    """Keep the calling thread, and the threads it starts meanwhile, on ``cpus`` (None: wherever it may run now).

    perfproof itself stays with the generator: reading clocks and drawing progress on a service's core would be
    measured as that service's latency.
    """
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
