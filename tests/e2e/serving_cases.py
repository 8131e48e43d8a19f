"""Applications get their credentials: b, e, g, m."""

import json
from datetime import datetime

from real.processes import Failed, until

from . import store
from .cluster import Refusal, seconds_until
from .context import Context
from .workloads import PREFIX, Place, container, expect, holds

API_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def moment(text: str) -> datetime:
    """A time of the gate or the application (Go's JSON, nanoseconds)."""
    return datetime.fromisoformat(text)


def b(context: Context) -> str:
    """A labelled namespace and an annotated ServiceAccount give a real SDK its credentials"""
    place = context.place("b")
    place.create(place.pod(environment={"EVERY_MS": 200}))
    _, seconds = seconds_until("the application's first calls", lambda: calls(place) >= 5, 60)
    context.cluster.ready(place.namespace, "app")
    columns = context.cluster.kubectl("-n", place.namespace, "get", "pod", "app", "--no-headers").split()
    expect("kubectl get pod shows", columns[1:4], ["2/2", "Running", "0"])
    page, seen = place.page(), place.seen()
    expect(f"failed calls, the first: {page['firstError']}", page["failed"], 0)
    holds("S3 saw credentials of the role", seen["requests"] >= page["calls"], seen)
    waited = moment(page["started"]) - moment(seen["firstVended"])
    holds("the application started after STS had answered", waited.total_seconds() > 0, f"{waited}")
    return (
        f"{columns[1]}, first calls {seconds:.1f} s after kubectl, app started {waited.total_seconds():.1f} s after STS answered, "
        f"{page['calls']} rounds, 0 failed"
    )


def calls(place: Place, name: str = "app") -> int:
    """How many rounds the application has made; 0 while it is not there."""
    return counters(place, name)["calls"]


def counters(place: Place, name: str = "app", port: int = 8080) -> dict:
    """The application's page; nothing but zeros while it is not there."""
    try:
        return place.page(name, port)
    except (Failed, ValueError):
        return {"calls": 0, "failed": 0, "firstError": ""}


def e(context: Context) -> str:
    """A Job completes; a pod that is deleted under load succeeds to its last second"""
    place = context.place("e")
    job = place.pod("job", environment={"ROUNDS": 5, "EVERY_MS": 200}, restartPolicy="Never")
    template = {"metadata": {}, "spec": job["spec"]}
    metadata = {"name": "job", "namespace": place.namespace}
    place.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"backoffLimit": 0, "template": template}})
    place.start(environment={"EVERY_MS": 50, "DRAIN_SECONDS": 5, "REPORT_URL": store.report_url("e")})
    until("20 rounds", lambda: calls(place) >= 20, 30)
    context.cluster.delete("Pod", place.namespace, "app")
    report = until("the application's last words", lambda: context.store.report("e"), 30)
    context.cluster.gone("Pod", place.namespace, "app", 20)
    after = (moment(report["lastSuccess"]) - moment(report["stopping"])).total_seconds()
    expect(f"failed calls of the deleted pod, the first: {report['firstError']}", report["failed"], 0)
    holds("it called to its last second", after > 4.5, f"{after:.1f} s after SIGTERM")

    def complete() -> dict | None:
        status = context.cluster.object("Job", place.namespace, "job").get("status", {})
        holds("the Job did not fail", not status.get("failed"), status)
        return status if status.get("completionTime") else None

    status = until("the Job is complete", complete, 60)
    took = moment(status["completionTime"]) - moment(status["startTime"])
    return (
        f"Job of 5 rounds complete after {took.total_seconds():.0f} s; "
        f"deleted pod: {report['calls']} rounds, 0 failed, last one {after:.1f} s after SIGTERM"
    )


