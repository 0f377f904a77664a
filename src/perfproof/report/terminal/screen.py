"""A result on one screen of 24 lines: the rows that decide, why, and last, where it stays, the verdict.

Whatever has no room is counted and named with the command that shows it. On CI logs it is the same, but sentences are
not broken there, so that they can be searched.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from perfproof.capacity import report
from perfproof.core.numbers import count_of
from perfproof.model import formatting, service_metrics
from perfproof.model.metrics import ALL
from perfproof.model.result import BudgetCheck, Comparison, Finding, Result, Verdict
from perfproof.report import candidates, proofs
from perfproof.report.terminal.full import PROSE, STYLES
from perfproof.verdict import display_rows

LINES = 22
"""Lines that are filled: a screen of 24 also holds where the report is, and the shell's prompt."""
MOST_ROWS = 8
MOST_CLAIMS = 40
"""As many as there is room for: a line per claim is what they are measured for."""
_HEADLINES = ("latency_p50", "latency_p95", "cpu_per_request", "instructions_per_request", "memory_peak")
_WHY_LINES = 2
_SENTENCE_LINES, _SENTENCE_LINES_OF_GATE = 8, 5
_LEAST_MISSED = 2
"""Missed or open goals that stay in the table whatever else became better."""
_LEAST_TABLE = 5
"""Lines that are kept for the table whatever else there is: heading, two rows, where the rest is, and one between."""
_LEAST_NAME = 12
_TAIL = 4
"""Characters at the end of a name by which it can be told from others that begin alike."""
_WIDE = 110
"""Columns from which a line of a claim also says what it was measured by."""
_GRAVE = 2
_CUT_SHORT = re.compile(r"^(The run|Of the run) .* (was interrupted|failed)")
"""The doubt that a run ended before its time, which nobody may miss."""


@dataclass(frozen=True)
class Ending:
    """What stands below the verdict: lines of a gate with their tones, and the next command with a note on it.

    ``details`` is the command that shows what was left out.
    """

    details: str = ""
    next: str = ""
    note: str = ""
    lines: tuple[tuple[str, str], ...] = ()


def render_screen(result: Result, console: Console, ending: Ending = Ending()) -> None:
    """Print at most ``LINES`` lines at a terminal: rows, why, verdict, sentence and the next command."""
    last = _ending(result, console, ending)
    height = _height(result, console)
    least = max(_LEAST_TABLE, min(len(result.proofs) + 2, height - len(last) - 1) if result.proofs else 0)
    middle = _middle(result, console)[: max(0, height - len(last) - least)]
    room = height - len(last) - len(middle) - 3  # the table's heading, the line on details, and one between
    most_rows = MOST_CLAIMS if result.proofs else MOST_ROWS
    table, left_out = _table(result, console, max(1, min(most_rows, room)))
    details = _details(result, left_out, ending.details, console.width if console.is_terminal else 0)
    for line in [*table, *middle, *([Text(details, style="dim")] if details else []), Text(), *last]:
        console.print(line, soft_wrap=not console.is_terminal)


def _height(result: Result, console: Console) -> int:
    """Return how many lines are filled: of claims as many as the screen has, and in a log all of them."""
    if not result.proofs:
        return LINES
    return max(LINES, console.height - 2) if console.is_terminal else LINES + len(result.proofs)


def _ending(result: Result, console: Console, ending: Ending) -> list[Text]:
    symbol, word, tone = display_rows.headline(result)
    lines = [Text(f"{symbol} {word.upper()}", style=STYLES[tone])]
    most = _SENTENCE_LINES_OF_GATE if ending.lines or result.proofs else _SENTENCE_LINES
    lines += _of_candidates(result, console, most) if result.candidates else _prose(console, result.sentence, most=most)
    for at, (text, style) in enumerate(ending.lines, 1):
        most = 2 if at == len(ending.lines) else 1
        lines += _prose(console, text, most=most, style=STYLES.get(style, ""))
    if ending.next:
        # A command is copied: it is never broken, and what is said of it stands there only where it fits.
        told = f"  # {ending.note}" if ending.note else ""
        whole = cell_len(f"next: {ending.next}{told}") <= console.width
        line = Text("next: ", style="dim").append(formatting.plain(ending.next, 500), "none")
        lines += [line.append(told, "dim") if whole else line]
    return lines


