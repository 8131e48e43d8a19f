"""Pods of every shape: in a mesh, on some nodes only, with resources of their own, drained: mesh, nodes, whole, drain."""

import yaml

from real.processes import Failed, until

from . import images, store
from .cluster import Refusal
from .context import Context
from .following import Following
from .load import NOWHERE, injected
from .refusal_cases import refused
from .serving_cases import calls, moment
from .workloads import PREFIX, Place, container, expect, holds

ARCH = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
MESH = "docs/meshes.md"


def asked_for(place: Place, pod: dict, *arguments: str) -> str:
    """Creates a pod with kubectl; answers its warnings."""
    done = place.cluster.try_kubectl("create", *arguments, "-f", "-", stdin=yaml.safe_dump(pod))
    if done.returncode != 0:
        raise Failed(f"{pod['metadata']['name']} was refused: {done.stderr.strip()}")
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith("Warning:"))


def mesh(context: Context) -> str:
    """Where a mesh has redirected before its ordinary proxy runs, the author is warned, and the ways out work"""
    place = context.place("mesh")
    address = context.cluster.object("Service", store.NAMESPACE, "store")["spec"]["clusterIP"]
    # What a CNI plugin does to the packets, hosts does to the name: all goes to the pod's own proxy, once it runs.
    there = {"hostAliases": [{"ip": "127.0.0.1", "hostnames": [store.HOST]}]}
    ways = [f"127.0.0.1:{port}={address}:{port}" for port in (store.LANES[0], 8443)]
    checks = {"name": "istio-validation", "image": images.APP, "args": ["relay"]}
    proxy = {"name": "istio-proxy", "image": images.APP, "args": ["relay", *ways]}
    ordinary = {**there, "initContainers": [checks], "containers": [container(), proxy]}
    native = {**there, "initContainers": [checks, {**proxy, "restartPolicy": "Always"}]}
    said = asked_for(place, place.pod("late", **ordinary))
    for part in ("container istio-proxy", MESH, f"{PREFIX}wait-for-credentials", "nativeSidecar", f'"{store.LANES[0]}"'):
        holds(f"the warning names {part!r}", part in said, said)
    quiet = [
        asked_for(place, place.pod("unwaiting", annotations={"wait-for-credentials": "false"}, **ordinary)),
        asked_for(place, place.pod("native", **native)),
    ]
    holds("no warning of the mesh where there is a way out", not any(MESH in text for text in quiet), quiet)
    for name in ("unwaiting", "native"):
        context.cluster.ready(place.namespace, name)
        until(f"{name}: the application has called", lambda name=name: calls(place, name) >= 3, 30)
    page = place.page("native")
    expect(f"failed calls behind a native proxy, the first: {page['firstError']}", page["failed"], 0)
    event = until("an event says why the other pod waits", lambda: why(context, place, "late"), 60, every=0.3)
    with Following(context, "mesh") as following:
        pages_of_meshes(following, place)
    late = context.cluster.object("Pod", place.namespace, "late")
    expect("the pod without a way out", late["status"]["phase"], "Pending")
    context.cluster.delete("Pod", place.namespace, "late")
    rounds = calls(place, "unwaiting")
    return f"late proxy: warned, waits ({event[:80]!r}); native proxy: {page['calls']} rounds, 0 failed; not waiting: {rounds} rounds"


def pages_of_meshes(following: Following, place: Place) -> None:
    """The commands of docs/meshes.md: why a pod waits, and each way out, on a workload."""
    place.create(workload("Deployment", place, "meshed"))
    page = following.page(MESH, NAMESPACE=place.namespace, POD="late", DEPLOYMENT="meshed")
    ways = ("Way 1: a native proxy", "Way 2: start without credentials", "Way 3: leave STS out of the redirection")
    for section in ("Service meshes", *ways):
        page.run(section)
    annotations = place.cluster.object("Deployment", place.namespace, "meshed")["spec"]["template"]["metadata"]["annotations"]
    expect("annotations that the page has set", len(annotations), 8)


