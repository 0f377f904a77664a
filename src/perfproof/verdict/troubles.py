"""What went wrong in the code of a Locust file or in answers, and what that means for the measurement."""

from __future__ import annotations

from collections.abc import Sequence

from perfproof.core.numbers import count_of, percent
from perfproof.model.metrics import ALL
from perfproof.model.recording import OTHERS, Trouble
from perfproof.model.rules import Rules
from perfproof.stats.columns import Side


def weigh(sides: Sequence[Side], rules: Rules) -> tuple[list[str], list[str]]:
    """Return reasons that void the measurement, and warnings, both as whole sentences."""
    reasons, warnings = [], []
    for side in sides:
        found = _of(side, side.arm)
        tasks = [each for each in found if each.kind == "task"]
        ended = sum(each.count for each in tasks)
        sent = sum(block.sent for r in side.recording.rounds for block in r.blocks if block.arm == side.arm)
        if ended:
            share = ended / (ended + sent)
            who = f"{count_of(ended, 'task')} of {side.name} ended with an exception, mostly {_commonest(tasks)}"
            if share > rules.max_error_rate:
                allowed = percent(rules.max_error_rate, signed=False)
                reasons.append(f"{who}: more than the {allowed} of requests that may fail.")
            else:
                warnings.append(f"{who.rstrip('.')}.")
        share = answers_share(found, sent)
        if share and share <= rules.max_error_rate:
            warnings.append(_told(found, "answer", _ANSWERS, side.name))
        warnings += [text for kind, words in _OTHERS.items() if (text := _told(found, kind, words, side.name))]
    for side in sides:  # two arms of one recording say the same
        warnings += [text for kind, words in _ANYWHERE.items() if (text := _told(_of(side, -1), kind, words, ""))]
    return reasons, list(dict.fromkeys(warnings))


def answers_share(troubles: Sequence[Trouble], sent: int) -> float:
    """Return the share of requests that were answered otherwise than expected; 0 where nothing says why."""
    return sum(each.count for each in troubles if each.kind == "answer") / max(1, sent)


def wrong_answer(side: Side) -> str:
    """Return the most frequent way in which responses of a side were not as expected, in words; empty if none is."""
    found = [each for each in _of(side, side.arm) if each.kind == "answer"]
    return _commonest(found) if found else ""


def unnamed(side: Side, rules: Rules) -> list[str]:
    """Return a sentence if goals or budgets name requests that never came up: they cannot be judged."""
    if not side.rounds:
        return []
    wanted = [name for goal in rules.goals for name in goal.requests]
    wanted += [name for budget in rules.budgets for name in budget.requests]
    missing = [f"`{name}`" for name in dict.fromkeys(wanted) if name != ALL and name not in side.requests]
    if not missing:
        return []
    known = ", ".join(side.requests) or "none"
    return [f"no request was called {' or '.join(missing)}, which goals or budgets name (there were: {known})."]


_ANSWERS = "{count} of {arm} were not answered as expected, mostly {most}."
_OTHERS = {
    "start": "{count} failed while users of {arm} started: {most}.",
    "stopped": "Users of {arm} ended by themselves: {most}.",
    "stray": "{count} of {arm} came outside of its blocks and were not measured, mostly {most}: the file sends them "
    "from greenlets of its own, which are not paused.",
}
_ANYWHERE = {
    "listener": "The Locust file's own code failed {times}: {most}.",
    "refused": "The Locust file tried to reach other hosts and was refused {times}: {most}.",
}


def _of(side: Side, arm: int) -> list[Trouble]:
    return [each for a_round in side.recording.rounds for each in a_round.troubles if each.arm == arm]


def _told(troubles: Sequence[Trouble], kind: str, words: str, arm: str) -> str:
    found = [each for each in troubles if each.kind == kind]
    if not found:
        return ""
    total = sum(each.count for each in found)
    return words.format(
        count=count_of(total, "request"), times=count_of(total, "time"), arm=arm, most=_commonest(found).rstrip(".")
    )


def _commonest(troubles: Sequence[Trouble]) -> str:
    counts: dict[str, int] = {}
    for each in troubles:
        counts[each.text] = counts.get(each.text, 0) + each.count
    if len(counts) > 1:
        counts.pop(OTHERS, None)
    return max(sorted(counts), key=lambda text: counts[text])
