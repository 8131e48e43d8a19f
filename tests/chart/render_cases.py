"""What Helm renders: as reviewed, valid for Kubernetes, safe, and the same for everybody."""

import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from textwrap import indent

import yaml

from chart import kinds
from chart.helm import CHART, HELMS, HERE, NAMESPACE, OPERATORS, VALUES, Refused, at_once, compare, difference, documents, helm, normal, objects, of_file, template

# With a suffix, as EKS and GKE have it.
CLUSTERS = ["1.30.0", "1.33.5-eks-3025e55", "1.37.0"]


def lint():
    """helm lint --strict finds nothing, with either Helm and every values file"""
    runs = list(product(HELMS, VALUES))
    at_once(lambda run: helm(run[0], "lint", "--strict", str(CHART), f"--values={run[1]}"), runs)
    return f"{len(runs)} runs"


# Rendered wholly otherwise than the defaults: kept whole. Of the others, the difference from the defaults is kept.
WHOLE = {"default", "full", "monitoring-only"}


def goldens():
    """What is rendered is what was reviewed, the same with Helm 3 and 4"""
    # A file that is rendered as it is: the golden names it.
    dashboard = indent((CHART / "files" / "dashboard.json").read_text().strip(), "    ")

    def rendered(major: str, values: Path) -> str:
        return normal(template(major, *of_file(values))).replace(dashboard, "    (files/dashboard.json)")

    default = rendered("helm4", HERE / "values" / "default.yaml")
    for values in VALUES:
        three, four = at_once(lambda major: rendered(major, values), HELMS)
        assert three == four, f"Helm 3 and 4 render {values.name} differently"
        if values.stem in WHOLE:
            compare(HERE / f"{values.stem}.golden.yaml", four)
        else:
            compare(HERE / f"{values.stem}.golden.diff", difference(default, four))
    names = {f"{values.stem}.golden.{'yaml' if values.stem in WHOLE else 'diff'}" for values in VALUES}
    assert (left := {path.name for path in HERE.glob("*.golden.*")} - names) == set(), f"compared with nothing: {left}"
    return f"{len(VALUES)} goldens"


def clusters():
    """The version of the cluster changes nothing, but before 1.30 the chart is refused"""
    runs = list(product(HELMS, VALUES, CLUSTERS))

    def run(one):
        major, values, version = one
        same = normal(template(major, *of_file(values), f"--kube-version={version}")) == normal(template(major, *of_file(values)))
        assert same, f"{values.name} on {version} with {major}"

    at_once(run, runs)
    for major in HELMS:
        refuses("chart requires kubeVersion: >=1.30.0-0", "--kube-version=1.29.9", major=major)
    return f"{len(runs)} renderings"


def refuses(text: str, *arguments: str, major: str = "helm4") -> None:
    """Asserts that Helm refuses, and that its message holds a text."""
    try:
        template(major, *arguments)
    except Refused as refusal:
        assert text in str(refusal), f"{arguments}: {refusal}"
        return
    raise AssertionError(f"{major} accepts {arguments}")


def schemas():
    """Kubernetes 1.30 to the newest takes every object, strictly"""
    distinct = {json.dumps(found, sort_keys=True) for values in VALUES for found in objects(*of_file(values)).values()}
    manifests = [json.loads(text) for text in distinct]
    for manifest, version in product(manifests, kinds.VERSIONS):
        kinds.check(manifest, version)
    try:
        kinds.check({**manifests[0], "unknownField": 1}, kinds.VERSIONS[0])
    except AssertionError:
        return f"{len(manifests)} objects x {len(kinds.VERSIONS)} versions"
    raise AssertionError("an unknown field is not noticed: this case proves nothing")


# More than a day apart, so that no rendering of a date is the same in both.
ZONES = ("Pacific/Pago_Pago", "Pacific/Kiritimati")


def differs(chart: Path, *arguments: str) -> bool:
    """Whether two renderings differ."""
    one, other = at_once(lambda zone: helm("helm4", "template", "stsidecar", str(chart), f"--namespace={NAMESPACE}", *arguments, zone=zone), ZONES)
    return one != other


