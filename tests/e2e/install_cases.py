"""The chart's life: a, its end in a cluster that has changed: gone, hand; and the injector's certificates: k."""

from collections.abc import Iterator
from contextlib import contextmanager

from real.processes import Failed, until

from .admission_cases import injector_metrics
from .cluster import Cluster, Refusal, is_ready, metric, seconds_until
from .context import Context
from .following import Following
from .load import Load
from .release import INJECTOR, NAME, NAMESPACE, SECRET, Release, certificates, values_file
from .workloads import PREFIX, Place, expect, holds

# Written by others at any time; none of them is the chart's.
_FLEETING = {"Event", "Lease"}
# What the namespace itself brings, which Helm leaves to its owner.
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
    with swept(context):
        return "; ".join(life(context.cluster, major) for major in ("helm3", "helm4"))


@contextmanager
def swept(context: Context, *namespaces: str) -> Iterator[None]:
    """A life that was cut short must not stop the other scenarios: removes the release and namespaces at the end."""
    try:
        yield
    finally:
        context.release.helm("uninstall", NAME, "--ignore-not-found", "--wait")
        context.cluster.kubectl("delete", "namespace", NAMESPACE, *namespaces, "--ignore-not-found", "--timeout=60s", seconds=70)


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
    nothing_left(cluster, before, f"{major} uninstall")
    return f"{major}: ready after {seconds:.0f} s, helm test passed, upgraded to 1 replica, tested, uninstall left nothing"


def nothing_left(cluster: Cluster, before: set[str], what: str) -> None:
    """Fails when the cluster has objects that it had not before."""
    left: set[str] = set()

    def clean() -> bool:
        left.clear()
        left.update(inventory(cluster) - before - _OF_THE_NAMESPACE)
        return not left

    try:
        until("nothing is left", clean, 60, every=0.5)
    except Failed as failure:
        raise Failed(f"{what} leaves {sorted(left)}") from failure


def gone(context: Context) -> str:
    """Uninstalled after its test namespace was deleted, by Helm 3 and 4, without a trace"""
    cluster, space = context.cluster, "e2e-gone"
    before = inventory(cluster)
    with swept(context, space):
        for major in ("helm3", "helm4"):
            release = Release(cluster, major)
            cluster.kubectl("create", "namespace", space)
            release.install("--set", f"injector.replicas=1,tests.namespace={space}")
            release.test()
            cluster.kubectl("delete", "namespace", space, "--timeout=60s", seconds=70)
            release.uninstall()
            nothing_left(cluster, before, f"{major} uninstall without {space}")
    return f"helm3, helm4: helm test passed in {space}, which was deleted; uninstall left nothing"


def hand(context: Context) -> str:
    """Removed by the commands of docs/removal.md after its namespace was deleted, without a trace"""
    cluster = context.cluster
    before = inventory(cluster)
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app", "image": "none"}]}}
    pod["metadata"] = {"name": "asking", "namespace": "default", "annotations": {f"{PREFIX}inject": "true"}}
    with swept(context):
        Release(cluster, "helm4").install("--set", "injector.replicas=1")
        cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s", seconds=70)
        try:
            cluster.create(pod, "?dryRun=All")
        except Refusal as refusal:
            said = refusal.message
        else:
            raise Failed("a pod that asks was admitted, although the webhooks are there and no injector is")
        holds("the refusal names the webhook", 'failed calling webhook "pods.stsidecar.dev"' in said, said)
        with Following(context, "hand") as following, known(cluster):
            following.page("docs/removal.md").run("By hand", seconds=120)
        cluster.create(pod, "?dryRun=All")
        nothing_left(cluster, before, "removal by hand")
    return f"{len(following.ran)} blocks run; a pod that asks is refused before and admitted after; nothing is left"


