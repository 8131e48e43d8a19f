"""A cluster as its users have it (kubectl), and the API underneath for what is polled or created by the hundred."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import yaml

from real.processes import Failed, start, stop, until

from .node import KUBECTL

T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
# Where kinds live; only those that the scenarios use.
_APIS = {
    "Pod": ("/api/v1", "pods"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "ResourceQuota": ("/api/v1", "resourcequotas"),
    "Event": ("/api/v1", "events"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "Job": ("/apis/batch/v1", "jobs"),
}


class Refusal(Failed):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Cluster:
    """Talks to the cluster of `kubeconfig`; a context manager that holds a `kubectl proxy`. Shared by threads."""

    def __init__(self, kubeconfig: Path, directory: Path, program: Path = KUBECTL) -> None:
        self.program = program
        self._log = directory / "kubectl-proxy.log"
        # kubectl and Helm keep what they discover by address, for hours; this cluster's must end with it.
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and not key.startswith("HELM_")},
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(directory / "cache"),
            "HOME": str(directory),
            # Scripts of documents find the same kubectl by its name.
            "PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]]),
        }
        self._connections = threading.local()

    def __enter__(self) -> "Cluster":
        self._proxy = start([self.program, "proxy", "--port=0"], self._log, self.environment)
        pattern = re.compile(r"Starting to serve on 127\.0\.0\.1:(\d+)")
        try:
            found = until("kubectl proxy serves", lambda: pattern.search(self._log.read_text()), 20)
        except BaseException:
            stop(self._proxy)
            raise
        self.proxy_port = int(found.group(1))
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._proxy)

    # What a user types

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        """Standard output of kubectl; fails with what it said on standard error."""
        done = self.try_kubectl(*arguments, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            raise Failed(f"kubectl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def try_kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.program, *arguments], input=stdin or "", capture_output=True, text=True, env=self.environment, timeout=seconds
        )

    def apply(self, objects: Iterable[dict]) -> None:
        """`kubectl apply` of a stream."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects, sort_keys=False))

    # The API

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json", seconds: float = 30) -> str:
        """One request over a connection that each thread keeps. Raises Refusal for an answer that is no success."""
        payload = None if body is None else body if isinstance(body, str) else json.dumps(body)
        headers = {"Content-Type": content_type} if payload is not None else {}
        for again in (True, False):
            connection = getattr(self._connections, "held", None)
            if connection is None:
                connection = self._connections.held = http.client.HTTPConnection("127.0.0.1", self.proxy_port, timeout=seconds)
            try:
                connection.request(method, path, payload, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                break
            except (OSError, http.client.HTTPException) as problem:
                connection.close()
                self._connections.held = None
                # A connection that was kept may have been closed meanwhile; a request that creates must not be sent twice.
                if not again or method != "GET":
                    raise Failed(f"{method} {path}: {problem!r}") from problem
        if answer.status >= 300:
            raise Refusal(answer.status, _message(text))
        return text

    def get(self, path: str) -> dict:
        return json.loads(self.request("GET", path))

    def create(self, manifest: dict, query: str = "") -> dict:
        """Creates an object in the namespace that it names; answers it as stored."""
        prefix, plural = _APIS[manifest["kind"]]
        namespace = manifest["metadata"]["namespace"]
        return json.loads(self.request("POST", f"{prefix}/namespaces/{namespace}/{plural}{query}", manifest))

    def version(self) -> str:
        """What the API server says it is, without `v` and a distribution's suffix: 1.34.4."""
        return re.match(r"v([0-9.]*)", self.get("/version")["gitVersion"]).group(1)

    def object(self, kind: str, namespace: str, name: str) -> dict:
        return self.get(_path(kind, namespace, name))

    def objects(self, kind: str, namespace: str, selector: str = "") -> list[dict]:
        return self.get(_path(kind, namespace) + (f"?labelSelector={selector}" if selector else ""))["items"]

    def patch(self, kind: str, namespace: str, name: str, change: dict) -> dict:
        return json.loads(self.request("PATCH", _path(kind, namespace, name), change, MERGE_PATCH))

    def delete(self, kind: str, namespace: str, name: str) -> None:
        with contextlib.suppress(Refusal):
            self.request("DELETE", _path(kind, namespace, name))

    def through_pod(self, namespace: str, pod: str, port: int, path: str, method: str = "GET") -> str:
        """A request to a pod, passed on by the API server."""
        return self.request(method, f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}")

    # Waiting

    def pod_until(self, what: str, namespace: str, name: str, holds: Callable[[dict], T], seconds: float) -> dict:
        """The pod once `holds` is true of it; fails with what kubectl shows."""
        last: list[dict] = []

        def probe() -> bool:
            with contextlib.suppress(Refusal):
                last[:] = [self.object("Pod", namespace, name)]
                return bool(holds(last[0]))
            return False

        try:
            until(f"{namespace}/{name}: {what}", probe, seconds, every=0.1)
        except Failed as late:
            raise Failed(f"{late}\n{self.describe(namespace, name)}") from None
        return last[0]

    def ready(self, namespace: str, name: str, seconds: float = 60) -> dict:
        return self.pod_until("Ready", namespace, name, is_ready, seconds)

    def gone(self, kind: str, namespace: str, name: str, seconds: float) -> None:
        def missing() -> bool:
            try:
                self.object(kind, namespace, name)
            except Refusal as refusal:
                return refusal.status == 404
            return False

        until(f"{kind} {namespace}/{name} is gone", missing, seconds, every=0.1)

    def describe(self, namespace: str, name: str) -> str:
        """What a user would look at."""
        shown = self.try_kubectl("-n", namespace, "describe", "pod", name).stdout
        logs = self.try_kubectl("-n", namespace, "logs", name, "--all-containers", "--prefix", "--tail=15").stdout
        return f"{shown[-3500:]}\n{logs}"


def _path(kind: str, namespace: str, name: str = "") -> str:
    prefix, plural = _APIS[kind]
    return f"{prefix}/namespaces/{namespace}/{plural}{f'/{name}' if name else ''}"


def _message(text: str) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(text).get("message") or text
    return text


def is_ready(pod: dict) -> bool:
    """Whether the pod's Ready condition holds."""
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def statuses(pod: dict) -> dict[str, dict]:
    """The status of every container, by name."""
    status = pod.get("status", {})
    return {one["name"]: one for one in status.get("initContainerStatuses", []) + status.get("containerStatuses", [])}


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of an exposition that have these labels; fails when there is none."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
        if match and match.group(1) == name:
            have = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
            if all(have.get(key) == value for key, value in labels.items()):
                found.append(float(match.group(3)))
    if not found:
        raise Failed(f"no metric {name}{labels or ''}")
    return sum(found)


def seconds_until(what: str, probe: Callable[[], T | None], limit: float, every: float = 0.1) -> tuple[T, float]:
    """The first true answer, and how long it took."""
    began = time.monotonic()
    return until(what, probe, limit, every), time.monotonic() - began
