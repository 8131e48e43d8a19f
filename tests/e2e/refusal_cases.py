"""Mistakes are explained where they are made, and other pods are not touched: h, n, system."""

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from real.processes import Failed, until

from . import store
from .context import Context
from .following import Following
from .load import injected
from .release import INJECTOR, NAMESPACE
from .workloads import PREFIX, Place, container, expect, holds

DENIED = 'admission webhook "pods.stsidecar.dev" denied the request: '
ASKING = {"inject": "true"}
AWS = "https://sts.eu-central-1.amazonaws.com"


def refused(place: Place, manifest: dict) -> str:
    """What kubectl prints at the creation of a pod that must be refused, without the part that is Kubernetes'."""
    done = place.cluster.try_kubectl("create", "-f", "-", stdin=yaml.safe_dump(manifest))
    if done.returncode == 0:
        raise Failed(f"{manifest['metadata']['name']} was admitted")
    holds("the webhook refuses", DENIED in done.stderr, done.stderr)
    return done.stderr.split(DENIED, 1)[1].strip()


def h(context: Context) -> str:
    """Each mistake is refused with its key and fix; who did not ask is never sent, also while no injector answers"""
    place = context.place("h", labels={})
    relative = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials"}
    mistakes = {
        "host-network": (place.pod("host-network", annotations=ASKING, hostNetwork=True), ["hostNetwork"]),
        "bad-name": (place.pod("bad-name", annotations={**ASKING, "role-arn": "my-app"}), ["stsidecar.dev/role-arn", "my-app"]),
        # The chart's STS is not AWS's and may have such a role; AWS has not.
        "bad-arn": (
            place.pod("bad-arn", annotations={**ASKING, "role-arn": "arn:aws:iam::1:role/x", "sts-endpoint": AWS}),
            ["stsidecar.dev/role-arn", "arn:aws:iam::1:role/x"],
        ),
        "unknown": (place.pod("unknown", annotations={**ASKING, "role": "x"}), ["stsidecar.dev/role", "role-arn"]),
        "relative-uri": (place.pod("relative-uri", annotations=ASKING, environment=relative), ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]),
        "reserved": (place.pod("reserved", annotations=ASKING, containers=[container("stsidecar")]), ["the name stsidecar", "rename"]),
    }
    said = {name: refused(place, manifest) for name, (manifest, _) in mistakes.items()}
    for name, (_, parts) in mistakes.items():
        for part in parts:
            holds(f"{name}: the message names {part!r}", part in said[name], said[name])
    untouched = without_injectors(context, place)
    return f"{' | '.join(f'{name}: {text}' for name, text in said.items())} | no injector runs: {untouched}"


@contextmanager
def no_injector(context: Context) -> Iterator[None]:
    """Scales the injector to nothing for a while."""
    cluster = context.cluster
    replicas = cluster.object("Deployment", NAMESPACE, INJECTOR)["spec"]["replicas"]
    cluster.patch("Deployment", NAMESPACE, INJECTOR, {"spec": {"replicas": 0}})
    try:
        until("no injector is left", lambda: not cluster.objects("Pod", NAMESPACE, "app.kubernetes.io/component=injector"), 60)
        yield
    finally:
        cluster.patch("Deployment", NAMESPACE, INJECTOR, {"spec": {"replicas": replicas}})
        context.release.rolled_out()


def without_injectors(context: Context, place: Place) -> str:
    """Asks for pods as server-side dry runs while no injector runs."""
    cluster = context.cluster
    with no_injector(context):
        spaces = {
            "a silent pod": (place.namespace, {}),
            **{f"one asking in {space}": (space, ASKING) for space in ("kube-system", NAMESPACE)},
        }
        spaces["one marked false"] = (place.namespace, {"inject": "false"})
        for space, annotations in spaces.values():
            dry_run(place, space, annotations)
        done = cluster.try_kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(place.pod("asking", annotations=ASKING)))
        expect("exit code for a pod that asks", done.returncode, 1)
        holds("a pod that asks is refused", 'failed calling webhook "pods.stsidecar.dev"' in done.stderr, done.stderr)
    return f"{', '.join(spaces)} admitted; one asking in {place.namespace} refused"


def dry_run(place: Place, space: str, annotations: dict) -> dict:
    """A pod as the API server would create it in a namespace."""
    pod = place.pod("untouched", annotations=annotations, account="default")
    pod["metadata"]["namespace"] = space
    return place.cluster.create(pod, "?dryRun=All")


def system(context: Context) -> str:
    """kube-system opts in by its label: pods there that ask are injected, and created also while no injector answers"""
    place, space = context.place("system", labels={}), "kube-system"
    asking = {**ASKING, "role-arn": store.arn("e2e-system"), "sts-endpoint": store.endpoint(0)}
    label = ("label", "namespace", space, "--overwrite")
    holds("without the label a pod that asks is left alone", not injected(dry_run(place, space, asking)))
    try:
        with Following(context, "system") as following:
            following.page("docs/annotations.md").run("Asking for credentials")
        until("a pod that asks is injected", lambda: injected(dry_run(place, space, asking)), 30)
        holds("one that only names a role is left alone", not injected(dry_run(place, space, {"role-arn": asking["role-arn"]})))
        holds("a silent one is left alone", not injected(dry_run(place, space, {})))
        with no_injector(context):
            for annotations in (asking, {}):
                holds("it is created without the sidecar", not injected(dry_run(place, space, annotations)))
    finally:
        context.cluster.kubectl(*label, f"{PREFIX}injection-")
    until("without the label it is left alone again", lambda: not injected(dry_run(place, space, asking)), 30)
    return f"in {space}, labelled: one that asks is injected, others are not; without injectors both are created"


def n(context: Context) -> str:
    """A typo is refused with the right spelling; the author of a Deployment is warned at kubectl apply"""
    place = context.place("n", labels={})
    value = refused(place, place.pod("value", annotations={"inject": "yes"}))
    for part in ("stsidecar.dev/inject", '"yes"', '"true"'):
        holds(f"the message names {part}", part in value, value)
    key = refused(place, place.pod("key", annotations={**ASKING, "role-anr": store.arn("e2e-n")}))
    for part in ("stsidecar.dev/role-anr", "role-arn"):
        holds(f"the message names {part}", part in key, key)
    template = place.pod("typo", annotations={"inject": "true", "role-anr": store.arn("e2e-n")}, labels={"app": "typo"})
    template["metadata"].pop("name")
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "typo", "namespace": place.namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "typo"}},
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    }
    done = context.cluster.try_kubectl("apply", "-f", "-", stdin=yaml.safe_dump(deployment))
    warning = next((line for line in done.stderr.splitlines() if line.startswith("Warning:")), done.stderr)
    expect(f"exit code of kubectl apply, which says {done.stderr.strip()}", done.returncode, 0)
    holds("kubectl apply warns", "unknown annotation stsidecar.dev/role-anr" in warning and "role-arn" in warning, warning)
    return f"inject=yes: {value} | role-anr: {key} | kubectl apply of a Deployment: {warning}"
