"""How often flat histories are called changed, and how soon real steps are found (simulated; no measuring involved).

python benchmarks/changepoints.py
"""

from __future__ import annotations

import sys

import numpy as np

from perfproof.stats.changepoints import LEVEL, change_points

HISTORIES = 2000
BAR = 2 * LEVEL
"""Independent noise may raise at most this share of false alarms; the promise is LEVEL."""
DRIFTING_BAR = 0.05
"""Drifting machines may raise at most this share: too few runs tell drift from a step no better."""
LENGTHS = (12, 20, 30, 100)


def flat(kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """Return a history without any change: independent, heavy-tailed, with a few outliers, or drifting machines."""
    noise = rng.normal(0, 0.05, length)
    match kind:
        case "Student t, 2 degrees":
            noise = 0.03 * rng.standard_t(2, length)
        case "1 run in 10 twice as slow":
            noise = noise + np.log(2) * (rng.random(length) < 0.1)
        case "AR(1), 0.3" | "AR(1), 0.6":
            share = float(kind[-3:])
            for at in range(1, length):
                noise[at] += share * noise[at - 1]
    return np.exp(noise)


def main() -> int:
    rng = np.random.default_rng(11)
    failed = False
    print(f"flat histories of {HISTORIES} each, share called changed (promised for independent runs: {LEVEL:.1%})")
    for kind in ("normal, 5 %", "Student t, 2 degrees", "1 run in 10 twice as slow", "AR(1), 0.3", "AR(1), 0.6"):
        shares = []
        for length in LENGTHS:
            alarms = sum(bool(change_points(flat(kind, length, rng))) for _ in range(HISTORIES))
            shares.append(alarms / HISTORIES)
        failed |= max(shares) > (DRIFTING_BAR if kind.startswith("AR") else BAR)
        print(f"  {kind:<28}" + "  ".join(f"{n} runs {share:.2%}" for n, share in zip(LENGTHS, shares, strict=True)))
    print(
        "steps after 40 flat runs (noise 3 %): share found once k runs are at the new level, and off by at most 1 run"
    )
    for step in (0.05, 0.1, 0.2):
        words = []
        for after in (3, 5, 10, 20):
            found = near = 0
            for _ in range(400):
                series = np.exp(rng.normal(0, 0.03, 40 + after)) * np.repeat([1, 1 + step], [40, after])
                places = [each.index for each in change_points(series)]
                found += bool(places)
                near += any(abs(place - 40) <= 1 for place in places)
            words.append(f"k={after}: {found / 400:.0%} ({near / 400:.0%})")
        print(f"  +{step:.0%}: " + "  ".join(words))
    print(
        "two steps, after 30 and after 60 of 90 runs (noise 3 %): share where both were found within 1 run, none else"
    )
    for step in (0.1, 0.2):
        exact = 0
        for _ in range(400):
            level = np.repeat([1, 1 + step, (1 + step) ** 2], 30)
            places = [each.index for each in change_points(np.exp(rng.normal(0, 0.03, 90)) * level)]
            exact += len(places) == 2 and abs(places[0] - 30) <= 1 and abs(places[1] - 60) <= 1
        print(f"  +{step:.0%} twice: {exact / 400:.0%}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
