"""Runs Helm 3 and 4 on the chart, and reads what they render."""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from functools import cache
from pathlib import Path

import yaml

from real.bootstrap import ROOT, TOOLS

HERE = ROOT / "tests" / "chart"
CHART = ROOT / "charts" / "stsidecar"
HELMS = {major: TOOLS / major / "helm" for major in ("helm3", "helm4")}
KUBECTL = TOOLS / "helm4" / "kubectl"
NAMESPACE = "stsidecar-system"
# A cluster with the Prometheus operator and cert-manager; without it, their kinds are left out.
OPERATORS = ("--api-versions=monitoring.coreos.com/v1", "--api-versions=cert-manager.io/v1")
# The values files that are rendered, kept as goldens, and validated.
VALUES = sorted((HERE / "values").glob("*.yaml"))
# Lines of a difference that a failing comparison shows.
MOST_SHOWN = 80


class Refused(Exception):
    """Helm ended with an error; the text is what the user reads."""


def helm(major: str, *arguments: str, zone: str = "UTC") -> str:
    """Runs Helm without a cluster or settings of the user who runs the tests, in a time zone."""
    with tempfile.TemporaryDirectory(prefix="stsidecar-helm-") as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": f"{home}/none", "TZ": zone}
        done = subprocess.run([HELMS[major], *arguments], capture_output=True, text=True, env=environment, timeout=300)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return done.stdout


@cache
def template(major: str, *arguments: str, chart: Path = CHART, namespace: str = NAMESPACE) -> str:
    """What `helm template` prints."""
    return helm(major, "template", "stsidecar", str(chart), f"--namespace={namespace}", *arguments)


def documents(text: str) -> list[dict]:
    """The objects of a YAML stream."""
    return [document for document in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if document]


def objects(*arguments: str, major: str = "helm4") -> dict[tuple[str, str], dict]:
    """What is rendered, by kind and name."""
    found = documents(template(major, *arguments))
    by_name = {(found_object["kind"], found_object["metadata"]["name"]): found_object for found_object in found}
    assert len(by_name) == len(found), "two objects have the same kind and name"
    return by_name


def of_file(values: Path) -> tuple[str, ...]:
    """The arguments that render a values file."""
    return (f"--values={values}", *OPERATORS)


def parts(text: str) -> list[str]:
    """The documents of a stream, as text."""
    return [part.strip("\n") for part in f"\n{text}".split("\n---\n") if part.strip()]


def name_of(part: str) -> tuple[str, str, str]:
    """Kind, namespace and name of the object in a document."""
    found = yaml.safe_load(part) or {}
    metadata = found.get("metadata", {})
    return found.get("kind", ""), metadata.get("namespace", ""), metadata.get("name", "")


def normal(text: str) -> str:
    """The same stream in an order of its own: Helm 3 and 4 sort kinds that they do not know differently."""
    return "".join(f"---\n{part}\n" for part in sorted(parts(text), key=name_of))


def at_once(function, items) -> list:
    """Two at a time: most of the time is Helm's."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


def difference(base: str, other: str) -> str:
    """What a stream has otherwise than the stream of the defaults: a unified diff for each object. Its hunks have no
    line numbers, so that a line that is new in both changes nothing in it."""
    old, new = ({name_of(part): part.splitlines() for part in parts(text)} for text in (base, other))
    lines = []
    for name in sorted({*old, *new}):
        title = f"--- {name[0]} {name[2]}"
        if name not in new:
            lines.append(f"{title}: only with the defaults")
        elif name not in old:
            lines += [f"{title}: not with the defaults", *(f"+{line}" for line in new[name])]
        elif changed := [*unified_diff(old[name], new[name], lineterm="")][2:]:
            lines += [title, *("@@" if line.startswith("@@") else line if line != " " else "" for line in changed)]
    return "".join(f"{line}\n" for line in lines)


def compare(path: Path, text: str) -> None:
    """Compares a file with what it should hold, or writes it."""
    name = path.relative_to(ROOT)
    if os.environ.get("UPDATE"):
        path.write_text(text)
        return
    write = "write it with UPDATE=1 cargo test --test chart"
    assert path.exists(), f"there is no {name}; {write}"
    old, new = path.read_text().splitlines(), text.splitlines()
    if old != new:
        shown = [*unified_diff(old, new, "reviewed", "made now", lineterm="")]
        more = [f"... {len(shown) - MOST_SHOWN} more lines"] if len(shown) > MOST_SHOWN else []
        raise AssertionError("\n".join([f"{name} is not what is made now; review the difference, and {write}:", *shown[:MOST_SHOWN], *more]))
