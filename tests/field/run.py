#!/usr/bin/env python3
"""Runs `stsidecar inject` over the manifests that public projects ship in packages of the registries, and judges it.

    tests/field/run.py [PROJECT...]

Prints one line for each project and exits with 0 only when every file was read, every object that holds containers was
injected, refused with a reason, or named as passed over, and nothing but ours was changed, judged by another parser. Every
comment and every byte that is not ours has to be there still; files of which the text cannot be changed are listed.
A package that cannot be had prints `not run: ...`, which is a failure when ALL_TIERS=1. STSIDECAR_BIN names the program.
"""

import collections
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real import bootstrap

FLAGS = ["--role-arn=arn:aws:iam::111122223333:role/app", "--region=us-east-1"]
# What it was when it was written, less a few. A file that vanishes from the run is not to go unseen.
LEAST_WORKLOADS, LEAST_PROJECTS = 300, 8


@dataclass
class Tally:
    """What became of a project's files and objects."""

    files: int = 0
    workloads: int = 0
    outcomes: collections.Counter = field(default_factory=collections.Counter)
    reasons: collections.Counter = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    # Comments and lines of files in which something was injected: how many there were, and what became of them.
    text: collections.Counter = field(default_factory=collections.Counter)
    exceptions: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Takes another's counts in."""
        self.files += other.files
        self.workloads += other.workloads
        self.outcomes += other.outcomes
        self.reasons += other.reasons
        self.wrong += other.wrong
        self.text += other.text
        self.exceptions += other.exceptions


def inject(content: bytes) -> tuple[int, bytes, list[str]]:
    """The program's exit code, its result, and its lines on standard error."""
    command = [bootstrap.agent_binary(), "inject", *FLAGS]
    done = subprocess.run(command, input=content, capture_output=True, timeout=bootstrap.CASE_SECONDS)
    return done.returncode, done.stdout, done.stderr.decode().splitlines()


def pieces(text: str) -> Iterator[str]:
    """A stream's documents, each by itself."""
    yield from re.split(r"(?m)^---(?=\s)", text)


def one_file(name: str, content: bytes) -> Tally:
    """Judges a file as a whole; one of which something is refused, document by document."""
    import yaml

    from field import judge

    tally = Tally(files=1)
    code, printed, said = inject(content)
    try:
        text = content.decode()
        before = judge.read(text)
    except (yaml.YAMLError, ValueError) as unreadable:
        tally.outcomes["no YAML"] += 1
        if code != 1 or not said or not all(re.match(r"stsidecar: standard input: ", line) for line in said):
            tally.wrong.append(f"{name}: it is no YAML ({str(unreadable).splitlines()[0]}), and that was not said: {said}")
        return tally
    if any("standard input: " in line for line in said):
        tally.wrong.append(f"{name}: {said[0]}")
        return tally
    parts = [part for part in pieces(text) if part.strip()]
    if code == 1 and len(parts) > 1:
        for part in parts:
            tally.add(one_file(name, part.encode()))
        tally.files = 1
        return tally
    judged(tally, name, (code, content, printed), before, said)
    return tally


def judged(tally: Tally, name: str, outcome: tuple[int, bytes, bytes], before: list, said: list[str]) -> None:
    """Counts what became of each object that holds containers, and compares what was printed with what was read."""
    from field import judge

    code, content, printed = outcome
    after = judge.read(printed.decode()) if code == 0 else before
    if code not in (0, 1) or (code == 1) != (printed == b""):
        tally.wrong.append(f"{name}: exit {code}: {said}")
        return
    tally.wrong += [f"{name}: {change}" for change in judge.foreign_changes(before, after)]
    if code == 0 and judge.sidecars(after) > judge.sidecars(before):
        text_kept(tally, name, content.decode(), printed.decode())
    elif code == 0 and printed != content:
        tally.wrong.append(f"{name}: nothing was injected, and not every byte was kept")
    if code == 0 and inject(printed)[1] != printed:
        tally.wrong.append(f"{name}: injecting twice is not injecting once")
    olds = [own for document in before for own in judge.objects(document)]
    news = [own for document in after for own in judge.objects(document)]
    for old, new in zip(olds, news, strict=True):
        if not judge.holds_containers(old):
            continue
        tally.workloads += 1
        lines = [line for line in said if line.startswith((f"stsidecar: {judge.name(old)}", "stsidecar: the document"))]
        if judge.sidecars(new):
            tally.outcomes["injected"] += 1
        elif code == 1 and lines:
            tally.outcomes["refused"] += 1
            tally.exceptions += [f"{name}: {line}" for line in lines if line.startswith("stsidecar: the document")]
            tally.reasons[re.sub(r"^stsidecar: \S+ \S+?: |\"[^\"]*\"|container \S+", "", lines[0])[:70]] += 1
        elif any("passed over" in line for line in lines):
            tally.outcomes["passed over"] += 1
        elif any("left alone" in line for line in lines):
            tally.outcomes["left alone"] += 1
        else:
            tally.wrong.append(f"{name}: {judge.name(old)} was neither injected nor named: {said}")


