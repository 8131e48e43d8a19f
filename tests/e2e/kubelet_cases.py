"""What each version's kubelet does with a pod whose sidecar has no credentials yet: waiting."""

import re
import time

from real.processes import until

from . import store
from .cluster import Cluster, metric, statuses
from .context import Context
from .operator_cases import probe_event
from .outage_cases import RELOADS
from .serving_cases import calls, counters
from .trouble_cases import incident_events
from .workloads import Place, expect, holds

LANE = 2
# The kubelet takes a container for one from before its restart when it has run for 10 s:
# https://github.com/kubernetes/kubernetes/blob/v1.35.0/pkg/kubelet/prober/worker.go
OLD_SECONDS = 11
# It probes within a second or two of its start.
LOOK_SECONDS = 8
GATE = "ChangeContainerStatusOnKubeletRestart"


def waiting(context: Context) -> str:
    """The kubelet restarts while STS refuses a new pod: the application waits on, or from 1.35 on gets 503 until the trust is repaired"""
    place = context.place("waiting", lane=LANE)
    context.store.set_lane(LANE, "revoked")
    try:
        place.create(place.pod(environment={"EVERY_MS": 500}))
        pod = context.cluster.pod_until("the sidecar runs", place.namespace, "app", sidecar_runs, 60)
        since = time.monotonic()
        until("an event says why the pod waits", lambda: probe_event(context.cluster, place), 90, every=0.3)
        time.sleep(max(0.0, OLD_SECONDS - (time.monotonic() - since)))
        expect("the application's state before", application(context.cluster, place), "waiting")
        gate = feature(context.cluster, pod["spec"]["nodeName"], GATE)
        seen = []
        # The gate first: without it the application starts.
        if gate is False and context.node.set_gate(GATE, True):
            restart(context, place)
            expect("the gate", feature(context.cluster, pod["spec"]["nodeName"], GATE), True)
            seen.append(f"{GATE} true: {waits_on(context.cluster, place)}")
            context.node.set_gate(GATE, False)
        restart(context, place)
        shown = "unknown to this kubelet" if gate is None else str(gate).lower()
        seen.append(f"{GATE} {shown}: {waits_on(context.cluster, place) if gate is not False else starts(context, place)}")
    finally:
        context.node.set_gate(GATE, False)
        context.store.set_lane(LANE, "open")
    page = until("the application calls with credentials", lambda: succeeds(place), 60, every=0.3)
    context.cluster.ready(place.namespace, "app")
    restarts = {name: one["restartCount"] for name, one in statuses(context.cluster.object("Pod", place.namespace, "app")).items()}
    expect("restarts", restarts, {"stsidecar": 0, "app": 0})
    if gate is not False:
        expect(f"failed calls, the first: {page['firstError']}", page["failed"], 0)
    good = page["calls"] - page["failed"]
    return f"{'; '.join(seen)}; trust repaired: {good} good rounds after {page['failed']} failed, 0 restarts"


def restart(context: Context, place: Place) -> None:
    """Restarts the kubelet and waits until it has renewed the pod's token."""
    tokens = reloads(place)
    context.restart_kubelet()
    until("the kubelet is back and renews the token", lambda: reloads(place) > tokens, 60, every=0.2)


def sidecar_runs(pod: dict) -> bool:
    return "running" in statuses(pod).get("stsidecar", {}).get("state", {})


def application(cluster: Cluster, place: Place) -> str:
    """`waiting`, `running` or `terminated`."""
    return next(iter(statuses(cluster.object("Pod", place.namespace, "app"))["app"]["state"]))


def reloads(place: Place) -> float:
    return metric(place.metrics(), RELOADS, outcome="success")


def feature(cluster: Cluster, node: str, gate: str) -> bool | None:
    """What the node's kubelet says of a feature gate; None when it does not know it."""
    text = cluster.request("GET", f"/api/v1/nodes/{node}/proxy/metrics")
    found = re.search(rf'^kubernetes_feature_enabled{{name="{gate}"[^}}]*}} ([01])', text, re.MULTILINE)
    return found and found[1] == "1"


def waits_on(cluster: Cluster, place: Place) -> str:
    """The kubelet has probed anew, and the application still waits for credentials."""
    until_look = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < until_look:
        expect("the application's state after the restart", application(cluster, place), "waiting")
        time.sleep(0.5)
    return "the application waits on"


def starts(context: Context, place: Place) -> str:
    """The sidecar is taken for started (https://github.com/kubernetes/kubernetes/issues/142305): the endpoint says why it has nothing."""
    until("the application has asked", lambda: calls(place) >= 2, 60, every=0.3)
    token = place.exec("app", "app", "/app", "token")
    expect("the endpoint's answer", place.exec("app", "app", "/app", "ask", token).split(), ["503", "AccessDenied"])
    page = place.page()
    expect("good calls without credentials", page["calls"] - page["failed"], 0)
    for part in ("profile default", "AccessDenied", "trust policy"):
        holds(f"the SDK's error names {part!r}", part in page["firstError"], page["firstError"])
    # What an operator sees, as docs/kubelet-restarts.md has it.
    columns = context.cluster.kubectl("-n", place.namespace, "get", "pod", "app", "--no-headers").split()
    expect("kubectl get pod shows", columns[1:3], ["2/2", "Running"])
    status = context.cluster.try_kubectl("-n", place.namespace, "exec", "app", "-c", "stsidecar", "--", "/stsidecar", "status")
    expect("exit code of status", status.returncode, 1)
    for part in (store.arn("e2e-waiting"), "AccessDenied", "trust policy"):
        holds(f"status names {part!r}", part in status.stdout, status.stdout)
    until("an event of the incident probe says that there are no credentials", lambda: without_credentials(context.cluster, place), 60, every=0.3)
    return f"the application starts ({' '.join(columns[1:3])}) and gets {page['firstError'].split(' ', 1)[1]!r}"


def without_credentials(cluster: Cluster, place: Place) -> bool:
    return any(event["message"].endswith("; no credentials") for event in incident_events(cluster, place))


def succeeds(place: Place) -> dict | None:
    """The application's counters once three of its rounds were good."""
    page = counters(place)
    return page if page["calls"] - page["failed"] >= 3 else None