def workload(kind: str, place: Place, name: str) -> dict:
    """A workload without pods: no node has what it wants."""
    pod = place.pod(name, nodeSelector=NOWHERE)["spec"]
    spec = {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": pod}}
    counted = {"replicas": 0} if kind == "Deployment" else {}
    metadata = {"name": name, "namespace": place.namespace}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {**counted, **spec}}


def why(context: Context, place: Place, name: str) -> str:
    """What the startup probe of one pod said last."""
    events = [event for event in context.cluster.objects("Event", place.namespace) if event["involvedObject"]["name"] == name]
    return next((event["message"] for event in events if event["reason"] == "Unhealthy"), "")


def affine(*terms: dict) -> dict:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, *values: str) -> dict:
    return {"key": key, "operator": "In", "values": list(values)}


def nodes(context: Context) -> str:
    """Node affinity is read as the scheduler reads it, and every term keeps the pod where the image runs"""
    place = context.place("nodes")
    linux, nowhere = expression("kubernetes.io/os", "linux"), expression("pool", "no-node-has-this")
    affinity = affine({"matchExpressions": [nowhere]}, {"matchExpressions": [linux]})
    terms = place.start("some", affinity=affinity)["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    expect("the terms of a pod that runs", terms, [{"matchExpressions": [nowhere, ARCH]}, {"matchExpressions": [linux, ARCH]}])
    plain = context.cluster.create(place.pod("plain"), "?dryRun=All")["spec"]["affinity"]
    expect("the affinity of a pod that has none", plain, affine({"matchExpressions": [ARCH]}))
    bound = context.cluster.create(place.pod("bound", nodeName="node-of-another-architecture"), "?dryRun=All")
    holds("a pod with nodeName is injected and left where it is", injected(bound) and "affinity" not in bound["spec"], bound["spec"])
    asking = {"annotations": {"inject": "true"}}
    wrong = {
        "arm64": (affine({"matchExpressions": [expression("kubernetes.io/arch", "arm64")]}), "agentArchitectures"),
        "windows": (affine({"matchExpressions": [{"key": "kubernetes.io/os", "operator": "NotIn", "values": ["linux"]}]}), "Windows"),
    }
    for name, (affinity, part) in wrong.items():
        said = refused(place, place.pod(name, affinity=affinity, **asking))
        holds(f"the refusal of {name} names {part!r}", part in said, said)
    with Following(context, "nodes") as following:
        context.cluster.apply([workload("DaemonSet", place, "everywhere")])
        following.page("docs/nodes.md", NAMESPACE=place.namespace, DAEMONSET="everywhere").run("Architectures")
    shown = ("get", "daemonset", "everywhere", "-o", "jsonpath={.spec.template.spec.nodeSelector}")
    holds("the page's selector is set", '"kubernetes.io/arch":"amd64"' in context.cluster.kubectl("-n", place.namespace, *shown))
    return f"a pod of two terms runs, with {ARCH['key']} in both; arm64 and Windows by affinity are refused; nodeName is left alone"


# Pod-level resources, and those of the application.
WHOLES = [
    ({"requests": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "10m", "memory": "32Mi"}}),
    ({"requests": {"cpu": "10m", "memory": "32Mi"}}, {"requests": {"cpu": "10m", "memory": "32Mi"}}),
    (
        {"requests": {"cpu": "12m", "memory": "40Mi"}, "limits": {"cpu": "12m", "memory": "40Mi"}},
        {"requests": {"cpu": "10m", "memory": "32Mi"}},
    ),
    ({"limits": {"cpu": "100m", "memory": "20Mi"}}, {}),
    ({"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "10m", "memory": "32Mi"}}),
    ({"limits": {"memory": "64Mi"}}, {"limits": {"cpu": "50m", "memory": "64Mi"}}),
]


def whole(context: Context) -> str:
    """Beside pod-level resources and a LimitRange the API server takes the sidecar, or its author knows why not"""
    place = context.place("whole")
    declined = {"annotations": {"inject": "false"}}
    sample = context.cluster.create(place.pod("sample", resources=WHOLES[0][0], **declined), "?dryRun=All")
    knows = "resources" in sample["spec"]
    taken = [dry_run(context, place, *row) for row in WHOLES] if knows else []
    seen = f"{len(taken)} pods with spec.resources: {', '.join(taken)}" if knows else "this cluster has no pod-level resources"
    limits = {"type": "Container", "default": {"cpu": "20m", "memory": "64Mi"}, "defaultRequest": {"cpu": "5m", "memory": "16Mi"}}
    metadata = {"name": "low", "namespace": place.namespace}
    context.cluster.apply([{"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": [limits]}}])
    # The API server's own plug-in learns of it within a moment.
    said = until("the author is warned of the default limit", lambda: warned(place), 30, every=0.3)
    for part in ("20m", f"{PREFIX}cpu-limit", "docs/resources.md"):
        holds(f"the warning names {part!r}", part in said, said)
    quiet = asked_for(place, place.pod("limited", annotations={"cpu-limit": "100m"}), "--dry-run=server")
    holds("no warning where the sidecar has a limit", "LimitRange" not in quiet, quiet)
    return f"{seen}; a default limit of 20m: {said!r}"


def dry_run(context: Context, place: Place, own: dict, app: dict) -> str:
    """Asks for one pod, first without the sidecar, so that a refusal of the second is ours."""
    containers = [container(resources=app)]
    plain = place.pod("plain", annotations={"inject": "false"}, containers=containers, resources=own)
    before = context.cluster.create(plain, "?dryRun=All")
    try:
        pod = context.cluster.create(place.pod("whole", containers=containers, resources=own), "?dryRun=All")
    except Refusal as refusal:
        raise Failed(f"{own} and {app}, taken without the sidecar, are refused with it: {refusal.message}") from None
    holds("the pod is injected", injected(pod))
    # What the API server derives of the author's may grow by what the sidecar has; none of it may vanish.
    expect(f"what the pod itself has, of {own} and {app}", named(pod), named(before))
    for kind, amounts in own.items():
        expect(f"the pod's own {kind} that were written", amounts, {what: pod["spec"]["resources"][kind][what] for what in amounts})
    expect(f"the class, of {own} and {app}", pod["status"]["qosClass"], before["status"]["qosClass"])
    sidecar = next(one for one in pod["spec"]["initContainers"] if one["name"] == "stsidecar")
    return str(sidecar.get("resources", {}).get("requests", {}))


def named(pod: dict) -> set[tuple[str, str]]:
    """The amounts that a pod has of its own, by kind and resource."""
    return {(kind, what) for kind, amounts in pod["spec"]["resources"].items() for what in amounts}


def warned(place: Place) -> str:
    text = asked_for(place, place.pod("ranged"), "--dry-run=server")
    return next((line for line in text.splitlines() if "LimitRange" in line), "")


def drain(context: Context) -> str:
    """kubectl drain wants its flag for our emptyDirs, and then the application calls to its last second"""
    place = context.place("drain")
    environment = {"EVERY_MS": 50, "DRAIN_SECONDS": 3, "REPORT_URL": store.report_url("drain")}
    node = place.start(environment=environment, labels={"e2e": "drain"})["spec"]["nodeName"]
    until("20 rounds", lambda: calls(place) >= 20, 30)
    # The pod has no controller, and other pods of the node are not meant.
    instead = {"--ignore-daemonsets": "--pod-selector=e2e=drain --force --ignore-daemonsets --timeout=60s"}
    try:
        with Following(context, "drain") as following:
            following.page("docs/nodes.md", instead, NODE=node).run("Drains", seconds=90)
    finally:
        context.cluster.kubectl("uncordon", node)
    report = until("the application's last words", lambda: context.store.report("drain"), 30)
    expect(f"failed calls of the drained pod, the first: {report['firstError']}", report["failed"], 0)
    after = (moment(report["lastSuccess"]) - moment(report["stopping"])).total_seconds()
    holds("it called to its last second", after > 2.5, f"{after:.1f} s after SIGTERM")
    return f"refused without --delete-emptydir-data; drained: {report['calls']} rounds, 0 failed, last one {after:.1f} s after SIGTERM"
