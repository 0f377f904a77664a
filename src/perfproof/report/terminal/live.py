"""Live progress: which round and block, what is known so far, how long it will take."""

from __future__ import annotations

from types import TracebackType

from rich import live as rich_live
from rich.console import Console
from rich.text import Text

from perfproof.model import formatting

_BAR = 24


class Live:
    """A progress display for one measurement, used as a context manager.

    On a terminal two lines are redrawn in place; elsewhere each round prints one plain line; with ``quiet`` nothing is
    printed. It redraws only when told something: a refreshing thread would run while load runs, on the same cores.
    """

    def __init__(self, console: Console, *, quiet: bool, planned_rounds: int) -> None:
        self._console = console
        self._quiet = quiet
        self._number = 0
        self._total = planned_rounds
        self._done = 0
        self._blocks = 0
        self._phase = ""
        self._estimate = ""
        self._left: float | None = None
        self._display: rich_live.Live | None = None
        if console.is_terminal and not quiet:
            self._display = rich_live.Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Live:
        """Start the display."""
        if self._display:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away again; what it showed is in the result."""
        if self._display:
            self._display.stop()

    def phase(self, text: str) -> None:
        """Tell what is going on, e.g. "starting both services"."""
        self._phase = formatting.plain(text)
        self._draw()

    def round(self, number: int, total: int) -> None:
        """Tell that round ``number`` (from 1) of ``total`` begins."""
        self._number, self._total, self._done = number, total, 0
        if self._display is None and not self._quiet:
            self._console.print(self._plain_line(), soft_wrap=True)
        self._draw()

    def block(self, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` blocks of this round are over."""
        self._done, self._blocks = done, total
        self._phase = ""
        self._draw()

    def estimate(self, text: str) -> None:
        """Tell what is known so far, with its interval."""
        self._estimate = formatting.plain(text, 300)
        self._draw()

    def time_left(self, seconds: float | None) -> None:
        """Tell how many seconds the rest will take."""
        self._left = seconds
        self._draw()

    def note(self, text: str) -> None:
        """Print a line that stays above the display."""
        if not self._quiet:
            self._console.print(Text(formatting.plain(text, 300)), soft_wrap=True)

    def _plain_line(self) -> Text:
        parts = [f"round {self._number} of {self._total}"]
        if self._estimate:
            parts.append(f"so far {self._estimate}")
        if self._left is not None:
            parts.append(f"about {formatting.duration(self._left)} left")
        return Text("; ".join(parts))

    def _draw(self) -> None:
        if self._display:
            self._display.update(Text("\n").join(self._lines()), refresh=True)

    def _lines(self) -> list[Text]:
        per_round = self._done / self._blocks if self._blocks else 0.0
        share = (max(self._number - 1, 0) + per_round) / self._total if self._total else 0.0
        filled = round(_BAR * min(share, 1.0))
        head = Text(no_wrap=True, overflow="ellipsis")
        if self._number:
            head.append(f"round {self._number} of {self._total}  ", style="bold")
            head.append("━" * filled, style="cyan").append("╌" * (_BAR - filled), style="dim")
        if self._phase:
            head.append(f"  {self._phase}")
        elif self._blocks:
            head.append(f"  block {self._done} of {self._blocks}")
        if self._left is not None:
            head.append(f"  {formatting.duration(self._left)} left", style="dim")
        if not self._estimate:
            return [head]
        return [head, Text(f"so far {self._estimate}", no_wrap=True, overflow="ellipsis")]
