"""A result on a terminal with everything that was found, the verdict last; right at 80 columns and without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from perfproof.capacity import report
from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import (
    BudgetCheck,
    CapacitySearch,
    CapacityStep,
    Comparison,
    Finding,
    Level,
    QueryDetail,
    Result,
    StatementChange,
    Verdict,
)
from perfproof.model.why import Why
from perfproof.queries import report as queries_report
from perfproof.report import candidates, proofs
from perfproof.report.terminal.live import Live
from perfproof.verdict import display_rows
from perfproof.why import report as why_report

__all__ = ["Live", "RunLine", "render", "render_runs"]

MAX_ROWS = 40
MAX_FINDINGS = 12
MAX_QUERIED = 12
MAX_STATEMENTS = 5
PROSE = 10_000

STYLES: dict[str, str] = {
    "good": "bold green",
    "bad": "bold red",
    "warn": "bold yellow",
    "calm": "bold cyan",
    "void": "bold magenta",
    "error": "bold red",
    "warning": "yellow",
    "info": "cyan",
}


class RunLine(Protocol):
    """What ``render_runs`` needs to know of one recorded run."""

    @property
    def id(self) -> str: ...  # noqa: D102 - named by the glossary
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> str | None: ...  # noqa: D102
    @property
    def scenario(self) -> str: ...  # noqa: D102
    @property
    def started_at(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def verdict(self) -> str | None: ...  # noqa: D102
    @property
    def sentence(self) -> str | None: ...  # noqa: D102
    @property
    def rounds(self) -> int | None: ...  # noqa: D102


def render(result: Result, console: Console) -> None:
    """Print the rows that decided, everything that weakens or explains them, and last the verdict and its sentence.

    Of several candidates each in its turn, then which is best.
    """
    if result.candidates:
        for part in result.candidates:
            console.print()
            console.print(Text(f"== {part.arms[-1]} against {result.arms[0]}", style="bold"))
            render(part, console)
        _of_candidates(console, result)
        return
    _claims(console, result)
    _comparisons(console, result.comparisons)
    if result.capacity is not None:
        _capacity(console, result.capacity)
    elif not result.comparisons:
        _levels(console, result.levels)
    render_budgets(console, result.budgets)
    if result.why is not None:
        render_why(console, result.why, one_arm=result.kind == "run")
    render_queries(console, result.queries)
    render_findings(console, result.findings)
    render_list(console, "What weakens the claim", result.comparability.warnings)
    if result.comparability.asked:
        console.print()
        _prose(console, result.comparability.asked + ".", lead="Asked ")
    if result.advice:
        console.print()
        _prose(console, result.advice, lead="→ ")
    console.print()
    if result.why is not None and result.kind != "run":
        _prose(console, result.why.sentence, lead="Why: ", style="bold")
    symbol, word, tone = display_rows.headline(result)
    console.print(Text(f"{symbol} {word.upper()}", style=STYLES[tone]))
    _prose(console, result.sentence)


def _claims(console: Console, result: Result) -> None:
    """Print each claim in two lines: what came of it, and what of."""
    for at, line in enumerate(proofs.lines(result)):
        if not at:
            _heading(console, "Claims")
        _prose(console, f"{line.claim}: {line.state}", lead=f"{line.sign} ", style=STYLES[line.tone])
        told = f"{line.about} {line.figures}; asked: {line.asked}; by {line.by}"
        _prose(console, f"{told}; {line.why}" if line.why else told, lead="    ")


def _of_candidates(console: Console, result: Result) -> None:
    """Print the candidates against each other, and what all of them come to."""
    found = candidates.versus(result)
    if found:
        console.print()
        console.print(Text("Candidates against each other", style="bold"))
    for which, change, interval, verdict in found:
        console.print(Text(f"  {which}: {change} {interval}  {verdict}"))
    symbol, word, tone = display_rows.headline(result)
    console.print()
    console.print(Text(f"{symbol} {word.upper()}", style=STYLES[tone]))
    _prose(console, candidates.final_word(result))


def render_runs(runs: Sequence[RunLine], console: Console) -> None:
    """Print one line per recorded run, in the order given."""
    if not runs:
        console.print("No runs yet.")
        return
    labels = any(run.label for run in runs)
    table = _table(("run", "left"), ("kind", "left"))
    if labels:
        table.add_column("label", max_width=16)
    table.add_column("rounds", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("sentence", ratio=1)
    table.expand = True
    for run in runs:
        verdict = run.verdict or run.status
        cells = [Text(formatting.plain(run.id, 60)), Text(formatting.plain(run.kind))]
        if labels:
            cells.append(_name(run.label or ""))
        cells += [
            Text("" if run.rounds is None else str(run.rounds)),
            Text(formatting.plain(verdict), style=_verdict_style(verdict)),
            _name(run.sentence or "", 300),
        ]
        table.add_row(*cells)
    console.print(table)


def _comparisons(console: Console, comparisons: Sequence[Comparison]) -> None:
    deciding = display_rows.by_impact(display_rows.gated(comparisons) or comparisons)
    shown, left_out = display_rows.most_urgent(deciding, MAX_ROWS)
    if shown:
        console.print()
        _grouped(console, shown)
    others = len(comparisons) - len(deciding)
    if left_out:
        _note(console, f"and {count_of(left_out, 'more row')} that decided nothing")
    if others:
        _note(console, f"and {count_of(others, 'exploratory row')} without a goal or gate: see the report")
    if any(row.typical for row in shown):
        _note(console, formatting.TYPICAL)
    _notes(console, shown)


def _grouped(console: Console, shown: Sequence[Comparison]) -> None:
    """Print the rows under their request's name.

    A column for the name would be left eight characters of an 80-column line; on a line of its own it stays readable.
    """
    heading = ("", "baseline", "candidate", "change", "interval in %", "verdict")
    cells = [_cells(row) for row in shown]
    widths = [max(map(cell_len, column)) for column in zip(heading, *cells, strict=True)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= console.width else " "
    console.print(_line(heading, widths, Style(bold=True), gap), soft_wrap=not console.is_terminal)
    last = None
    for row, texts in zip(shown, cells, strict=True):
        if row.request != last:
            name = "all requests" if row.request == ALL else formatting.plain(row.request)
            console.print(Text(name, style="bold", no_wrap=True, overflow="ellipsis"))
        last = row.request
        console.print(
            _line(texts, widths, Style.parse(STYLES[display_rows.tone_of(row)]), gap), soft_wrap=not console.is_terminal
        )


def _cells(row: Comparison) -> tuple[str, ...]:
    return (
        "  " + formatting.title(row.metric, short=True),
        formatting.value(row.baseline, row.unit),
        formatting.value(row.candidate, row.unit),
        ("~ " if display_rows.noise(row) and formatting.known(row.change) else "")
        + formatting.change(row.change, typical=row.typical),
        formatting.interval(row.ci_low, row.ci_high),
        display_rows.verdict_words(row),
    )


def _line(cells: Sequence[str], widths: Sequence[int], last: Style, gap: str) -> Text:
    """Lay out one line: the first cell to the left, figures to the right, the verdict last and coloured.

    Off a terminal it is never broken, so that it can be searched.
    """
    first, *middle, verdict = cells
    parts = [first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(middle, widths[1:], strict=False)]
    return Text(gap.join(parts) + gap, no_wrap=True, overflow="ellipsis").append(verdict, style=last)


def _notes(console: Console, shown: Iterable[Comparison]) -> None:
    """Print each doubt once, with the rows it is about, since many rows often share one."""
    about: dict[str, list[str]] = {}
    for row in shown:
        accepted = (f"worse, but {row.accepted}",) if row.accepted else ()
        for note in (*accepted, *row.notes):
            about.setdefault(note, []).append(
                f"{formatting.title(row.metric, short=True)} {formatting.plain(row.request, 30)}"
            )
    if about:
        console.print()
    for note, names in about.items():
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        _prose(console, f"{', '.join(names[:2])}{more}: {note}", lead="- ")


def _levels(console: Console, levels: Sequence[Level]) -> None:
    """Print a single arm: its own figures first, then one line per request name."""
    whole = [level for level in display_rows.levels_in_order(levels) if level.request == ALL]
    if whole:
        arms = len({level.arm for level in whole}) > 1
        table = _table(
            ("metric", "left"), *((("arm", "left"),) if arms else ()), ("value", "right"), ("interval", "left")
        )
        for level in whole:
            cells = [Text(formatting.title(level.metric))] + ([Text(formatting.plain(level.arm, 20))] if arms else [])
            found = level.estimate
            cells += [
                Text(formatting.value(found.value, level.unit)),
                Text(formatting.value_range(found.low, found.high, level.unit)),
            ]
            table.add_row(*cells)
        console.print()
        console.print(table)
    single = [level for level in display_rows.levels_in_order(levels) if level.request != ALL]
    if not single:
        return
    metrics = list(dict.fromkeys(level.metric for level in single))
    cells_of: dict[tuple[str, str], dict[str, Level]] = {}
    for level in single:
        cells_of.setdefault((level.request, level.arm), {})[level.metric] = level
    table = _table(("request", "name"), *((formatting.title(metric, short=True), "right") for metric in metrics))
    for (request, _), found_of in list(cells_of.items())[:MAX_ROWS]:
        figures_of = (found_of.get(metric) for metric in metrics)
        table.add_row(
            _name(request), *(Text(formatting.value(one.estimate.value, one.unit) if one else "") for one in figures_of)
        )
    console.print()
    console.print(table)
    if len(cells_of) > MAX_ROWS:
        _note(console, f"and {count_of(len(cells_of) - MAX_ROWS, 'more request')}: see the report")


def _capacity(console: Console, search: CapacitySearch) -> None:
    """Print each arm's knee, then the steps nearest to it, which bracket it."""
    table = _table(("arm", "left"), ("capacity", "right"), ("interval", "left"), ("single starts", "name"))
    for line in report.capacity_lines(search):
        table.add_row(Text(formatting.plain(line.arm, 20)), Text(line.rate), Text(line.interval), _name(line.starts))
    console.print()
    console.print(table)
    metric = formatting.title(search.metric, short=True)
    near = _table(
        ("arm", "left"),
        ("start", "right"),
        ("rate", "right"),
        (metric, "right"),
        ("errors", "right"),
        ("", "left"),
        ("", "name"),
    )
    shown = nearest(search)
    for step in report.step_lines(replace(search, steps=shown))[0]:
        near.add_row(
            *(Text(cell) for cell in (formatting.plain(step.arm, 20), step.start, step.rate, step.value, step.errors)),
            Text(step.state, style=STYLES[step.tone]),
            _name(step.why),
        )
    console.print()
    console.print(near)
    if len(search.steps) > len(shown):
        _note(console, f"and {count_of(len(search.steps) - len(shown), 'more step')}: see the report")


