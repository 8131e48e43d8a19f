"""More than one release in a cluster: two; and settings of one release that change: settings."""

import json
import os
import re
import subprocess

import yaml

from real.processes import until

from . import store
from .cluster import KUBECTL, Cluster
from .context import Context
from .install_cases import inventory, nothing_left, swept
from .release import CHART, HELMS, INJECTOR, NAME, NAMESPACE, Release, image_values, values_file
from .workloads import PREFIX, Place, expect, holds

OTHER, SPACE = "other", "e2e-other"
ROLE = "arn:aws:iam::111122223333:role/e2e-two"


def helm(cluster: Cluster, major: str, *arguments: str) -> subprocess.CompletedProcess:
    """Helm with a namespace of its own among the arguments."""
    return subprocess.run(
        [HELMS[major], *arguments], capture_output=True, text=True, env=cluster.environment, timeout=120, stdin=subprocess.DEVNULL
    )


def refusals(cluster: Cluster, release: str, space: str) -> dict[str, str]:
    """What each Helm says instead of installing a release."""
    said = {}
    for major in HELMS:
        done = helm(cluster, major, "install", release, str(CHART), f"--namespace={space}", "--dry-run=server", *image_values())
        holds(f"{major} refuses {release} in {space}", done.returncode != 0, done.stdout[-300:])
        said[major] = done.stderr.strip()
    return said


def asking(cluster: Cluster) -> tuple[dict, str]:
    """A pod that asks, as it would be stored, and the warnings that its author reads."""
    annotations = {f"{PREFIX}inject": "true", f"{PREFIX}role-arn": ROLE, f"{PREFIX}region": "us-east-1"}
    metadata = {"name": "asking", "namespace": "default", "annotations": annotations}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app", "image": "none"}]}}
    done = cluster.try_kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=yaml.safe_dump(pod))
    return (json.loads(done.stdout) if done.returncode == 0 else {}), done.stderr


def two(context: Context) -> str:
    """A second release is refused by Helm 3 and 4; where it is allowed, a pod has one sidecar, and says whose"""
    cluster = context.cluster
    before = inventory(cluster)
    try:
        with swept(context, SPACE):
            said = lives(cluster)
            nothing_left(cluster, before, "two releases")
    finally:
        labels = f"app.kubernetes.io/name=stsidecar,app.kubernetes.io/instance={OTHER}"
        kinds = "mutatingwebhookconfigurations,validatingadmissionpolicybindings,validatingadmissionpolicies,clusterrolebindings,clusterroles"
        cluster.try_kubectl("delete", kinds, "-l", labels)
    return said


def lives(cluster: Cluster) -> str:
    """Two releases beside each other, until the namespace of one and the other release are gone."""
    release = Release(cluster, "helm4")
    release.install("--set", "injector.replicas=1")
    refused = refusals(cluster, OTHER, SPACE)
    for major, text in refused.items():
        wanted = f"release {NAME} in namespace {NAMESPACE} (MutatingWebhookConfiguration {INJECTOR})"
        holds(f"{major} names what is there and what to do", wanted in text and f"helm uninstall {NAME} --namespace {NAMESPACE}" in text, text)
    allowed = ("--set", "injector.replicas=1,injector.allowOtherReleases=true,tests.enabled=false")
    place = (f"--namespace={SPACE}", "--create-namespace", "--wait", "--timeout=90s")
    done = helm(cluster, "helm4", "install", OTHER, str(CHART), *place, *image_values(), *allowed)
    expect(f"exit code of the install that is allowed, which says {done.stderr.strip()}", done.returncode, 0)
    # Configurations are called in the order of their names, and this one's is the first.
    pod, warned = until("both are reached", lambda: (answer := asking(cluster)) and "leaves it alone" in answer[1] and answer, 30)
    mark = pod["metadata"]["annotations"][f"{PREFIX}injected-by"]
    holds("the pod says whose sidecar it has", mark.startswith(f"{SPACE}/{OTHER} "), mark)
    expect("sidecars", [one["name"] for one in pod["spec"]["initContainers"]], ["stsidecar"])
    holds("the other release says why it did nothing", f"release {SPACE}/{OTHER} of stsidecar gave the pod its sidecar" in warned, warned)
    # An upgrade of a release that is there is never refused.
    release.upgrade("--set", "injector.replicas=1,agent.log.level=debug")
    # Who deletes the namespace leaves the webhooks behind; the next install names them, and the way to remove them.
    cluster.kubectl("delete", "namespace", SPACE, "--timeout=60s", seconds=70)
    release.uninstall()
    left = refusals(cluster, NAME, NAMESPACE)
    command = re.search(r"it was left behind: (kubectl delete \S+ -l \S+?)\. Two", left["helm4"])
    holds("the refusal has a command", command is not None, left["helm4"])
    environment = {**cluster.environment, "PATH": os.pathsep.join([str(KUBECTL.parent), cluster.environment["PATH"]])}
    ran = subprocess.run(["bash", "-euc", command[1]], env=environment, capture_output=True, text=True, timeout=60)
    expect(f"exit code of {command[1]}, which says {ran.stderr.strip()}", ran.returncode, 0)
    again = helm(cluster, "helm4", "install", NAME, str(CHART), f"--namespace={NAMESPACE}", "--dry-run=server", *image_values())
    expect(f"exit code once nothing is left, which says {again.stderr.strip()}", again.returncode, 0)
    return f"{refused['helm4']} | injected-by: {mark} | {warned.strip()} | {command[1]}"


def settings(context: Context) -> str:
    """A pod shows by which settings it was injected, and certificates of the chart's values reach a sidecar without a ConfigMap"""
    place, cluster = context.place("settings"), context.cluster
    values, pem = values_file(context.directory), context.directory / "settings-ca.crt"
    pem.write_text(context.store.ca)
    place.start("before")
    old = shown(place, "before")
    # The two places exclude each other.
    bundle = ("--set", "agent.awsCaBundle.configMap=", "--set-file", f"agent.awsCaBundle.pem={pem}")
    try:
        context.release.upgrade(f"--values={values}", *bundle)
        by_values = place.create(place.pod("after"))
        holds("a pod is injected by the new values", hash_of(by_values) != old, old)
        cluster.ready(place.namespace, "after")
        new = shown(place, "after")
        volumes = {volume["name"]: volume for volume in by_values["spec"]["volumes"]}
        holds("the certificates come with the pod", "downwardAPI" in volumes["stsidecar-ca"], volumes["stsidecar-ca"])
        expect("what the sidecar of the pod from before shows", shown(place, "before"), old)
        holds("another value of the chart has another hash", new != old, new)
    finally:
        context.release.upgrade(f"--values={values}")
    return f"before the upgrade {old}, after it {new}; AWS_CA_BUNDLE of {len(context.store.ca)} bytes from the pod's annotation"


def hash_of(pod: dict) -> str:
    """The hash that the injector wrote."""
    return json.loads(pod["metadata"]["annotations"][f"{PREFIX}status"])["settingsHash"]


def shown(place: Place, name: str) -> str:
    """The hash of a running pod, the same in its annotation and in its sidecar's status, beside the role."""
    said = place.exec(name, "stsidecar", "/stsidecar", "status")
    own = hash_of(place.cluster.object("Pod", place.namespace, name))
    holds("status shows the hash of the annotation, and the role", f"settings      {own}" in said and store.arn(place.role) in said, said)
    return own
