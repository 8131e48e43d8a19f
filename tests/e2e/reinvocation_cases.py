"""Pods that already have a sidecar: o, p."""

import base64
import copy

from real.processes import until

from . import images
from .context import Context
from .serving_cases import calls
from .workloads import PREFIX, Place, expect, holds

HOOK = "platform"
# Sorted behind ours, so the API server asks it after us, and us once more (reinvocationPolicy).
CONFIGURATION = "zz-e2e-platform"
# What the agent would follow if an envFrom could set it. None of it is for the application.
FROM = {"STSIDECAR_LISTEN": "127.0.0.1:1", "AWS_ENDPOINT_URL_STS": "https://nowhere.example", "RUST_LOG": "off", "STSIDECAR_CONFIG": "/none"}
# What the API server, the scheduler and controllers have written into a pod that runs.
WRITTEN = ("creationTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid")


def o(context: Context) -> str:
    """A webhook behind ours adds an envFrom, a variable and a mount to every container, and everything works"""
    place = context.place("o")
    place.create(config_map(place))
    try:
        follow(context, place)
        pod = place.start()
    finally:
        context.cluster.kubectl("delete", "mutatingwebhookconfiguration", CONFIGURATION, "--ignore-not-found")
    sidecar = own(pod)
    for container in [sidecar, *pod["spec"]["containers"]]:
        name = container["name"]
        holds(f"{name} has what the other webhook adds", "PLATFORM" in variables(container) and container.get("envFrom"), container)
        holds(f"{name} has its mount", any(one["name"] == HOOK for one in container["volumeMounts"]), container["volumeMounts"])
    known = variables(sidecar)
    for name in FROM:
        holds(f"the sidecar's {name} is written out", name in known, sorted(known))
    expect("what an envFrom would set", {name for name, value in FROM.items() if known[name] == value}, set())
    served = until("the application calls with credentials", lambda: calls(place), 30)
    return f"2 containers kept what was added; the sidecar has {len(known)} variables of its own; {served} calls"


def config_map(place: Place) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": HOOK, "namespace": place.namespace}, "data": FROM}


def follow(context: Context, place: Place) -> None:
    """Runs the other webhook and registers it for this namespace."""
    host = f"{HOOK}.{place.namespace}.svc"
    container = {"name": "app", "image": images.APP, "args": ["webhook", host], "ports": [{"containerPort": 9443}]}
    settings = {"annotations": {"inject": "false"}, "labels": {"app": HOOK}, "containers": [container]}
    place.start(HOOK, **settings)
    metadata = {"name": HOOK, "namespace": place.namespace}
    place.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": HOOK}, "ports": [{"port": 443, "targetPort": 9443}]}}
    )
    ca = until("the webhook prints its certificate", lambda: certificate(place), 30)
    webhook = {
        "name": "platform.e2e.example",
        "clientConfig": {"service": {**metadata, "port": 443}, "caBundle": base64.b64encode(ca.encode()).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
        "reinvocationPolicy": "Never",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    context.cluster.apply([{**kind, "metadata": {"name": CONFIGURATION}, "webhooks": [webhook]}])
    until("the other webhook is asked", lambda: is_asked(place), 30)


def certificate(place: Place) -> str | None:
    text = place.cluster.kubectl("-n", place.namespace, "logs", HOOK)
    return text if "END CERTIFICATE" in text else None


def is_asked(place: Place) -> bool:
    """Whether the API server knows the webhook and reaches it: both take a moment."""
    tried = place.cluster.try_kubectl("-n", place.namespace, "run", "probe", f"--image={images.APP}", "--dry-run=server", "-o", "yaml")
    return tried.returncode == 0 and "PLATFORM" in tried.stdout


def p(context: Context) -> str:
    """A pod made from the YAML of a running one, under another name and other settings, is renewed and works"""
    place = context.place("p")
    running = place.start(annotations={"token-expiration": "3600"})
    made = copied(running, "copy")
    made["metadata"]["annotations"].update({f"{PREFIX}token-expiration": "7200", f"{PREFIX}port": "19911"})
    place.create(made)
    pod = context.cluster.ready(place.namespace, "copy")
    tokens = [one["projected"]["sources"][0] for one in pod["spec"]["volumes"] if one["name"] == "stsidecar-token"]
    expect("lifetimes of the token", [one["serviceAccountToken"]["expirationSeconds"] for one in tokens], [7200])
    expect("sidecars", [one["name"] for one in pod["spec"]["initContainers"]], ["stsidecar"])
    uri = variables(pod["spec"]["containers"][0])["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    holds("the application asks at the other port", ":19911/" in uri, uri)
    expect("where the sidecar listens", variables(own(pod))["STSIDECAR_LISTEN"], "localhost:19911")
    served = until("the copy calls with credentials", lambda: calls(place, "copy"), 30)
    same = copied(running, "same")
    place.create(same)
    context.cluster.ready(place.namespace, "same")
    return f"a copy with another token lifetime and port: {served} calls; a copy with nothing changed is ready"


def copied(running: dict, name: str) -> dict:
    """What is left of `kubectl get pod -o yaml` for a manifest."""
    made = copy.deepcopy(running)
    made.pop("status", None)
    for key in WRITTEN:
        made["metadata"].pop(key, None)
    made["spec"].pop("nodeName", None)
    made["metadata"]["name"] = name
    return {"apiVersion": "v1", "kind": "Pod", **made}


def own(pod: dict) -> dict:
    return next(one for one in pod["spec"]["initContainers"] if one["name"] == "stsidecar")


def variables(container: dict) -> dict[str, str]:
    """The last of each name, as the kubelet takes it."""
    return {one["name"]: one.get("value", "") for one in container.get("env", [])}