def text_kept(tally: Tally, name: str, before: str, after: str) -> None:
    """Counts the comments and lines that are still there, and names those that are not."""
    from field import judge

    kept = judge.kept(before, after)
    tally.text["comments"] += kept.comments
    tally.text["kept"] += kept.comments - len(kept.lost_comments)
    tally.text["lines"] += kept.lines
    tally.text["widened"] += len(kept.widened)
    tally.wrong += [f"{name}: the comment is gone: {comment}" for comment in kept.lost_comments]
    tally.wrong += [f"{name}: the line is gone: {line.rstrip()}" for line in kept.lost_lines]


def into_venv() -> int | None:
    """Starts this script again where PyYAML is. Returns an exit code when that cannot be."""
    if Path(sys.prefix) == bootstrap.VENV_PYTHON.parents[1]:
        return None
    if reason := bootstrap.install("chart"):
        print(f"not run: tests/field/run.py: {reason}", flush=True)
        return 1 if bootstrap.all_tiers() else 0
    os.execv(bootstrap.VENV_PYTHON, [str(bootstrap.VENV_PYTHON), *sys.argv])


COLUMNS = ("injected", "refused", "passed over", "left alone", "no YAML")
# Of files in which something was injected: comments that there were and are, lines that are the same, and lines into which
# something was put, since they were in flow style or empty.
TEXT = ("comments", "kept", "lines", "widened")


def row(project: str, version: str, tally: Tally) -> str:
    """A line of the table."""
    counts = "".join(f"{tally.outcomes[column]:>{len(column) + 2}}" for column in COLUMNS)
    counts += "".join(f"{tally.text[column]:>{max(len(column), 5) + 2}}" for column in TEXT)
    return f"{project:20} {version:22} {tally.files:5} {tally.workloads:9}{counts}"


def main(projects: list[str]) -> int:
    code = into_venv()
    if code is not None:
        return code
    from field import packages

    chosen = [package for package in packages.pinned() if not projects or package.project in projects]
    total, counted, missing = Tally(), 0, 0
    columns = "  ".join([*COLUMNS, *(f"{column:>5}" for column in TEXT)])
    print(f"{'project':20} {'version':22} files workloads  {columns}", flush=True)
    for package in chosen:
        try:
            files = list(package.manifests())
        except packages.Unavailable as failure:
            print(f"not run: {package.project}: {failure}", flush=True)
            missing += 1
            continue
        tally = Tally()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for part in pool.map(lambda file: one_file(*file), files):
                tally.add(part)
        print(row(package.project, package.version, tally), flush=True)
        counted += tally.workloads > 0
        total.add(tally)
    print(row("all", "", total))
    for reason, count in total.reasons.most_common():
        print(f"  refused {count:3} times: {reason}")
    for line in total.exceptions:
        print(f"  its text cannot be changed: {line}")
    if not projects and not missing and (total.workloads < LEAST_WORKLOADS or counted < LEAST_PROJECTS):
        total.wrong.append(f"only {total.workloads} workloads of {counted} projects")
    for line in total.wrong:
        print(f"FAILED   {line}")
    return 1 if total.wrong or (missing and bootstrap.all_tiers()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
