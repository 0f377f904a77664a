"""Profiles of a recorded run for other tools: speedscope, pyinstrument's own page, and folded stacks as text.

Widths are milliseconds per request of the whole traffic, so that the arms can be held against each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perfproof.core.files import write_text
from perfproof.errors import UsageError
from perfproof.model.metrics import ALL
from perfproof.model.profile import ArmProfile, Frame
from perfproof.model.recording import Recording

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_LIBRARIES = "/site-packages/"
_ANGLES = str.maketrans("<>", "\u2039\u203a")


def write_speedscope(recording: Recording, path: Path) -> None:
    """Write both arms as profiles of one file, with the request names as outermost frames."""
    names: dict[tuple[str, str], int] = {}
    profiles: list[dict[str, Any]] = []
    for profile in _profiles(recording, path):
        samples: list[list[int]] = []
        weights: list[float] = []
        for request, frames, ms in _stacks(profile):
            stack = [(request, ""), *((_shown(frame), frame.module) for frame in frames)]
            samples.append([names.setdefault(each, len(names)) for each in stack])
            weights.append(ms)
        profiles.append(
            {
                "type": "sampled",
                "name": f"{profile.arm}: ms per request ({profile.engine})",
                "unit": "milliseconds",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    document = {
        "$schema": _SCHEMA,
        "name": recording.info.id,
        "exporter": "perfproof",
        "activeProfileIndex": len(profiles) - 1,
        "shared": {"frames": [{"name": name, **({"file": file} if file else {})} for name, file in names]},
        "profiles": profiles,
    }
    write_text(path, json.dumps(document, separators=(",", ":")) + "\n")


def write_folded(recording: Recording, path: Path) -> None:
    """Write a line per stack: arm, request and functions joined by ``;``, then nanoseconds per request."""
    lines: list[str] = []
    for profile in _profiles(recording, path):
        for request, frames, ms in _stacks(profile):
            stack = ";".join(each.replace(";", ",") for each in (profile.arm, request, *map(_shown, frames)))
            lines.append(f"{stack} {round(ms * 1e6)}\n")
    write_text(path, "".join(lines))


def write_pyinstrument(recording: Recording, path: Path) -> None:
    """Write the page of pyinstrument, with arm and request name as outermost frames.

    Its page knows seconds: what it shows as 1.000 is one millisecond per request.
    """
    from pyinstrument.renderers import HTMLRenderer
    from pyinstrument.session import Session

    records: list[tuple[list[str], float]] = []
    for profile in _profiles(recording, path):
        for request, frames, ms in _stacks(profile):
            stack = [_identifier(profile.arm, "perfproof"), _identifier(request, "perfproof")]
            records.append(([*stack, *(_identifier(each.function, _file(each)) for each in frames)], ms))
    total = sum(ms for _, ms in records)
    session = Session(
        frame_records=records,
        start_time=0.0,
        duration=total,
        min_interval=0.001,
        max_interval=0.001,
        sample_count=len(records),
        start_call_stack=[""],  # nothing is cut off
        target_description=f"{recording.info.id}: ms per request, by arm",
        cpu_time=total,
        sys_path=["/"],
        sys_prefixes=["/"],
    )
    write_text(path, HTMLRenderer(show_all=False).render(session))


def _profiles(recording: Recording, path: Path) -> list[ArmProfile]:
    causes = recording.causes
    found = [each for each in (causes.profiles if causes is not None else ()) if each.stacks]
    if not found:
        notes = [note for each in (causes.profiles if causes is not None else ()) for note in each.notes]
        raise UsageError(
            f"{path.name}: run {recording.info.id} has no profile",
            why="; ".join(dict.fromkeys(notes)) or None,
            hint="profiles are taken after the rounds of `ab`, `run` and `gate`, unless `why: off` or --no-why",
        )
    return found


def _stacks(profile: ArmProfile) -> Iterator[tuple[str, list[Frame], float]]:
    """Yield request name, functions (outermost first) and milliseconds per request, slices added up."""
    total = [sum(map(sum, profile.counts))] * len(profile.requests)
    if ALL in profile.requests:  # the others were sent beside it, each alone, and are no part of it
        total = [sum(row) for row in profile.counts]
    spent: dict[tuple[int, tuple[int, ...]], int] = {}
    for stack in profile.stacks:
        spent[stack.request, stack.frames] = spent.get((stack.request, stack.frames), 0) + stack.ns
    for (request, frames), ns in sorted(spent.items()):
        yield profile.requests[request], [profile.frames[number] for number in frames], ns / (total[request] or 1) / 1e6


def _shown(frame: Frame) -> str:
    return frame.name


def _identifier(name: str, file: str) -> str:
    # Its page holds names as they are inside of a script, which `</script>` in one would end.
    return f"{name}\0{file}\0000".translate(_ANGLES)


def _file(frame: Frame) -> str:
    file = frame.module.replace(".", "/") + ".py"
    return file if frame.own else _LIBRARIES + file
