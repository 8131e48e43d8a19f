"""A reader of the pages, who types their commands and compares what comes with what the page says.

Runs the commands that pages.py finds in a shell, with `kubectl` and `helm` of the tests. A scenario names the
placeholders, and at the end must have run everything that pages.RUN promises of the scenario.
"""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from real.bootstrap import ROOT, TARGET
from real.processes import Failed

from .context import Context
from .pages import Command, commands, of_scenario
from .release import HELMS

# kubectl's verbs that change nothing, so that they may be asked again until the page is right.
_READING = {"describe", "exec", "get", "logs", "port-forward"}
_SECONDS = 60
# A page that shows one of these shows a command that fails.
_FAILS = re.compile(r"^(?:command terminated with exit code|error:|Error\b|no$)", re.MULTILINE)


class Following:
    """The pages of one scenario, as a context manager: at its end all commands have been run."""

    def __init__(self, context: Context, scenario: str) -> None:
        self._context, self._scenario = context, scenario
        self._sections = of_scenario(scenario)
        self.ran: set[Command] = set()

    def __enter__(self) -> "Following":
        self._folder = tempfile.TemporaryDirectory(prefix="stsidecar-pages-")
        folder = Path(self._folder.name)
        (folder / "charts").mkdir()
        for name in ("charts/stsidecar", "deploy"):
            (folder / name).symlink_to(ROOT / name)
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._folder.cleanup()
        if kind is None:
            pages = {page for page, _ in self._sections}
            wanted = {one for page in pages for one in commands(ROOT / page) if (page, one.section) in self._sections and not one.not_run}
            if missed := wanted - self.ran:
                raise Failed(f"{self._scenario} does not run {', '.join(sorted(map(str, missed)))}")

    def page(self, page: str, instead: dict[str, str] | None = None, **placeholders: str) -> "Page":
        """A page with its placeholders; `instead` has what a cluster of tests needs in the place of other text."""
        if not {name for name, _ in self._sections} & {page}:
            raise Failed(f"pages.RUN has nothing of {page} for {self._scenario}")
        return Page(self, page, instead or {}, placeholders)

    def runbook(self, alert: str, instead: dict[str, str] | None = None, **placeholders: str) -> "Page":
        return self.page(f"docs/runbooks/{alert}.md", instead, **placeholders)

    @property
    def folder(self) -> Path:
        """The directory where the commands are typed; charts/stsidecar and deploy are there."""
        return Path(self._folder.name)

    def write(self, name: str, text: str) -> None:
        """A file in that directory."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def shell(self, script: str, state: str, seconds: float) -> subprocess.CompletedProcess:
        """Runs a script as one types it; variables stay for the next one of the same `state`."""
        kept = self.folder / f"{state}.variables"
        kept.touch()
        cluster = self._context.cluster
        # Beside Helm is another kubectl, which is not always the cluster's.
        own = [cluster.program.parent, HELMS["helm4"].parent, TARGET / "debug"]
        path = os.pathsep.join([*map(str, own), cluster.environment["PATH"]])
        # What was left in the background would hold the output open.
        before = f"set -aeuo pipefail; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT; . {kept}"
        typed = f"{before}\n{script}\nexport -p | grep -v PATH= > {kept}"
        return subprocess.run(
            ["bash", "-c", typed],
            cwd=self.folder,
            env={**cluster.environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )


class Page:
    """One page that is followed."""

    def __init__(self, following: Following, page: str, instead: dict[str, str], placeholders: dict[str, str]) -> None:
        self._following, self._page, self._instead = following, page, instead
        self._placeholders = placeholders
        self._commands = commands(ROOT / page)

    def run(self, section: str, begins: str = "", seconds: float = _SECONDS) -> str:
        """Runs the commands below a heading, those alone that begin so, and answers what they printed."""
        found = [one for one in self._commands if one.section == section and one.text.startswith(begins) and not one.not_run]
        if not found:
            raise Failed(f"{self._page} has no command {begins!r} below {section!r}")
        return "".join(self._one(command, seconds) for command in found)

    def has(self, section: str) -> bool:
        """Whether there are commands below a heading."""
        return any(one.section == section for one in self._commands)

    def rows(self, section: str) -> list[tuple[str, str]]:
        """Of a table: what the first cell quotes, and the command in its row."""
        lines = (ROOT / self._page).read_text().splitlines()
        there = [lines[one.line - 1] for one in self._commands if one.section == section and not one.not_run]
        return [(cells[0], cells[-1]) for cells in (re.findall(r"`([^`]+)`", line) for line in there)]

    def ask(self, section: str) -> str:
        """What the commands below a heading print now, whatever the page shows."""
        found = [one for one in self._commands if one.section == section and not one.not_run]
        return "".join(self._following.shell(self._script(one), Path(self._page).stem, 120).stdout for one in found)

    def _script(self, command: Command) -> str:
        script = self._filled(command.text)
        for original, other in self._instead.items():
            script = script.replace(original, other)
        return script

    def _one(self, command: Command, seconds: float) -> str:
        script = self._script(command)
        shown = self._shown(command)
        deadline = time.monotonic() + seconds
        while True:
            done = self._following.shell(script, Path(self._page).stem, max(seconds, 120))
            missing = _first_missing(shown, done.stdout)
            fails = bool(command.shown and _FAILS.search(command.shown))
            if (done.returncode != 0) is fails and missing is None:
                self._following.ran.add(command)
                return done.stdout
            if not _only_reads(command) or time.monotonic() > deadline:
                raise Failed(
                    f"{command}\nends with {done.returncode}{f', without the line {missing!r}' if missing else ''}: {done.stdout[-3000:]}"
                )
            time.sleep(0.5)

    def _filled(self, text: str) -> str:
        for name, value in self._placeholders.items():
            text = re.sub(rf"(?<![\w$]){name}(?![\w=]|:\.)", lambda _, value=value: value, text)
        return text

    def _shown(self, command: Command) -> list[str]:
        """The lines that the page shows; a line of headings has no placeholders."""
        lines = (command.shown or "").splitlines()
        return [line if len(line.split()) > 1 and line.isupper() else self._filled(line) for line in lines]


def _only_reads(command: Command) -> bool:
    """Whether it may be run again."""
    verbs = re.findall(r"\bkubectl (?:-n \S+ |--\S+ )*([\w-]+)", command.text)
    return bool(verbs) and set(verbs) <= _READING and "helm " not in command.text


def _first_missing(shown: list[str], output: str) -> str | None:
    """The first line that is shown and was not printed, in this order."""
    printed = iter(output.splitlines())
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        parts = (r"\s+".join(map(re.escape, part.split(" "))) for part in " ".join(line.split()).split("..."))
        pattern = re.compile(r"\s*" + ".*".join(parts) + r"\s*")
        if not any(pattern.fullmatch(one) for one in printed):
            return line
    return None