def nearest(search: CapacitySearch) -> tuple[CapacityStep, ...]:
    """Return, per arm and start, the highest step kept and the lowest one broken above it, at most so many."""
    found: list[CapacityStep] = []
    for place in dict.fromkeys((step.arm, step.start) for step in search.steps):
        mine = [step for step in search.steps if (step.arm, step.start) == place]
        kept = max((step for step in mine if step.kept), key=lambda step: step.rate, default=None)
        over = [step for step in mine if not step.kept and (kept is None or step.rate > kept.rate)]
        broken = min(over, key=lambda step: step.rate, default=None)
        found += [step for step in (kept, broken) if step is not None]
    return tuple(found[:MAX_ROWS])


def render_budgets(console: Console, budgets: Sequence[BudgetCheck]) -> None:
    """Print every budget, the broken ones first."""
    if not budgets:
        return
    ordered = display_rows.by_weight(budgets)
    table = _table(("budget", "left"), ("request", "name"), ("limit", "right"), ("value", "right"), ("", "left"))
    for budget in ordered[:MAX_ROWS]:
        word, tone = display_rows.budget_state(budget)
        table.add_row(
            Text(formatting.title(budget.metric, short=True)),
            _name(budget.request),
            Text(formatting.value(budget.limit, budget.unit)),
            Text(formatting.value(budget.value, budget.unit)),
            Text(word, style=STYLES[tone]),
        )
    console.print()
    console.print(table)
    if len(budgets) > MAX_ROWS:
        _note(console, f"and {count_of(len(budgets) - MAX_ROWS, 'more budget')}")
    for reason in dict.fromkeys(budget.why for budget in ordered if budget.why):
        _prose(console, f"{reason}.", lead="open: ", style=STYLES["warn"])