def reproducible():
    """Nothing is random, of a moment or written by two: Argo CD sees no difference"""
    for major, values in product(HELMS, VALUES):
        one, other = (helm(major, "template", "stsidecar", str(CHART), f"--namespace={NAMESPACE}", *of_file(values), zone=zone) for zone in ZONES)
        assert one == other, f"{values.name} is rendered differently the second time"
    for values in VALUES:
        rendered = objects(*of_file(values))
        assert "caBundle:" not in template("helm4", *of_file(values))
        assert not any("data" in found or "stringData" in found for (kind, _), found in rendered.items() if kind == "Secret")
    kept = [name for kind, name in objects() if kind == "Secret"]
    assert kept == ["stsidecar-injector-tls"], kept
    # What no rendering without a cluster can show: there a look-up finds nothing. The one that looks renders nothing.
    uses = re.compile(r"\{\{[^}]*\b(?:lookup|stsidecar\.otherReleases)\b")
    found = {path.name for path in CHART.glob("templates/**/*") if path.is_file() and uses.search(path.read_text())}
    assert found == {"_helpers.tpl", "validate.yaml"}, f"{found} look something up"
    for code in ("{{ randAlphaNum 8 }}", '{{ shuffle "abcdefghijkl" }}', '{{ now | date "2006-01-02" }}', '{{ (genCA "ca" 1).Cert }}'):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(CHART, Path(folder) / "stsidecar"))
            (copy / "templates" / "chance.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chance}\ndata: {x: '%s'}\n" % code.replace("Cert }}", "Cert | b64enc }}"))
            assert differs(copy), f"{code} is not noticed: this case proves nothing"
    return f"{2 * len(VALUES)} renderings twice"


def permissions():
    """The injector may do what it needs, by name where that is possible"""
    for values in VALUES:
        for (kind, name), found in objects(*of_file(values)).items():
            if kind not in ("Role", "ClusterRole"):
                continue
            for rule in found["rules"]:
                assert "*" not in json.dumps(rule), f"{name}: {rule}"
                if {"secrets", "mutatingwebhookconfigurations"} & set(rule["resources"]):
                    assert rule["resourceNames"], f"{name}: {rule}"
    granted = {kind: [[*rule["resources"], *rule["verbs"]] for rule in objects()[kind, "stsidecar-injector"]["rules"]] for kind in ("ClusterRole", "Role")}
    webhooks = ["mutatingwebhookconfigurations", "get", "watch", "patch"]
    assert granted == {
        "ClusterRole": [["serviceaccounts", "namespaces", "get"], ["events", "create", "patch"], webhooks],
        "Role": [["secrets", "get", "watch", "update"]],
    }, granted
    managed = objects(*of_file(HERE / "values" / "cert-manager.yaml"))
    assert ("Role", "stsidecar-injector") not in managed, "with cert-manager no Secret is read through the API"
    assert managed["ClusterRole", "stsidecar-injector"]["rules"][-1] == objects()["ClusterRole", "stsidecar-injector"]["rules"][-1]


def modes():
    """Each certificate mode has a Secret of its own, and caBundle one kind of writer: no upgrade between them is refused or wipes it"""
    secrets = {}
    for mode in ("self", "certManager", "external"):
        rendered = objects(f"--set=injector.certs.mode={mode},injector.certs.external.secretName=mine")
        configuration = next(found for (kind, _), found in rendered.items() if kind == "MutatingWebhookConfiguration")
        annotations = configuration["metadata"].get("annotations", {})
        assert not [key for key in annotations if key.startswith("cert-manager.io/")], f"{mode}: cainjector overwrites caBundle: {annotations}"
        settings = yaml.safe_load(rendered["ConfigMap", "stsidecar-injector"]["data"]["config.yaml"])["injector"]
        secrets[mode] = settings["certs"]["secretName"]
        pod = rendered["Deployment", "stsidecar-injector"]["spec"]["template"]["spec"]
        mounted = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert mounted == ([] if mode == "self" else [secrets[mode]]), f"{mode}: {mounted}"
        issued = [found["spec"]["secretName"] for (kind, name), found in rendered.items() if (kind, name) == ("Certificate", "stsidecar-injector")]
        assert issued == ([secrets[mode]] if mode == "certManager" else []), f"{mode}: {issued}"
        made = [name for kind, name in rendered if kind == "Secret"]
        assert made == ([secrets[mode]] if mode == "self" else []), f"{mode}: {made}"
    # Helm takes over no Secret that cert-manager made, and removes its own under pods that still mount it.
    assert len(set(secrets.values())) == 3, secrets
    return str(secrets)


