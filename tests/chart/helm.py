"""Runs Helm 3 and 4 on the chart, and reads what they render."""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import yaml

from real.bootstrap import ROOT, TOOLS

HERE = ROOT / "tests" / "chart"
CHART = ROOT / "charts" / "stsidecar"
HELMS = {major: TOOLS / major / "helm" for major in ("helm3", "helm4")}
KUBECTL = TOOLS / "helm4" / "kubectl"
NAMESPACE = "stsidecar-system"
# A cluster with the Prometheus operator and cert-manager; without it, kinds of strangers are left out.
OPERATORS = ("--api-versions=monitoring.coreos.com/v1", "--api-versions=cert-manager.io/v1")
# The values files that are rendered, kept as goldens, and validated.
VALUES = sorted((HERE / "values").glob("*.yaml"))


class Refused(Exception):
    """Helm ended with an error; the text is what the user reads."""


def helm(major: str, *arguments: str, zone: str = "UTC") -> str:
    """Runs Helm without any cluster or settings of whoever runs the tests, in a time zone."""
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


def normal(text: str) -> str:
    """The same stream in an order of its own: Helm 3 and 4 sort kinds that they do not know differently."""
    parts = [part.strip("\n") for part in f"\n{text}".split("\n---\n") if part.strip()]

    def key(part: str) -> tuple[str, str, str]:
        found = yaml.safe_load(part) or {}
        metadata = found.get("metadata", {})
        return found.get("kind", ""), metadata.get("namespace", ""), metadata.get("name", "")

    return "".join(f"---\n{part}\n" for part in sorted(parts, key=key))


def at_once(function, items) -> list:
    """Two at a time: most of the time is Helm's."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


def compare(path: Path, text: str) -> None:
    """Compares a file with what it should hold, or writes it."""
    name = path.relative_to(ROOT)
    if os.environ.get("UPDATE"):
        path.write_text(text)
        return
    assert path.exists(), f"there is no {name}; write it with UPDATE=1 cargo test --test chart"
    old, new = path.read_text().splitlines(), text.splitlines()
    if old != new:
        at = next((i for i, pair in enumerate(zip(old, new)) if pair[0] != pair[1]), min(len(old), len(new)))
        was, is_now = (lines[at] if at < len(lines) else "(nothing)" for lines in (old, new))
        raise AssertionError(
            f"{name} differs from line {at + 1} on:\n  is     {was}\n  should be {is_now}\nreview and write it with UPDATE=1 cargo test --test chart"
        )