def _of_candidates(result: Result, console: Console, most: int) -> list[Text]:
    """Return what each candidate's verdict says, as long as there is room, and which is best."""
    each, lines = max(1, (most - 2) // len(result.candidates)), []
    for line in candidates.lines(result):
        lead = f"{line.symbol} {line.arm}: "
        lines += _prose(console, line.sentence, lead=lead, style=STYLES[line.tone], most=each)
    if result.ranking is not None:
        lines += _prose(console, result.ranking.sentence, style="bold", most=2)
    return lines


def _middle(result: Result, console: Console) -> list[Text]:
    """Return what stands between rows and verdict: grave findings, why, and what to do."""
    lines: list[Text] = []
    for finding in [each for each in result.findings if _grave(each)][:_GRAVE]:
        where = "" if finding.request == ALL else f" ({formatting.plain(finding.request, 40)})"
        lead, style = f"{finding.severity}: ", STYLES[finding.severity]
        lines += _prose(console, f"{finding.summary}{where}", lead=lead, style=style, most=2)
    for doubt in [each for each in result.comparability.warnings if _CUT_SHORT.search(each)][:1]:
        lines += _prose(console, doubt, lead="warning: ", style=STYLES["warning"], most=1)
    if result.why is not None:
        lead = "" if result.kind == "run" else "Why: "
        lines += _prose(console, result.why.sentence, lead=lead, style="bold" if lead else "", most=_WHY_LINES)
    for part in result.candidates:
        if part.why is not None:
            lines += _prose(console, part.why.sentence, lead=f"Why {part.arms[-1]}: ", style="bold", most=1)
    if result.advice and result.advice.rstrip(".") not in result.sentence:
        lines += _prose(console, result.advice, lead="→ ", most=2)
    return lines


def _grave(finding: Finding) -> bool:
    """Tell whether a finding bears on every figure: what answers otherwise may do less."""
    return finding.severity == "error" or finding.kind == "response_changed"


def _table(result: Result, console: Console, most: int) -> tuple[list[Text], int]:
    """Return the lines of the rows that decide, and how many rows were left out."""
    if result.proofs:
        return _claims(result, console, most)
    budgets = [each for each in display_rows.by_weight(result.budgets) if each.broken or each.open]
    if result.comparisons:
        budgets = budgets[: most // 2]
        if result.candidates:
            share = max(1, (most - len(budgets)) // len(result.candidates))
            chosen = [row for _, mine in candidates.rows_of_each(result) for row in deciding(mine, share)[0]]
            chosen = chosen if len(chosen) <= most - len(budgets) else deciding(chosen, most - len(budgets))[0]
            left_out = len(result.comparisons) - len(chosen)
        else:
            chosen, left_out = deciding(result.comparisons, most - len(budgets))
        lines = _columns(
            ("", "before → after", "change", "interval in %", "verdict"), [_cells(row) for row in chosen], console
        )
        return [*lines, *_budgets(budgets, console)], left_out
    if result.capacity is not None:
        knees = report.capacity_lines(result.capacity)[:most]
        cells = [((formatting.plain(each.arm, 20), each.rate, each.interval, each.starts), "none") for each in knees]
        return _columns(("", "capacity", "interval", "single starts"), cells, console), len(result.capacity.steps)
    budgets = budgets[: most // 2]
    levels = display_rows.levels_in_order(result.levels)
    shown = levels[: most - len(budgets)]
    arms = len({level.arm for level in levels}) > 1
    told = [
        (
            (
                _name(level.metric, level.request) + (f", {formatting.plain(level.arm, 20)}" if arms else ""),
                formatting.value(level.estimate.value, level.unit),
                formatting.value_range(level.estimate.low, level.estimate.high, level.unit),
            ),
            "none",
        )
        for level in shown
    ]
    lines = _columns(("", "value", "interval"), told, console) if told else []
    return [*lines, *_budgets(budgets, console)], len(levels) - len(shown)


def _claims(result: Result, console: Console, most: int) -> tuple[list[Text], int]:
    """Return a line for each claim, and how many figures and claims are left out."""
    found = proofs.lines(result)
    shown, left_out = proofs.most_urgent(found, most)
    wide = console.width >= _WIDE
    heading = ("claim", "before → after", "interval in %", *(("by",) if wide else ()), "")
    cells = [
        (
            (
                f"{each.sign} {formatting.plain(each.claim, 200)}",
                each.values,
                each.interval,
                *((each.by,) if wide else ()),
                each.state,
            ),
            STYLES[each.tone],
        )
        for each in shown
    ]
    figures = len(result.comparisons) or len(result.levels)
    return _columns(heading, cells, console), left_out + figures


def deciding(comparisons: Sequence[Comparison], most: int) -> tuple[list[Comparison], int]:
    """Return the rows that say most of why the verdict is what it is, in their usual order, and how many are left out.

    First what fails, then goals that are missed or open, the headlines of all requests, met goals, what was accepted,
    and what moved; of equals those of all requests, then those with the largest impact. Goals that are missed do not
    take the place of the goal that is met best and of the queries that became fewest.
    """
    guarded = display_rows.gated(comparisons) or list(comparisons)
    ordered = display_rows.by_impact(guarded)
    ranked = sorted(
        range(len(ordered)),
        key=lambda at: (_weight(ordered[at]), ordered[at].request != ALL, -abs(ordered[at].impact), at),
    )
    kept = ranked[:most]
    spare = [at for at in reversed(kept) if _weight(ordered[at]) == 1][:-_LEAST_MISSED]
    for gain in (_goal_met, _fewer_queries):
        best = next((at for at in ranked if gain(ordered[at])), None)
        if spare and best is not None and best not in kept:
            kept[kept.index(spare.pop(0))] = best
    return [ordered[at] for at in sorted(kept)], len(comparisons) - len(kept)


def _goal_met(row: Comparison) -> bool:
    return row.role == "goal" and row.verdict is Verdict.MET


def _fewer_queries(row: Comparison) -> bool:
    return row.metric == "queries_per_request" and row.verdict in (Verdict.MET, Verdict.IMPROVED)


def _weight(row: Comparison) -> int:
    goal = row.role == "goal"
    if row.verdict in (Verdict.REGRESSED, Verdict.INVALID) and not row.accepted:
        return 0
    if goal and row.verdict is not Verdict.MET:
        return 1
    if row.request == ALL and row.metric in _HEADLINES:
        return 2
    if goal:
        return 3
    if row.accepted:
        return 4
    return {Verdict.IMPROVED: 5, Verdict.INCONCLUSIVE: 6}.get(row.verdict, 7)


def _cells(row: Comparison) -> tuple[tuple[str, ...], str]:
    mark = "~ " if display_rows.noise(row) and formatting.known(row.change) else ""
    cells = (
        (f"{formatting.plain(row.arm, 20)}: " if row.arm else "") + _name(row.metric, row.request),
        f"{formatting.value(row.baseline, row.unit)} → {formatting.value(row.candidate, row.unit)}",
        mark + formatting.change(row.change, typical=row.typical),
        formatting.interval(row.ci_low, row.ci_high),
        display_rows.verdict_words(row),
    )
    return cells, STYLES[display_rows.tone_of(row)]


def _name(metric: str, request: str) -> str:
    own = service_metrics.is_one(metric)  # whose names are long, and give way themselves where room is short
    title = formatting.title(metric, short=not own)
    return title if request == ALL else f"{title} {formatting.plain(request)}"


def _columns(heading: tuple[str, ...], cells: Sequence[tuple[tuple[str, ...], str]], console: Console) -> list[Text]:
    """Lay out rows in columns: the name gives way where room is short, the last cell is coloured."""
    table = [heading, *(texts for texts, _ in cells)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    room = console.width - sum(widths[1:]) - 2 * (len(widths) - 1)
    widths[0] = min(widths[0], max(_LEAST_NAME, room))
    lines = []
    names = _cut([texts[0] for texts in table], widths[0])
    for (texts, style), name in zip([(heading, "bold"), *cells], names, strict=True):
        _, *middle, last = texts
        parts = [
            set_cell_size(name, widths[0]),
            *(" " * (w - cell_len(c)) + c for c, w in zip(middle, widths[1:], strict=False)),
        ]
        line = Text("  ".join(parts) + "  ", style="bold" if style == "bold" else "").append(last, style=style)
        line.truncate(console.width, overflow="ellipsis")
        lines.append(line)
    return lines


def _cut(names: Sequence[str], width: int) -> list[str]:
    """Return names that are at most so wide: cut at their end, or before it where others would then be called alike."""
    ends = [name if cell_len(name) <= width else set_cell_size(name, width - 1) + "…" for name in names]
    return [
        cut if ends.count(cut) == 1 or cut == name else f"{set_cell_size(name, width - _TAIL - 1)}…{name[-_TAIL:]}"
        for name, cut in zip(names, ends, strict=True)
    ]


def _budgets(budgets: Sequence[BudgetCheck], console: Console) -> list[Text]:
    lines = []
    for each in budgets:
        word, tone = display_rows.budget_state(each)
        value = formatting.value(each.value, each.unit)
        text = f"budget {_name(each.metric, each.request)}: {value}, limit {formatting.value(each.limit, each.unit)}  "
        line = Text(text).append(word, style=STYLES[tone])
        line.truncate(console.width, overflow="ellipsis")
        lines.append(line)
    return lines


def _details(result: Result, left_out: int, command: str, width: int) -> str:
    """Return what else there is, and how to see it, on one line of ``width`` (0: any); empty where there is nothing."""
    doubts = len(result.comparability.warnings)
    parts = [
        count_of(number, what)
        for number, what in (
            (left_out, "more figure"),
            (len(result.findings), "finding"),
            (doubts, "doubt"),
            (sum(len(each.why.causes) for each in result.candidates or (result,) if each.why is not None), "cause"),
        )
        if number
    ]
    whole = f"{', '.join(parts)}{f': {command}' if command else ''}" if parts else ""
    return f"more: {command}" if command and width and cell_len(whole) > width else whole


def _prose(console: Console, text: str, *, lead: str = "", style: str = "", most: int) -> list[Text]:
    """Return a sentence as at most so many lines of a terminal; elsewhere it is one line, and whole."""
    body = formatting.plain(text, PROSE)
    if not console.is_terminal:
        return [Text(lead, style=style).append(body, style="none" if lead else style)]
    room = max(20, console.width - cell_len(lead))
    found = textwrap.wrap(formatting.unbroken(body), room, max_lines=most, placeholder=" …") or [""]
    indent = " " * cell_len(lead)
    return [
        Text(lead if not at else indent, style=style).append(
            line.replace("\N{NO-BREAK SPACE}", " "), style="none" if lead else style
        )
        for at, line in enumerate(found)
    ]