def patience():
    """An injector that waits, for the API server or its Secret, is not ready and not killed"""
    for values in VALUES:
        for (kind, _), found in objects(*of_file(values)).items():
            if kind == "Deployment":
                container = found["spec"]["template"]["spec"]["containers"][0]
                asked = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
                assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}, asked


def webhooks():
    """The webhooks can block only pods, or namespaces, that asked; never their own"""
    for values in VALUES:
        found = objects(*of_file(values))
        configuration = next((value for (kind, _), value in found.items() if kind == "MutatingWebhookConfiguration"), None)
        if configuration is None:
            assert values.stem == "monitoring-only"
            continue
        pods, namespaces = configuration["webhooks"][:2]
        assert [pods["name"], namespaces["name"]] == ["pods.stsidecar.dev", "namespaces.stsidecar.dev"]
        for webhook, wanted in ((pods, ("NotIn", ["disabled"])), (namespaces, ("In", ["enabled"]))):
            names, injection, *_ = webhook["namespaceSelector"]["matchExpressions"]
            assert {NAMESPACE, "kube-system"} <= set(names["values"]) and names["operator"] == "NotIn"
            assert (injection["key"], injection["operator"], injection["values"]) == ("stsidecar.dev/injection", *wanted)
            assert webhook["sideEffects"] == "None" and webhook["rules"][0]["operations"] == ["CREATE"]
            assert webhook["matchConditions"][1]["name"] == "is-not-a-mirror"
            assert all("namespaceObject" not in condition["expression"] for condition in webhook["matchConditions"])
        service = found["Service", pods["clientConfig"]["service"]["name"]]
        deployment = next(value for (kind, _), value in found.items() if kind == "Deployment")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
        check = next((value for (kind, _), value in found.items() if kind == "Pod"), None)
        assert check is None or not service["spec"]["selector"].items() <= check["metadata"]["labels"].items()
        assert check is None or not deployment["spec"]["selector"]["matchLabels"].items() <= check["metadata"]["labels"].items()


def opted_in():
    """A system namespace that is labelled gets pods injected that ask, and no webhook there can refuse a pod"""

    def webhooks(*arguments: str, namespace: str = NAMESPACE) -> list[dict]:
        rendered = documents(template("helm4", *arguments, namespace=namespace))
        return next(found["webhooks"] for found in rendered if found["kind"] == "MutatingWebhookConfiguration")

    for policy in ("Fail", "Ignore"):
        pods, _, system = webhooks(f"--set=injector.webhook.pods.failurePolicy={policy}")
        assert (system["name"], system["failurePolicy"]) == ("system.stsidecar.dev", "Ignore")
        names, injection = system["namespaceSelector"]["matchExpressions"]
        assert (names["operator"], names["values"]) == ("In", ["kube-system"])
        assert (injection["key"], injection["operator"], injection["values"]) == ("stsidecar.dev/injection", "In", ["enabled"])
        assert system["matchConditions"] == pods["matchConditions"], "the cluster's own pods, which do not ask, are never sent"
        same = ("clientConfig", "rules", "sideEffects", "timeoutSeconds", "reinvocationPolicy", "matchPolicy")
        assert all(system[key] == pods[key] for key in same)
    key = "injector.webhook.optInNamespaces"
    names = webhooks(f"--set={key}={{monitoring,kube-system}},injector.webhook.excludedNamespaces={{kube-system,kube-public}}")[2]["namespaceSelector"]
    assert names["matchExpressions"][0]["values"] == ["kube-system"], "monitoring is not excluded: the other webhooks serve it"
    for arguments, namespace in (([f"--set={key}=null"], NAMESPACE), (["--set=injector.webhook.excludedNamespaces=null"], NAMESPACE), ([], "kube-system")):
        assert len(webhooks(*arguments, namespace=namespace)) == 2, f"{arguments} in {namespace}"


def restricted():
    """Every pod of the chart may run where only restricted pods may"""
    for values in VALUES:
        for found in objects(*of_file(values)).values():
            for pod in kinds.pods(found):
                kinds.check_restricted(pod, assigned_user=values.stem == "openshift")
                assert pod["enableServiceLinks"] is False


