"""Whether Kubernetes would take an object: its own schemas, and rules of ours for kinds of strangers."""

import logging
from collections.abc import Iterator

import kubernetes_validate

# Kubernetes 1.30, the oldest that the chart supports, to the newest that the validator knows.
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]

ENDPOINT = {"port", "path", "interval", "scrapeTimeout", "relabelings", "metricRelabelings"}
# Fields that the objects of other projects may have in our chart, by path; their own schemas are not published
# anywhere that a test could fetch them from. `*` stands for each entry of a list.
OTHER_PROJECTS = {
    ("monitoring.coreos.com/v1", "PodMonitor"): {
        "spec": {"namespaceSelector", "selector", "podTargetLabels", "podMetricsEndpoints"},
        "spec.namespaceSelector": {"any", "matchNames"},
        "spec.selector": {"matchLabels"},
        "spec.podMetricsEndpoints.*": ENDPOINT,
    },
    ("monitoring.coreos.com/v1", "PrometheusRule"): {
        "spec": {"groups"},
        "spec.groups.*": {"name", "rules"},
        "spec.groups.*.rules.*": {"alert", "record", "expr", "for", "labels", "annotations"},
    },
    ("cert-manager.io/v1", "Issuer"): {
        "spec": {"selfSigned", "ca"},
        "spec.ca": {"secretName"},
        "spec.selfSigned": set(),
    },
    ("cert-manager.io/v1", "Certificate"): {
        "spec": {"isCA", "commonName", "secretName", "duration", "renewBefore", "privateKey", "issuerRef", "dnsNames", "usages"},
        "spec.privateKey": {"algorithm", "size", "rotationPolicy"},
        "spec.issuerRef": {"name", "kind", "group"},
    },
}


def at(value, path: list[str]) -> Iterator:
    """Every value at a path."""
    if not path:
        yield value
    elif path[0] == "*":
        for entry in value or []:
            yield from at(entry, path[1:])
    elif path[0] in value:
        yield from at(value[path[0]], path[1:])


def check_stranger(manifest: dict) -> None:
    """Refuses a field that the kind's project does not know."""
    allowed = OTHER_PROJECTS.get((manifest["apiVersion"], manifest["kind"]))
    assert allowed, f"no test knows {manifest['apiVersion']} {manifest['kind']}"
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}, set(manifest)
    for path, fields in allowed.items():
        for found in at(manifest, path.split(".")):
            assert set(found) <= fields, f"{manifest['kind']} {path}: {set(found) - fields}"


def check(manifest: dict, version: str) -> None:
    """Validates one object against the schemas of one version; unknown fields are refused."""
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if (manifest["apiVersion"], manifest["kind"]) in OTHER_PROJECTS:
        check_stranger(manifest)
        return
    logging.disable(logging.CRITICAL)
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except Exception as refusal:
        raise AssertionError(f"{name} is refused by Kubernetes {version}: {str(refusal).splitlines()[0]}") from refusal
    finally:
        logging.disable(logging.NOTSET)


def pods(manifest: dict) -> Iterator[dict]:
    """The pod specifications in an object."""
    if manifest["kind"] == "Pod":
        yield manifest["spec"]
    elif manifest["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
        yield manifest["spec"]["template"]["spec"]


# What `restricted` of the Pod Security Standards allows as volumes.
RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def check_restricted(pod: dict, *, assigned_user: bool = False) -> None:
    """The rules of `restricted`, as the API server's own plug-in has them; and a read-only root besides."""
    assert not any(pod.get(key) for key in ("hostPID", "hostIPC"))
    for volume in pod.get("volumes", []):
        assert set(volume) - {"name"} <= RESTRICTED_VOLUMES, volume
    outer = pod.get("securityContext", {})
    for container in pod.get("initContainers", []) + pod["containers"]:
        context = {**outer, **container["securityContext"]}
        name = container["name"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"]["drop"] == ["ALL"] and "add" not in context["capabilities"], name
        assert context["runAsNonRoot"] is True and context.get("runAsUser") != 0, name
        assert context["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not context.get("privileged"), name
        if name != "app":  # the examples' application is its author's
            assert context["readOnlyRootFilesystem"] is True, name
            assert assigned_user != ("runAsUser" in context), f"{name}: {context}"
            assert {"requests", "limits"} >= set(container.get("resources", {})), name
            assert "cpu" not in container.get("resources", {}).get("limits", {}), "a CPU limit throttles"
