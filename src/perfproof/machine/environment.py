"""The fingerprint of the machine: what must be alike for two runs to be comparable."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from perfproof.model.recording import Environment

ALIKE = ("cpu", "cores", "memory", "kernel", "governor", "virtualised", "affinity", "placement")
"""Facts that go into the hash. Python and perfproof's own version are shown, but measure the same either way."""


def fingerprint(extra: Mapping[str, str]) -> Environment:
    """Return the facts of this machine and ``extra`` ones, with a short hash over those that must be alike."""
    facts = {
        "cpu": cpu_model(_read("/proc/cpuinfo")),
        "cores": str(os.cpu_count() or 1),
        "memory": memory_total(_read("/proc/meminfo")),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not visible",
        "virtualised": virtualised(),
        "affinity": ",".join(map(str, sorted(os.sched_getaffinity(0)))),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **extra,
    }
    return Environment(facts=facts, hash=alike_hash(facts))


def alike_hash(facts: Mapping[str, str]) -> str:
    """Return 12 hex digits over the facts that must be alike; the order of ``facts`` does not matter."""
    text = "\n".join(f"{name}={facts.get(name, '')}" for name in ALIKE)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name from /proc/cpuinfo, or the architecture where it has none (ARM)."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return " ".join(value.split())
    return platform.machine() or "unknown"


def memory_total(meminfo: str) -> str:
    """Return the total memory in GiB to one digit; kernels reserve a little more or less of it."""
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return f"{int(line.split()[1]) / 1024**2:.1f} GiB"
    return "unknown"


def virtualised() -> str:
    """Say whether this is a container, a virtual machine, or neither, as far as can be seen from inside."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "container"
    flags = next((line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("flags")), "")
    if "hypervisor" in flags.split():
        return " ".join(["virtual machine", _read("/sys/class/dmi/id/product_name")]).strip()
    return "no"


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
