#!/usr/bin/env python3
"""Measures the Rust code of a checkout, or of revisions of it, and prints the figures as a Markdown table.

    measure.py [FOLDER]                       the files of FOLDER, by default of this repository
    measure.py [FOLDER] --rev REV             those of a revision
    measure.py [FOLDER] --rev OLD --rev NEW   two revisions side by side
    measure.py [FOLDER] --functions 50        every function of more than 50 lines of code, one a line

Needs Python and git alone, and builds nothing. FOLDER may be any Rust project, so that projects can be compared.

- `src` is each file below a folder `src` that is not in `tests`, `benches`, `examples` or `fuzz`. Tests are not
  counted in it: files named `tests.rs` or below `tests/`, and every item under `#[cfg(test)]` with the file that it
  names. "all" is each Rust file that git knows.
- A line of code has a token of the language on it, or text inside of a string. A line of comment has nothing but
  comment.
- A function's size is what clippy's `too_many_lines` counts: the lines of code between its braces.
- A public item is a `pub` item or field, `use` left out. A module is documented by its own first lines too.
- A comment is a run of lines without code between them. A link is a URL of a public host; addresses of examples and
  of AWS's services are none.
"""

import argparse
import collections
import dataclasses
import pathlib
import re
import statistics
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

LITERAL_OR_COMMENT = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*)
      | (?P<raw>\b[bc]?r(?P<hashes>\#*)")
      | (?P<text>(?:\b[bc])?"(?:[^"\\]|\\.)*")
      | (?P<char>(?:\bb)?'(?:\\.[^']*|[^\\'])')""",
    re.VERBOSE | re.DOTALL,
)
LINK = re.compile(r"https?://(?P<host>[a-z0-9.-]+\.[a-z]{2,})\b", re.IGNORECASE)
NO_SOURCE = re.compile(r"(^|\.)(example(\.(com|org|net))?|local|internal|svc|test|invalid|amazonaws\.com)$")
CFG_TEST = re.compile(r"#\[cfg\((?:test|(?:any|all)\((?:[^()]*,)?\s*test\b[^\]]*)\)\]")
NAMED_ITEM = re.compile(
    r"(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|const\s+|async\s+|unsafe\s+|extern\s+(?:\"_*\"\s*)?)*"
    r"(?P<keyword>mod|fn|use|impl|struct|enum|union|trait|type|const|static|let|macro_rules!|extern)\b\s*(?P<name>\w*)"
)
FUNCTION = re.compile(r"\bfn\s+(?:r\#)?(?P<name>\w+)")
CLOSURE = re.compile(r"\blet\s+(?:mut\s+)?\w+(?:\s*:[^=;]+)?\s*=\s*(?:async\s+)?(?:move\s+)?\|")
PUBLIC = re.compile(
    r"\bpub\s+(?:(?:const|async|unsafe|extern\s+\"_*\")\s+)*"
    r"(?:(?P<keyword>fn|struct|enum|union|trait|type|const|static|mod)\s+)?(?:r\#)?(?P<name>\w+)\s*(?P<next>:?)"
)
COLUMNS = 100


@dataclasses.dataclass
class Comment:
    start: int
    end: int
    doc: str  # "outer" documents what follows, "inner" what it is in, "" is no documentation


@dataclasses.dataclass
class Function:
    path: str
    line: int
    name: str
    lines: int


class Source:
    """One file: `code` is its text with comments blanked and literals masked, position by position."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.comments = []
        self.code = self._mask()
        self.code_lines = self.code.split("\n")
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.tests = list(self._test_items())

    def _mask(self):
        parts, position = [], 0
        while found := LITERAL_OR_COMMENT.search(self.text, position):
            parts.append(self.text[position:found.start()])
            end = found.end()
            if found["block"]:
                end = block_end(self.text, found.start())
            elif found["raw"]:
                close = self.text.find('"' + found["hashes"], end)
                end = len(self.text) if close < 0 else close + 1 + len(found["hashes"])
            token = self.text[found.start():end]
            if found["line"] or found["block"]:
                self.comments.append(Comment(found.start(), end, doc_of(token)))
                parts.append(re.sub(r"[^\n]", " ", token))
            else:
                parts.append('"' + re.sub(r"\S", "_", token[1:-1]) + '"')
            position = end
        parts.append(self.text[position:])
        return "".join(parts)

    def line_of(self, position):
        """The number of the line of a position, from 0."""
        low, high = 0, len(self._starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._starts[middle] <= position else (low, middle - 1)
        return low

    def closing(self, position):
        """Behind the bracket that closes the one at `position`."""
        pairs = {"(": ")", "[": "]", "{": "}"}
        opening, depth = self.code[position], 0
        for found in re.compile(f"[{re.escape(opening + pairs[opening])}]").finditer(self.code, position):
            depth += 1 if found[0] == opening else -1
            if depth == 0:
                return found.end()
        return len(self.code)

    def body(self, position):
        """Where the next `{` outside of round and square brackets is, or None if a `;` comes first."""
        depth = 0
        for found in re.compile(r"[()\[\]{};]").finditer(self.code, position):
            if depth == 0 and found[0] in "{;":
                return found.start() if found[0] == "{" else None
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1, ";": 0}[found[0]]
        return None

    def _item_end(self, position):
        """Behind the item, field or statement that starts at `position`."""
        item = NAMED_ITEM.match(self.code, position)
        if item and item["keyword"] not in ("use", "let", "const", "static", "type"):
            start = self.body(position)
            if start is not None:
                return self.closing(start)
        ends = ";" if item else ";,"
        depth = 0
        for found in re.compile(r"[()\[\]{};,]").finditer(self.code, position):
            if found[0] in "([{":
                depth += 1
            elif found[0] in ")]}":
                depth -= 1
                if depth < 0:
                    return found.start()
            elif depth == 0 and found[0] in ends:
                return found.end()
        return len(self.code)

    def _test_items(self):
        """The spans of what is compiled for tests alone, with the name of the module if it is one."""
        for found in CFG_TEST.finditer(self.code):
            position = found.end()
            while attribute := re.compile(r"\s*#(?=\[)").match(self.code, position):
                position = self.closing(attribute.end())
            position += len(self.code[position:]) - len(self.code[position:].lstrip())
            item = NAMED_ITEM.match(self.code, position)
            module = item["name"] if item and item["keyword"] == "mod" else None
            yield found.start(), self._item_end(position), module

    def in_tests(self, position):
        return any(start <= position < end for start, end, _ in self.tests)

    def test_lines(self):
        return {line for start, end, _ in self.tests for line in range(self.line_of(start), self.line_of(end - 1) + 1)}

    def functions(self):
        for found in FUNCTION.finditer(self.code):
            start = self.body(found.end())
            if start is not None:
                inside = self.code[start + 1:self.closing(start) - 1]
                lines = sum(bool(line.strip()) for line in inside.split("\n"))
                yield found.start(), Function(self.path, self.line_of(found.start()) + 1, found["name"], lines)

    def outer_doc_before(self, position):
        """Whether a doc comment or attribute is in front of the item at `position`, other attributes passed."""
        start = position
        while True:
            before = self.code[:start].rstrip()
            if not before.endswith("]"):
                break
            opening = self._opening(len(before) - 1)
            if opening < 1 or self.code[opening - 1] != "#":
                break
            if self.code.startswith("[doc", opening):
                return True
            start = opening - 1
        return any(c.doc == "outer" and len(before) <= c.start < position for c in self.comments)

    def _opening(self, position):
        """The `[` that the `]` at `position` closes, or -1."""
        depth = 0
        while position >= 0:
            depth += {"]": 1, "[": -1}.get(self.code[position], 0)
            if depth == 0:
                return position
            position -= 1
        return -1

    def opens_with_docs(self):
        return any(c.doc == "inner" and not self.code[:c.start].strip() for c in self.comments)

    def runs_of_comments(self):
        """Comments, those without code between them joined, as (start, text)."""
        start = end = None
        for comment in self.comments:
            adjacent = end is not None and not self.code[end:comment.start].strip() and "\n\n" not in self.text[end:comment.start]
            if not adjacent:
                if start is not None:
                    yield start, self.text[start:end]
                start = comment.start
            end = comment.end
        if start is not None:
            yield start, self.text[start:end]


def block_end(text, start):
    """Behind the block comment at `start`; they nest."""
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(text)


def doc_of(comment):
    if comment.startswith(("//!", "/*!")):
        return "inner"
    line = comment.startswith("///") and not comment.startswith("////")
    block = comment.startswith("/**") and not comment.startswith(("/***", "/**/"))
    return "outer" if line or block else ""


def is_link(text):
    return any(not NO_SOURCE.search(found["host"].lower()) for found in LINK.finditer(text))


def is_src(path):
    folders = path.split("/")[:-1]
    return "src" in folders and not {"tests", "benches", "examples", "fuzz"} & set(folders) and not path.endswith("/tests.rs")


def children(path, name):
    """Where the file of module `name` may be that `path` declares."""
    folder, _, file = path.rpartition("/")
    stem = file.removesuffix(".rs")
    own = folder if stem in ("mod", "lib", "main") else f"{folder}/{stem}"
    return f"{own}/{name}.rs", f"{own}/{name}/"


def without_test_modules(sources):
    """The sources of `src`, less the files of modules that are declared under `#[cfg(test)]`."""
    files, folders = set(), []
    for source in sources:
        for _, _, module in source.tests:
            if module:
                file, folder = children(source.path, module)
                files.add(file)
                folders.append(folder)
    return [s for s in sources if is_src(s.path) and s.path not in files and not s.path.startswith(tuple(folders))]


@dataclasses.dataclass
class Figures:
    """What is counted over a set of files."""

    lines: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    files: list = dataclasses.field(default_factory=list)
    functions: list = dataclasses.field(default_factory=list)
    closures: int = 0
    public: int = 0
    documented: int = 0
    links: int = 0

    def add(self, source, tests, documented_modules):
        """Counts a file; `tests` says whether its unit tests are counted with it."""
        skipped = set() if tests else source.test_lines()
        counts = lambda position: tests or not source.in_tests(position)  # noqa: E731
        self._add_lines(source, skipped)
        self.functions += [function for position, function in source.functions() if counts(position)]
        self.closures += sum(counts(found.start()) for found in CLOSURE.finditer(source.code))
        self.links += sum(counts(start) and is_link(text) for start, text in source.runs_of_comments())
        for found in PUBLIC.finditer(source.code):
            field = not found["keyword"] and found["next"] == ":"
            if (found["keyword"] or field) and counts(found.start()):
                self.public += 1
                inner = found["keyword"] == "mod" and documented_modules & set(children(source.path, found["name"]))
                self.documented += bool(inner or source.outer_doc_before(found.start()))

    def _add_lines(self, source, skipped):
        kinds = {}
        for comment in source.comments:
            for line in range(source.line_of(comment.start), source.line_of(comment.end - 1) + 1):
                kinds[line] = "doc" if comment.doc else "ordinary"
        counted = 0
        for number, line in enumerate(source.lines):
            if number in skipped:
                continue
            counted += 1
            self.lines["wide"] += len(line) > COLUMNS
            if source.code_lines[number].strip():
                self.lines["code"] += 1
            elif line.strip():
                self.lines[kinds[number]] += 1
        if counted:
            self.files.append(counted)

    def rows(self):
        files = sorted(self.files) or [0]
        sizes = sorted(function.lines for function in self.functions) or [0]
        code = self.lines["code"]
        return {
            "lines of code": f"{code:,}",
            "lines of comment (doc + ordinary)":
                f"{self.lines['doc'] + self.lines['ordinary']:,} ({self.lines['doc']:,} + {self.lines['ordinary']:,})",
            "files": f"{len(self.files):,}",
            "lines of a file: median / p90 / largest":
                f"{statistics.median_low(files)} / {files[(len(files) * 9 - 1) // 10]} / {files[-1]:,}",
            "functions": f"{len(self.functions):,}",
            "lines of code of a function: median / p90 / largest":
                f"{statistics.median_low(sizes)} / {sizes[(len(sizes) * 9 - 1) // 10]} / {sizes[-1]}",
            "functions over 50 lines of code": f"{sum(size > 50 for size in sizes):,}",
            f"lines over {COLUMNS} columns": f"{self.lines['wide']:,}",
            "closures bound by `let`, per 1,000 lines of code":
                f"{self.closures:,}, {self.closures * 1000 / max(code, 1):.1f}",
            "documented of public items":
                f"{self.documented:,} of {self.public:,}, {self.documented * 100 / max(self.public, 1):.0f} %",
            "comments with a link": f"{self.links:,}",
        }


def git(folder, *arguments, data=None):
    ran = subprocess.run(["git", "-C", str(folder), *arguments], input=data, capture_output=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"measure.py: git {' '.join(arguments)} in {folder}: {ran.stderr.decode().strip()}")
    return ran.stdout


def files_of_folder(folder):
    """What git tracks or would, as it is on disk; without git, what is not hidden and not built."""
    if (folder / ".git").exists():
        names = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs")
        paths = [folder / name for name in names.decode().split("\0") if name]
    else:
        paths = [path for path in folder.rglob("*.rs")
                 if not any(part.startswith(".") or part == "target" for part in path.relative_to(folder).parts)]
    return {path.relative_to(folder).as_posix(): path.read_text(errors="replace")
            for path in sorted(set(paths)) if path.is_file() and not path.is_symlink()}


def files_of_revision(folder, revision):
    """The Rust files of a revision; links to files are left out."""
    entries = []
    for entry in git(folder, "ls-tree", "-r", "-z", "--full-tree", revision).decode().split("\0"):
        if entry.endswith(".rs"):
            about, name = entry.split("\t", 1)
            mode, _, blob = about.split(" ")
            if mode.startswith("100"):
                entries.append((name, blob))
    out = git(folder, "cat-file", "--batch", data="".join(f"{blob}\n" for _, blob in entries).encode())
    files, position = {}, 0
    for name, _ in entries:
        head, position = out.index(b"\n", position), out.index(b"\n", position) + 1
        size = int(out[out.rindex(b" ", 0, head) + 1:head])
        files[name] = out[position:position + size].decode(errors="replace")
        position += size + 1
    return files


def measure(files):
    """`src` without tests and all, as two Figures."""
    sources = [Source(path, text) for path, text in files.items()]
    documented = set()
    for source in sources:
        if source.opens_with_docs():
            documented |= {source.path, source.path.removesuffix("mod.rs")}
    src, everything = Figures(), Figures()
    for source in without_test_modules(sources):
        src.add(source, False, documented)
    for source in sources:
        everything.add(source, True, documented)
    return src, everything


def table(columns):
    """A Markdown table of (heading, Figures)."""
    rows = [(heading, figures.rows()) for heading, figures in columns]
    lines = ["| | " + " | ".join(heading for heading, _ in rows) + " |", "|---|" + "---:|" * len(rows)]
    for label in rows[0][1]:
        lines.append(f"| {label} | " + " | ".join(values[label] for _, values in rows) + " |")
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=REPOSITORY, metavar="FOLDER")
    parser.add_argument("--rev", action="append", default=[], help="a revision that git knows; at most two")
    parser.add_argument("--functions", type=int, metavar="LINES", help="list the functions of more lines of code instead")
    options = parser.parse_args(arguments)
    if len(options.rev) > 2:
        parser.error("--rev: at most two revisions can be compared")
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder: give the folder of a checkout")
    if options.rev:
        measured = [measure(files_of_revision(options.folder, revision)) for revision in options.rev]
    else:
        measured = [measure(files_of_folder(options.folder))]
    if options.functions is not None:
        for function in measured[-1][1].functions:
            if function.lines > options.functions:
                print(f"{function.lines:4} {function.path}:{function.line} {function.name}")
        return
    times = [""] if len(measured) == 1 else [", before", ", after"]
    for time, revision in zip(times, options.rev):
        print(f"{time.removeprefix(', ') or 'revision'}: {git(options.folder, 'log', '-1', '--format=`%h` %s', revision).decode().strip()}  ")
    if options.rev:
        print()
    print(table([(f"{scope}{time}", figures[index])
                 for index, scope in enumerate(("`src` without tests", "all"))
                 for time, figures in zip(times, measured)]))


if __name__ == "__main__":
    main(sys.argv[1:])