def g(context: Context) -> str:
    """Two roles in one pod, and a container without any"""
    place = context.place("g")
    # A pod's containers share their ports.
    apps = [container(name, environment={"PAGE": page}) for name, page in (("one", 8080), ("two", 8081), ("skipped", 8082))]
    annotations = {"container-roles": f"two={store.arn('e2e-g-two')}", "skip-containers": "skipped"}
    pod = place.start(containers=apps, annotations=annotations)
    tokens = {name: place.exec("app", name, "/app", "token") for name in ("one", "two")}
    holds("each container has a token of its own", len(set(tokens.values())) == 2)
    # From the same container, so that only the token can decide.
    answers = {name: place.exec("app", "skipped", "/app", "ask", token).split() for name, token in tokens.items()}
    roles = {name: context.store.role_of_key(key) for name, (_, key) in answers.items()}
    expect("whose credentials the tokens open", roles, {"one": "e2e-g", "two": "e2e-g-two"})
    without = place.exec("app", "skipped", "/app", "ask").split()
    expect("the endpoint's answer without a token", without[0], "403")
    given = {one["name"]: one for one in pod["spec"]["containers"]}
    variables = [one["name"] for one in given["skipped"]["env"] if one["name"].startswith("AWS_CONTAINER")]
    mounts = [one["name"] for one in given["skipped"]["volumeMounts"] if one["name"].startswith("stsidecar")]
    expect("what the skipped container was given", variables + mounts, [])
    for name in ("one", "two"):
        expect(f"what {name} sees", [m["subPath"] for m in given[name]["volumeMounts"] if m["name"].startswith("stsidecar")], [name])
    good = until("both applications have called", lambda: _both_called(place), 30)
    failing = until("the skipped one has failed", lambda: counters(place, port=8082)["failed"], 60)
    expect("good calls of the skipped one", place.page(port=8082)["calls"], failing)
    return (
        f"tokens of one and two open e2e-g and e2e-g-two only ({good} good rounds); "
        f"without token 403; skipped: no variable, no mount, {failing} of {failing} rounds failed"
    )


def _both_called(place: Place) -> int:
    pages = [counters(place, port=port) for port in (8080, 8081)]
    for page in pages:
        expect(f"failed calls, the first: {page['firstError']}", page["failed"], 0)
    return sum(page["calls"] for page in pages) if all(page["calls"] >= 3 for page in pages) else 0


def m(context: Context) -> str:
    """No API token in the sidecar; Guaranteed stays; `restricted` and a quota behave as documented"""
    place = context.place("m")
    limits = {"cpu": "300m", "memory": "64Mi"}
    pod = place.start(containers=[container(resources={"requests": limits, "limits": limits})])
    expect("the pod's class", pod["status"]["qosClass"], "Guaranteed")
    sidecar = next(one for one in pod["spec"]["initContainers"] if one["name"] == "stsidecar")
    app = pod["spec"]["containers"][0]
    masks = [[mount["name"] for mount in one["volumeMounts"] if mount["mountPath"] == API_TOKEN] for one in (sidecar, app)]
    holds(
        "the sidecar has no API token, the application has",
        masks[0] == ["stsidecar-none"] and masks[1][0].startswith("kube-api-access"),
        masks,
    )
    load = json.loads(place.exec("app", "app", "/app", "load", "100", "10"))
    holds("100 requests a second for 10 s", load["failed"] == 0 and load["requests"] == 1000 and load["p99"] < 100, load)
    restricted(context)
    refusal = quota(context)
    return (
        f"API token masked; Guaranteed at {sidecar['resources']['limits']}, 1000 requests p50 {load['p50']} ms p99 {load['p99']} ms; "
        f"restricted: Ready; quota: {refusal!r}, with cpu-limit Ready"
    )


def restricted(context: Context) -> None:
    """A namespace that enforces `restricted` takes an injected pod, without a warning."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", f"{PREFIX}injection": "enabled"}
    place = context.place("m-restricted", labels=labels)
    place.start(containers=[container(securityContext=RESTRICTED)])


def quota(context: Context) -> str:
    """A quota on limits.cpu refuses the sidecar until it has one."""
    place = context.place("m-quota")
    metadata = {"name": "cpu", "namespace": place.namespace}
    context.cluster.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"limits.cpu": "2"}}})
    until("the quota is known", lambda: context.cluster.object("ResourceQuota", **metadata)["status"].get("hard"), 20)
    limited = [container(resources={"requests": {"cpu": "10m"}, "limits": {"cpu": "200m"}})]
    try:
        place.create(place.pod(containers=limited))
    except Refusal as refusal:
        said = refusal.message
    else:
        raise Failed("a sidecar without a CPU limit was taken in spite of the quota")
    text = "must specify limits.cpu for: stsidecar"
    holds("the refusal names the sidecar", said.endswith(text), said)
    place.start(containers=limited, annotations={"cpu-limit": "100m"})
    return text
