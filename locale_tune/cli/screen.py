"""How a build looks: a live line on a terminal, plain lines in a log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from locale_tune import labels
from locale_tune.build import Screen
from locale_tune.errors import LocaleTuneError
from locale_tune.schema import Artifact, Finding, Progress, Section, Step

LOG_WIDTH = 140  # a log has no width of its own, and 80 columns tear the table's labels
CONTROL, REPLACEMENT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"), "\ufffd"
LOG_EVERY = 15.0  # seconds between two plain lines of one step


def error_text(error: LocaleTuneError) -> str:
    """Return what a person reads when a command fails.

    Names and texts of packs may be in it: no control character of theirs steers the terminal.
    """
    return f"error: {CONTROL.sub(REPLACEMENT, str(error))}"


class TerminalScreen(Screen):
    """Show a build on a console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = LOG_WIDTH
        self._bars: Bars | None = None
        self._started = 0.0
        self._told = 0.0

    def note(self, text: str) -> None:
        """Say one line."""
        self.console.print(text, markup=False)

    def starts(self, step: Step, why: str) -> None:
        """Say that a step begins, and why it is not reused."""
        self._started, self._told = time.monotonic(), 0.0
        self.console.print(f"  {step.name:9} runs: {why}", markup=False)

    def ends(self, step: Step, artifact: Artifact, reused: bool) -> None:
        """Say that a step's artifact is there."""
        self._close()
        took = "made before" if reused else f"{time.monotonic() - self._started:,.0f} s"
        line = artifact.facts.get("line", "")
        self.console.print(f"  {step.name:9} done  {took:>12}  {line}".rstrip(), markup=False)

    def progress(self, step: Step) -> Progress:
        """Return a bar on a terminal, or a line every few seconds elsewhere."""
        return self._bar(step) if self.console.is_terminal else self._lines(step)

    def _bar(self, step: Step) -> Progress:
        def report(done: float, total: float, note: str = "") -> None:
            if self._bars is None:
                columns = (
                    TextColumn("  {task.description:9}"),
                    BarColumn(bar_width=24),
                    TextColumn("{task.percentage:>3.0f}%"),
                    TimeRemainingColumn(),
                    TextColumn("{task.fields[note]}", markup=False),
                )
                self._bars = Bars(*columns, console=self.console, transient=True)
                self._bars.add_task(step.name, note="")
                self._bars.start()
            self._bars.update(self._bars.task_ids[0], completed=done, total=total, note=note)

        return report

    def _lines(self, step: Step) -> Progress:
        def report(done: float, total: float, note: str = "") -> None:
            now = time.monotonic()
            if now - self._told >= LOG_EVERY:
                self._told = now
                share = done / total if total else 0.0
                self.console.print(f"  {step.name:9} {share:4.0%}  {note}".rstrip(), markup=False)

        return report

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the before/after table of a build, under the same headings as the report's."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measured on held-out items", overflow="fold")
    for name in ("n", "base", "localized", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("read as", no_wrap=True)
    sections = [name for name in get_args(Section) if any(f.section == name for f in findings)]
    for section in sections:
        if len(sections) > 1:
            heading = labels.ENGLISH[f"section-{section or 'other'}"]
            table.add_row(f"[bold]{heading}[/]")
        _add(table, (f for f in findings if f.section == section))
    return table


def _add(table: Table, findings: Iterable[Finding]) -> None:
    for f in findings:
        arrow = " (lower is better)" if f.lower_is_better else ""
        interval = f"[{f.interval[0]:+.3f}, {f.interval[1]:+.3f}]" if f.interval else ""
        table.add_row(
            f.label + arrow,
            f"{f.n:,}",
            "" if f.before is None else f"{f.before:.3f}",
            f"{f.after:.3f}",
            "" if f.change is None else f"{f.change:+.3f}",
            interval.replace("[", r"\["),
            f.verdict,
        )
