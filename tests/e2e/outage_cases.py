"""Tokens rotate, STS is away, the sidecar is killed, the kubelet restarts: c, i, l, long."""

import re
import tempfile
import time
from pathlib import Path

from chart.helm import CHART
from chart.prometheus_cases import Prometheus
from real.processes import Failed, until

from . import images, store
from .cluster import Cluster, is_ready, metric, statuses
from .context import Context
from .serving_cases import calls
from .workloads import Place, expect, holds

RELOADS = "stsidecar_token_reloads_total"
EXPIRY = "stsidecar_token_expiration_timestamp_seconds"
REFRESHES = "stsidecar_credentials_refreshes_total"
ALERT = "StsidecarRefreshFailing"
# The refresh interval of the scenarios, see release.py.
REFRESH_SECONDS = 5
READY_AGAIN_SECONDS = 5
# The kubelet renews after 80 % of a token, at its next look at the pod; then the session still lasts
# (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/token/token_manager.go).
LATEST_ROTATION_SECONDS = 840


def c(context: Context) -> str:
    """The kubelet rotates the token while the application calls each second, here by a restart of the kubelet"""
    place = context.place("c")
    place.start()
    return rotation(context, place, context.restart_kubelet, 60)


def long(context: Context) -> str:
    """The same by the kubelet itself, after 80 % of a token's 600 s"""
    place = context.place("c")
    place.start(annotations={"token-expiration": "600"})
    return rotation(context, place, lambda: None, LATEST_ROTATION_SECONDS)


def rotation(context: Context, place: Place, provoke, limit: float) -> str:
    """A new token reaches the sidecar and STS, and the application sees nothing of it."""
    until("the application's first calls", lambda: calls(place) >= 3, 30)
    before, tokens = place.metrics(), place.seen()["tokens"]
    rounds = calls(place)
    began = time.monotonic()
    provoke()
    until("STS is shown a new token", lambda: place.seen()["tokens"] > tokens, limit, every=0.2)
    took = time.monotonic() - began
    until("the application calls on", lambda: calls(place) >= rounds + 3, 30)
    after, page = place.metrics(), place.page()
    expect(f"failed calls, the first: {page['firstError']}", page["failed"], 0)
    reloads = metric(after, RELOADS, outcome="success") - metric(before, RELOADS, outcome="success")
    later = metric(after, EXPIRY) - metric(before, EXPIRY)
    holds("the rotation shows in the metrics", reloads >= 1 and later > 0, (reloads, later))
    return (
        f"new token at STS after {took:.1f} s; metrics: {reloads:.0f} reload, expiry {later:.0f} s later; {page['calls']} rounds, 0 failed"
    )


def i(context: Context) -> str:
    """STS is away for longer than the refresh interval, and the sidecar is killed meanwhile"""
    place = context.place("i", lane=1)
    place.start(environment={"EVERY_MS": 200})
    until("the application's first calls", lambda: calls(place) >= 5, 30)
    context.store.set_lane(1, "closed")
    try:
        alert = outage(context, place)
        killed = kill(context, place)
    finally:
        context.store.set_lane(1, "open")
    text = until("refreshes succeed again", lambda: refreshed(place), 60, every=0.2)
    errors = metric(text, REFRESHES, outcome="error")
    return f"{alert}; {killed}; STS back: refreshed again ({errors:.0f} errors counted since the restart)"


def refreshed(place: Place) -> str | None:
    text = place.metrics()
    return text if metric(text, REFRESHES, outcome="success") >= 1 else None


