"""Asks that nothing reads are answered by the API server itself, at the command that makes them: asks."""

import json

import yaml

from real.processes import until

from . import store
from .cluster import Cluster
from .context import Context
from .workloads import PREFIX, expect, holds

PLAIN = {"containers": [{"name": "app", "image": "none"}]}


def warnings(cluster: Cluster, *arguments: str, stdin: str | None = None) -> list[str]:
    """The warnings that kubectl prints with a command that succeeds."""
    done = cluster.try_kubectl(*arguments, stdin=stdin)
    expect(f"exit code of kubectl {' '.join(arguments)}, which says {done.stderr.strip()}", done.returncode, 0)
    return [line for line in done.stderr.splitlines() if line.startswith("Warning:") and "ValidatingAdmissionPolicy" in line]


def asks(context: Context) -> str:
    """A wrong word at a Namespace, ServiceAccount, Deployment or Pod is warned of where it is typed, once; a right one never"""
    cluster, place = context.cluster, context.place("asks", labels={})
    space = place.namespace
    label = ("label", "namespace", space, "--overwrite")
    # The API server learns of a policy a moment after it was made.
    until("a wrong word is warned of", lambda: warnings(cluster, *label, "--dry-run=server", f"{PREFIX}injection=Enabled"), 30)
    seen = {
        "namespace": warnings(cluster, *label, f"{PREFIX}injection=true"),
        "account": warnings(cluster, "-n", space, "annotate", "serviceaccount", "default", f"{PREFIX}inject=true"),
    }
    said_once(seen["namespace"], 'stsidecar.dev/injection is "true"; allowed: enabled')
    said_once(seen["account"], "stsidecar.dev/inject is not read")
    silent = [
        warnings(cluster, *label, "example.org/other=x"),
        warnings(cluster, "-n", space, "annotate", "serviceaccount", "default", "example.org/other=x"),
        warnings(cluster, *label, f"{PREFIX}injection-"),
        warnings(cluster, "-n", space, "annotate", "serviceaccount", "default", f"{PREFIX}inject-"),
    ]
    metadata = {"name": "app", "namespace": space, "annotations": {f"{PREFIX}role-arn": store.arn("e2e-asks")}}
    pod = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": PLAIN})
    seen["pod"] = warnings(cluster, "create", "--dry-run=server", "-f", "-", stdin=pod)
    said_once(seen["pod"], "nothing asks for injection")
    template = {"metadata": {"labels": {"app": "app"}, "annotations": metadata["annotations"]}, "spec": PLAIN}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "app"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": space}, "spec": spec}
    seen["deployment"] = warnings(cluster, "apply", "-f", "-", stdin=yaml.safe_dump(deployment))
    said_once(seen["deployment"], "nothing asks for injection")
    finalizer = json.dumps({"metadata": {"finalizers": ["example.org/wait"]}})
    for patch in (finalizer, json.dumps({"metadata": {"finalizers": None}})):
        silent.append(warnings(cluster, "-n", space, "patch", "deployment", "app", "--type=merge", "--patch", patch))
    silent.append(warnings(cluster, *label, f"{PREFIX}injection=enabled"))
    expect("warnings about what is right, or was there before", [one for one in silent if one], [])
    return f"{type_checked(cluster)} policies without a complaint of the type checker; {seen['namespace'][0]}"


def said_once(warned: list[str], text: str) -> None:
    """One warning, and it holds a text."""
    holds(f"one warning says {text!r}", len(warned) == 1 and text in warned[0], warned)


def type_checked(cluster: Cluster) -> int:
    """How many policies of ours there are, each of which the API server's type checker finds right."""
    selected = ("-l", "app.kubernetes.io/name=stsidecar", "-o", "json")

    def checked() -> list[dict] | None:
        policies = json.loads(cluster.kubectl("get", "validatingadmissionpolicies", *selected))["items"]
        done = [one for one in policies if one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]]
        return policies if policies and len(done) == len(policies) else None

    policies = until("the type checker has seen each policy", checked, 60)
    complaints = [one["status"].get("typeChecking", {}).get("expressionWarnings", []) for one in policies]
    expect("complaints of the type checker", [one for one in complaints if one], [])
    return len(policies)
