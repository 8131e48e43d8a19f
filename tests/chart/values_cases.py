"""The chart's values: each documented, each in the schema, mistakes refused with a message that helps."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import yaml

from chart.helm import CHART, HELMS, compare, documents, template
from chart.render_cases import refuses
from real.bootstrap import ROOT

# What is set, and what the user must read, with Helm 3 and with Helm 4.
MISTAKES = [
    ("agent.regoin=eu-central-1", "Additional property regoin is not allowed", "additional properties 'regoin' not allowed"),
    ("agent.region=EU Central", "agent.region: Does not match pattern", "at '/agent/region': "),
    ("agent.tokenExpirationSeconds=60", "agent.tokenExpirationSeconds: Must be greater than or equal to 600", "minimum: got 60, want 600"),
    ("agent.sessionDuration=1 hour", "agent.sessionDuration: Does not match pattern", "at '/agent/sessionDuration': "),
    ("agent.stsEndpoint=sts.example", "agent.stsEndpoint: Does not match pattern", "at '/agent/stsEndpoint': "),
    ("agent.resources.limits.memory=lots", "agent.resources.limits.memory", "at '/agent/resources/limits/memory': "),
    ("agent.resources.limits.nvidia=1", "Additional property nvidia is not allowed", "additional properties 'nvidia' not allowed"),
    ("agent.waitForCredentials=maybe", "agent.waitForCredentials: Invalid type. Expected: boolean", "got string, want boolean"),
    ("agent.incidentProbe.periodSeconds=0", "agent.incidentProbe.periodSeconds: Must be greater than or equal to 1", "minimum: got 0, want 1"),
    ("agent.readinessProbe=true", "agent.readinessProbe: Invalid type. Expected: object", "got boolean, want object"),
    ("injector.port=443", "injector.port: Must be greater than or equal to 1024", "minimum: got 443, want 1,024"),
    ("injector.replicas=0", "injector.replicas: Must be greater than or equal to 1", "minimum: got 0, want 1"),
    ("injector.certs.mode=helm", 'one of the following: "self", "certManager", "external"', "one of 'self', 'certManager', 'external'"),
    ("injector.webhook.pods.failurePolicy=fail", 'one of the following: "Fail", "Ignore"', "one of 'Fail', 'Ignore'"),
    ("injector.webhook.timeoutSeconds=60", "Must be less than or equal to 30", "maximum: got 60, want 30"),
    ("injector.allowedRoleArns[0].roleArns[0]=x", "namespaces is required", "missing property 'namespaces'"),
    ("injector.agentArchitectures[0]=riscv64", 'one of the following: "amd64", "arm64"', "one of 'amd64', 'arm64'"),
    ("image.digest=latest", "image.digest: Does not match pattern", "at '/image/digest': "),
    ("metrics.podMonitor.renderMode=never", "metrics.podMonitor.renderMode", "at '/metrics/podMonitor/renderMode': "),
    ("enabled=maybe", "enabled: Invalid type. Expected: boolean", "at '/enabled': got string, want boolean"),
    ("tests.roleArn=my-role", "tests.roleArn: Does not match pattern", "at '/tests/roleArn': "),
    # What no schema can say is said by a template, the same with both.
    ("injector.certs.mode=external", "injector.certs.external.secretName is needed", ""),
    (
        "injector.certs.mode=external,injector.certs.external.secretName=stsidecar-injector-tls",
        "injector.certs.external.secretName: stsidecar-injector-tls is the Secret of mode self",
        "",
    ),
    (r"injector.webhook.annotations.cert-manager\.io/inject-ca-from=a/b", "with cert-manager.io/inject-ca-from cert-manager's cainjector overwrites", ""),
    (
        r"injector.webhook.annotations.cert-manager\.io/inject-ca-from-secret=a/b,injector.certs.mode=certManager",
        "with cert-manager.io/inject-ca-from-secret cert-manager's cainjector overwrites",
        "",
    ),
    ("serviceAccount.create=false", "serviceAccount.name is needed with serviceAccount.create=false", ""),
    ("injector.port=9912", "injector.port and injector.metricsPort are both 9912", ""),
    ("agent.credentialsPort=9912", "agent.credentialsPort and agent.metrics.port are both 9912", ""),
    ("agent.readinessProbe.enabled=true,agent.metrics.enabled=false", "agent.readinessProbe.enabled needs agent.metrics.enabled", ""),
    ("tests.namespace=kube-system", "tests.namespace: kube-system never reaches the webhook", ""),
    ("agent.awsCaBundle.pem=/etc/ca.crt", "agent.awsCaBundle.pem holds no PEM certificate", ""),
    ("agent.awsCaBundle.pem=-----BEGIN CERTIFICATE-----,agent.awsCaBundle.configMap=ca", "agent.awsCaBundle.pem and agent.awsCaBundle.configMap exclude each other", ""),
    ("agent.awsCaBundle.pem=-----BEGIN CERTIFICATE----------BEGIN PRIVATE KEY-----", "agent.awsCaBundle.pem holds a private key", ""),
    (f"agent.awsCaBundle.pem=-----BEGIN CERTIFICATE-----{'A' * 65536}", "agent.awsCaBundle.pem has 65563 bytes, and may have 65536", ""),
    ("agent.stsEndpoint=http://sts.example", "agent.stsEndpoint is plain http", ""),
    ("agent.stsEndpoint=http://127.1", "agent.stsEndpoint is plain http", ""),
    ("agent.stsEndpoint=http://127.0.0.1.", "agent.stsEndpoint is plain http", ""),
    ("agent.stsEndpoint=http://127.0.0.256:80", "agent.stsEndpoint is plain http", ""),
    ("agent.stsEndpoint=http://127.0.0.01/", "agent.stsEndpoint is plain http", ""),
    ("agent.stsEndpoint=http://127.0.0.1.evil.example", "agent.stsEndpoint is plain http", ""),
    ("agent.region=RegionOne", "agent.region RegionOne is no region of AWS", ""),
    ("metrics.podMonitor.enabled=true,metrics.podMonitor.renderMode=failIfMissing", "does not know monitoring.coreos.com/v1", ""),
]


# What a cloud of one's own sets: its signing region and its roles are no names of AWS.
PRIVATE = ["agent.region=RegionOne,agent.stsEndpoint=https://rgw.example.org", "agent.region=de_north.1,agent.stsEndpoint=https://rgw.example.org/sts", "tests.roleArn=urn:ecs:iam::ns1:role/check,agent.stsEndpoint=https://ecs.example.org"]


def private_clouds():
    """Names that are not of AWS's forms are taken where the STS is not AWS's"""
    for setting in PRIVATE:
        for major in HELMS:
            template(major, f"--set={setting}")
    return f"{len(PRIVATE)} settings"


# What the agent takes for this machine, so the chart does.
LOOPBACK = ["http://127.0.0.1:8333", "http://127.255.1.20/sts", "http://localhost", "http://LocalHost.:8333", "http://[::1]:1"]


def loopback():
    """Plain http is taken where the agent takes it: to this machine"""
    for endpoint in LOOPBACK:
        for major in HELMS:
            template(major, f"--set=agent.stsEndpoint={endpoint}")
    return f"{len(LOOPBACK)} endpoints"


def mistakes():
    """A mistake in a value is refused with its name and what is allowed"""
    for setting, three, four in MISTAKES:
        refuses(three, f"--set={setting}", major="helm3")
        refuses(four or three, f"--set={setting}", major="helm4")
    disabled = ("--api-versions=monitoring.coreos.com/v1", "--set=metrics.prometheusRule.enabled=true,metrics.prometheusRule.disabled[0]=Typo")
    refuses("there is no alert Typo; there are: StsidecarCredentialsExpiringSoon", *disabled)
    return f"{len(MISTAKES) + 1} mistakes"


# What null makes of a value: Helm takes the key out, and no schema sees it.
REMOVED = [("injector.webhook.objectSelector", "{}"), ("injector.webhook.namespaceSelector", "{}"), ("injector.agentArchitectures", '["amd64"]')]


def removed():
    """A value that is taken out with null is as good as an empty one, or the default"""
    for (path, same), major in product(REMOVED, HELMS):
        assert template(major, f"--set-json={path}=null") == template(major, f"--set-json={path}={same}"), f"{major} {path}"
    return f"{len(REMOVED)} values"


def entries() -> Iterator[tuple[str, str, str]]:
    """Each documented value of values.yaml: its path, its comment, what the table shows as its default."""
    path: list[str] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("#"):
            comment.append(text.lstrip("#").strip())
            continue
        key = re.match(r"( *)([A-Za-z][A-Za-z0-9]*):", line)
        if key is None:
            comment = []
            continue
        path = [*path[: len(key[1]) // 2], key[2]]
        if comment and any(part.startswith("-- ") for part in comment):
            start = next(i for i, part in enumerate(comment) if part.startswith("-- "))
            given = next((part.removeprefix("@default -- ") for part in comment if part.startswith("@default -- ")), "")
            words = [part for part in comment[start:] if not part.startswith("@default")]
            yield ".".join(path), " ".join(words).removeprefix("-- "), given
        comment = []


def leaves(value, path: str = "") -> Iterator[str]:
    """The paths of all values that hold something other than more values."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def documented():
    """Every value has a comment, the README's table is made of them, and the schema knows them"""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = list(entries())
    paths = [path for path, *_ in rows]
    assert len(paths) == len(set(paths)), "a value is documented twice"
    for leaf in leaves(values):
        assert any(leaf == path or leaf.startswith(f"{path}.") for path in paths), f"{leaf} has no comment"
    schema = json.loads((CHART / "values.schema.json").read_text())
    table = "| value | default | meaning |\n|---|---|---|\n"
    for path, meaning, given in rows:
        value, known = values, schema
        for key in path.split("."):
            value, known = value[key], known["properties"][key]
        shown = given or f"`{json.dumps(value)}`"
        table += f"| `{path}` | {shown.replace('|', chr(92) + '|')} | {meaning.replace('|', chr(92) + '|')} |\n"
    readme = CHART / "README.md"
    text = readme.read_text()
    begin = text.index("-->\n", text.index("<!-- values: begin")) + len("-->\n")
    compare(readme, f"{text[:begin]}\n{table}\n{text[text.index('<!-- values: end'):]}")
    return f"{len(rows)} values"