def render_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print the findings, the grave ones first as they come."""
    if not findings:
        return
    _heading(console, "Findings")
    for finding in findings[:MAX_FINDINGS]:
        where = "" if finding.request == ALL else f" ({formatting.plain(finding.request, 40)})"
        _prose(console, f"{finding.summary}{where}", lead=f"{finding.severity}: ", style=STYLES[finding.severity])
    if len(findings) > MAX_FINDINGS:
        _note(console, f"and {count_of(len(findings) - MAX_FINDINGS, 'more finding')}: see the report")


def render_queries(console: Console, details: Sequence[QueryDetail]) -> None:
    """Print, per request, the queries at each size on each arm, and the statements that changed or grow."""
    if not details:
        return
    _heading(console, "Queries")
    for detail in details[:MAX_QUERIED]:
        console.print(
            Text(formatting.plain(detail.request), style="bold").append(f"  {queries_report.sizes(detail)}", "none")
        )
        lines = queries_report.arm_lines(detail)
        width = max(len(line.arm) for line in lines)
        for line in lines:
            console.print(Text(f"  {line.arm.ljust(width)}  {_queries_of(line)}, {line.db_time}"), soft_wrap=True)
        told = replace(detail, statements=tuple(each for each in detail.statements if _worth_telling(each)))
        statements, left_out = queries_report.statement_lines(told, MAX_STATEMENTS)
        for each in statements:
            calls = each.baseline + (f" | {each.candidate}" if each.candidate else "")
            slope = f", slope {each.slopes}" if each.slopes else ""
            console.print(
                Text(f"    {each.change or 'grows'}: ", style=STYLES[each.tone])
                .append(f"{calls} times{slope}: ", "none")
                .append(formatting.plain(each.text, 90), "dim"),
                soft_wrap=True,
            )
        if left_out:
            _note(console, f"    and {count_of(left_out, 'more statement')}: see the report")
    if len(details) > MAX_QUERIED:
        _note(console, f"and {count_of(len(details) - MAX_QUERIED, 'more request')}: see the report")


def render_why(console: Console, answer: Why, *, one_arm: bool = False) -> None:
    """Print the heaviest causes, or where the time of a single arm goes, and what could not be seen."""
    functions = why_report.top_functions(answer.profiles, MAX_STATEMENTS) if one_arm else []
    if not (answer.causes or functions or answer.notes):
        return
    _heading(console, "Where the time goes" if one_arm else "Why")
    for cause in answer.causes[:MAX_STATEMENTS]:
        worse = why_report.worse(cause)
        told = ": ".join(part for part in (why_report.request_name(cause.request), why_report.saved(cause)) if part)
        _prose(
            console, f"{cause.lever}, {told}", lead="▲ " if worse else "▼ ", style=STYLES["bad" if worse else "good"]
        )
        _prose(console, "; ".join(map(why_report.mechanism, cause.mechanisms[:3])), lead="    ")
    if len(answer.causes) > MAX_STATEMENTS:
        _note(console, f"and {count_of(len(answer.causes) - MAX_STATEMENTS, 'more cause')}: see the report")
    for function in functions:
        _prose(
            console,
            why_report.function_name(function),
            lead=f"  {why_report.time(function.self_candidate, why_report.unit_of(answer.profiles)):>8}  ",
        )
    for note in answer.notes[:MAX_STATEMENTS]:
        _prose(console, note, lead="- ")


def _queries_of(line: queries_report.ArmLine) -> str:
    """Return how many queries at each size, in words."""
    return f"{line.queries} {'query' if line.queries == '1' else 'queries'}"


def _worth_telling(statement: StatementChange) -> bool:
    return statement.change != "same" or (statement.baseline_slope or 0.0) > 0


def render_list(console: Console, heading: str, texts: Sequence[str]) -> None:
    """Print sentences under a heading, if there are any."""
    if texts:
        _heading(console, heading)
        for text in texts:
            _prose(console, text, lead="- ")


def _table(*columns: tuple[str, str]) -> Table:
    """Return a plain table; a ``name`` column gives way when room is short, the others are never cut."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", collapse_padding=True)
    for heading, kind in columns:
        if kind == "name":
            # The cells themselves forbid wrapping: a column that did so would share a shortage with all others.
            table.add_column(heading, min_width=8)
        else:
            table.add_column(heading, justify="right" if kind == "right" else "left", no_wrap=True)
    return table


def _name(text: str, limit: int = 120) -> Text:
    return Text(formatting.plain(text, limit), no_wrap=True, overflow="ellipsis")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _note(console: Console, text: str) -> None:
    console.print(Text(text, style="dim"))


def _prose(console: Console, text: str, *, lead: str = "", style: str = "") -> None:
    """Print a sentence: wrapped with a hanging indent on a terminal, else unbroken, so that it can be searched."""
    body = formatting.plain(text, PROSE)
    if not console.is_terminal:
        console.print(Text(lead, style=style).append(body, style="none"), soft_wrap=True)
        return
    # textwrap breaks at ASCII white space only (rich also at no-break spaces), so a number keeps its unit.
    room = max(20, console.width - cell_len(lead))
    lines = textwrap.wrap(formatting.unbroken(body), room) or [""]
    indent = " " * cell_len(lead)
    for at, line in enumerate(lines):
        start = indent if at else lead
        console.print(Text(start, style=style).append(line.replace("\N{NO-BREAK SPACE}", " "), style="none"))


def _verdict_style(verdict: str) -> str:
    return STYLES[display_rows.TONES[Verdict(verdict)]] if verdict in set(Verdict) else ""