def configuration():
    """config.yaml holds the chart's values where they were, and what the templates computed"""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for values in VALUES:
        own = yaml.safe_load(values.read_text()) or {}
        found = next((v for (k, n), v in objects(*of_file(values)).items() if k == "ConfigMap" and n.endswith("-injector")), None)
        if found is None:
            assert values.stem == "monitoring-only"
            continue
        config = yaml.safe_load(found["data"]["config.yaml"])
        assert set(config) == {"image", "agent", "injector"} and set(config["agent"]) == set(defaults["agent"])
        assert set(config["image"]) == set(defaults["image"]) and config["image"]["tag"] == "0.1.0"
        computed = {"namespace", "release", "serviceName", "webhookConfiguration", "excludedNamespaces", "clientCaFile"}
        taken = set(config["injector"]) - computed
        assert taken <= set(defaults["injector"]), taken
        for key in taken - {"certs"}:
            assert config["injector"][key] == own.get("injector", {}).get(key, defaults["injector"][key]), key
        assert NAMESPACE in config["injector"]["excludedNamespaces"]
        has_authority = bool(own.get("injector", {}).get("clientCA", {}).get("configMap"))
        assert ("clientCaFile" in config["injector"]) == has_authority, "asked for where the ConfigMap is mounted"
        mode = own.get("injector", {}).get("certs", {}).get("mode", "self")
        more = {"self": {"caDuration", "leafDuration"}, "certManager": {"renewBefore"}}.get(mode, set())
        assert set(config["injector"]["certs"]) == {"mode", "secretName"} | more
    assert config["agent"]["securityContext"] == {"runAsUser": None, "runAsGroup": None}, "a null reaches the injector"


def carried():
    """The webhook configuration carries the same configuration, and annotations of one's own beside it"""
    key = "stsidecar.dev/configuration"
    # What a shell, YAML, JSON and HTML would each write in a way of their own.
    odd = "--set-json=agent.extraEnv=" + json.dumps([{"name": "ODD", "value": "'\"\\ <&>\n\u00fc\U0001f600 #: {}"}])
    beside = "--set-json=injector.webhook.annotations=" + json.dumps({"own": "kept"})
    for arguments, major in product([*map(of_file, VALUES), (odd, beside)], HELMS):
        found = objects(*arguments, major=major)
        registration = found.get(("MutatingWebhookConfiguration", "stsidecar-injector"))
        if registration is None:
            assert ("Deployment", "stsidecar-injector") not in found
            continue
        annotations = registration["metadata"]["annotations"]
        config = yaml.safe_load(found["ConfigMap", "stsidecar-injector"]["data"]["config.yaml"])
        assert json.loads(annotations[key]) == config, f"{major} {arguments}"
        assert (annotations.get("own") == "kept") == (beside in arguments)
    refuses(f"injector.webhook.annotations: {key} is the chart's own", f'--set-json=injector.webhook.annotations={{"{key}":"x"}}')
    record = "stsidecar.dev/trusted-cas"
    refuses(f"injector.webhook.annotations: {record} is the injector's own", f'--set-json=injector.webhook.annotations={{"{record}":"x"}}')
    # All annotations of an object have 256 KiB, a ConfigMap has 1 MiB.
    for teams, is_carried in ((1500, True), (3000, False)):
        with many_teams(teams) as values:
            for major in HELMS:
                found = objects(values, major=major)
                annotations = found["MutatingWebhookConfiguration", "stsidecar-injector"]["metadata"].get("annotations") or {}
                assert (key in annotations) == is_carried, f"{major}: {teams} teams"
                assert sum(len(text) for text in annotations.values()) < 200 << 10
                config = yaml.safe_load(found["ConfigMap", "stsidecar-injector"]["data"]["config.yaml"])
                assert len(config["injector"]["allowedRoleArns"]) == teams


@contextmanager
def many_teams(count: int) -> Iterator[str]:
    """Values of a large cluster, as an argument of Helm."""
    rules = [{"namespaces": [f"team-{team:05}-production"], "roleArns": [f"arn:aws:iam::111122223333:role/team-{team:05}-*"]} for team in range(count)]
    with tempfile.NamedTemporaryFile("w", prefix="stsidecar-chart-", suffix=".yaml") as file:
        json.dump({"agent": {"region": "eu-central-1"}, "injector": {"allowedRoleArns": rules}, "tests": {"enabled": False}}, file)
        file.flush()
        yield f"--values={file.name}"


