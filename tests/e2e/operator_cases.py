"""What an operator sees where they look first: d, j, and what the injector may do (rbac)."""

import json
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from real.processes import Failed, start, stop, until

from . import store
from .cluster import Cluster, metric, seconds_until
from .context import Context
from .serving_cases import calls
from .workloads import Place, expect, holds


def d(context: Context) -> str:
    """A role that STS refuses: the pod stays in Init, and its events say which, why, and what to do"""
    place = context.place("d")
    place.create(place.pod())
    message, seconds = seconds_until("an event says why the pod waits", lambda: probe_event(context.cluster, place), 90, every=0.3)
    columns = context.cluster.kubectl("-n", place.namespace, "get", "pod", "app", "--no-headers").split()
    expect("kubectl get pod shows", columns[1:4], ["0/2", "Init:0/1", "0"])
    expect("the answer of SeaweedFS, whose trust policy names another subject", place.seen()["code"], "AccessDenied")
    for part in (store.arn("e2e-d"), "AccessDenied", "trust policy"):
        holds(f"the event names {part!r}", part in message, message)
    described = context.cluster.kubectl("-n", place.namespace, "describe", "pod", "app")
    line = next((line for line in described.splitlines() if message in line), None)
    if line is None:
        raise Failed(f"kubectl describe does not show {message!r}:\n{described}")
    context.cluster.delete("Pod", place.namespace, "app")
    return f"{' '.join(columns[1:3])}; after {seconds:.0f} s describe shows: {' '.join(line.split())}"


def probe_event(cluster: Cluster, place: Place) -> str | None:
    """The message of the startup probe's event."""
    found = [event["message"] for event in cluster.objects("Event", place.namespace) if event["reason"] == "Unhealthy"]
    return next((message for message in found if message.startswith("Startup probe failed: ")), None)


def j(context: Context) -> str:
    """exec, logs, the API server's proxy and port-forward give what they promise"""
    place = context.place("j")
    place.start()
    until("the application's first calls", lambda: calls(place) >= 3, 30)
    status = place.exec("app", "stsidecar", "/stsidecar", "status")
    holds("exec ... status names the role", store.arn("e2e-j") in status, status)
    described = json.loads(place.exec("app", "stsidecar", "/stsidecar", "status", "-o", "json"))
    secrets = credentials_of(place)
    logs = context.cluster.kubectl("-n", place.namespace, "logs", "app", "-c", "stsidecar")
    lines = [json.loads(line) for line in logs.splitlines()]
    holds("the log names version, role and region", all(part in logs for part in ("version", store.arn("e2e-j"), store.REGION)), logs)
    for secret in secrets:
        holds("no secret in logs, status and manifest", secret not in logs + status + json.dumps(described))
    first = context.cluster.try_kubectl("-n", place.namespace, "logs", "app")
    expect("what kubectl says about the container that it shows", first.stderr, "")
    metrics = context.cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{place.namespace}/pods/app:9912/proxy/metrics")
    expiry = metric(metrics, "stsidecar_credentials_expiration_timestamp_seconds", profile="default")
    holds("metrics show the expiry", expiry > 1.7e9, expiry)
    ready, refused = forwarded(context.cluster, place)
    return (
        f"status: {status.splitlines()[0]!r}; logs: {len(lines)} JSON lines, "
        f"no secret; proxy: {len(metrics.splitlines())} lines of metrics; "
        f"port-forward 9912 /readyz?verbose: {ready.splitlines()[0]!r}, 9911 without token: {refused}"
    )


def credentials_of(place: Place) -> list[str]:
    """The container's authorization token: a secret that nothing may print."""
    return [place.exec("app", "app", "/app", "token")]


def forwarded(cluster: Cluster, place: Place) -> tuple[str, int]:
    """The answers through `kubectl port-forward`: the admin port's /readyz, and the endpoint's status without a token."""
    with tempfile.TemporaryDirectory(prefix="stsidecar-forward-") as folder:
        log = Path(folder) / "log"
        process = start([cluster.program, "-n", place.namespace, "port-forward", "app", ":9912", ":9911"], log, cluster.environment)
        try:
            pattern = re.compile(r"127\.0\.0\.1:(\d+) -> (\d+)")
            ports = until(
                "both ports are forwarded", lambda: len(found := dict(map(reversed, pattern.findall(log.read_text())))) == 2 and found, 20
            )
            for page in ("livez", "status", "metrics"):
                with urllib.request.urlopen(f"http://127.0.0.1:{ports['9912']}/{page}", timeout=5) as answer:
                    expect(f"/{page}", answer.status, 200)
            with urllib.request.urlopen(f"http://127.0.0.1:{ports['9912']}/readyz?verbose", timeout=5) as answer:
                ready = answer.read().decode()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{ports['9911']}/v1/credentials", timeout=5).close()
            except urllib.error.HTTPError as refusal:
                return ready, refusal.code
            raise Failed("the endpoint answered without a token")
        finally:
            stop(process)
