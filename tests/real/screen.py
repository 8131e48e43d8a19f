"""What the demo prints: the same words with colours in a terminal and without them anywhere else."""

import os
import sys
import time

_COLUMNS = (">6", ">10", ">9", ">8", ">10", "<0")


class Screen:
    """Numbered steps, a table, verdicts. No carriage return, no cursor movement, no colour outside a terminal."""

    def __init__(self, title: str) -> None:
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._steps = 0
        self._began = time.monotonic()
        self._print(self._paint("1", title))

    def step(self, what: str, where: str, why: str) -> None:
        """A numbered step of the set-up."""
        self._steps += 1
        self._print()
        self._print(f" {self._paint('1;36', str(self._steps))} {self._paint('1', f'{what:<30}')} {where}")
        self._print(f"   {self._paint('2', why)}")

    def variable(self, name: str, value: str) -> None:
        """An environment variable."""
        self._print(f"     {self._paint('36', name)}={value}")

    def heading(self, text: str) -> None:
        """A line over what follows."""
        self._print()
        self._print(self._paint("1", text))

    def row(self, *cells: str) -> None:
        """A line of the table."""
        self._print("  ".join(f"{cell:{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip())

    def block(self, title: str, lines: list[str]) -> None:
        """Another program's output, indented."""
        self.heading(f"{title}:")
        for line in lines:
            self._print(f"   {self._paint('2', line)}" if line.strip() else "")

    def verdict(self, kept: bool, promise: str, seen: str) -> bool:
        """A promise and what was seen of it. Returns whether it was kept."""
        mark = self._paint("32", "ok    ") if kept else self._paint("1;31", "BROKEN")
        self._print(f"   {mark} {promise:<40} {seen}")
        return kept

    def end(self, kept: bool) -> int:
        """The last line, and the exit code."""
        self._print()
        seconds = f"{time.monotonic() - self._began:.0f} s"
        if kept:
            self._print(self._paint("1;32", f"As promised, in {seconds}."))
            return 0
        return self.failure(f"not as promised, after {seconds}")

    def failure(self, text: str) -> int:
        """Why the demo ends badly, and the exit code."""
        self._print(self._paint("1;31", f"FAILED: {text}"))
        return 1

    def _paint(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colours else text

    @staticmethod
    def _print(text: str = "") -> None:
        print(text, flush=True)