def outage(context: Context, place: Place) -> str:
    """The application sees nothing, metrics and alert do. A Prometheus that begins here has seen no success."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stsidecar-prometheus-") as folder:
        # An outage of five minutes would be too long for a test; promtool proves `for` in tests/chart.
        rules = Path(folder) / "alerts.yaml"
        rules.write_text(re.sub(r"(?m)^( +)for: \w+$", r"\1for: 2s", (CHART / "files" / "alerts.yaml").read_text()))
        path = f"/api/v1/namespaces/{place.namespace}/pods/app:9912/proxy/metrics"
        with Prometheus(Path(folder) / "prometheus", context.cluster.proxy_port, path, rules=rules) as server:

            def firing() -> list[str]:
                return [alert["labels"]["alertname"] for alert in server.ask("alerts")["alerts"] if alert["state"] == "firing"]

            until(f"{ALERT} fires", lambda: ALERT in firing(), 60, every=0.2)
            alerted = time.monotonic() - began
    context.store.set_lane(1, "hanging")
    errors = metric(place.metrics(), REFRESHES, outcome="error")
    until("refreshes fail by their time-out, too", lambda: metric(place.metrics(), REFRESHES, outcome="error") >= errors + 2, 60, every=0.2)
    context.store.set_lane(1, "closed")
    page, text = place.page(), place.metrics()
    expect(f"failed calls during the outage, the first: {page['firstError']}", page["failed"], 0)
    holds("kubectl shows the pod ready", is_ready(context.cluster.object("Pod", place.namespace, "app")))
    seconds, errors = time.monotonic() - began, metric(text, REFRESHES, outcome="error")
    holds("the outage was longer than the refresh interval", seconds > 2 * REFRESH_SECONDS, f"{seconds:.0f} s")
    return (
        f"STS refuses connections, then hangs, for {seconds:.0f} s: {page['calls']} rounds, "
        f"0 failed, {errors:.0f} refresh errors, {ALERT} after {alerted:.0f} s (for: 2s)"
    )


def kill(context: Context, place: Place) -> str:
    """SIGKILL to the sidecar, from the node; STS is away, so only the state directory can have the credentials."""
    cluster = context.cluster
    identity = statuses(cluster.object("Pod", place.namespace, "app"))["stsidecar"]["containerID"].rsplit("/", 1)[1]
    killer = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": store.NAMESPACE, "name": "killer"},
        "spec": {
            "hostPID": True,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "app",
                    "image": images.APP,
                    "args": ["kill", identity],
                    "securityContext": {"privileged": True, "runAsUser": 0},
                }
            ],
        },
    }
    cluster.create(killer)
    pod = cluster.pod_until("the sidecar was killed and started again", place.namespace, "app", restarted, 30)
    ended = statuses(pod)["stsidecar"]["lastState"]["terminated"]
    expect("the sidecar's exit code", ended["exitCode"], 137)
    rounds = calls(place)
    until("the application calls on", lambda: calls(place) >= rounds + 5, 30)
    page = place.page()
    pod = cluster.ready(place.namespace, "app")
    expect("restarts of the application", statuses(pod)["app"]["restartCount"], 0)
    expect("credentials that the new process got of STS", metric(place.metrics(), REFRESHES, outcome="success"), 0)
    holds("at most a gap of two seconds (rounds of 200 ms that failed)", page["failed"] <= 10, page)
    return (
        "sidecar killed (137): credentials back from its state directory, "
        f"{page['failed']} of {page['calls']} rounds failed, app not restarted"
    )


def restarted(pod: dict) -> bool:
    sidecar = statuses(pod).get("stsidecar", {})
    return sidecar.get("restartCount") == 1 and "running" in sidecar["state"]


def l(context: Context) -> str:  # noqa: E743, the scenario's name
    """The kubelet restarts while STS is away: every pod is ready again, no container was restarted"""
    place = context.place("l", lane=2)
    names = ["one", "two", "three"]
    for name in names:
        place.create(place.pod(name))
    for name in names:
        context.cluster.ready(place.namespace, name)
        until("the application's first calls", lambda name=name: calls(place, name) >= 3, 30)
    context.store.set_lane(2, "closed")
    try:
        before = {name: metric(place.metrics(name), RELOADS, outcome="success") for name in names}
        context.restart_kubelet()
        longest = watch(context.cluster, place, before)
    finally:
        context.store.set_lane(2, "open")
    for name in names:
        pod, page = context.cluster.ready(place.namespace, name), place.page(name)
        expect("restarts", {key: one["restartCount"] for key, one in statuses(pod).items()}, {"stsidecar": 0, "app": 0})
        expect(f"failed calls of {name}, the first: {page['firstError']}", page["failed"], 0)
    return f"3 pods, not ready for {longest:.1f} s at most, 0 restarts, 0 failed calls"


def watch(cluster: Cluster, place: Place, before: dict[str, float]) -> float:
    """Watches from before the kubelet is back until it has probed every pod anew; the longest time not ready.

    That it is back shows in the tokens, which it renews; it probes in the seconds after that.
    """
    down, longest, back = {}, 0.0, None
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        now = time.monotonic()
        for pod in cluster.objects("Pod", place.namespace):
            name = pod["metadata"]["name"]
            if is_ready(pod):
                down.pop(name, None)
            else:
                longest = max(longest, now - down.setdefault(name, now))
        holds("ready again within the limit", longest <= READY_AGAIN_SECONDS, f"{longest:.1f} s")
        if back is None and all(metric(place.metrics(name), RELOADS, outcome="success") > count for name, count in before.items()):
            back = now
        if back is not None and not down and now - back > READY_AGAIN_SECONDS:
            return longest
        time.sleep(0.1)
    raise Failed(f"the kubelet is not back, or pods are not ready: {sorted(down)}")
