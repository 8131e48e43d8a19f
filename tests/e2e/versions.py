"""Which versions of Kubernetes a run has, and which scenarios run on each. versions.json lists them.

README.md and the chart claim what that file says (`cargo test --test readme`), and each run compares it with what the
cluster says of itself.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("versions.json")


class Unknown(ValueError):
    """An argument is neither a version nor a scenario; the text says what there is."""


@dataclass(frozen=True)
class Version:
    """One row of the list; `version` is empty where the user of the tests names the cluster or its binary."""

    version: str
    # `all`, or `main`: those that depend on what differs between versions.
    scenarios: str = "all"
    # In bin/ of KUBE_NODE; none where the folder's own default is meant.
    file: str | None = None

    @property
    def name(self) -> str:
        return self.version or "the cluster that was named"


def listed() -> list[Version]:
    """The versions of `make e2e`, in their order; the first one is the default."""
    return [Version(**row) for row in json.loads(LIST.read_text())]


def wanted(arguments: list[str], scenarios: list[str], main: list[str]) -> list[tuple[Version, list[str]]]:
    """What `run.py [VERSION...] [SCENARIO...]` runs: each version with its scenarios.

    Without a version every one, or with scenarios the first. A cluster or binary that the environment names is one
    version, whatever it is, with all scenarios.
    """
    named = [version for version in listed() if {version.version, minor(version)} & set(arguments)]
    chosen = [argument for argument in arguments if argument in scenarios]
    known = {*scenarios, *(text for version in listed() for text in (version.version, minor(version)))}
    if unknown := [argument for argument in arguments if argument not in known]:
        there = [*(version.version for version in listed()), *scenarios]
        raise Unknown(f"unknown scenario or version {unknown[0]}; there are: {' '.join(there)}")
    if os.environ.get("KUBECONFIG") or os.environ.get("KUBE_BIN"):
        if named:
            raise Unknown(f"KUBECONFIG or KUBE_BIN names the cluster, so {named[0].version} cannot be chosen")
        return [(Version(""), chosen or usual(scenarios))]
    versions = named or (listed()[:1] if chosen else listed())
    return [(version, chosen or (usual(scenarios) if version.scenarios == "all" else main)) for version in versions]


def usual(scenarios: list[str]) -> list[str]:
    """All but the one that waits for the kubelet's own rotation."""
    return [name for name in scenarios if name != "long"]


def minor(version: Version) -> str:
    """`1.30` of 1.30.14."""
    return version.version.rpartition(".")[0]
