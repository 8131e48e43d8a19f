"""Every command of a page for users is one that a scenario of the cluster runs."""

import re
from pathlib import Path

from e2e import pages
from e2e.scenarios import BESIDE, NAMES
from e2e.store import LANES
from real.bootstrap import ROOT


def commands_are_run():
    """Every command of README, docs and runbooks is run on the cluster, or cannot be and why"""
    found = [command for path in pages.paths() for command in pages.commands(path)]
    wrong = [line for path in pages.paths() for line in pages.loose(path)]
    wrong = [f"{line}: put commands into a block `sh`, and what they print into a block `text`" for line in wrong]
    for command in found:
        scenario = pages.RUN.get(command.page, {}).get(command.section)
        if not scenario and not command.not_run:
            wrong.append(f"{command}: no scenario runs it: pages.RUN has no {command.page!r}, {command.section!r}")
        if scenario and scenario not in NAMES:
            wrong.append(f"{command}: there is no scenario {scenario}")
        if command.unknown and not command.not_run:
            wrong.append(f"{command}: {', '.join(sorted(command.unknown))} are no PLACEHOLDERS of tests/e2e/pages.py")
        wrong += [f"{command}: `{line}` fails where there is a value: --overwrite" for line in command.text.splitlines() if once(line)]
    wrong += [f"NOTES.txt: `{line}`: --overwrite" for line in pages.notes() if once(line)]
    assert not wrong, "".join(f"\n  {line}" for line in wrong)
    return f"{sum(not command.not_run for command in found)} run, {sum(bool(command.not_run) for command in found)} not"


def once(line: str) -> bool:
    """Whether kubectl would refuse to run it again with another value."""
    return re.search(r"\bkubectl (?:-n \S+ )?(?:label|annotate) ", line) is not None and "--overwrite" not in line and not re.search(r"\S-$", line)


def the_register_is_true():
    """Nothing is registered that no page has"""
    found = [command for path in pages.paths() for command in pages.commands(path)]
    sections = {(command.page, command.section) for command in found if not command.not_run}
    gone = [f"{page}, {section}" for page, named in pages.RUN.items() for section in named if (page, section) not in sections]
    gone += [f"{page}, {begins}" for page, begins, _ in pages.NOT_RUN if not any(c.page == page and c.text.startswith(begins) for c in found)]
    assert not gone, f"tests/e2e/pages.py names what is not there: {gone}"


def annotations_of_the_webhooks_are_written():
    """An annotation of the webhook configuration that a page or a scenario reads is one that the injector writes"""
    written = {name for path in (ROOT / "src" / "injector").rglob("*.rs") for name in ANNOTATION.findall(path.read_text())}
    texts = {str(command): command.text for path in pages.paths() for command in pages.commands(path)}
    read = [(name, where) for where, text in texts.items() if "mutatingwebhookconfiguration" in text for name in READ.findall(text)]
    release = (ROOT / "tests" / "e2e" / "release.py").read_text()
    read += [(name, "release.py") for name in re.findall(r'annotations\.get\(f"\{PREFIX\}([\w-]+)"', release)]
    assert len(read) >= 2, f"a page and a scenario read an annotation: {read}"
    wrong = [f"{where}: stsidecar.dev/{name}" for name, where in read if name not in written]
    assert not wrong, f"the injector writes {sorted(written)}, but there is read {wrong}"


def lanes_are_of_one_scenario():
    """Scenarios of the cluster that run beside each other close different lanes of STS"""
    modules = {case.__module__ for row in BESIDE for _, case in row}
    taken: dict[int, str] = {}
    for module in sorted(modules):
        text = (ROOT / "tests" / Path(*module.split("."))).with_suffix(".py").read_text()
        for lane in map(int, re.findall(r"^\w*LANE = (\d+)$", text, re.MULTILINE)):
            assert lane not in taken, f"lane {lane} is of {taken[lane]} and of {module}, whose scenarios run beside each other"
            taken[lane] = module
    assert set(taken) <= set(range(1, len(LANES))), f"lanes of scenarios are {taken}, of {len(LANES)}"
    return f"{len(taken)} lanes"


# A constant of the program, and a jsonpath of kubectl.
ANNOTATION = re.compile(r'ANNOTATION: &str = "stsidecar\.dev/([\w-]+)"')
READ = re.compile(r"annotations\.stsidecar\\\.dev/([\w-]+)")

CASES = [commands_are_run, the_register_is_true, annotations_of_the_webhooks_are_written, lanes_are_of_one_scenario]
