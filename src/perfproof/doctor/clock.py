"""The clock that every latency is read from."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from perfproof.core.numbers import digits
from perfproof.doctor.context import Context
from perfproof.doctor.results import CheckResult, ok, warning

READINGS = 20_000
DEAR_US = 1.0
"""Microseconds of a reading from which on it is no trifle: it is read twice a request, and often by the service."""
COARSE_NS = 1_000
_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


class ClockCheck:
    """How finely time can be told, and what a reading costs."""

    about = "clock"

    def run(self, context: Context) -> Iterable[CheckResult]:
        """Read it often."""
        del context
        try:
            source = _SOURCE.read_text().strip()
        except OSError:
            source = ""
        resolution = time.get_clock_info("monotonic").resolution * 1e9
        costs = []
        for _ in range(5):  # the least of some: a neighbour may have run meanwhile
            began = time.perf_counter_ns()
            for _ in range(READINGS // 5):
                time.monotonic_ns()
            costs.append((time.perf_counter_ns() - began) / (READINGS // 5) / 1000)
        return [judged(source, min(costs), resolution)]


def judged(source: str, cost_us: float, resolution_ns: float) -> CheckResult:
    """Return what a clock is good for; ``source`` is the kernel's name of it ("": not known). Pure."""
    named = source or "source not visible"
    if resolution_ns > COARSE_NS:
        what = (
            f"{named}: it moves in steps of {digits(resolution_ns / 1000)} µs, and short requests cannot be told apart"
        )
        return warning(ClockCheck.about, what, "boot a kernel with high resolution timers (`highres=on`)")
    if cost_us > DEAR_US:
        what = f"{named}: a reading takes {digits(cost_us)} µs, also in the service"
        fix = "boot with `clocksource=tsc`, or in a virtual machine with its own (kvm-clock, hyperv)"
        return warning(ClockCheck.about, what, fix)
    return ok(ClockCheck.about, f"{named}, {digits(cost_us)} µs a reading")