# The kinds of the Prometheus operator and of cert-manager that the page deletes.
KINDS = {
    "podmonitors.monitoring.coreos.com": "PodMonitor",
    "prometheusrules.monitoring.coreos.com": "PrometheusRule",
    "certificates.cert-manager.io": "Certificate",
    "issuers.cert-manager.io": "Issuer",
}


@contextmanager
def known(cluster: Cluster) -> Iterator[None]:
    """A cluster that knows these kinds for a while."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    made = []
    for name, kind in KINDS.items():
        plural, _, group = name.partition(".")
        names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
        made.append({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name}, "spec": spec})
    cluster.apply(made)
    try:
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in KINDS))
        yield
    finally:
        cluster.kubectl("delete", "crd", "--ignore-not-found", *KINDS)


def k(context: Context) -> str:
    """Certificates rotate under load; Helm's force wipes them, and they come back the same"""
    place = context.place("k")
    with Load(place, 50) as load, Following(context, "k") as following:
        until("admissions before", lambda: load.answered >= 50, 30)
        leaf = renewed(context, following, "leaf", "tls.crt", 30)
        authority = renewed(context, following, "ca", "ca.crt", 90)
        answered = load.answered
        until("admissions after", lambda: load.answered >= answered + 100, 30)
    expect("failed admissions", load.failures[:3], [])
    by_four = forced(context, place, "--server-side=false", "--force-replace")
    context.release.uninstall()
    context.release = Release(context.cluster, "helm3")
    context.release.install(f"--values={values_file(context.directory)}")
    by_three = forced(context, place, "--force")
    return (
        f"leaf replaced after {leaf:.0f} s and CA after {authority:.0f} s at 50 admissions/s: {load.answered} good, "
        f"0 failed; {by_four}; {by_three}"
    )


def renewed(context: Context, following: Following, what: str, key: str, limit: float) -> float:
    """Asks for a new leaf or CA, as the runbook says, until every injector serves it; how long that took."""
    before, served = context.release.secret()[key], leaves(context)
    asked = f"kubectl -n {NAMESPACE} annotate --overwrite secret {SECRET} {PREFIX}rotate={what}"
    following.runbook("StsidecarInjectorCertificateExpiringSoon").run("To renew by hand", asked)
    _, stored = seconds_until(f"another {key} is stored", lambda: context.release.secret().get(key, before) != before, limit)
    _, rest = seconds_until("every injector serves it", lambda: len(now := leaves(context)) == 1 and not now & served, 30)
    return stored + rest


def leaves(context: Context) -> set[float]:
    """When the certificates that the injectors serve end."""
    name = "stsidecar_injector_certificate_expiration_timestamp_seconds"
    return {metric(text, name, kind="leaf") for text in injector_metrics(context)}


def forced(context: Context, place: Place, *flags: str) -> str:
    """An upgrade that replaces objects, and with them wipes caBundle and the Secret."""
    release = context.release
    before, trusted, staying = release.secret()["ca.crt"], release.ca_bundles(), release.staying()

    def is_back() -> bool:
        # A replica that had not seen a new CA in the Secret wrote a time for it, which stays on record for minutes.
        needed = [bundle | certificates(before) for bundle in staying]
        bundles = zip(needed, release.ca_bundles(), trusted, strict=True)
        return release.secret().get("ca.crt") == before and all(least <= now <= most for least, now, most in bundles)

    with Load(place, 20) as load:
        until("admissions before", lambda: load.answered >= 20, 30)
        release.force(context.directory, *flags)
        until("CA and caBundle are back", is_back, 30)
        answered = load.answered
        until("admissions after", lambda: load.answered >= answered + 20, 30)
    holds("there was a CA in each webhook", len(trusted) == 3 and all(trusted), trusted)
    holds("admissions work again within the limit", load.outage <= RECOVERY_SECONDS, f"{load.outage:.1f} s")
    return (
        f"{release.major} {flags[-1]}: {len(load.failures)} of {load.answered + len(load.failures)} refused, "
        f"for {load.outage:.1f} s, same CA"
    )
