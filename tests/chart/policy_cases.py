"""What the chart's policies say to who asks: nothing about what works, and how to ask about what does not."""

import copy
import subprocess

import yaml

from chart.admission import Policies
from chart.helm import NAMESPACE, documents
from chart.render_cases import refuses
from real.bootstrap import agent_binary

PREFIX = "stsidecar.dev/"
ASKING = {"inject": "true", "role-arn": "arn:aws:iam::111122223333:role/x"}
SILENT = {"role-arn": ASKING["role-arn"]}
ON = ("--set=validatingPolicies.workloads.enabled=true",)


def keyed(short: dict | None) -> dict:
    """With our prefix, where a key has none of its own."""
    return {key if "/" in key or key.startswith("stsidecar") else PREFIX + key: value for key, value in (short or {}).items()}


def metadata(name: str, annotations: dict | None, labels: dict | None) -> dict:
    """Metadata as the API server has it: without what is empty."""
    made = {"name": name, "annotations": keyed(annotations), "labels": keyed(labels)}
    return {key: value for key, value in made.items() if value}


def space(labels: dict | None = None, annotations: dict | None = None, name: str = "team") -> dict:
    """A Namespace."""
    made = metadata(name, annotations, labels)
    made["labels"] = {"kubernetes.io/metadata.name": name, **made.get("labels", {})}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": made}


def account(annotations: dict | None = None, labels: dict | None = None) -> dict:
    """A ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("app", annotations, labels)}


def workload(annotations: dict | None = None, labels: dict | None = None, kind: str = "Deployment", own: dict | None = None, **spec) -> dict:
    """A pod, or a workload whose template has these annotations and labels; `own` are the workload's own annotations."""
    inner = {"containers": [{"name": "app", "image": "app"}], **spec}
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata("app", annotations, labels), "spec": inner}
    template = {"metadata": metadata("", annotations, labels), "spec": inner}
    outer = {"jobTemplate": {"spec": {"template": template}}} if kind == "CronJob" else {"template": template}
    version = "batch/v1" if kind in ("CronJob", "Job") else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata("app", own, None), "spec": outer}


def expect(policies: Policies, what: str, parts: list[str], *request, **more) -> None:
    """Asserts that there is one message for each part, and holds it."""
    said = policies.said(*request, **more)
    assert len(said) == len(parts) and all(part in text for part, text in zip(parts, said)), f"{what}: {said}, not {parts}"


KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
PLAIN, ENABLED, DISABLED = space(), space({"injection": "enabled"}), space({"injection": "disabled"})
SYSTEM, OPTED_IN = space(name="kube-system"), space({"injection": "enabled"}, name="kube-system")
OWN = space({"injection": "enabled"}, name=NAMESPACE)
# What is created, where, and what is said about it.
CREATED = [
    ("nothing of ours", {}, {}, PLAIN, []),
    ("asked by annotation", ASKING, {}, PLAIN, []),
    ("asked by label", SILENT, {"inject": "true"}, PLAIN, []),
    ("asked by its namespace", SILENT, {}, ENABLED, []),
    ("declined", {**SILENT, "inject": "false"}, {}, PLAIN, []),
    ("a role that nothing asks for", SILENT, {}, PLAIN, ["stsidecar.dev/role-arn has no effect, because nothing asks for injection"]),
    ("the same in a disabled namespace", SILENT, {}, DISABLED, ["nothing asks for injection"]),
    ("asked in a disabled namespace", ASKING, {}, DISABLED, ["labelled stsidecar.dev/injection=disabled"]),
    ("asked in kube-system", ASKING, {}, SYSTEM, ["in namespace kube-system until it is labelled stsidecar.dev/injection=enabled"]),
    ("asked in kube-system that opted in", ASKING, {}, OPTED_IN, []),
    ("a role in kube-system that opted in", SILENT, {}, OPTED_IN, ['add stsidecar.dev/inject: "true"']),
    ("asked in the release's namespace", ASKING, {}, OWN, [f"in namespace {NAMESPACE}, which never reaches the webhook"]),
    ("a typo", {**ASKING, "role-anr": "x"}, {}, PLAIN, ["unknown annotation stsidecar.dev/role-anr"]),
    ("another prefix", {"stsidecar.io/inject": "true"}, {}, PLAIN, ["unknown annotation stsidecar.io/inject"]),
    ("the namespace's key as an annotation", {"injection": "enabled"}, {}, PLAIN, ["unknown annotation stsidecar.dev/injection", "has no effect"]),
    ("the namespace's key as a label", {}, {"injection": "enabled"}, PLAIN, ["label stsidecar.dev/injection is not read from a pod"]),
    ("a setting as a label", ASKING, {"region": "eu-central-1"}, PLAIN, ["label stsidecar.dev/region is not read from a pod"]),
    ("the injector's mark as a request", {}, {"injected": "true"}, PLAIN, ["label stsidecar.dev/injected is not read from a pod"]),
    ("a wrong word", {**SILENT, "inject": "yes"}, {}, PLAIN, ['inject is "yes"; allowed: "true", "false"']),
    ("a wrong case", {**SILENT, "inject": "True"}, {}, ENABLED, ['inject is "True"']),
    ("an empty word", {**SILENT, "inject": ""}, {}, PLAIN, ['inject is ""']),
    ("a wrong word as a label", SILENT, {"inject": "enabled"}, ENABLED, ['inject is "enabled"']),
]


