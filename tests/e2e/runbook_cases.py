"""The runbooks, each followed in the incident that it is about: books, down, stale, stolen."""

import re

from real.processes import free_ports, until

from . import store
from .cluster import Refusal, metric
from .context import Context
from .following import Following
from .outage_cases import RELOADS
from .refusal_cases import ASKING, no_injector
from .release import CHART, INJECTOR, NAME
from .workloads import PREFIX, Place, container, expect, holds

BOOKS_LANE = 5
OLDER = "stsidecar-system/stsidecar 0.0.9"
UPGRADE = ("upgrade", NAME, str(CHART), "--reuse-values", "--wait")


def deployment(place: Place, name: str, **settings) -> dict:
    """The manifest of a workload of one pod, with a label `app` of its name."""
    pod = place.pod(name, labels={"app": name}, **settings)
    template = {"metadata": {key: value for key, value in pod["metadata"].items() if key not in ("name", "namespace")}, "spec": pod["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    metadata = {"name": name, "namespace": place.namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def pod_of(place: Place, name: str) -> str:
    """The name of the workload's pod, once there is one."""

    def named() -> str:
        found = place.cluster.objects("Pod", place.namespace, f"app={name}")
        return next((pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]), "")

    return until(f"{name} has a pod", named, 60, every=0.2)


def books(context: Context) -> str:
    """The runbooks about sidecars: a refused role, a crash, an outage, refused clients, an old version"""
    place = context.place("books")
    mistaken = {"name": "mistaken", "namespace": place.namespace, "annotations": {f"{PREFIX}role-arn": store.arn("e2e-d")}}
    place.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": mistaken})
    place.create(deployment(place, "never", account="mistaken"))  # its first event takes longest
    with Following(context, "books") as following:
        restarting(following, place)
        rejected(following, place)
        skew(following, place)
        outage(context, following, place)
        runbook = following.runbook(
            "StsidecarCredentialsNeverObtained",
            NAMESPACE=place.namespace,
            POD=pod_of(place, "never"),
            SERVICE_ACCOUNT="mistaken",
            ROLE_ARN=store.arn("e2e-books-never"),
            DEPLOYMENT="never",
        )
        for section in ("Look", "Where the ServiceAccount names a wrong role", "Over"):
            runbook.run(section, seconds=90)
    return f"{len(following.ran)} commands of runbooks run"


def restarting(following: Following, place: Place) -> None:
    """A configuration file with a mistake, and then the right one."""
    metadata = {"name": "settings", "namespace": place.namespace}
    place.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": "profile: {}\n"}})
    place.create(deployment(place, "restarting", annotations={"config": "settings"}))
    names = {"NAMESPACE": place.namespace, "POD": pod_of(place, "restarting"), "DEPLOYMENT": "restarting", "CONFIGMAP": "settings"}
    runbook = following.runbook("StsidecarAgentRestarting", **names)
    runbook.run("Look")
    right = f"profiles:\n  default:\n    webIdentity:\n      roleArn: {store.arn('e2e-books')}\n"
    following.write("config.yaml", right)
    runbook.run("Fix")
    runbook.run("Over")


def rejected(following: Following, place: Place) -> None:
    """A container asks that was given no token."""
    apps = [container(name, environment={"PAGE": page}) for name, page in (("app", 8080), ("skipped", 8081))]
    place.start("rejected", containers=apps, annotations={"skip-containers": "skipped"})
    answer = place.exec("rejected", "skipped", "/app", "ask").split()
    expect("the endpoint's answer without a token", answer[0], "403")
    runbook = following.runbook("StsidecarClientsRejected", NAMESPACE=place.namespace, POD="rejected", CONTAINER="skipped")
    said = runbook.run("Look")
    holds("the counter counts the refusal", re.search(r'rejected_total\{reason="token"\} [1-9]', said), said)


def skew(following: Following, place: Place) -> None:
    """A pod says that an older injector made it."""
    place.create(deployment(place, "skew"))
    pod = pod_of(place, "skew")
    place.cluster.kubectl("-n", place.namespace, "annotate", "pod", pod, f"{PREFIX}injected-by={OLDER}", "--overwrite")
    runbook = following.runbook("StsidecarVersionSkew", NAMESPACE=place.namespace, DEPLOYMENT="skew")
    runbook.run("Look")
    runbook.run("Fix")
    until("no pod is of the older version", lambda: OLDER not in runbook.ask("Look"), 60, every=0.5)


def outage(context: Context, following: Following, place: Place) -> None:
    """STS refuses connections: one pod runs, one has never had credentials, one waits for them; then STS is back."""
    of_lane = {"sts-endpoint": store.endpoint(BOOKS_LANE)}
    place.start("running", annotations=of_lane)
    context.store.set_lane(BOOKS_LANE, "closed")
    try:
        place.create(place.pod("empty", annotations={**of_lane, "wait-for-credentials": "false"}))
        place.create(place.pod("waiting", annotations=of_lane))
        concerned = {"RefreshFailing": "running", "CredentialsExpiringSoon": "running"}
        concerned |= {"CredentialsExpired": "empty", "RequestsFailingFast": "empty"}
        runbooks = [following.runbook(f"Stsidecar{name}", NAMESPACE=place.namespace, POD=pod) for name, pod in concerned.items()]
        for runbook in runbooks:
            runbook.run("Look")
    finally:
        context.store.set_lane(BOOKS_LANE, "open")
    following.runbook("StsidecarCredentialsNeverObtained", NAMESPACE=place.namespace, POD="waiting").run("Fix")
    for runbook in runbooks:
        if runbook.has("Fix"):
            runbook.run("Fix")
        until("the outage is over", lambda runbook=runbook: "last error" not in runbook.run("Over"), 60, every=0.5)


def admitted(place: Place) -> bool:
    """Whether a pod that asks would be."""
    try:
        place.cluster.create(place.pod("asking", annotations=ASKING), "?dryRun=All")
    except Refusal:
        return False
    return True


def down(context: Context) -> str:
    """The runbooks about injectors: no right to read, a wrong condition, none that runs, and pods that were let through"""
    place = context.place("down")
    with Following(context, "down") as following:
        one = context.release.injectors()[0]["metadata"]["name"]
        following.runbook("StsidecarInjectorSlow", INJECTOR_POD=one).run("Look")
        errors(context, following, place)
        conditions(context, following, place)
        emergency(context, following, place)
    return f"{len(following.ran)} commands of runbooks run"


def errors(context: Context, following: Following, place: Place) -> None:
    """The ClusterRole was changed, so that ServiceAccounts cannot be read."""
    context.cluster.kubectl("patch", "clusterrole", INJECTOR, "--type=json", '-p=[{"op":"replace","path":"/rules","value":[]}]')
    until("pods that ask are refused", lambda: not admitted(place), 30, every=0.2)
    runbook = following.runbook("StsidecarInjectorErrors")
    for section in ("Look", "Fix", "Over"):
        runbook.run(section)


def conditions(context: Context, following: Following, place: Place) -> None:
    """A condition that fails for pods without labels."""
    wrong = """injector.webhook.matchConditions=[{"name":"mine","expression":"object.metadata.labels['x'] == 'y'"}]"""
    context.release.helm(*UPGRADE, "--set-json", wrong)
    until("pods that ask are refused", lambda: not admitted(place), 30, every=0.2)
    runbook = following.runbook("StsidecarMatchConditionErrors")
    runbook.run("Look")
    runbook.run("Fix")
    until("pods that ask are admitted", lambda: admitted(place), 30, every=0.2)
    runbook.run("Over")


def emergency(context: Context, following: Following, place: Place) -> None:
    """No injector runs: pods are refused, let through by failurePolicy, by namespace and everywhere; and all is well again."""
    cluster, names = context.cluster, {"NAMESPACE": place.namespace, "DEPLOYMENT": "late"}
    (port,) = free_ports(1)
    instead = {"9912:9912": f"{port}:9912", "127.0.0.1:9912": f"127.0.0.1:{port}"}
    runbook = following.runbook("StsidecarInjectorDown", instead, **names)
    refused = following.runbook("StsidecarInjectorUnreachable", **names)
    opened = following.runbook("StsidecarInjectorFailOpen", **{**names, "DEPLOYMENT": "web"})
    other = context.place("down-other")
    runbook.run("Where pods run but are not Ready")
    with no_injector(context):
        place.create(deployment(place, "late"))
        refused.run("Look")
        runbook.run("Look")
        policies(context, "Ignore")
        until("a pod that asks is let through", lambda: admitted(place), 30, every=0.2)
        place.create(deployment(place, "web"))
        opened.run("Look")
        policies(context, "Fail")
        until("a pod that asks is refused", lambda: not admitted(place), 30, every=0.2)
        runbook.run("In need", "kubectl label")
        until("it is admitted where the webhook is switched off", lambda: admitted(place), 30, every=0.2)
        runbook.run("In need", "kubectl -n NAMESPACE rollout")
        cluster.ready(place.namespace, pod_of(place, "late"))
        holds("one of another namespace is refused", not admitted(other))
        runbook.run("In need", "kubectl delete")
        until("it is admitted without any webhook", lambda: admitted(other), 30, every=0.2)
        runbook.run("Fix")
        runbook.run("After the need", "helm", seconds=90)
    runbook.run("After the need", "kubectl label --overwrite")
    runbook.run("After the need", "kubectl -n NAMESPACE get")
    for section in ("Fix", "Over"):
        refused.run(section)
        opened.run(section)
    runbook.run("Over")
    following.runbook("StsidecarInjectorDown", NAMESPACE=other.namespace).run("After the need", "kubectl label namespace")


def policies(context: Context, policy: str) -> None:
    """Sets the failurePolicy of each webhook."""
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{INJECTOR}"
    webhooks = context.cluster.get(path)["webhooks"]
    change = [{"op": "replace", "path": f"/webhooks/{at}/failurePolicy", "value": policy} for at in range(len(webhooks))]
    context.cluster.request("PATCH", path, change, "application/json-patch+json")


def stale(context: Context) -> str:
    """The runbook of a token that gets old: the ServiceAccount was deleted, and is made again"""
    place = context.place("stale")
    node = place.start()["spec"]["nodeName"]
    names = {"NAMESPACE": place.namespace, "POD": "app", "NODE": node, "SERVICE_ACCOUNT": store.ACCOUNT, "ROLE_ARN": store.arn(place.role)}
    with Following(context, "stale") as following:
        runbook = following.runbook("StsidecarTokenStale", **names)
        context.cluster.delete("ServiceAccount", place.namespace, store.ACCOUNT)
        context.restart_kubelet()  # it renews every token, as it does after 80 % of their life
        runbook.run("Look", seconds=120)
        before = metric(place.metrics(), RELOADS, outcome="success")
        runbook.run("Fix")
        until("the sidecar reads a new token", lambda: metric(place.metrics(), RELOADS, outcome="success") > before, 180, every=0.5)
        runbook.run("Over")
    page = place.page()
    expect(f"failed calls, the first: {page['firstError']}", page["failed"], 0)
    return f"{len(following.ran)} commands run; the pod that ran got a token of the new ServiceAccount, {page['calls']} rounds, 0 failed"


def stolen(context: Context) -> str:
    """The runbook of certificates: what there is, and what to do when the CA's key was stolen"""
    before = context.release.secret()["ca.crt"]
    old = context.release.ca_bundles()
    with Following(context, "stolen") as following:
        runbook = following.runbook("StsidecarInjectorCertificateExpiringSoon")
        runbook.run("Look")
        runbook.run("Fix")
        runbook.run("When the CA's key was stolen", "kubectl -n stsidecar-system scale deployment stsidecar-injector --replicas=0")
        left = runbook.run("When the CA's key was stolen", "kubectl -n stsidecar-system get secret")
        expect("what is left of the old CA", left.strip(), "")
        runbook.run("When the CA's key was stolen", "kubectl -n stsidecar-system scale deployment stsidecar-injector --replicas=2")
        context.release.rolled_out()
        runbook.run("Over")
    holds("the CA is another", context.release.secret()["ca.crt"] != before)
    holds("the old CA is trusted nowhere", not set.union(*old) & set.union(*context.release.ca_bundles()))
    return f"{len(following.ran)} commands run; another CA in the Secret and in each caBundle, the old one in none"