def notes():
    """NOTES.txt warns of what is missing, and ends in the next command"""
    with tempfile.TemporaryDirectory(prefix="stsidecar-chart-") as folder:
        chart = Path(folder) / "stsidecar"
        helm("helm4", "package", str(CHART), f"--destination={folder}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
            # What Helm has just packed; the argument that says so came with Python 3.11.4.
            package.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        text = (chart / "templates" / "NOTES.txt").read_text()
        (chart / "templates" / "notes.yaml").write_text(
            f'{{{{- define "notes" -}}}}{text}{{{{- end -}}}}\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: notes}}\ndata:\n  text: {{{{ include "notes" . | toJson }}}}\n'
        )

        def shown(*arguments: str) -> str:
            rendered = [documents(template(major, *arguments, "--show-only=templates/notes.yaml", chart=chart)) for major in HELMS]
            assert rendered[0] == rendered[1]
            return rendered[0][0]["data"]["text"].rstrip()

        plain = shown()
        assert plain.endswith(f"\n\n  helm test stsidecar --namespace {NAMESPACE}"), plain[-200:]
        assert "WARNING: agent.region is empty" in plain and plain.count("WARNING") == 1
        assert "WARNING" not in shown("--set=agent.region=eu-central-1", *OPERATORS)
        with many_teams(3000) as values:
            assert "WARNING: the values are too many" in shown(values, *OPERATORS)
        with many_teams(1500) as values:
            assert "WARNING" not in shown(values, *OPERATORS)
        # An STS of one's own needs no region: nothing is refused.
        assert "WARNING" not in shown("--set=agent.stsEndpoint=https://sts.example.com", *OPERATORS)
        poor = shown(
            "--set=injector.replicas=1,injector.certs.mode=certManager,metrics.podMonitor.enabled=true,tests.enabled=false",
            "--set=injector.webhook.pods.failurePolicy=Ignore,imagePullSecrets[0].name=x",
        )
        for part in ("with 1 replica(s)", "cert-manager.io/v1", "metrics.podMonitor was left out", "failurePolicy Ignore", "NOTE: imagePullSecrets"):
            assert part in poor, f"{part} is not in:\n{poor}"
        assert poor.splitlines()[-1].strip().startswith("kubectl"), poor
        assert shown("--set=injector.enabled=false").splitlines()[-1].strip().startswith("kubectl")
        # A list that leaves out the role of `helm test` would only be seen when that fails.
        rows = [("team-*", "*", True), ("*", "arn:aws:iam::111122223333:role/other-?", True), ("de?ault", "arn:aws:iam::*:role/stsidecar-check", False)]
        for namespaces, roles, excluded in rows:
            key = "injector.allowedRoleArns[0]"
            text = shown(f"--set={key}.namespaces[0]={namespaces},{key}.roleArns[0]={roles}", "--set=agent.region=eu-central-1")
            assert ("tests.roleArn" in text and "WARNING" in text) is excluded, f"{namespaces}, {roles}:\n{text}"
            named = shown(f"--set={key}.namespaces[0]={namespaces},{key}.roleArns[0]={roles},tests.enabled=false")
            assert "tests.roleArn" not in named, named
        # kubectl run makes a pod that is started again when its command has ended.
        runs = [line for line in plain.splitlines() if " run " in line]
        assert runs and all("--restart=Never" in line for line in runs), runs


def hooks(*arguments: str) -> dict[tuple[str, str], dict]:
    """What Helm creates at some moment of a release's life only."""
    return {key: value for key, value in objects(*arguments).items() if "helm.sh/hook" in value["metadata"].get("annotations", {})}


def helm_test():
    """All that helm test needs goes away with it, the failed pod excepted"""
    assert {kind for kind, _ in hooks()} == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Pod"}
    for (kind, _), found in hooks().items():
        annotations = found["metadata"]["annotations"]
        policy = set(annotations["helm.sh/hook-delete-policy"].split(","))
        assert policy == {"before-hook-creation", "hook-succeeded"} | (set() if kind == "Pod" else {"hook-failed"})
        assert kind == "Pod" or int(annotations["helm.sh/hook-weight"]) < 0, "the pod comes last"
    refuses("tests.namespace", "--set=tests.namespace=kube-system")


def uninstall():
    """helm uninstall creates nothing, so that no namespace that is gone and no quota can stop it before it deletes"""
    for values in VALUES:
        for (kind, name), found in hooks(*of_file(values)).items():
            assert found["metadata"]["annotations"]["helm.sh/hook"] == "test", f"{kind} {name} is made at more than helm test"


CASES = [
    lint, goldens, clusters, schemas, reproducible, permissions, modes, patience, webhooks, opted_in, restricted, configuration,
    carried, notes, helm_test, uninstall,
]
