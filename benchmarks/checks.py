"""How right the checks are: every planted fault and its mended twin, on three stacks.

    NODE_PATH=... python benchmarks/checks.py [STACK...] [CHECK...]

Prints a line for each fault, then precision and recall of each check. A mended twin must not be accused of anything,
and no row of its data may differ afterwards: either ends with exit code 1. So does a fault that is not found.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import checks_corpus as corpus
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


if __name__ == "__main__":
    named = set(sys.argv[1:])
    if unknown := named - {*corpus.STACKS, *CHECKS}:
        sys.exit(f"neither a stack nor a check: {', '.join(sorted(unknown))}")
    chosen = [each for each in corpus.STACKS if each in named]
    chosen = chosen or [each for each in corpus.STACKS if corpus.available(each)]
    sys.exit(main(chosen, [each for each in CHECKS if each in named] or list(CHECKS)))