def created():
    """The author of a workload or a pod is warned of each request for injection that does nothing, and of nothing else"""
    policies = Policies(*ON)
    for kind in KINDS:
        for what, annotations, labels, where, parts in CREATED:
            expect(policies, f"{kind}, {what}", parts, workload(annotations, labels, kind), namespace=where)
        expect(policies, f"{kind} on the host's network", ["hostNetwork"], workload(ASKING, kind=kind, hostNetwork=True), namespace=PLAIN)
        expect(policies, f"{kind} of the host", [], workload(kind=kind, hostNetwork=True), namespace=ENABLED)
        if kind != "Pod":
            own = workload(ASKING, kind=kind, own={"role-arn": "x", "region": "x"})
            expect(policies, f"{kind} with its own", ["stsidecar.dev/region on the workload itself is not read"], own, namespace=PLAIN)
    of_job_template = workload(kind="CronJob")
    of_job_template["spec"]["jobTemplate"]["metadata"] = metadata("", SILENT, None)
    expect(policies, "on the job's template", ["stsidecar.dev/role-arn on the workload itself"], of_job_template, namespace=PLAIN)
    owned = workload({"nonsense": "x"}, kind="Pod")
    owned["metadata"]["ownerReferences"] = [{"controller": True}]
    expect(policies, "a controller's pod", [], owned, namespace=PLAIN)
    return f"{len(CREATED)} requests x {len(KINDS)} kinds"