def schema_is_closed():
    """The schema is a valid one, and refuses unknown keys wherever values are the chart's own"""
    checker = [sys.executable, "-m", "check_jsonschema", "--check-metaschema", str(CHART / "values.schema.json")]
    done = subprocess.run(checker, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    def walk(part: dict, path: str) -> None:
        if "properties" in part and path != "global":
            assert part.get("additionalProperties") is False, f"{path} takes unknown keys"
        for key, inner in part.get("properties", {}).items():
            walk(inner, f"{path}.{key}".lstrip("."))

    schema = json.loads((CHART / "values.schema.json").read_text())
    walk(schema, "")
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    # Helm's key for conditions. A default here would be a condition that holds, and beat every tag of a parent chart.
    assert "enabled" not in values

    def same_keys(part: dict, value: dict, path: str) -> None:
        for key, inner in part.get("properties", {}).items():
            optional = path.endswith(("resources", "requests", "limits", "Probe", "Selector", "issuerRef"))
            assert optional or key in value or (path, key) == ("", "enabled"), f"the schema knows {path}.{key}, values.yaml does not"
            if isinstance(value.get(key), dict) and value[key]:
                same_keys(inner, value[key], f"{path}.{key}")

    same_keys(schema, values, "")


def names():
    """Names follow the release, are cut to what Kubernetes takes, and versions agree"""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    cargo = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert cargo and chart["appVersion"] == cargo[1], "Chart.yaml's appVersion is the program's version"
    assert chart["annotations"]["artifacthub.io/images"].strip().endswith(f":{cargo[1]}")
    long = "a" * 90
    for major in HELMS:
        rendered = template(major, f"--set=fullnameOverride={long},validatingPolicies.workloads.enabled=true,validatingPolicies.ephemeralContainers.enabled=true")
        found = re.findall(r"^  name: (\S+)$", rendered, re.MULTILINE)
        assert found and all(len(name) <= 63 for name in found), [name for name in found if len(name) > 63]


# Values of a parent chart, and whether our objects are rendered; a condition beats a tag, and says nothing when it is not set.
PARENT_VALUES = [
    ([], True),
    (["stsidecar.enabled=true"], True),
    (["stsidecar.enabled=false"], False),
    (["tags.aws=true"], True),
    (["tags.aws=false"], False),
    (["tags.aws=false,stsidecar.enabled=true"], True),
    (["tags.aws=true,stsidecar.enabled=false"], False),
    (["global.storageClass=fast,global.imagePullSecrets[0]=mirror,global.security.allowInsecureImages=true"], True),
]


def subchart():
    """Under a parent chart: Helm's own keys (enabled, global, tags), by condition, tag and alias"""

    def rendered(major: str, folder: Path, *settings: str) -> list[dict]:
        return documents(template(major, *(f"--set={setting}" for setting in settings), chart=folder))

    with tempfile.TemporaryDirectory(prefix="stsidecar-chart-") as place:
        for alias in ("", "aws"):
            folder, key = Path(place) / f"parent{alias}", alias or "stsidecar"
            dependency = {"name": "stsidecar", "version": ">=0-0", "condition": f"{key}.enabled", "tags": ["aws"], **({"alias": alias} if alias else {})}
            shutil.copytree(CHART, folder / "charts" / "stsidecar")
            (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [dependency]}))
            for major, (settings, there) in product(HELMS, PARENT_VALUES):
                found = rendered(major, folder, *(setting.replace("stsidecar.", f"{key}.") for setting in settings))
                assert bool(found) == there, f"{major} {key} {settings}: {len(found)} objects"
            image = f"{key}.image.registry=ghcr.io,global.imageRegistry=mirror.example"
            deployment = next(one for one in rendered("helm4", folder, image) if one["kind"] == "Deployment")
            assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].startswith("mirror.example/")
    for major in HELMS:
        template(major, "--set=enabled=true")
        refuses("enabled=false is for the condition of a parent chart", "--set=enabled=false", major=major)
    return f"{len(PARENT_VALUES)} settings, with and without an alias"


CASES = [mistakes, removed, private_clouds, loopback, documented, schema_is_closed, names, subchart]
