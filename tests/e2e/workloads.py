"""Where a scenario happens: a namespace with a ServiceAccount whose role trusts it, and the manifests of its pods."""

import json

from real.processes import Failed

from . import images, store
from .cluster import Cluster

PREFIX = "stsidecar.dev/"
CA_FILE = "/etc/e2e/ca.crt"
# What the application is asked to do, see tests/clients/go/app/run.go.
ENVIRONMENT = {"AWS_ENDPOINT_URL_S3": store.S3, "AWS_CA_BUNDLE": CA_FILE, "BUCKET": store.BUCKET}


class Place:
    """A namespace of one scenario."""

    def __init__(self, cluster: Cluster, the_store: store.Store, name: str, lane: int = 0) -> None:
        self.cluster, self.store = cluster, the_store
        self.namespace, self.role, self.lane = name, name, lane

    def make(self, *, labels: dict | None = None, account: dict | None = None) -> "Place":
        """Creates it. By default the namespace is labelled and the ServiceAccount names the role."""
        labels = {f"{PREFIX}injection": "enabled"} if labels is None else labels
        account = {f"{PREFIX}role-arn": store.arn(self.role)} if account is None else account
        metadata = {"name": self.namespace, "labels": labels, "annotations": {f"{PREFIX}sts-endpoint": store.endpoint(self.lane)}}
        own = {"namespace": self.namespace}
        objects = [
            {"kind": "Namespace", "metadata": metadata},
            {"kind": "ServiceAccount", "metadata": {**own, "name": store.ACCOUNT, "annotations": account}},
            {"kind": "ConfigMap", "metadata": {**own, "name": store.CONFIG_MAP}, "data": {"ca.crt": self.store.ca}},
        ]
        self.cluster.apply({"apiVersion": "v1", **one} for one in objects)
        return self

    def create(self, manifest: dict) -> dict:
        """Creates an object; the webhook does the rest."""
        return self.cluster.create(manifest)

    def pod(self, name: str = "app", **settings) -> dict:
        """The manifest of an application's pod: see `pod`."""
        return {"apiVersion": "v1", "kind": "Pod", **pod(self.namespace, name, **settings)}

    def start(self, name: str = "app", **settings) -> dict:
        """Creates a pod and waits until it is ready."""
        self.create(self.pod(name, **settings))
        return self.cluster.ready(self.namespace, name)

    def page(self, name: str = "app", port: int = 8080) -> dict:
        """The application's own counters."""
        return json.loads(self.cluster.through_pod(self.namespace, name, port, "/"))

    def metrics(self, name: str = "app") -> str:
        """The sidecar's metrics, as an operator reads them."""
        return self.cluster.through_pod(self.namespace, name, 9912, "/metrics")

    def exec(self, name: str, container: str, *command: str) -> str:
        return self.cluster.kubectl("-n", self.namespace, "exec", name, "-c", container, "--", *command)

    def seen(self) -> dict:
        """What the gate counted for this place's role."""
        return self.store.seen(self.role, self.lane)


def container(name: str = "app", *, command: list[str] | None = None, environment: dict | None = None, **more) -> dict:
    """A container of the application; with `more` as a manifest has it."""
    made = {
        "name": name,
        "image": images.APP,
        "args": command or ["run"],
        "env": [{"name": key, "value": str(value)} for key, value in {**ENVIRONMENT, **(environment or {})}.items()],
        "volumeMounts": [{"name": "ca", "mountPath": "/etc/e2e", "readOnly": True}],
        **more,
    }
    if "command" in made:
        made.pop("args")
    return made


def pod(
    namespace: str,
    name: str,
    *,
    annotations: dict | None = None,
    labels: dict | None = None,
    environment: dict | None = None,
    containers: list[dict] | None = None,
    account: str = store.ACCOUNT,
    **spec,
) -> dict:
    """Metadata and specification of a pod; annotation keys are without their prefix, `spec` is as in a manifest."""
    metadata = {"namespace": namespace, "name": name}
    if annotations:
        metadata["annotations"] = {f"{PREFIX}{key}": value for key, value in annotations.items()}
    if labels:
        metadata["labels"] = labels
    return {
        "metadata": metadata,
        "spec": {
            "serviceAccountName": account,
            "terminationGracePeriodSeconds": 10,
            "containers": containers or [container(environment=environment)],
            "volumes": [{"name": "ca", "configMap": {"name": store.CONFIG_MAP}}],
            **spec,
        },
    }


def expect(what: str, found, wanted) -> None:
    """Fails, naming what differs."""
    if found != wanted:
        raise Failed(f"{what}: {found!r}, not {wanted!r}")


def holds(what: str, condition: bool, seen: object = "") -> None:
    """Fails when it does not."""
    if not condition:
        raise Failed(f"{what} does not hold{f': {seen}' if seen != '' else ''}")
