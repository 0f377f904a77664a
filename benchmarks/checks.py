"""How right the checks are: every planted fault and its mended twin, on three stacks.

    NODE_PATH=... python benchmarks/checks.py [STACK...] [CHECK...]
    NODE_PATH=... PERFPROOF_SERVICES=... python benchmarks/checks.py real [SERVICE...]

Prints a line for each fault, then precision and recall of each check. A mended twin must not be accused of anything,
and no row of its data may differ afterwards: either ends with exit code 1. So does a fault that is not found.

``real`` makes the checks on services that nobody here wrote, as ``perfproof checks`` does: a line for each accusation,
true if it was found to be so by hand (``tests/real/expected.json``), and the precision of each check.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import checks_corpus as corpus
import real_services
import webhooks_corpus

CHECKS = ("error_contract", "contract", "security", "telemetry", "webhooks")
ASKING = ("error_contract", "contract", "security")
"""Checks whose faults need nothing but to be asked; those of telemetry have to be listened to as well."""


def main(stacks: list[str], checks: list[str]) -> int:
    """Check every shop; return the exit code."""
    counts: Counter[tuple[str, str]] = Counter()
    unlike = 0
    began = time.monotonic()
    for stack in stacks:
        with TemporaryDirectory() as folder:
            for check in (each for each in ASKING if each in checks):
                with corpus.shop(stack, Path(folder)) as (origin, database):
                    before = corpus.content(database)
                    for writes in (False, True):
                        _, compared = corpus.checked(check, origin, database, writes=writes)
                        for finding in corpus.told(compared):
                            counts[check, "accused twins"] += 1
                            print(f"ACCUSED   {stack:8} mended twin: {finding.summary}")
                        if corpus.content(database) != before:
                            unlike += 1
                            print(f"WRITTEN   {stack:8} {check}: the data is not as it was")
            if "telemetry" in checks:
                _, compared, as_it_was = corpus.telemetry_of(stack, Path(folder))
                for finding in corpus.told(compared):
                    counts["telemetry", "accused twins"] += 1
                    print(f"ACCUSED   {stack:8} mended twin: {finding.summary}")
                if not as_it_was:
                    unlike += 1
                    print(f"WRITTEN   {stack:8} telemetry: the data is not as it was")
            for fault, about in (*corpus.FAULTS.items(), *corpus.TELEMETRY.items()):
                if stack not in about.stacks or about.check not in checks:
                    continue
                if fault in corpus.TELEMETRY:
                    _, compared, _ = corpus.telemetry_of(stack, Path(folder), fault)
                else:
                    with corpus.shop(stack, Path(folder), fault) as (origin, database):
                        _, compared = corpus.checked(about.check, origin, database, writes=about.writes)
                kinds = corpus.accusations(compared)
                hit = bool(kinds & set(about.kinds))
                wrong = kinds - set(about.kinds) - set(corpus.ALSO.get(fault, ()))
                counts[about.check, "found" if hit else "missed"] += 1
                counts[about.check, "wrong"] += len(wrong)
                told = next((each.summary for each in corpus.told(compared) if each.kind in about.kinds), "not found")
                print(f"{'found' if hit else 'MISSED':9} {stack:8} {fault}: {told[:150]}")
                for kind in sorted(wrong):
                    text = next(each.summary for each in corpus.told(compared) if each.kind == kind)
                    print(f"WRONG     {stack:8} {fault}: {text[:200]}")
        if "webhooks" in checks:
            webhooks(stack, counts)
    print()
    bad = unlike
    for check in checks:
        found, missed = counts[check, "found"], counts[check, "missed"]
        wrong = counts[check, "wrong"] + counts[check, "accused twins"]
        precision = found / (found + wrong) if found + wrong else 0.0
        recall = found / (found + missed) if found + missed else 0.0
        bad += missed + wrong
        print(
            f"{check}: {found + missed} faults on {len(stacks)} stacks, precision {precision:.3f}, "
            f"recall {recall:.3f}, {counts[check, 'accused twins']} accusations of mended twins"
        )
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if bad else 0


def webhooks(stack: str, counts: Counter[tuple[str, str]]) -> None:
    """Check the services with webhooks of one stack, the mended twin first; add to ``counts``."""
    with TemporaryDirectory() as folder:
        for fault in ("", *webhooks_corpus.FAULTS):
            with webhooks_corpus.service(stack, Path(folder), *([fault] if fault else [])) as (origin, database):
                _, compared = webhooks_corpus.checked(stack, origin, database)
            wanted = set(webhooks_corpus.FAULTS[fault]) if fault else set()
            kinds = {finding.kind for finding in compared.findings}
            if fault:
                counts["webhooks", "found" if kinds & wanted else "missed"] += 1
                told = next((each.summary for each in compared.findings if each.kind in wanted), "not found")
                print(f"{'found' if kinds & wanted else 'MISSED':9} {stack:8} {fault}: {told[:150]}")
            counts["webhooks", "wrong" if fault else "accused twins"] += len(kinds - wanted)
            for finding in compared.findings:
                if finding.kind not in wanted:
                    print(f"{'WRONG' if fault else 'ACCUSED':9} {stack:8} {fault or 'mended twin'}: {finding.summary}")


def real(services: list[str]) -> int:
    """Make the checks on services that nobody here wrote; return the exit code."""
    true: Counter[str] = Counter()
    false: Counter[str] = Counter()
    of: dict[str, set[str]] = {}
    written = 0
    for service in services:
        with TemporaryDirectory() as name, real_services.ground(service, Path(name)) as ground:
            folder, before = Path(name), ground.before()
            hooks = ["--check", "webhooks"] if service in real_services.DELIVERING else []
            scenario = str(real_services.HERE / f"{service}.yaml")
            command = [sys.executable, "-m", "perfproof", "checks", scenario, "--json", "out.json", *hooks]
            ran = subprocess.run(
                command, cwd=folder, env={**os.environ, **ground.environ}, capture_output=True, text=True, check=False
            )
            if ran.returncode not in (0, 3):
                print(ran.stderr)
                return 1
            if ground.content() != before:
                written += 1
                print(f"WRITTEN   {service}: what it holds is not as it was")
            found = real_services.accusations(json.loads((folder / "out.json").read_text()))
        for check in CHECKS if not hooks else ("webhooks",):
            if check != "webhooks" or hooks:
                of.setdefault(check, set()).add(service)
        for kind, texts in found.items():
            for text in texts:
                right = text in real_services.EXPECTED[service].get(kind, [])
                (true if right else false)[_check_of(kind)] += 1
                print(f"{'true' if right else 'FALSE':9} {service:22} {kind} {text}")
        for kind, texts in real_services.EXPECTED[service].items():
            for text in set(texts) - set(found.get(kind, [])):
                print(f"not told  {service:22} {kind} {text}")
    print()
    for check, on in of.items():
        total = true[check] + false[check]
        precision = f"precision {true[check] / total:.3f}" if total else "nothing to accuse"
        print(f"{check}: {len(on)} real services, {total} accusations, {true[check]} true, {precision}")
    return 1 if false.total() or written else 0


def _check_of(kind: str) -> str:
    """Return the check that a kind of finding is of."""
    if kind in ("error_logged_twice", "error_unlogged", "statements_untraced"):
        return "telemetry"
    if kind.startswith(("contract", "operation", "deprecation", "pagination", "batch", "breaking")):
        return "contract"
    if kind in ("error_shape", "error_status", "error_message", "error_code"):
        return "error_contract"
    if kind.startswith("webhook"):
        return "webhooks"
    return "telemetry" if kind.startswith(("log_", "metrics_", "traces_")) else "security"


if __name__ == "__main__":
    if sys.argv[1:2] == ["real"]:
        every = (*real_services.ASKED, *real_services.DELIVERING)
        sys.exit(real([each for each in every if each in (sys.argv[2:] or every) and not real_services.lacking(each)]))
    named = set(sys.argv[1:])
    if unknown := named - {*corpus.STACKS, *CHECKS}:
        sys.exit(f"neither a stack nor a check: {', '.join(sorted(unknown))}")
    chosen = [each for each in corpus.STACKS if each in named]
    chosen = chosen or [each for each in corpus.STACKS if corpus.available(each)]
    sys.exit(main(chosen, [each for each in CHECKS if each in named] or list(CHECKS)))