def injected_by_hand():
    """What `stsidecar inject` prints passes, wherever it is applied and however often"""
    policies, count = Policies(*ON), 0
    for kind in KINDS:
        manifest = yaml.safe_dump(workload(SILENT, kind=kind))
        command = [agent_binary(), "inject", "--region=eu-central-1", "--namespace=team"]
        done = subprocess.run(command, input=manifest, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        for found in documents(done.stdout):
            assert "stsidecar.dev/status" in str(found)
            for where in (PLAIN, ENABLED, DISABLED, SYSTEM, OWN):
                expect(policies, f"{kind} in {where['metadata']}", [], found, namespace=where)
                if kind != "Pod":
                    expect(policies, f"{kind} made so", [], found, old=workload(SILENT, kind=kind), namespace=where)
                    expect(policies, f"{kind} again", [], found, old=found, namespace=where)
            count += 1
    return f"{count} manifests"


def updated():
    """An update is refused for what it makes worse, never for an image, a finalizer or a repair"""
    policies = Policies(*ON, "--set=validatingPolicies.workloads.action=Deny")
    assert "Deny" in policies.actions()
    for kind in (kind for kind in KINDS if kind != "Pod"):
        for what, annotations, labels, where, parts in CREATED:
            old = workload(annotations, labels, kind)
            new = copy.deepcopy(old)
            new["metadata"]["finalizers"] = ["example.org/wait"]
            expect(policies, f"{kind} with a finalizer, {what}", [], new, old=old, namespace=where)
            expect(policies, f"{kind} made so, {what}", parts, old, old=workload(kind=kind), namespace=where)
            expect(policies, f"{kind} repaired, {what}", [], workload(kind=kind), old=old, namespace=where)
            expect(policies, f"{kind} with an image, {what}", [], workload(annotations, labels, kind, nodeName="x"), old=old, namespace=where)
        for own in ({"region": "x"}, {"role-arn": "x"}):
            old = workload(kind=kind, own=own)
            expect(policies, f"{kind} with its own", [], old, old=old, namespace=PLAIN)
            more = workload(kind=kind, own={**own, "inject": "true"})
            expect(policies, f"{kind} with more of its own", ["stsidecar.dev/inject on the workload"], more, old=old, namespace=PLAIN)
        host = workload(ASKING, kind=kind, hostNetwork=True)
        expect(policies, f"{kind} of the host again", [], host, old=host, namespace=PLAIN)
        expect(policies, f"{kind} of the host that asks now", ["hostNetwork"], host, old=workload(kind=kind, hostNetwork=True), namespace=PLAIN)
        expect(policies, f"{kind} that asked", ["stsidecar.dev/role-arn has no effect"], workload(SILENT, kind=kind), old=workload(ASKING, kind=kind), namespace=PLAIN)
        more = workload({**SILENT, "region": "x"}, kind=kind)
        expect(policies, f"{kind} with more that does nothing", ["stsidecar.dev/region has no effect"], more, old=workload(SILENT, kind=kind), namespace=PLAIN)
        other = workload({"inject": "Yes"}, kind=kind)
        expect(policies, f"{kind} with another wrong word", ['"Yes"'], other, old=workload({"inject": "yes"}, kind=kind), namespace=PLAIN)


def running_pods():
    """The author of an annotation on a pod that runs is warned that it comes too late"""
    policies, pod = Policies(*ON), workload(kind="Pod")
    for annotations, labels in (({"inject": "true"}, {}), ({}, {"inject": "true"}), ({"role-arn": "x"}, {})):
        said = policies.said(workload(annotations, labels, "Pod"), old=pod, namespace=ENABLED)
        assert len(said) == 1 and "only when a pod is created" in said[0], said
    asking = workload(ASKING, kind="Pod")
    expect(policies, "another image", [], workload(ASKING, kind="Pod", nodeName="x"), old=asking, namespace=PLAIN)
    expect(policies, "a status", [], asking, old=pod, namespace=PLAIN, subresource="status")
    expect(policies, "another label", [], workload(ASKING, {"example.org/app": "x"}, "Pod"), old=asking, namespace=PLAIN)


SAYS = "a Namespace asks with the label stsidecar.dev/injection=enabled"
# Labels and annotations of a Namespace, and what is said about them.
NAMESPACES = [
    ({}, {}, []),
    ({"injection": "enabled"}, {}, []),
    ({"injection": "disabled"}, {}, []),
    ({"example.org/team": "stsidecar"}, {"example.org/stsidecar": "x"}, []),
    ({"injection": "enabled"}, {"region": "x", "sts-endpoint": "x", "session-duration": "1h", "audience": "x"}, []),
    *[({"injection": value}, {}, [f'stsidecar.dev/injection is "{value}"; allowed: enabled']) for value in ("true", "Enabled", "ENABLED", "yes", "")],
    ({"inject": "true"}, {}, [f"label stsidecar.dev/inject is not read: {SAYS}"]),
    ({"injected": "true"}, {}, [f"label stsidecar.dev/injected is not read: {SAYS}"]),
    ({"Injection": "enabled"}, {}, [f"label stsidecar.dev/Injection is not read: {SAYS}"]),
    ({"region": "x"}, {}, ["label stsidecar.dev/region is not read"]),
    ({"stsidecar-injection": "enabled"}, {}, [f"label stsidecar-injection is not read: {SAYS}"]),
    ({"stsidecar.io/injection": "enabled"}, {}, [f"label stsidecar.io/injection is not read: {SAYS}"]),
    ({}, {"injection": "enabled"}, [f"annotation stsidecar.dev/injection is not read: {SAYS}"]),
    ({}, {"inject": "true"}, ["annotation stsidecar.dev/inject is not read"]),
    ({}, {"role-arn": "x"}, ["annotation stsidecar.dev/role-arn is not read"]),
    ({}, {"regoin": "x"}, ["annotation stsidecar.dev/regoin is not read"]),
    ({"injection": "true", "inject": "true"}, {"role-arn": "x"}, ['is "true"', "label stsidecar.dev/inject", "annotation stsidecar.dev/role-arn"]),
]
# The same of a ServiceAccount.
ACCOUNTS = [
    ({}, {}, []),
    ({}, {"role-arn": "x", "region": "x", "audience": "x", "token-expiration": "3600", "eks.amazonaws.com/role-arn": "x"}, []),
    ({"inject": "true"}, {}, ["label stsidecar.dev/inject is not read"]),
    ({"injection": "enabled"}, {}, ["label stsidecar.dev/injection is not read"]),
    ({"role-arn": "x"}, {}, ["label stsidecar.dev/role-arn is not read"]),
    ({}, {"inject": "true"}, ["annotation stsidecar.dev/inject is not read"]),
    ({}, {"role": "x"}, ["annotation stsidecar.dev/role is not read"]),
    ({}, {"session-name": "x"}, ["annotation stsidecar.dev/session-name is not read"]),
    ({}, {"stsidecar/role-arn": "x"}, ["annotation stsidecar/role-arn is not read"]),
]


def namespaces():
    """The warning for a wrong word on a Namespace or ServiceAccount names the right one, once"""
    policies = Policies()
    assert policies.actions() == {"Warn"}, "by default, and nothing is refused"
    for make, plain, table in ((space, space(), NAMESPACES), (account, account(), ACCOUNTS)):
        for labels, annotations, parts in table:
            made = make(labels=labels, annotations=annotations)
            what = f"{made['kind']} {labels} {annotations}"
            expect(policies, what, parts, made, namespace=PLAIN)
            expect(policies, f"{what}, later", parts, made, old=plain, namespace=PLAIN)
            other = copy.deepcopy(made)
            other["metadata"].setdefault("annotations", {})["example.org/other"] = "x"
            expect(policies, f"{what}, something else changes", [], other, old=made, namespace=PLAIN)
            expect(policies, f"{what}, taken off", [], plain, old=made, namespace=PLAIN)
    again = space({"injection": "Enabled"})
    expect(policies, "another wrong word", ['is "Enabled"'], again, old=space({"injection": "true"}))
    for name, parts in (("kube-public", ["kube-public never reaches the webhook"]), (NAMESPACE, ["never reaches"]), ("kube-system", [])):
        expect(policies, name, parts, space({"injection": "enabled"}, name=name))
    return f"{len(NAMESPACES)} Namespaces, {len(ACCOUNTS)} ServiceAccounts"


def accounts():
    """The author of a role on a ServiceAccount is warned where its namespace never gets pods injected"""
    policies, role = Policies(), account(SILENT)
    for where, parts in [
        (PLAIN, []),
        (ENABLED, []),
        (OPTED_IN, []),
        (DISABLED, ["role-arn has no effect in namespace team, which is labelled stsidecar.dev/injection=disabled"]),
        (SYSTEM, ["role-arn has no effect in namespace kube-system until it is labelled"]),
        (OWN, [f"role-arn has no effect in namespace {NAMESPACE}, which never reaches the webhook"]),
    ]:
        what = where["metadata"]
        expect(policies, f"made in {what}", parts, role, namespace=where)
        expect(policies, f"annotated in {what}", parts, role, old=account(), namespace=where)
        expect(policies, f"there before in {what}", [], account({**SILENT, "example.org/x": "x"}), old=role, namespace=where)
        expect(policies, f"of IRSA in {what}", [], account({"eks.amazonaws.com/role-arn": "x"}), namespace=where)
        expect(policies, f"taken off in {what}", [], account(), old=role, namespace=where)
    expect(policies, "a typo", ["role-anr is not read"], account({"role-anr": "x"}), namespace=DISABLED)
    left_out = Policies(*SELECTED)
    expect(left_out, "left out", ["which injector.webhook.namespaceSelector of the chart leaves out"], role, namespace=PLAIN)


SELECTED = (
    '--set-json=injector.webhook.namespaceSelector={"matchLabels":{"tier":"apps"},"matchExpressions":[{"key":"env","operator":"NotIn","values":["test"]}]}',
    '--set-json=injector.webhook.objectSelector={"matchExpressions":[{"key":"sidecar","operator":"DoesNotExist"},{"key":"kind","operator":"In","values":["a","b"]},{"key":"team","operator":"Exists"}]}',
)
LEAVES = "of the chart leaves"
# Labels of a Namespace and of a pod, what the pod says, and what is said about it.
SELECTORS = [
    ({"tier": "apps"}, {"kind": "a", "team": "x"}, ASKING, []),
    ({"tier": "apps", "env": "prod"}, {"kind": "b", "team": "x"}, ASKING, []),
    ({}, {"kind": "a", "team": "x"}, ASKING, [f"in namespace team, which injector.webhook.namespaceSelector {LEAVES} out"]),
    ({"tier": "web"}, {"kind": "a", "team": "x"}, ASKING, [f"which injector.webhook.namespaceSelector {LEAVES} out"]),
    ({"tier": "apps", "env": "test"}, {"kind": "a", "team": "x"}, ASKING, [f"which injector.webhook.namespaceSelector {LEAVES} out"]),
    ({"tier": "apps"}, {"kind": "c", "team": "x"}, ASKING, [f"because injector.webhook.objectSelector {LEAVES} its labels out"]),
    ({"tier": "apps"}, {"kind": "a"}, ASKING, [f"because injector.webhook.objectSelector {LEAVES} its labels out"]),
    ({"tier": "apps"}, {"kind": "a", "team": "x", "sidecar": ""}, ASKING, [f"because injector.webhook.objectSelector {LEAVES} its labels out"]),
    ({"tier": "apps", "stsidecar.dev/injection": "enabled"}, {"kind": "a", "team": "x"}, SILENT, []),
    ({"tier": "web", "stsidecar.dev/injection": "enabled"}, {"kind": "a", "team": "x"}, SILENT, ["role-arn has no effect in namespace team, which injector.webhook"]),
    ({"tier": "apps"}, {"kind": "a", "team": "x"}, SILENT, ["nothing asks for injection"]),
    ({"tier": "web"}, {}, {}, []),
]


def selected():
    """The author of a request that the chart's own selectors leave out is warned too"""
    policies = Policies(*ON, *SELECTED)

    def made(labels: dict, annotations: dict, kind: str) -> dict:
        found = workload(annotations, kind=kind)
        (found if kind == "Pod" else found["spec"]["template"])["metadata"]["labels"] = labels
        return found

    for kind in ("Deployment", "Pod"):
        for of_space, of_pod, annotations, parts in SELECTORS:
            where = space()
            where["metadata"]["labels"] |= of_space
            what = f"{kind} {of_pod} in {of_space}"
            expect(policies, what, parts, made(of_pod, annotations, kind), namespace=where)
            if kind != "Pod":
                expect(policies, f"{what} again", [], made(of_pod, annotations, kind), old=made(of_pod, annotations, kind), namespace=where)
    good, bad = {"kind": "a", "team": "x"}, {"kind": "c", "team": "x"}
    where = space()
    where["metadata"]["labels"]["tier"] = "apps"
    expect(policies, "a label that takes it out", [f"objectSelector {LEAVES}"], made(bad, ASKING, "Deployment"), old=made(good, ASKING, "Deployment"), namespace=where)
    expect(policies, "a Namespace", [f"namespaceSelector {LEAVES}"], space({"injection": "enabled"}))
    where["metadata"]["labels"]["stsidecar.dev/injection"] = "enabled"
    expect(policies, "a Namespace that is selected", [], where)
    return f"{len(SELECTORS)} requests"


def ephemeral():
    """An ephemeral container that mounts our volumes is refused, and one that is there already stops no other"""
    policies = Policies("--set=validatingPolicies.ephemeralContainers.enabled=true")

    def pod(*mounts: list[str]) -> dict:
        containers = [
            {"name": f"debugger-{number}", "image": "x", **({"volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in names]} if names else {})}
            for number, names in enumerate(mounts)
        ]
        return workload(kind="Pod", **({"ephemeralContainers": containers} if containers else {}))

    plain, data, token, endpoints = [], ["data"], ["data", "stsidecar-token"], ["stsidecar-endpoints"]
    for old, new, parts in [
        (pod(), pod(plain), []),
        (pod(), pod(data), []),
        (pod(), pod(token), ["stsidecar-*"]),
        (pod(plain), pod(plain, endpoints), ["stsidecar-*"]),
        (pod(token), pod(token), []),
        (pod(token), pod(token, data), []),
        (pod(token), pod(token, plain, endpoints), ["stsidecar-*"]),
    ]:
        expect(policies, str(new), parts, new, old=old, namespace=PLAIN, subresource="ephemeralcontainers")


def switches():
    """Warn is the default; each policy can refuse instead, or be left out; without an injector there is none"""
    assert len(Policies().said(workload(SILENT), namespace=PLAIN)) == 1
    assert len(Policies("--set=validatingPolicies.workloads.enabled=false").said(workload(SILENT), namespace=PLAIN)) == 0
    assert len(Policies("--set=validatingPolicies.namespaces.enabled=false").said(space({"injection": "x"}))) == 0
    assert Policies("--set=validatingPolicies.namespaces.action=Deny").actions() == {"Warn", "Deny"}
    assert Policies("--set=injector.enabled=false").actions() == set()
    refuses("validatingPolicies", "--set=validatingPolicies.namespaces.action=Audit")
    alone = Policies("--set=injector.webhook.optInNamespaces=null")
    expect(alone, "kube-system that has no choice", ["never reaches the webhook"], space({"injection": "enabled"}, name="kube-system"))
    expect(alone, "asked there", ["never reaches the webhook"], workload(ASKING), namespace=OPTED_IN)


CASES = [created, injected_by_hand, updated, running_pods, namespaces, accounts, selected, ephemeral, switches]
