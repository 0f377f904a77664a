"""A result as GitHub-flavoured Markdown: the sentence, a table, what weakens the claim."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from perfproof.core.numbers import count_of
from perfproof.model import formatting
from perfproof.model.metrics import ALL
from perfproof.model.result import Result
from perfproof.queries import report
from perfproof.report import candidates, proofs
from perfproof.verdict import display_rows
from perfproof.why import report as why_report

MAX_ROWS = 60
MAX_ITEMS = 20
_SPECIAL = re.compile(r"([\\`*_\[\]|~$@#])")


def to_markdown(result: Result) -> str:
    """Return the result as Markdown, ending in a newline."""
    if result.candidates:
        return _of_candidates(result)
    symbol, word, _ = display_rows.headline(result)
    blocks = [f"## {symbol} {word}: {escaped(result.scenario)}", f"**{escaped(result.sentence, 10_000)}**"]
    if result.why is not None and result.kind != "run":
        blocks.append(f"**Why:** {escaped(result.why.sentence, 2000)}")
    blocks += [_claims(result)]
    blocks += [_comparisons(result), _levels(result), _budgets(result), _why(result), _queries(result)]
    findings = [
        f"**{finding.severity}** {escaped(finding.summary, 1000)}"
        + ("" if finding.request == ALL else f" ({escaped(finding.request)})")
        for finding in result.findings
    ]
    blocks += [listing("### Findings", findings)]
    blocks += [f"Asked {escaped(result.comparability.asked, 300)}."] if result.comparability.asked else []
    blocks += [listing("### What weakens the claim", [escaped(text, 1000) for text in result.comparability.warnings])]
    if result.advice:
        blocks.append(f"→ {escaped(result.advice, 1000)}")
    blocks.append(_footer(result))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _of_candidates(result: Result) -> str:
    """Return which candidate is best, a table with a line for each, then what there is to say of each."""
    symbol, word, _ = display_rows.headline(result)
    metrics = candidates.shown_metrics(result)
    heading = (
        "candidate",
        "verdict",
        *(text for each in metrics for text in (formatting.title(each), "interval in %")),
    )
    table = pipe_table(
        heading,
        "ll" + "rl" * len(metrics),
        (
            (
                escaped(each.arm),
                f"{each.symbol} {escaped(each.word)}",
                *(text for cell in each.cells for text in cell[:2]),
            )
            for each in candidates.lines(result)
        ),
    )
    blocks = [f"## {symbol} {escaped(word)}: {escaped(result.scenario)}", f"**{escaped(result.sentence, 10_000)}**"]
    blocks += [f"### Each candidate against {escaped(result.arms[0])}\n\n{table}"]
    claims = candidates.claims(result)
    if claims:
        names = [part.arms[-1] for part in result.candidates]
        table = pipe_table(
            ("claim", "asked", *names),
            "ll" + "l" * len(names),
            (
                (
                    escaped(line.claim, 200),
                    escaped(line.asked),
                    *(f"{cell.sign} {cell.state}<br>{escaped(cell.why or cell.figures, 200)}" for cell in line.cells),
                )
                for line in claims[:MAX_ROWS]
            ),
        )
        left_out = len(claims) - MAX_ROWS
        more = f"\n\nand {count_of(left_out, 'more claim')}" if left_out > 0 else ""
        blocks.append(f"### Claims\n\n{table}{more}")
    pairs = [(escaped(which), *cells) for which, *cells in candidates.versus(result)]
    if pairs:
        blocks.append(pipe_table(("candidates", "change", "interval in %", "verdict"), "lrll", pairs))
    blocks += [listing("### What weakens the claim", [escaped(text, 1000) for text in result.comparability.warnings])]
    for part in result.candidates:
        title, *rest = to_markdown(part).rstrip("\n").split("\n\n")
        title = f"## {escaped(part.arms[-1])} against {escaped(result.arms[0])}: {title.split(' ', 2)[2].split(':')[0]}"
        blocks += [title, *rest[:-1]]
    blocks.append(_footer(result))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _claims(result: Result) -> str:
    if not result.proofs:
        return ""
    found, left_out = proofs.most_urgent(proofs.lines(result), MAX_ROWS)
    table = pipe_table(
        ("", "claim", "asked", "before → after", "interval in %", "measured by"),
        "llllll",
        (
            (
                f"{line.sign} {line.state}",
                escaped(line.claim, 200) + (f"<br>{escaped(line.why, 300)}" if line.why else ""),
                f"{escaped(line.about)}: {escaped(line.asked)}",
                escaped(", ".join(part for part in (line.values, line.change) if part)),
                line.interval,
                escaped(line.by),
            )
            for line in found
        ),
    )
    return "### Claims\n\n" + table + (f"\n\nand {count_of(left_out, 'more claim')}" if left_out else "")


def _comparisons(result: Result) -> str:
    if not result.comparisons:
        return ""
    shown, left_out = display_rows.most_urgent(
        display_rows.by_impact(display_rows.gated(result.comparisons) or result.comparisons), MAX_ROWS
    )
    table = pipe_table(
        ("request", "metric", "baseline", "candidate", "change", "interval in %", "goal", "verdict"),
        "llrrrrll",
        (
            (
                name(row.request),
                formatting.title(row.metric),
                formatting.value(row.baseline, row.unit),
                formatting.value(row.candidate, row.unit),
                ("~ " if display_rows.noise(row) and formatting.known(row.change) else "")
                + formatting.change(row.change, typical=row.typical),
                formatting.interval(row.ci_low, row.ci_high),
                formatting.goal(row.goal),
                f"{display_rows.SYMBOLS[row.verdict]} {row.verdict}",
            )
            for row in shown
        ),
    )
    table += f"\n\n{formatting.TYPICAL}" if any(row.typical for row in shown) else ""
    return table + (f"\n\nand {count_of(left_out, 'more row')} that decided nothing" if left_out else "")


def _levels(result: Result) -> str:
    if result.comparisons or not result.levels:
        return ""
    levels = display_rows.levels_in_order(result.levels)
    table = pipe_table(
        ("request", "metric", "value", "interval"),
        "llrl",
        (
            (
                name(level.request),
                formatting.title(level.metric),
                formatting.value(level.estimate.value, level.unit),
                formatting.value_range(level.estimate.low, level.estimate.high, level.unit),
            )
            for level in levels[:MAX_ROWS]
        ),
    )
    more = len(levels) - MAX_ROWS
    return table + (f"\n\nand {count_of(more, 'more row')}" if more > 0 else "")


def _budgets(result: Result) -> str:
    if not result.budgets:
        return ""
    ordered = display_rows.by_weight(result.budgets)[:MAX_ROWS]
    return "### Budgets\n\n" + pipe_table(
        ("budget", "request", "limit", "value", ""),
        "llrrl",
        (
            (
                formatting.title(budget.metric),
                name(budget.request),
                formatting.value(budget.limit, budget.unit),
                formatting.value(budget.value, budget.unit),
                f"{display_rows.budget_state(budget)[0]}{f': {escaped(budget.why, 300)}' if budget.why else ''}",
            )
            for budget in ordered
        ),
    )


def _why(result: Result) -> str:
    """Return the causes with mechanism and outcome, or the heaviest functions of a single arm."""
    found = result.why
    if found is None:
        return ""
    if result.kind == "run":
        shown = [
            (
                f"`{why_report.function_name(each).replace('`', '')}`",
                why_report.time(each.self_candidate, why_report.unit_of(found.profiles)),
                why_report.time(each.total_candidate, why_report.unit_of(found.profiles)),
            )
            for each in why_report.top_functions(found.profiles, MAX_ITEMS)
        ]
        return "### Where the time goes\n\n" + pipe_table(("function", "self", "total"), "lrr", shown) if shown else ""
    table = [
        (
            cause.lever,
            name(cause.request),
            escaped(why_report.saved(cause), 200),
            "<br>".join(escaped(why_report.mechanism(each), 200) for each in cause.mechanisms[:4]),
            escaped(cause.outcome, 400),
        )
        for cause in found.causes[: why_report.MAX_CAUSES]
    ]
    heading = ("lever", "request", "worth", "mechanism", "outcome")
    unclaimed = [escaped(each.sentence, 400) for each in found.unclaimed]
    parts = [pipe_table(heading, "lllll", table) if table else "", listing("Looked at, and not claimed:", unclaimed)]
    parts.append(listing("Notes:", [escaped(note, 400) for note in found.notes]))
    return "\n\n".join(["### Why", *parts]).strip() if any(parts) else ""


def _queries(result: Result) -> str:
    if not result.queries:
        return ""
    table = pipe_table(
        ("request", "rows", "arm", "queries", "rows fetched", "time in the database", "response"),
        "lllrrrr",
        (
            (name(detail.request), report.sizes(detail), escaped(line.arm), line.queries, line.rows_fetched,
             line.db_time, line.bytes)
            for detail in result.queries[:MAX_ROWS]
            for line in report.arm_lines(detail)
        ),
    )  # fmt: skip
    changed = [
        f"{name(detail.request)}: {line.change}, {line.baseline} times before, {line.candidate} after:"
        f" {escaped(line.text, 300)}"
        for detail in result.queries
        for line in report.statement_lines(detail)[0]
        if line.change not in ("", "same")
    ]
    return "\n\n".join(part for part in ("### Queries", table, listing("Statements that changed:", changed)) if part)


def _footer(result: Result) -> str:
    rounds = f"{result.rounds} of {count_of(result.planned_rounds, 'round')}"
    parts = [*([] if result.kind == "checks" else [rounds]), formatting.duration(result.seconds)]
    parts += [f"`{formatting.plain(run).replace('`', '')}`" for run in result.run_ids]
    return f"<sub>{' · '.join(parts)}</sub>"


def listing(heading: str, items: Sequence[str]) -> str:
    """Return a heading and at most ``MAX_ITEMS`` items of Markdown below it; nothing without items."""
    if not items:
        return ""
    more = [f"and {formatting.count(len(items) - MAX_ITEMS)} more"] if len(items) > MAX_ITEMS else []
    return heading + "\n\n" + "\n".join(f"- {item}" for item in [*items[:MAX_ITEMS], *more])


def pipe_table(heading: Sequence[str], align: str, lines: Iterable[Sequence[str]]) -> str:
    """Return a table; ``align`` holds l or r for each column, cells are Markdown."""
    rule = "|".join("--:" if side == "r" else ":--" for side in align)
    return "\n".join([f"| {' | '.join(heading)} |", f"|{rule}|", *(f"| {' | '.join(cells)} |" for cells in lines)])


def name(request: str) -> str:
    """Return a request name as Markdown."""
    return "**all**" if request == ALL else escaped(request)


def escaped(text: str, limit: int = 120) -> str:
    """Escape text so that it is neither markup, HTML, a mention nor a table's border."""
    safe = formatting.plain(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda match: f"&#{ord(match.group())};", safe)
