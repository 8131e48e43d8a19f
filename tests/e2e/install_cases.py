"""The chart's life: a, and the injector's certificates: k."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from real.processes import Failed, until

from .cluster import Cluster, is_ready, seconds_until
from .context import Context
from .load import Load
from .release import INJECTOR, NAMESPACE, NAME, Release, values_file
from .workloads import Place, expect, holds

# Written by others at any time; none of them is the chart's.
_FLEETING = {"Event", "Lease"}
# What the namespace itself brings, which Helm leaves to whoever made it.
_OF_THE_NAMESPACE = {f"Namespace /{NAMESPACE}", f"ServiceAccount {NAMESPACE}/default", f"ConfigMap {NAMESPACE}/kube-root-ca.crt"}
RECOVERY_SECONDS = 5


def inventory(cluster: Cluster) -> set[str]:
    """Every object of the cluster, as `Kind namespace/name`."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    template = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
    listed = cluster.kubectl("get", ",".join(kinds), "--all-namespaces", "-o", f"jsonpath={template}", "--chunk-size=0")
    return {line for line in listed.splitlines() if line and line.split()[0] not in _FLEETING}


def a(context: Context) -> str:
    """Installed with defaults, tested, upgraded, removed without a trace; by Helm 3 and 4"""
    return "; ".join(life(context.cluster, major) for major in ("helm3", "helm4"))


def life(cluster: Cluster, major: str) -> str:
    """One life of the release."""
    release, before = Release(cluster, major), inventory(cluster)
    seconds = release.install()
    expect("injectors", [is_ready(pod) for pod in release.injectors()], [True, True])
    said = release.test()
    holds("helm test succeeded", "Succeeded" in said, said)
    release.upgrade("--set", "injector.replicas=1", "--set", "agent.region=eu-central-1")
    release.rolled_out()
    expect("injectors after the upgrade", len(until("one injector is left", lambda: len(p := release.injectors()) == 1 and p, 60)), 1)
    config = cluster.object("ConfigMap", NAMESPACE, INJECTOR)["data"]["config.yaml"]
    holds("the upgrade changed the injector's configuration", "region: eu-central-1" in config)
    release.test()
    release.uninstall()
    left: set[str] = set()

    def clean() -> bool:
        left.clear()
        left.update(inventory(cluster) - before - _OF_THE_NAMESPACE)
        return not left

    try:
        until("nothing is left", clean, 60, every=0.5)
    except Failed as failure:
        raise Failed(f"{major} uninstall leaves {sorted(left)}") from failure
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s", seconds=70)
    return f"{major}: ready after {seconds:.0f} s, helm test passed, upgraded to 1 replica, tested, uninstall left nothing"
