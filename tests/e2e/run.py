#!/usr/bin/env python3
"""stsidecar on live clusters: `tests/e2e/run.py [VERSION...] [SCENARIO...]`, one line for each scenario.

By default every version of versions.json with its scenarios, and `long` on none; scenarios without a version run on
the first of them, and a version without scenarios has its own. KUBE_NODE names a folder with the scripts of a one-node
cluster, which is made for each version and taken down at its end. KUBECONFIG and
E2E_LOAD='kind load image-archive {archive}' name a cluster of yours, or KUBE_BIN another binary of KUBE_NODE: then that
one alone runs, with all scenarios. IMAGE=name:tag is the image under test, by default localhost/stsidecar:dev, loaded
from target/stsidecar.oci.tar (`make image`). A version or scenario that cannot run here prints `not run` and its
reason, which is a failure when ALL_TIERS=1.
"""

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import node
from e2e.versions import Unknown, Version, wanted
from real import bootstrap
from real.processes import Failed

# One version with all scenarios takes a quarter of an hour; `long` waits for one rotation of the kubelet's own.
SECONDS = 1800
TOOLS = ("store", "chart", "helm3", "helm4", "promtool", "go")
ARCHIVE = bootstrap.TARGET / "stsidecar.oci.tar"
AT_ONCE = 3
_PRINTING = threading.Lock()


def one_scenario(name: str, scenario: Callable, context) -> bool:
    """Runs one scenario and prints its line."""
    began = time.monotonic()
    good, mark, detail = True, "ok", ""
    try:
        seen = scenario(context)
    except node.NotRun as reason:
        good, mark, seen = not bootstrap.all_tiers(), "not run:", str(reason)
    except Exception as failure:
        good, mark, seen = False, "FAILED", str(failure) or type(failure).__name__
        detail = traceback.format_exc(limit=-4)
    with _PRINTING:
        print(f"{name:<5} {mark}  {time.monotonic() - began:.1f}s  {seen}", flush=True)
        if detail:
            print(detail, file=sys.stderr, flush=True)
    return good


def into_venv() -> int | None:
    """Starts this script again where SeaweedFS and PyYAML are. Returns an exit code when that cannot be."""
    reason = chosen if isinstance(chosen := node.chosen(Version("")), str) else None
    if not reason and "IMAGE" not in os.environ and not ARCHIVE.exists():
        reason = f"there is no {ARCHIVE.relative_to(bootstrap.ROOT)}: run make image, or name an image by IMAGE"
    inside = Path(sys.prefix) == bootstrap.VENV_PYTHON.parents[1]
    reason = reason or (None if inside else bootstrap.install(*TOOLS))
    if reason:
        print(f"not run: make e2e: {reason}", flush=True)
        return 1 if bootstrap.all_tiers() else 0
    if not inside:
        os.execv(bootstrap.VENV_PYTHON, [str(bootstrap.VENV_PYTHON), *sys.argv])
    return None


def out_of_time(*_: object) -> None:
    raise SystemExit(f"FAILED   it did not end within {SECONDS} s")


def prepared(where, directory: Path, cluster):
    """Builds and loads images: what the scenarios run with, the store not yet installed."""
    from e2e import images
    from e2e.context import ROLES, Context
    from e2e.release import Release
    from e2e.store import Store

    for archive in [*([] if "IMAGE" in os.environ else [ARCHIVE]), *images.build()]:
        where.load(archive)
    return Context(where, cluster, Store(cluster, directory / "store", ROLES), directory, Release(cluster, "helm4"))


def at_once(scenarios: list[list[tuple[str, Callable]]], context) -> list[bool]:
    """Runs rows of scenarios beside each other, those of a row one after the other."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        rows = [pool.submit(lambda row=row: [one_scenario(name, case, context) for name, case in row]) for row in scenarios]
        return [result for row in rows for result in row.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def on_version(version: Version, names: list[str]) -> bool:
    """Runs scenarios on one version of Kubernetes; whether all of them were good."""
    where = node.chosen(version)
    if isinstance(where, str):
        print(f"not run: {version.name}: {where}", flush=True)
        return not bootstrap.all_tiers()
    began = time.monotonic()
    signal.alarm(SECONDS)
    try:
        with where:  # leaves logs when it ends by an exception
            results = scenarios_on(version, where, names, began)
            if not results or not all(results):
                raise Failed("not every scenario is good")
    except Exception as failure:  # the other versions run in spite of it
        print(f"{version.name}: FAILED  {failure or type(failure).__name__}", flush=True)
        if not isinstance(failure, Failed):
            traceback.print_exc()
        return False
    finally:
        signal.alarm(0)
    return True


def scenarios_on(version: Version, where, names: list[str], began: float) -> list[bool]:
    """The outcome of each scenario on a cluster that runs."""
    from e2e import scenarios
    from e2e.cluster import Cluster
    from e2e.workloads import expect

    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stsidecar-e2e-")))
        cluster = stack.enter_context(Cluster(where.kubeconfig, directory, where.kubectl))
        number = cluster.version()
        expect("the cluster's version", number, version.version or number)
        context = prepared(where, directory, cluster)
        if isinstance(where, node.GivenCluster):
            stack.callback(scenarios.remove, context)
        context.store.install()
        print(f"Kubernetes {number}, {where.name}: ready after {time.monotonic() - began:.0f} s", flush=True)
        results = scenarios.run(names, context, one_scenario, at_once)
        print(f"{number}: {results.count(True)} good, {results.count(False)} failed, {time.monotonic() - began:.0f} s", flush=True)
    return results


def main(arguments: list[str]) -> int:
    code = into_venv()
    if code is not None:
        return code
    from e2e import scenarios

    try:
        runs = wanted(arguments, scenarios.NAMES, scenarios.MAIN)
    except Unknown as unknown:
        print(unknown, file=sys.stderr)
        return 64
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = [on_version(version, names) for version, names in runs]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
